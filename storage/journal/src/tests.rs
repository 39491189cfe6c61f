use std::sync::Arc;

use impresario_kernel::PartitionId;

use crate::conformance::{self, PARTITIONS, Store, block_on, commit};
use crate::{
    Batch, CommitError, CommitIndex, Fault, Journal, KeyRange, MemoryJournal, ReadError, Table,
    Term, Write,
};

fn store() -> Store {
    let mut current = Arc::new(MemoryJournal::new(PARTITIONS));
    Box::new(move || {
        current = Arc::new(current.reopen());
        Arc::<MemoryJournal>::clone(&current) as Arc<dyn Journal>
    })
}

fn put(key: &[u8]) -> Write {
    Write::Put { table: Table::Meta, key: key.to_vec(), value: vec![1] }
}

fn has(journal: &MemoryJournal, key: &[u8]) -> bool {
    journal.get(PartitionId(0), Table::Meta, key).expect("readable").is_some()
}

#[test]
fn the_memory_journal_conforms() {
    conformance::check_all(&store);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn equal_batches_give_equal_tables(seed: u64) {
        conformance::check_model(store(), seed, 60);
    }
}

#[test]
fn table_codes_are_stored_for_ever() {
    let codes: Vec<_> = Table::ALL.into_iter().map(Table::code).collect();
    assert_eq!(codes, (0..10).collect::<Vec<u8>>());
    assert!(Table::ALL.into_iter().all(|table| Table::from_code(table.code()) == Some(table)));
    assert_eq!(Table::from_code(10), None);
}

#[track_caller]
fn check_prefix(prefix: &[u8], to: &[u8]) {
    assert_eq!(KeyRange::prefix(prefix), KeyRange { from: prefix.to_vec(), to: to.to_vec() });
}

#[test]
fn a_prefix_ends_before_its_successor() {
    check_prefix(b"ab", b"ac");
    check_prefix(&[1, 0xff], &[2]);
    check_prefix(&[0xff, 0xff], b"");
    check_prefix(b"", b"");
}

#[test]
fn an_unknown_outcome_fails_the_partition_until_healed() {
    let journal = MemoryJournal::new(2);
    for (fault, written) in [(Fault::UnknownWritten, true), (Fault::UnknownLost, false)] {
        journal.fail_next(PartitionId(0), fault);
        let unknown = commit(&journal, 0, 1, vec![put(&[u8::from(written)])]);
        assert!(matches!(unknown, Err(CommitError::Unknown(_))));
        assert!(matches!(commit(&journal, 0, 1, Vec::new()), Err(CommitError::Failed(_))), "J6");
        assert!(commit(&journal, 1, 1, Vec::new()).is_ok(), "other partitions go on");
        assert_eq!(has(&journal, &[u8::from(written)]), written);
        journal.heal();
    }
    assert_eq!(commit(&journal, 0, 1, Vec::new()), Ok(CommitIndex(2)));
}

#[test]
fn held_commits_wait_in_order() {
    let journal = MemoryJournal::new(1);
    journal.hold();
    let propose = |key: &[u8]| {
        journal.commit(Batch { partition: PartitionId(0), term: Term(1), writes: vec![put(key)] })
    };
    let (first, second, third) = (propose(b"1"), propose(b"2"), propose(b"3"));
    assert_eq!((journal.held(), has(&journal, b"1")), (3, false));
    journal.release_some(1);
    assert_eq!(block_on(first), Ok(CommitIndex(1)));
    assert_eq!((has(&journal, b"1"), has(&journal, b"2")), (true, false));
    journal.release();
    assert_eq!((block_on(second), block_on(third)), (Ok(CommitIndex(2)), Ok(CommitIndex(3))));
    assert!(commit(&journal, 0, 1, Vec::new()).is_ok());
}

#[test]
fn reopening_loses_held_commits_and_closes_the_old_journal() {
    let journal = MemoryJournal::new(1);
    journal.hold();
    let waiting =
        journal.commit(Batch { partition: PartitionId(0), term: Term(1), writes: vec![put(b"1")] });
    let again = journal.reopen();
    assert!(matches!(block_on(waiting), Err(CommitError::Unknown(_))));
    assert!(!has(&again, b"1"));
    assert_eq!(commit(&journal, 0, 1, Vec::new()), Err(CommitError::Closed));
}

#[test]
fn reads_fail_on_demand() {
    let journal = MemoryJournal::new(1);
    journal.fail_reads("disk on fire");
    let failed = Err(ReadError::Store("disk on fire".to_owned()));
    assert_eq!(journal.get(PartitionId(0), Table::Meta, b"k"), failed);
    journal.heal();
    assert!(!has(&journal, b"k"));
}
