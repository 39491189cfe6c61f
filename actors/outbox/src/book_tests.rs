#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use impresario_ids::{ProfileId, TenantId, TraceId};
use impresario_kernel::{EntityKey, EntityKind, Timestamp};
use proptest::prelude::*;

use crate::book::{Book, Bounds, Found, Full, Row, RowKey};

const BOUNDS: Bounds = Bounds { rows: 8, bytes: 1_000, lane_rows: 4, parked_rows: 2 };

fn source(n: u8) -> EntityKey {
    let kind = EntityKind { code: 2, name: "profile" };
    EntityKey::new(TenantId::from_bytes([1; 16]), kind, ProfileId::from_bytes([n; 16]))
}

fn key(text: &str) -> RowKey {
    Arc::from(text.as_bytes())
}

fn row(n: u8, text: &str) -> Row<String> {
    Row {
        key: key(text),
        source: source(n),
        at: Timestamp::EPOCH,
        trace: TraceId::NIL,
        bytes: 10,
        ask: Arc::new(text.to_owned()),
        tries: 0,
    }
}

fn asks(book: &mut Book<String>, now: i64) -> Vec<String> {
    std::iter::from_fn(|| book.next_ask(now)).map(|row| row.ask.to_string()).collect()
}

#[test]
fn rows_of_one_source_go_one_after_another_and_sources_side_by_side() {
    let mut book = Book::new(BOUNDS);
    for (n, text) in [(1, "a1"), (1, "a2"), (2, "b1")] {
        book.push(row(n, text)).unwrap();
    }
    assert_eq!(asks(&mut book, 0), ["a1", "b1"]);
    book.asked(&source(1), None);
    assert_eq!(asks(&mut book, 0), ["a2"]);
    assert!(book.knows(b"a1"));
    book.forget(&key("a1"));
    assert!(!book.knows(b"a1"));
}

#[test]
fn a_failed_row_holds_its_lane_back_until_it_is_due() {
    let mut book = Book::new(BOUNDS);
    for (n, text) in [(1, "a1"), (1, "a2"), (2, "b1")] {
        book.push(row(n, text)).unwrap();
    }
    asks(&mut book, 0);
    book.asked(&source(1), Some(50));
    assert_eq!(book.next_at(), Some(50));
    assert_eq!(asks(&mut book, 49), <[&str; 0]>::default());
    let again = book.next_ask(50).unwrap();
    assert_eq!((again.ask.as_str(), again.tries), ("a1", 1));
}

#[test]
fn bounds_are_kept_and_the_same_row_is_taken_once() {
    let mut book = Book::new(BOUNDS);
    for text in ["1", "2", "3", "4", "1"] {
        assert_eq!(book.push(row(1, text)), Ok(()));
    }
    assert_eq!(book.push(row(1, "5")), Err(Full::Lane));
    for text in ["5", "6", "7", "8"] {
        assert_eq!(book.hold(&key(text), Timestamp::EPOCH, 1), Ok(()));
    }
    assert_eq!(book.push(row(2, "9")), Err(Full::Book));
    assert_eq!(book.hold(&key("9"), Timestamp::EPOCH, 1), Err(Full::Book));
    assert_eq!(book.park(&key("5"), Timestamp::EPOCH, 70), Ok(()));
    assert_eq!(book.hold(&key("9"), Timestamp::EPOCH, 1), Ok(()));
    assert_eq!((book.next_due(100), book.next_at()), (None, None), "no room");
    book.settle(&key("6"));
    book.forget(&key("6"));
    assert_eq!((book.next_due(69), book.next_due(70)), (None, Some(key("5"))));
    assert_eq!(book.hold(&key("5"), Timestamp::EPOCH, 1), Ok(()));
    assert_eq!(book.next_due(100), None);
}

#[test]
fn too_many_parked_rows_are_forgotten() {
    let mut book = Book::<String>::new(BOUNDS);
    for text in ["1", "2"] {
        assert_eq!(book.park(&key(text), Timestamp::EPOCH, 5), Ok(()));
    }
    book.hold(&key("3"), Timestamp::EPOCH, 1).unwrap();
    assert_eq!(book.park(&key("3"), Timestamp::EPOCH, 5), Err(Full::Parked));
    assert!(!book.knows(b"3"));
    assert_eq!(book.len(), 2);
}

#[test]
fn large_rows_fill_the_book_by_their_bytes() {
    let mut book = Book::<String>::new(BOUNDS);
    book.hold(&key("1"), Timestamp::EPOCH, 1_000).unwrap();
    assert!(!book.has_room() && !book.is_half_empty());
    book.settle(&key("1"));
    assert!(book.has_room() && book.is_half_empty());
}

#[test]
fn a_row_that_waits_can_be_withdrawn_and_one_that_is_asked_cannot() {
    let mut book = Book::new(BOUNDS);
    for text in ["a1", "a2", "a3"] {
        book.push(row(1, text)).unwrap();
    }
    let withdraw =
        |book: &mut Book<String>, text| book.withdraw(&key(text), &source(1), Timestamp::EPOCH);
    assert_eq!(asks(&mut book, 0), ["a1"]);
    assert!(!withdraw(&mut book, "a1"));
    assert!(withdraw(&mut book, "a2"));
    book.asked(&source(1), Some(100));
    assert!(withdraw(&mut book, "a1"), "it rests");
    assert_eq!(asks(&mut book, 0), ["a3"], "the next one has not failed");
    book.asked(&source(1), None);
    assert!(withdraw(&mut book, "unknown") && !withdraw(&mut book, "a3"));
    book.park(&key("p"), Timestamp::EPOCH, 5).unwrap();
    assert!(withdraw(&mut book, "p"));
    for text in ["a1", "a2", "a3", "unknown", "p"] {
        assert!(book.knows(text.as_bytes()), "until the commit: {text}");
        book.forget(&key(text));
    }
    assert_eq!((book.len(), book.next_at(), book.next_due(9)), (0, None, None));
}

#[test]
fn a_lane_that_rests_can_be_hastened_without_changing_its_order() {
    let mut book = Book::new(BOUNDS);
    for text in ["a1", "a2"] {
        book.push(row(1, text)).unwrap();
    }
    assert_eq!(asks(&mut book, 0), ["a1"]);
    book.asked(&source(1), Some(100));
    assert!(asks(&mut book, 0).is_empty());
    assert_eq!(book.hasten(&key("a2"), &source(1)), Found::Going);
    assert_eq!(asks(&mut book, 0), ["a1"]);
    assert_eq!(book.hasten(&key("a1"), &source(1)), Found::Going);
    assert!(asks(&mut book, 0).is_empty(), "it is being asked");
    assert_eq!(book.hasten(&key("x"), &source(1)), Found::Nowhere);
}

proptest! {
    #[test]
    fn every_row_is_asked_in_its_sources_order(
        rows in proptest::collection::vec(0_u8..3, 0..8), fails in proptest::collection::vec(any::<bool>(), 64),
    ) {
        let mut book = Book::new(Bounds { lane_rows: 8, ..BOUNDS });
        for (number, n) in rows.iter().enumerate() {
            book.push(row(*n, &format!("{n}{number}"))).unwrap();
        }
        let (mut now, mut done) = (0, Vec::new());
        let mut fails = fails.into_iter().chain(std::iter::repeat(false));
        while let Some(next) = book.next_ask(now).or_else(|| { now = book.next_at()?; book.next_ask(now) }) {
            if fails.next().unwrap() {
                book.asked(&next.source, Some(now + 10));
            } else {
                book.asked(&next.source, None);
                book.forget(&next.key);
                done.push(next.ask.to_string());
            }
        }
        prop_assert_eq!(done.len(), rows.len());
        for n in 0..3 {
            let of_source: Vec<&String> = done.iter().filter(|text| text.starts_with(&n.to_string())).collect();
            prop_assert!(of_source.is_sorted());
        }
        prop_assert!(book.len() == 0 && book.has_room());
    }
}
