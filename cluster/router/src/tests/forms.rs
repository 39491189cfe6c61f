//! What crosses nodes, in bytes.

use impresario_host::Deadline;
use impresario_ids::NodeId;
use impresario_wire::{Failed, Item};

use super::*;
use crate::{parcel, translate};

#[test]
fn every_failure_crosses_nodes() {
    let text = || "a reason".to_owned();
    for failure in [
        Failure::Overloaded { queue: "tenant", retry_after_ms: 7 },
        Failure::Overloaded { queue: "partition", retry_after_ms: 7 },
        Failure::Overloaded { queue: "node", retry_after_ms: 7 },
        Failure::DeadlineExceeded,
        Failure::UnknownTenant,
        Failure::Restarting { reason: text(), retry_after_ms: 9 },
        Failure::Crashed,
        Failure::DeadLettered { reason: text() },
        Failure::KeyReused,
        Failure::OutcomeUnknown(text()),
        Failure::NotLeader { leader: None },
        Failure::NotLeader { leader: Some(NodeId(3)) },
        Failure::Unavailable(text()),
        Failure::Damaged(text()),
    ] {
        assert_eq!(translate::failure(translate::failed(&failure)), failure);
    }
}

#[test]
fn what_another_release_says_is_passed_on_as_text() {
    let failed = |code: &str| Failed {
        code: code.to_owned(),
        message: "m".to_owned(),
        retry_after_ms: None,
    };
    assert_eq!(translate::failure(failed("new")), Failure::Unavailable("new: m".to_owned()));
    let full = Failure::Overloaded { queue: "remote", retry_after_ms: 250 };
    assert_eq!(translate::failure(failed("overloaded")), full);
    let rejected = impresario_wire::Rejected {
        code: "new".to_owned(),
        message: "m".to_owned(),
        detail: None,
        body: Some(vec![0xff]),
    };
    let refused: AskError<town::Refused> = translate::rejection(rejected);
    assert_eq!(refused, AskError::Failed(Failure::Unavailable("refused with new: m".to_owned())));
}

const ENDS: Deadline = Deadline(Timestamp::from_ms(1_000));

/// The bytes of a release: later ones must read them, and it must read theirs.
#[track_caller]
fn check(envelope: Envelope, body: &str) {
    let item = parcel::pack(b"!", &envelope, ENDS, TraceId::NIL);
    let hex: String = item.body.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, body);
    let (bytes, read) = parcel::unpack(item, ENDS, TraceId::NIL).expect("it is understood");
    assert_eq!((bytes.as_slice(), read.key, read.trace), (&b"!"[..], envelope.key, envelope.trace));
    assert_eq!(read.key.map(|key| key.content()), envelope.key.map(|key| key.content()));
    assert_eq!(read.deadline, envelope.deadline.min(ENDS));
}

#[test]
fn items_are_as_released() {
    let bare = Envelope { key: None, deadline: ENDS, trace: TraceId::NIL };
    let key = IdempotencyKey::from_parts([5; 16], 0);
    let content = IdempotencyKey::from_parts([5; 16], 258);
    let at = |ms| Deadline(Timestamp::from_ms(ms));
    check(bare, "018021");
    check(Envelope { key: Some(key), trace: TraceId::from_bytes([3; 16]), ..bare }, "018021");
    check(Envelope { key: Some(content), ..bare }, "018119010221");
    check(Envelope { deadline: at(700), ..bare }, "0182f619012c21");
    check(Envelope { deadline: at(i64::MAX), ..bare }, "018021");
}

#[test]
fn bytes_of_a_later_release_are_refused_or_read() {
    let read = |body: &[u8]| {
        let item = Item { key: None, trace: None, body: body.to_vec() };
        parcel::unpack(item, ENDS, TraceId::NIL).map(|(bytes, _)| bytes)
    };
    assert_eq!(read(&[1, 0x83, 0xf6, 0xf6, 0x07, b'!']), Ok(b"!".to_vec()), "a field more");
    for wrong in [&[][..], &[2, 0x80], &[1], &[1, 0x17]] {
        assert!(matches!(read(wrong), Err(Failure::Unavailable(_))), "{wrong:?}");
    }
}
