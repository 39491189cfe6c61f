//! Golden bytes of what nodes of different releases say to each other.

use impresario_ids::{ClusterId, NodeId, TenantId, TraceId};
use impresario_kernel::EntityKey;
use proptest::prelude::*;

use crate::hello::{Said, decode, encode_hello, encode_refusal, read};
use crate::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex"))
        .collect()
}

fn call() -> Call {
    Call {
        kind: CallKind::Query,
        target: Target::Entity(EntityKey {
            tenant: TenantId::from_bytes([1; 16]),
            kind: 2,
            id: [3; 16],
        }),
        items: vec![
            Item { key: Some([4; 16]), body: b"ab".to_vec(), trace: None },
            Item { key: None, body: Vec::new(), trace: Some(TraceId::from_bytes([6; 16])) },
        ],
        within_ms: 1_500,
        trace: TraceId::from_bytes([5; 16]),
        hops: 1,
    }
}

const CALL: &str = "01 8a 01 00 50 01010101010101010101010101010101 02 \
    50 03030303030303030303030303030303 f6 82 82 50 04040404040404040404040404040404 42 6162 \
    83 f6 40 50 06060606060606060606060606060606 19 05dc 50 05050505050505050505050505050505 01";

#[test]
fn a_call_keeps_its_bytes() {
    #[cfg(not(feature = "next-release"))]
    assert_eq!(hex(&call().encode()), hex(&unhex(CALL)));
    assert_eq!(Call::decode(&unhex(CALL)), Ok(call()));
    for target in [Target::Partition(7), Target::Node] {
        let call = Call { kind: CallKind::Control, target, items: Vec::new(), ..call() };
        assert_eq!(Call::decode(&call.encode()), Ok(call));
    }
}

#[test]
fn answers_keep_their_bytes() {
    let failed = Failed { code: "busy".into(), message: "m".into(), retry_after_ms: Some(250) };
    let rejected = Rejected {
        code: "no".into(),
        message: "m".into(),
        detail: Some("1".into()),
        body: Some(vec![7]),
    };
    let outcomes =
        vec![Outcome::Ok(vec![9]), Outcome::Rejected(rejected), Outcome::Failed(failed.clone())];
    let answers = [
        (
            Answer::Done(outcomes),
            "01 82 00 81 83 82 00 81 41 09 82 01 81 84 62 6e6f 61 6d 61 31 41 07 \
             82 02 81 83 64 62757379 61 6d 18 fa",
        ),
        (Answer::Failed(failed), "01 82 01 81 83 64 62757379 61 6d 18 fa"),
        (Answer::NotLeader { leader: Some(NodeId(3)), term: 8 }, "01 82 02 82 03 08"),
        (Answer::NotLeader { leader: None, term: 8 }, "01 82 02 82 f6 08"),
    ];
    for (answer, golden) in answers {
        assert_eq!(hex(&answer.encode()), hex(&unhex(golden)), "{answer:?}");
        assert_eq!(Answer::decode(&unhex(golden)), Ok(answer));
    }
}

#[test]
fn fields_of_a_later_release_are_passed_over() {
    // One more field in the call, one more in its first item.
    let later = CALL.replacen("01 8a", "01 8b", 1).replacen("82 82 50", "82 84 50", 1);
    let later = later.replacen("42 6162", "42 6162 f6 01", 1) + "a1 01 02";
    assert_eq!(Call::decode(&unhex(&later)), Ok(call()));
    let answer = Answer::NotLeader { leader: None, term: 8 };
    assert_eq!(Answer::decode(&unhex("01 82 02 83 f6 08 63 616263")), Ok(answer));
}

#[test]
fn what_is_not_known_is_told_from_what_makes_no_sense() {
    let unknown = |kind, target| Err(FrameError::UnknownKind { kind, target });
    assert_eq!(Call::decode(&unhex("01 83 09 00 61 61")), unknown(9, 0));
    assert_eq!(Call::decode(&unhex("01 83 01 09 61 61")), unknown(1, 9));
    let later = VERSIONS.1 + 1;
    assert_eq!(Call::decode(&[later, 0x80]), Err(FrameError::Version(later)));
    for nonsense in ["", "01", "01 ff", "01 83 01 00 61"] {
        let decoded = Call::decode(&unhex(nonsense));
        assert!(matches!(decoded, Err(FrameError::Malformed(_))), "{nonsense}: {decoded:?}");
    }
}

fn me() -> Me {
    Me {
        cluster: ClusterId::from_bytes([1; 16]),
        node: NodeId(3),
        store: StoreId([2; 16]),
        partitions: 16,
    }
}

#[tokio::test]
async fn a_hello_keeps_its_bytes() {
    let bytes = encode_hello(Purpose::Raft(Lane::Append), &me(), [9; 16], [8; 16]);
    let golden = "494d5052 01 01 5600 a8 00 01 01 50 01010101010101010101010101010101 02 03 \
        03 50 02020202020202020202020202020202 04 10 05 65 302e312e30 \
        06 50 08080808080808080808080808080808 09 50 09090909090909090909090909090909";
    let release = [&[0x65], "0.1.0".as_bytes()].concat();
    let ours = env!("CARGO_PKG_VERSION");
    let ours = [&[0x60 + u8::try_from(ours.len()).expect("short")], ours.as_bytes()].concat();
    let expected = hex(&unhex(golden)).replace(&hex(&release), &hex(&ours));
    #[cfg(not(feature = "next-release"))]
    assert_eq!(hex(&bytes)[16..], expected[16..], "behind magic, versions and length");
    assert_eq!(bytes[..4], unhex(&expected)[..4]);
    let Ok(Said::Hello(hello)) = read(&mut &unhex(golden)[..]).await else { panic!("no hello") };
    assert_eq!((hello.who, hello.purpose), (me(), Purpose::Raft(Lane::Append)));
    assert_eq!((hello.version, hello.token, hello.run), (1, [8; 16], [9; 16]));
}

#[tokio::test]
async fn a_refusal_arrives_with_its_reason() {
    let bytes = encode_refusal(&Refusal::RemovedNode(NodeId(4)));
    let Ok(Said::Refused { code, why }) = read(&mut &bytes[..]).await else { panic!("no refusal") };
    assert_eq!((&code[..], &why[..]), ("removed_node", "node-4 was removed from the cluster"));
}

#[tokio::test]
async fn a_hello_of_versions_unknown_here_is_refused_by_its_header_alone() {
    let mut bytes = encode_hello(Purpose::Calls, &me(), [9; 16], [0; 16]);
    let theirs = (VERSIONS.1 + 1, 9);
    (bytes[4], bytes[5]) = theirs;
    bytes.truncate(8);
    let refused = read(&mut &bytes[..]).await.expect_err("it is refused");
    assert_eq!(refused, Refusal::UnknownVersion { theirs, ours: VERSIONS });
    (bytes[4], bytes[5]) = (1, 9);
    let refused = read(&mut &bytes[..]).await.expect_err("it is cut");
    assert_eq!(refused.reason(), "lost", "a release that also speaks ours is read on");
}

#[tokio::test]
async fn two_releases_speak_the_highest_version_that_both_know() {
    let mut bytes = encode_hello(Purpose::Calls, &me(), [9; 16], [0; 16]);
    for (theirs, spoken) in [((1, 1), 1), ((1, VERSIONS.1), VERSIONS.1), ((1, 200), VERSIONS.1)] {
        (bytes[4], bytes[5]) = theirs;
        let Ok(Said::Hello(hello)) = read(&mut &bytes[..]).await else { panic!("no hello") };
        assert_eq!(hello.version, spoken, "{theirs:?}");
    }
    let written = call().encode_as(VERSIONS.1);
    assert_eq!((written[0], Call::decode(&written)), (VERSIONS.1, Ok(call())));
}

#[test]
fn the_defaults_need_certificates_or_the_word_plain() {
    let refused = |options: &Options| options.check().map_err(|error| error.option);
    assert_eq!(refused(&Options::default()), Err("tls"));
    assert_eq!(refused(&Options { plain: true, ..Options::default() }), Ok(()));
    let listen = "10.0.0.1:1".parse().expect("an address");
    assert_eq!(refused(&Options { plain: true, listen, ..Options::default() }), Err("plain"));
}

proptest! {
    #[test]
    fn no_bytes_panic_a_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Call::decode(&bytes);
        let _ = Answer::decode(&bytes);
        let _ = decode(1, &bytes);
        let _ = Call::decode(&[&[1], &bytes[..]].concat());
        let _ = Answer::decode(&[&[1], &bytes[..]].concat());
    }

    #[test]
    fn no_damage_panics_a_decoder(at in 0_usize..100, byte in any::<u8>()) {
        let mut bytes = call().encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Call::decode(&bytes);
        bytes.truncate(at);
        prop_assert!(Call::decode(&bytes).is_err());
    }
}
