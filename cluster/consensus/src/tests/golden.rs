//! Bytes as this release stores and sends them: they must be read for ever.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use impresario_journal::{Table, Write};
use impresario_redb::{Mark, Payload};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest,
    VoteRequest, VoteResponse,
};

use crate::ballot::Ballot;
use crate::codec::Damaged;
use crate::message::{self, Piece, Request, Taken};
use crate::stored::{self, Applied};
use crate::types::{
    Entry, EntryPayload, LogId, Member, Membership, Proposal, StoredMembership, Vote,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn check<T: PartialEq + Debug>(
    value: &T,
    bytes: &[u8],
    golden: &str,
    decode: impl Fn(&[u8]) -> Result<T, Damaged>,
) {
    assert_eq!(hex(bytes), golden);
    assert_eq!(decode(bytes).as_ref(), Ok(value));
    for cut in 0..bytes.len() {
        assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(decode(&longer).is_err(), "longer");
    assert_eq!(decode(&[9, 0]), Err(Damaged::Version(9)));
}

fn id(term: u64, index: u64) -> LogId {
    LogId::new_term_index(term, index)
}

fn membership() -> Membership {
    let voters = vec![[Member(1), Member(2)].into(), [Member(2), Member(3)].into()];
    let nodes: std::collections::BTreeSet<_> = (1..=4).map(Member).collect();
    Membership::new(voters, nodes).expect("a membership")
}

const JOINT: &str = concat!(
    "02000000",
    "0200000001000000000000000200000000000000",
    "0200000002000000000000000300000000000000",
    "040000000100000000000000020000000000000003000000000000000400000000000000"
);

#[test]
fn stored_forms() {
    let ballot = Ballot { vote: Some(Vote::new_committed(7, Member(3))), floor: Some(id(6, 9)) };
    let golden = "01010700000000000000030000000000000001010600000000000000\
                  0900000000000000";
    check(&ballot, &ballot.encode(), golden, Ballot::decode);
    check(&Ballot::default(), &Ballot::default().encode(), "010000", Ballot::decode);
    let committed = Some(id(2, 5));
    let bytes = stored::committed_bytes(committed.as_ref());
    check(&committed, &bytes, "010102000000000000000500000000000000", stored::committed);
    let bytes = stored::id_bytes(&id(2, 5));
    check(&id(2, 5), &bytes, "010200000000000000", |bytes| stored::log_id(5, bytes));
}

#[test]
fn marks() {
    let membership = StoredMembership::new(Some(id(1, 2)), membership());
    let applied = Applied { last: Some(id(3, 8)), membership, batches: 5 };
    let mark = applied.mark(id(3, 8));
    let golden = format!(
        "01{}{}{}01{}{}{JOINT}",
        "0300000000000000",
        "0800000000000000",
        "0500000000000000",
        "0100000000000000",
        "0200000000000000"
    );
    check(&applied, &mark.bytes, &golden, |bytes| {
        Applied::of(Some(&Mark { index: 8, bytes: bytes.to_vec() }))
    });
    assert!(Applied::of(Some(&Mark { index: 9, ..mark })).is_err(), "of another entry");
    assert_eq!(Applied::of(None), Ok(Applied::default()));
}

#[test]
fn entries_of_raft_itself() {
    for (payload, golden) in [
        (EntryPayload::Blank, "0100".to_owned()),
        (EntryPayload::Membership(membership()), format!("0101{JOINT}")),
    ] {
        let stored = stored::payload_of(&payload);
        assert!(!stored.is_writes());
        assert_eq!(hex(stored.encoded()), golden);
        assert_eq!(format!("{payload:?}"), {
            let again = Payload::opaque(stored.encoded().to_vec());
            format!("{:?}", stored::entry_payload(Arc::new(again)).expect("an entry"))
        });
    }
    assert!(stored::entry_payload(Arc::new(Payload::opaque(vec![1, 9]))).is_err());
}

fn again(request: &Request, golden: &str) -> Request {
    let frame = request.encode();
    assert_eq!(hex(&frame), golden);
    for cut in 0..frame.len() {
        let shorter = Request::decode(&frame.slice(..cut));
        // A chunk of a snapshot ends where the frame does.
        assert!(shorter.is_err() || matches!(request, Request::Piece(_)), "cut at {cut}");
    }
    Request::decode(&frame).expect("a request")
}

#[test]
fn votes() {
    let mut asked = VoteRequest::new(Vote::new(2, Member(1)), Some(id(1, 3)));
    asked.leadership_transfer = true;
    let fields = "0200000000000000010000000000000000\
                  010100000000000000030000000000000001";
    let Request::Vote(vote) = again(&Request::Vote(asked.clone()), &format!("0100{fields}")) else {
        panic!("another request")
    };
    assert_eq!(vote, asked);
    let pre_vote = again(&Request::PreVote(asked.clone()), &format!("0101{fields}"));
    assert!(matches!(pre_vote, Request::PreVote(vote) if vote == asked));
    let answer = VoteResponse::new(Vote::new(2, Member(1)), None, true);
    let golden = "0102000000000000000100000000000000000100";
    check(&answer, &message::encode_vote_answer(&answer), golden, message::decode_vote_answer);
}

#[test]
fn appends() {
    let writes = vec![Write::Put { table: Table::Meta, key: b"k".to_vec(), value: b"v".to_vec() }];
    let batch = Arc::new(Payload::of_writes(2, writes.clone()).expect("a payload"));
    let entries = vec![
        Entry { log_id: id(2, 5), payload: EntryPayload::Blank },
        Entry { log_id: id(2, 6), payload: EntryPayload::Normal(Proposal(Arc::clone(&batch))) },
    ];
    let asked = AppendEntriesRequest {
        vote: Vote::new_committed(2, Member(1)),
        prev_log_id: Some(id(1, 4)),
        entries,
        leader_commit: None,
    };
    let golden = format!(
        "0102{}{}00{}{}{}{:08x}{}",
        "0200000000000000010000000000000001",
        "0101000000000000000400000000000000",
        "02000000",
        "0200000000000000050000000000000000020000000100",
        "0200000000000000060000000000000001",
        u32::try_from(batch.encoded().len()).expect("short").swap_bytes(),
        hex(batch.encoded())
    );
    let Request::Append(append) = again(&Request::Append(asked), &golden) else {
        panic!("another request")
    };
    assert_eq!(append.prev_log_id, Some(id(1, 4)));
    let EntryPayload::Normal(proposal) = &append.entries[1].payload else { panic!("no batch") };
    assert_eq!(proposal.0.writes(), Ok(writes));
    for (answer, golden) in [
        (AppendEntriesResponse::Success, "0100"),
        (AppendEntriesResponse::PartialSuccess(None), "010100"),
        (AppendEntriesResponse::Conflict, "0102"),
        (
            AppendEntriesResponse::HigherVote(Vote::new(3, Member(2))),
            "01030300000000000000020000000000000000",
        ),
    ] {
        let bytes = message::encode_append_answer(&answer);
        check(&answer, &bytes, golden, message::decode_append_answer);
    }
}

#[test]
fn transfers() {
    let asked = TransferLeaderRequest::new(Vote::new_committed(2, Member(1)), Member(3), None);
    let golden = "0103020000000000000001000000000000000103000000000000\
                  0000";
    let Request::Transfer(request) = again(&Request::Transfer(asked.clone()), golden) else {
        panic!("another request")
    };
    assert_eq!(request, asked);
    let (expected, actual) = (Vote::new(2, Member(1)), Vote::new(3, Member(2)));
    for (answer, golden) in [
        (Ok(()), "0100"),
        (
            Err(TransferLeaderError::VoteChanged { expected, actual }),
            "010102000000000000000100000000000000000300000000000000020000000000000000",
        ),
        (
            Err(TransferLeaderError::LogNotFlushed { expected: None, actual: Some(id(1, 2)) }),
            "0102000101000000000000000200000000000000",
        ),
    ] {
        let bytes = message::encode_transfer_answer(&answer);
        check(&answer, &bytes, golden, message::decode_transfer_answer);
    }
}

#[test]
fn pieces_of_snapshots() {
    let mark = Mark { index: 7, bytes: vec![1, 2] };
    let piece =
        Piece { vote: Vote::new(2, Member(1)), mark, bytes: Some(Bytes::from_static(b"x")) };
    let head = "0104020000000000000001000000000000000007000000000000\
                0002000000010201";
    let Request::Piece(again) = again(&Request::Piece(piece.clone()), &format!("{head}78")) else {
        panic!("another request")
    };
    assert_eq!(again, piece);
    for (taken, golden) in [
        (Taken::Next(3), "01000300000000000000"),
        (Taken::Installed(Vote::new(2, Member(1))), "01010200000000000000010000000000000000"),
        (Taken::Higher(Vote::new(2, Member(1))), "01020200000000000000010000000000000000"),
    ] {
        check(&taken, &taken.encode(), golden, Taken::decode);
    }
}

proptest::proptest! {
    /// Whatever a peer sends, it is an error and not a panic.
    #[test]
    fn any_bytes_are_read_or_refused(kind in 0..6u8, bytes: Vec<u8>, entry: Vec<u8>) {
        let frame: Bytes = [&[1, kind], bytes.as_slice()].concat().into();
        let _ = Request::decode(&frame);
        for decoded in [0, 1] {
            let entry = [&[1, decoded], entry.as_slice()].concat();
            let _ = stored::entry_payload(Arc::new(Payload::opaque(entry)));
        }
        let _ = Applied::of(Some(&Mark { index: 0, bytes: bytes.clone() }));
        let _ = Ballot::decode(&bytes);
    }
}
