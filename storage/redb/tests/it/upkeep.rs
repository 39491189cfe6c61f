use std::time::Duration;

use impresario_journal::conformance::{PARTITIONS, commit, rows};
use impresario_journal::{Journal as _, Table, Write};
use impresario_redb::{Options, RedbJournal, compact, inspect, probe_fsync, verify};

fn put(key: u32, size: usize) -> Write {
    Write::Put { table: Table::Events, key: key.to_be_bytes().to_vec(), value: vec![7; size] }
}

#[test]
fn the_log_is_cut_behind_the_checkpoints() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        dirty_soft_bytes: 100_000,
        dirty_hard_bytes: 300_000,
        ..Options::new(folder.path(), 1)
    };
    let journal = RedbJournal::open(options).expect("a new store opens");
    for key in 0..3000 {
        commit(&journal, 0, 1, vec![put(key % 50, 10_000)]).expect("a commit");
    }
    let stats = journal.stats();
    // 30 MB went through; the overlay and the log stay near their limits.
    assert!(stats.log_bytes < 12 << 20, "{stats:?}");
    assert!(stats.partitions[0].state_bytes < 12 << 20, "{stats:?}");
    assert_eq!((stats.partitions[0].applied, stats.batches), (3000, 3000));
    assert!(stats.partitions[0].checkpointed > 2900, "{stats:?}");
}

#[test]
fn an_old_overlay_is_checkpointed_without_further_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        Options { checkpoint_age: Duration::from_millis(1), ..Options::new(folder.path(), 2) };
    let journal = RedbJournal::open(options).expect("a new store opens");
    commit(&journal, 1, 1, vec![put(1, 10)]).expect("a commit");
    while journal.stats().partitions[1].checkpointed < 1 {
        std::thread::yield_now();
    }
    assert_eq!(journal.stats().partitions[1].dirty_rows, 0);
    assert_eq!(rows(&journal, 1, Table::Events).len(), 1);
}

#[test]
fn compacting_keeps_every_row_and_frees_space() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal =
        RedbJournal::open(Options::new(folder.path(), PARTITIONS)).expect("a new store opens");
    for key in 0..300 {
        commit(&journal, 2, 4, vec![put(key, 20_000)]).expect("a commit");
    }
    let all = Write::DeleteRange {
        table: Table::Events,
        from: Vec::new(),
        to: 290u32.to_be_bytes().to_vec(),
    };
    journal.close();
    drop(journal);
    let journal = RedbJournal::open(Options::new(folder.path(), PARTITIONS)).expect("it opens");
    commit(&journal, 2, 4, vec![all]).expect("a commit");
    drop(journal);
    let found = inspect(folder.path()).expect("it can be read");
    assert_eq!((found.partitions[2].applied, found.partitions[2].checkpointed), (301, 300));
    assert_eq!(found.partitions[2].tables[0], (Table::Events, 10, 200_040));
    let compacted = compact(folder.path()).expect("it compacts");
    assert!(compacted.after * 2 < compacted.before, "{compacted:?}");
    let after = verify(folder.path()).expect("it is intact");
    assert_eq!(after.partitions[2].tables, found.partitions[2].tables);
    assert_eq!((after.partitions[2].checkpointed, after.partitions[2].term), (301, 4));
    let journal = RedbJournal::open(Options::new(folder.path(), PARTITIONS)).expect("it opens");
    assert!(
        commit(&journal, 2, 4, vec![put(1, 1)]).is_ok_and(|index| index.0 == 302),
        "indexes go on"
    );
}

#[test]
fn the_disk_can_be_probed() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(probe_fsync(folder.path(), 5).expect("it is measured").len(), 5);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}
