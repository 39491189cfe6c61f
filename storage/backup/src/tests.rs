use impresario_ids::{ClusterId, TenantId};
use impresario_journal::{Table, Write};
use proptest::prelude::*;

use crate::format::{PieceKind, open, seal};
use crate::stretch::pbkdf2;
use crate::{
    BackupError, Cut, CutPart, FileInfo, Manifest, Options, Part, Row, ShippedBatch, Subject,
    SumOf, Target, decode_batches, decode_rows, encode_batches, encode_rows, is_id, new_id,
};

const CORE: &str = "494d5042";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn row(table: Table, key: &[u8], value: &[u8]) -> Row {
    Row { table, key: key.to_vec(), value: value.to_vec() }
}

fn file(name: &str) -> FileInfo {
    FileInfo { name: name.to_owned(), bytes: 300, sum: SumOf([7; 32]), items: 2, first: 3, last: 4 }
}

fn part() -> Part {
    Part { group: 1, batch: 2, rows: vec![file("r")], log: vec![file("l")], begun: 3, cut: 4 }
}

fn manifest(subject: Subject) -> Manifest {
    Manifest {
        id: "20261120T210500Z-01020304".to_owned(),
        subject,
        cluster: ClusterId::from_bytes([9; 16]),
        partitions: 2,
        parts: vec![part()],
        system: Some(part()),
        began_ms: 1,
        cut_ms: 2,
        cut_took_ms: 3,
        release: "0.1.0".to_owned(),
    }
}

fn cut() -> Cut {
    let part = CutPart { group: 0, log: vec![file("c")], begun: 5, cut: 6 };
    Cut {
        base: "b".to_owned(),
        number: 1,
        at_ms: 7,
        parts: vec![part],
        system: None,
        follows: SumOf([8; 32]),
    }
}

fn every_write() -> Vec<Write> {
    let key = || b"k".to_vec();
    vec![
        Write::Put { table: Table::Events, key: key(), value: b"v".to_vec() },
        Write::Delete { table: Table::Outbox, key: key() },
        Write::DeleteIf { table: Table::Timers, key: key(), value: b"v".to_vec() },
        Write::Add { table: Table::Index, key: key(), delta: -2 },
        Write::DeleteRange { table: Table::Seen, from: key(), to: Vec::new() },
    ]
}

/// The body of a stored object is these bytes, for ever.
#[track_caller]
fn check_golden(object: &[u8], kind: u8, body: &str) {
    let want = format!("{CORE}{kind:02x}01{body}");
    assert_eq!(hex(&object[..object.len() - 32]), want);
    let whole = unhex(&want);
    assert_eq!(object[object.len() - 32..], blake3::hash(&whole).as_bytes()[..]);
}

#[test]
fn rows_are_stored_so() {
    let rows = [row(Table::Events, b"ab", b"c"), row(Table::Deliveries, b"d", b"")];
    let object = encode_rows(&rows);
    check_golden(&object, 1, "00000000020000000161626309000000010000000064");
    assert_eq!(decode_rows("o", &object), Ok(rows.to_vec()));
}

#[test]
fn batches_are_stored_so() {
    let batches = [ShippedBatch { number: 300, writes: every_write() }];
    let object = encode_batches(&batches);
    check_golden(&object, 2, GOLDEN_BATCH);
    assert_eq!(decode_batches("o", &object), Ok(batches.to_vec()));
}

const GOLDEN_BATCH: &str = concat!(
    "000000298219012c8582008300416b417682018203416b82028304416b417682038305416b218204",
    "8302416b40",
);

#[test]
fn manifests_are_stored_so() {
    for (subject, golden) in [
        (Subject::Cluster, GOLDEN_CLUSTER),
        (Subject::Tenant(TenantId::from_bytes([5; 16])), GOLDEN_TENANT),
    ] {
        let object = manifest(subject).to_object();
        check_golden(&object, 4, golden);
        assert_eq!(Manifest::from_object("o", &object), Ok(manifest(subject)));
    }
}

const GOLDEN_CLUSTER: &str = concat!(
    "8a78193230323631313230543231303530305a2d3031303230333034820080500909090909090909",
    "090909090909090902818601028186617219012c5820070707070707070707070707070707070707",
    "07070707070707070707070707070203048186616c19012c58200707070707070707070707070707",
    "07070707070707070707070707070707070702030403048601028186617219012c58200707070707",
    "0707070707070707070707070707070707070707070707070707070203048186616c19012c582007",
    "07070707070707070707070707070707070707070707070707070707070707020304030401020365",
    "302e312e30",
);
const GOLDEN_TENANT: &str = concat!(
    "8a78193230323631313230543231303530305a2d3031303230333034820181500505050505050505",
    "0505050505050505500909090909090909090909090909090902818601028186617219012c582007",
    "070707070707070707070707070707070707070707070707070707070707070203048186616c1901",
    "2c582007070707070707070707070707070707070707070707070707070707070707070203040304",
    "8601028186617219012c582007070707070707070707070707070707070707070707070707070707",
    "070707070203048186616c19012c5820070707070707070707070707070707070707070707070707",
    "0707070707070707020304030401020365302e312e30",
);

#[test]
fn parts_and_cuts_are_stored_so() {
    check_golden(&part().to_object(), 3, GOLDEN_PART);
    assert_eq!(Part::from_object("o", &part().to_object()), Ok(part()));
    check_golden(&cut().to_object(), 5, GOLDEN_CUT);
    assert_eq!(Cut::from_object("o", &cut().to_object()), Ok(cut()));
}

const GOLDEN_PART: &str = concat!(
    "8601028186617219012c582007070707070707070707070707070707070707070707070707070707",
    "070707070203048186616c19012c5820070707070707070707070707070707070707070707070707",
    "07070707070707070203040304",
);
const GOLDEN_CUT: &str = concat!(
    "86616201078184008186616319012c58200707070707070707070707070707070707070707070707",
    "0707070707070707070203040506f658200808080808080808080808080808080808080808080808",
    "080808080808080808",
);

#[test]
fn a_later_format_is_told_from_damage() {
    let mut object = seal(PieceKind::Rows, b"");
    object[5] = 2;
    let later = open(PieceKind::Rows, "o", &object);
    assert_eq!(later, Err(BackupError::Format { object: "o".to_owned(), version: 2, known: 1 }));
    let whole = seal(PieceKind::Rows, b"");
    let other = open(PieceKind::Manifest, "o", &whole);
    assert!(matches!(other, Err(BackupError::Damaged { .. })), "{other:?}");
    for short in 0..8 {
        let cut = open(PieceKind::Rows, "o", &whole[..short]);
        assert!(matches!(cut, Err(BackupError::Damaged { .. })), "{cut:?}");
    }
}

/// RFC 7914, section 11, cut to one block.
#[test]
fn passphrases_are_stretched_as_the_standard_says() {
    let key = hex(&pbkdf2(b"passwd", b"salt", 1));
    assert_eq!(key, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    let key = hex(&pbkdf2(b"Password", b"NaCl", 80_000));
    assert_eq!(key, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}

#[test]
fn ids_sort_by_time_and_lead_nowhere_else() {
    let (early, late) = (new_id(1_000, [0xff; 4]), new_id(2_000, [0; 4]));
    assert_eq!(early, "19700101T000001Z-ffffffff");
    assert!(early < late && is_id(&early));
    for wrong in ["", "..", "a/b", "a.b", "ä", &"x".repeat(65)] {
        assert!(!is_id(wrong), "{wrong}");
    }
}

#[track_caller]
fn check_target(name: &str, is_one: bool) {
    let opened = Target::open(name, &Options::default());
    assert_eq!(!matches!(opened, Err(BackupError::TargetInvalid(_))), is_one, "{name}");
}

#[test]
fn targets_are_folders_or_buckets() {
    let folder = tempfile::tempdir().expect("a folder");
    check_target(&folder.path().display().to_string(), true);
    check_target(&format!("file://{}", folder.path().display()), true);
    check_target("s3://bucket/a/b", true);
    for wrong in ["", "relative", "s3:///prefix", "ftp://host", "s3://bucket/a//b"] {
        check_target(wrong, false);
    }
}

fn any_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

fn any_table() -> impl Strategy<Value = Table> {
    proptest::sample::select(Table::ALL.to_vec())
}

fn any_write() -> impl Strategy<Value = Write> {
    prop_oneof![
        (any_table(), any_bytes(20), any_bytes(60)).prop_map(|(table, key, value)| Write::Put {
            table,
            key,
            value
        }),
        (any_table(), any_bytes(20)).prop_map(|(table, key)| Write::Delete { table, key }),
        (any_table(), any_bytes(20), any_bytes(60))
            .prop_map(|(table, key, value)| Write::DeleteIf { table, key, value }),
        (any_table(), any_bytes(20), any::<i64>()).prop_map(|(table, key, delta)| Write::Add {
            table,
            key,
            delta
        }),
        (any_table(), any_bytes(20), any_bytes(20))
            .prop_map(|(table, from, to)| Write::DeleteRange { table, from, to }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_come_back_and_every_changed_byte_is_found(
        rows in proptest::collection::vec(
            (any_table(), any_bytes(20), any_bytes(60))
                .prop_map(|(table, key, value)| Row { table, key, value }),
            0..8,
        ),
        at: proptest::sample::Index,
        bit in 0..8_u32,
    ) {
        let mut object = encode_rows(&rows);
        prop_assert_eq!(decode_rows("o", &object), Ok(rows));
        let sum = SumOf::of(&object);
        let at = at.index(object.len());
        object[at] ^= 1 << bit;
        prop_assert!(decode_rows("o", &object).is_err());
        prop_assert_ne!(SumOf::of(&object), sum);
    }

    #[test]
    fn batches_come_back_and_every_cut_is_found(
        batches in proptest::collection::vec(
            (any::<u64>(), proptest::collection::vec(any_write(), 0..6))
                .prop_map(|(number, writes)| ShippedBatch { number, writes }),
            0..5,
        ),
        at: proptest::sample::Index,
    ) {
        let object = encode_batches(&batches);
        prop_assert_eq!(decode_batches("o", &object), Ok(batches));
        let at = at.index(object.len());
        prop_assert!(decode_batches("o", &object[..at]).is_err());
    }
}
