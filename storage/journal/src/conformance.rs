//! The suite that every [`Journal`] passes: the sentences J1 to J6 of the crate, as checks.
//!
//! An implementation hands in a function that gives an empty [`Store`] each time; the suite opens,
//! closes and opens again. Checks panic with what was broken, so that a test is one line:
//! `check_all(&|| …)`. [`check_model`] takes a seed, for property tests.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use impresario_kernel::PartitionId;

mod model;

pub use model::check_model;

use crate::{Batch, CommitError, CommitIndex, Journal, KeyRange, ReadError, Table, Term, Write};

/// An initially empty place; each call opens it. The suite drops what it was given before it opens
/// again, sometimes after [`Journal::close`], sometimes without.
pub type Store = Box<dyn FnMut() -> Arc<dyn Journal>>;

/// How many partitions a [`Store`] of the suite has.
pub const PARTITIONS: u16 = 3;

/// Runs every check, each on a store of its own.
///
/// # Panics
/// If the journal breaks the contract.
pub fn check_all(fresh: &dyn Fn() -> Store) {
    commits_are_visible_and_numbered(fresh());
    writes_apply_in_order(fresh());
    add_counts(fresh());
    delete_if_compares(fresh());
    delete_range_removes_exactly_the_range(fresh());
    tables_and_partitions_are_apart(fresh());
    scans_see_the_range(fresh());
    scans_break_and_nest(fresh());
    stale_terms_are_refused(fresh());
    unknown_partitions_are_refused(fresh());
    reopening_keeps_everything(fresh());
    closing_refuses_politely(fresh());
    proposals_of_many_threads_all_count(fresh());
    proposals_keep_their_order(fresh());
    for seed in 0..4 {
        check_model(fresh(), seed, 80);
    }
}

/// Waits for a future on this thread. For tests: a journal needs no runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Commits these writes to a partition under a term, and waits.
///
/// # Errors
/// What the journal answered.
pub fn commit(
    journal: &dyn Journal,
    partition: u16,
    term: u64,
    writes: Vec<Write>,
) -> Result<CommitIndex, CommitError> {
    block_on(journal.commit(Batch { partition: PartitionId(partition), term: Term(term), writes }))
}

/// All rows of a table.
///
/// # Panics
/// If they cannot be read.
#[must_use]
pub fn rows(journal: &dyn Journal, partition: u16, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    ranged(journal, partition, table, &KeyRange::all(), false)
}

fn put(key: &[u8], value: &[u8]) -> Write {
    Write::Put { table: Table::Events, key: key.to_vec(), value: value.to_vec() }
}

fn get(journal: &dyn Journal, key: &[u8]) -> Option<Vec<u8>> {
    journal.get(PartitionId(0), Table::Events, key).expect("the store is readable")
}

fn ranged(
    journal: &dyn Journal,
    partition: u16,
    table: Table,
    range: &KeyRange,
    reverse: bool,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let visited = journal.scan(PartitionId(partition), table, range, reverse, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    visited.expect("the store is readable");
    found
}

fn commits_are_visible_and_numbered(mut store: Store) {
    let journal = store();
    assert_eq!(journal.partitions(), PARTITIONS);
    for index in 1..=20u8 {
        let committed =
            commit(journal.as_ref(), 0, 1, vec![put(&[index], &[index]), put(b"last", &[index])]);
        assert_eq!(committed, Ok(CommitIndex(u64::from(index))), "J3: indexes without gaps");
        assert_eq!(get(journal.as_ref(), &[index]), Some(vec![index]), "J1: read your commit");
        assert_eq!(get(journal.as_ref(), b"last"), Some(vec![index]), "J2: all of it");
    }
    assert_eq!(
        commit(journal.as_ref(), 1, 1, Vec::new()),
        Ok(CommitIndex(1)),
        "partitions count for themselves"
    );
    let stats = journal.stats();
    assert_eq!(stats.partitions.len(), usize::from(PARTITIONS));
    assert_eq!(stats.partitions[0].applied, 20);
    assert_eq!(stats.batches, 21);
}

fn writes_apply_in_order(mut store: Store) {
    let journal = store();
    let delete = |key: &[u8]| Write::Delete { table: Table::Events, key: key.to_vec() };
    let writes = vec![
        put(b"a", b"1"),
        put(b"a", b"2"),
        put(b"b", b"1"),
        delete(b"b"),
        delete(b"c"),
        put(b"c", b"3"),
    ];
    commit(journal.as_ref(), 0, 1, writes).expect("a commit");
    assert_eq!(get(journal.as_ref(), b"a"), Some(b"2".to_vec()));
    assert_eq!(get(journal.as_ref(), b"b"), None);
    assert_eq!(get(journal.as_ref(), b"c"), Some(b"3".to_vec()));
}

fn add_counts(mut store: Store) {
    let journal = store();
    let add = |key: &[u8], delta| Write::Add { table: Table::Events, key: key.to_vec(), delta };
    commit(
        journal.as_ref(),
        0,
        1,
        vec![add(b"n", 5), add(b"n", -7), put(b"odd", b"abc"), add(b"odd", 3)],
    )
    .expect("a commit");
    assert_eq!(get(journal.as_ref(), b"n"), Some((-2i64).to_be_bytes().to_vec()));
    assert_eq!(
        get(journal.as_ref(), b"odd"),
        Some(3i64.to_be_bytes().to_vec()),
        "another length is overwritten"
    );
    commit(journal.as_ref(), 0, 1, vec![add(b"n", i64::MIN), add(b"n", -1)]).expect("a commit");
    let wrapped = (-2i64).wrapping_add(i64::MIN).wrapping_sub(1);
    assert_eq!(get(journal.as_ref(), b"n"), Some(wrapped.to_be_bytes().to_vec()));
}

fn delete_if_compares(mut store: Store) {
    let journal = store();
    let delete_if = |key: &[u8], value: &[u8]| {
        let (key, value) = (key.to_vec(), value.to_vec());
        Write::DeleteIf { table: Table::Events, key, value }
    };
    commit(journal.as_ref(), 0, 1, vec![put(b"a", b"1"), put(b"b", b"1")]).expect("a commit");
    commit(
        journal.as_ref(),
        0,
        1,
        vec![delete_if(b"a", b"1"), delete_if(b"b", b"2"), delete_if(b"c", b"")],
    )
    .expect("a commit");
    assert_eq!(rows(journal.as_ref(), 0, Table::Events), vec![(b"b".to_vec(), b"1".to_vec())]);
}

fn delete_range_removes_exactly_the_range(mut store: Store) {
    let mut journal = store();
    let all: Vec<_> = (0..100u8).map(|key| put(&[key], b"x")).collect();
    commit(journal.as_ref(), 0, 1, all).expect("a commit");
    journal.close();
    drop(journal);
    journal = store();
    // Over rows on disk, rows in memory, and rows of the same batch.
    let delete = |from: &[u8], to: &[u8]| {
        let (from, to) = (from.to_vec(), to.to_vec());
        Write::DeleteRange { table: Table::Events, from, to }
    };
    commit(journal.as_ref(), 0, 1, vec![put(&[10, 1], b"y")]).expect("a commit");
    let writes =
        vec![put(&[11, 1], b"z"), delete(&[10], &[20]), put(&[15], b"w"), delete(&[30], &[30])];
    commit(journal.as_ref(), 0, 1, writes).expect("a commit");
    commit(journal.as_ref(), 0, 1, vec![delete(&[90], b""), delete(&[50], &[40])])
        .expect("a commit");
    let left: Vec<_> =
        rows(journal.as_ref(), 0, Table::Events).into_iter().map(|(key, _)| key).collect();
    let want: Vec<_> = (0..10).chain([15]).chain(20..90).map(|key: u8| vec![key]).collect();
    assert_eq!(left, want);
}

fn tables_and_partitions_are_apart(mut store: Store) {
    let journal = store();
    for table in Table::ALL {
        let value = vec![table.code()];
        commit(journal.as_ref(), 1, 1, vec![Write::Put { table, key: b"k".to_vec(), value }])
            .expect("a commit");
    }
    for table in Table::ALL {
        assert_eq!(rows(journal.as_ref(), 1, table), vec![(b"k".to_vec(), vec![table.code()])]);
        assert_eq!(rows(journal.as_ref(), 0, table), Vec::new());
    }
}

fn scans_see_the_range(mut store: Store) {
    let mut journal = store();
    let key = |number: u32| number.to_be_bytes().to_vec();
    // Even numbers are old, odd ones new; every fifth is removed, every seventh replaced.
    commit(journal.as_ref(), 0, 1, (0..3000).step_by(2).map(|n| put(&key(n), b"old")).collect())
        .expect("a commit");
    journal.close();
    drop(journal);
    journal = store();
    commit(journal.as_ref(), 0, 1, (1..3000).step_by(2).map(|n| put(&key(n), b"new")).collect())
        .expect("a commit");
    let delete = |n: u32| Write::Delete { table: Table::Events, key: key(n) };
    commit(journal.as_ref(), 0, 1, (0..3000).step_by(5).map(delete).collect()).expect("a commit");
    commit(journal.as_ref(), 0, 1, (0..3000).step_by(7).map(|n| put(&key(n), b"seven")).collect())
        .expect("a commit");
    let want = |from: u32, to: u32| {
        let rows = (from..to).filter_map(|n| match n {
            n if n % 7 == 0 => Some((key(n), b"seven".to_vec())),
            n if n % 5 == 0 => None,
            n if n % 2 == 0 => Some((key(n), b"old".to_vec())),
            n => Some((key(n), b"new".to_vec())),
        });
        rows.collect::<Vec<_>>()
    };
    for (from, to) in [(0, 3000), (1, 2), (7, 7), (13, 1400), (2998, 3000)] {
        let range = KeyRange { from: key(from), to: key(to) };
        let mut expected = want(from, to);
        assert_eq!(ranged(journal.as_ref(), 0, Table::Events, &range, false), expected);
        expected.reverse();
        assert_eq!(ranged(journal.as_ref(), 0, Table::Events, &range, true), expected);
    }
    let after = KeyRange { from: Vec::new(), to: Vec::new() }.after(&key(2000));
    assert_eq!(ranged(journal.as_ref(), 0, Table::Events, &after, false), want(2001, 3000));
    let prefix = KeyRange::prefix(&[0, 0, 1]);
    assert_eq!(ranged(journal.as_ref(), 0, Table::Events, &prefix, false), want(256, 512));
    let backward = KeyRange { from: key(5), to: key(1) };
    assert_eq!(ranged(journal.as_ref(), 0, Table::Events, &backward, false), Vec::new());
}

fn scans_break_and_nest(mut store: Store) {
    let journal = store();
    commit(journal.as_ref(), 0, 1, (0..200u8).map(|n| put(&[n], &[n])).collect())
        .expect("a commit");
    for (reverse, want) in [(false, vec![0, 1, 2]), (true, vec![199, 198, 197])] {
        let mut seen = Vec::new();
        let visited = journal.scan(
            PartitionId(0),
            Table::Events,
            &KeyRange::all(),
            reverse,
            &mut |key, value| {
                // A visitor may read and even propose.
                assert_eq!(get(journal.as_ref(), key).as_deref(), Some(value));
                commit(journal.as_ref(), 0, 1, vec![put(b"nested", key)])
                    .expect("a commit within a scan");
                seen.push(key[0]);
                if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert_eq!((visited, seen), (Ok(()), want));
        commit(
            journal.as_ref(),
            0,
            1,
            vec![Write::Delete { table: Table::Events, key: b"nested".to_vec() }],
        )
        .expect("a commit");
    }
}

fn stale_terms_are_refused(mut store: Store) {
    let mut journal = store();
    assert_eq!(commit(journal.as_ref(), 0, 5, vec![put(b"a", b"5")]), Ok(CommitIndex(1)));
    let stale = Err(CommitError::StaleTerm { batch: 4, current: 5 });
    assert_eq!(commit(journal.as_ref(), 0, 4, vec![put(b"a", b"4")]), stale, "J4");
    assert_eq!(get(journal.as_ref(), b"a"), Some(b"5".to_vec()), "J4: nothing changed");
    assert_eq!(
        commit(journal.as_ref(), 1, 4, vec![put(b"a", b"4")]),
        Ok(CommitIndex(1)),
        "terms are per partition"
    );
    for clean in [true, false] {
        if clean {
            journal.close();
        }
        drop(journal);
        journal = store();
        assert_eq!(
            commit(journal.as_ref(), 0, 4, vec![put(b"a", b"4")]),
            stale,
            "J4 after reopening"
        );
    }
    assert_eq!(
        commit(journal.as_ref(), 0, 6, Vec::new()),
        Ok(CommitIndex(2)),
        "a refusal takes no index"
    );
}

fn unknown_partitions_are_refused(mut store: Store) {
    let journal = store();
    let beyond = PartitionId(PARTITIONS);
    assert_eq!(
        commit(journal.as_ref(), PARTITIONS, 1, Vec::new()),
        Err(CommitError::NoPartition(PARTITIONS))
    );
    assert_eq!(journal.get(beyond, Table::Meta, b"k"), Err(ReadError::NoPartition(PARTITIONS)));
    let scanned = journal
        .scan(beyond, Table::Meta, &KeyRange::all(), false, &mut |_, _| ControlFlow::Continue(()));
    assert_eq!(scanned, Err(ReadError::NoPartition(PARTITIONS)));
}

fn reopening_keeps_everything(mut store: Store) {
    let mut expected = Vec::new();
    for round in 0..6u8 {
        let journal = store();
        assert_eq!(
            rows(journal.as_ref(), 2, Table::Index),
            expected,
            "J1 after reopening {round} times"
        );
        for number in 0..3u8 {
            let (key, value) = (vec![round, number], vec![number; 300]);
            expected.push((key.clone(), value.clone()));
            let index = u64::from(round) * 3 + u64::from(number) + 1;
            let put = Write::Put { table: Table::Index, key, value };
            assert_eq!(
                commit(journal.as_ref(), 2, 1, vec![put]),
                Ok(CommitIndex(index)),
                "J3 over reopenings"
            );
        }
        if round % 2 == 0 {
            journal.close();
        }
    }
}

fn closing_refuses_politely(mut store: Store) {
    let journal = store();
    commit(journal.as_ref(), 0, 1, vec![put(b"a", b"1")]).expect("a commit");
    journal.close();
    journal.close();
    assert_eq!(commit(journal.as_ref(), 0, 1, Vec::new()), Err(CommitError::Closed));
    assert_eq!(journal.get(PartitionId(0), Table::Events, b"a"), Err(ReadError::Closed));
}

fn proposals_of_many_threads_all_count(mut store: Store) {
    let journal = store();
    let add = || Write::Add { table: Table::Events, key: b"sum".to_vec(), delta: 1 };
    thread::scope(|scope| {
        for thread in 0..8u8 {
            let journal = journal.as_ref();
            scope.spawn(move || {
                let proposals = (0..25u8).map(|number| {
                    let partition = PartitionId(u16::from(number % 2));
                    let writes = vec![put(&[thread, number], &[number]), add()];
                    journal.commit(Batch { partition, term: Term(1), writes })
                });
                // All in flight at once, then awaited.
                for outcome in proposals.collect::<Vec<_>>() {
                    block_on(outcome).expect("a commit");
                }
            });
        }
    });
    let sums =
        [0, 1].map(|id| journal.get(PartitionId(id), Table::Events, b"sum").expect("readable"));
    assert_eq!(sums, [104i64, 96].map(|sum| Some(sum.to_be_bytes().to_vec())));
    assert_eq!(rows(journal.as_ref(), 0, Table::Events).len(), 105);
}

fn proposals_keep_their_order(mut store: Store) {
    let journal = store();
    let propose = |number: u64| {
        let writes = vec![put(b"latest", &number.to_be_bytes())];
        journal.commit(Batch { partition: PartitionId(0), term: Term(1), writes })
    };
    let proposals: Vec<_> = (1..=100).map(|number| (number, propose(number))).collect();
    for (number, outcome) in proposals {
        assert_eq!(block_on(outcome), Ok(CommitIndex(number)), "J3: in the order of the calls");
    }
    assert_eq!(get(journal.as_ref(), b"latest"), Some(100u64.to_be_bytes().to_vec()));
    // A proposal whose future is dropped is carried out nevertheless.
    drop(propose(101));
    assert_eq!(block_on(propose(102)), Ok(CommitIndex(102)));
}
