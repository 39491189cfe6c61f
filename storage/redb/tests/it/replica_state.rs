use std::path::Path;
use std::sync::Arc;

use impresario_journal::conformance::{commit, rows as journal_rows};
use impresario_journal::{Table, Write};
use impresario_redb::{
    OpenError, Options, RedbJournal, ReplicaError, ReplicaOptions, ReplicaStore, SnapshotReader,
    compact, inspect, verify,
};

use crate::replica::{
    adopt, append, apply, carries, chunks, entries, filled, id, mark, open, rows, wait, writes,
};
use crate::sim::{Dice, Disk};

#[test]
fn what_is_applied_is_seen_at_once_and_kept_up_to_its_mark() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 20);
    assert_eq!(rows(&store, 1).len(), 21);
    assert_eq!(store.applied(1), Ok(Some(mark(1, 19))));
    assert_eq!(store.durable(1), Ok(None));
    let mut durable = store.watch_durable(1).expect("a group");
    assert_eq!(*durable.borrow_and_update(), None);
    store.checkpoint(1).expect("a checkpoint");
    assert_eq!(store.durable(1), Ok(Some(mark(1, 19))));
    assert!(durable.has_changed().expect("the store lives"));
    assert_eq!(*durable.borrow_and_update(), Some(19));
    let before = rows(&store, 1);
    append(&store, 1, entries(1, 20..25)).expect("an append");
    apply(&store, 1, 20..25);
    // A mark alone counts too: a membership, for example.
    append(&store, 1, entries(1, 25..26)).expect("an append");
    store.apply(1, mark(1, 25), &carries(Vec::new())).expect("it applies");
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.applied(1), Ok(Some(mark(1, 19))), "as the checkpoint was");
    assert_eq!(rows(&store, 1), before);
    assert_eq!(store.log_state(1).expect("here").last, Some((25, id(1, 25))));
    apply(&store, 1, 20..25);
    store.close();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.applied(1), Ok(Some(mark(1, 24))), "closing made a checkpoint");
    assert_eq!(rows(&store, 1).len(), 26);
    drop(store);
    verify(folder.path()).expect("it is intact");
}

#[test]
fn purged_entries_leave_the_disk_behind_the_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 100);
    wait(|done| store.purge_to(1, 89, id(1, 89), done)).expect("a purge");
    wait(|done| store.save_vote(1, vec![1], done)).expect("a vote");
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.log_state(1).expect("here").purged, None, "the state had nothing yet");
    apply(&store, 1, 0..100);
    store.checkpoint(1).expect("a checkpoint");
    wait(|done| store.purge_to(1, 89, id(1, 89), done)).expect("a purge");
    for vote in 0..3 {
        wait(|done| store.save_vote(1, vec![vote], done)).expect("a vote");
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.log_state(1).expect("here").purged, Some((89, id(1, 89))));
    let stats = store.stats().groups[0];
    assert_eq!((stats.last, stats.purged, stats.durable), (Some(99), Some(89), Some(99)));
}

/// A group with rows of all sizes: some chunks full of small ones, one row that needs several.
fn big(dir: &Path) -> ReplicaStore {
    let store = filled(dir, 50);
    let put = |key: u16, size: usize| Write::Put {
        table: Table::Snapshots,
        key: key.to_be_bytes().to_vec(),
        value: vec![key as u8; size],
    };
    let writes = (0..3000).map(|key| put(key, usize::from(key) % 700)).chain([
        put(10, 2_700_000),
        put(11, 0),
        put(3000, 1_048_400),
        put(3001, 1_048_500),
    ]);
    append(&store, 1, entries(1, 50..51)).expect("an append");
    store.apply(1, mark(1, 50), &carries(writes.collect())).expect("it applies");
    store
}

#[test]
fn an_installed_snapshot_has_the_same_rows() {
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let source = big(from.path());
    let before = rows(&source, 1);
    let mut reader = source.snapshot(1).expect("a snapshot");
    let first = reader.chunk(0).expect("readable").expect("a chunk");
    // Writes go on, the snapshot does not see them.
    append(&source, 1, entries(1, 51..80)).expect("an append");
    apply(&source, 1, 51..80);
    source.checkpoint(1).expect("a checkpoint");
    let all = chunks(&mut reader);
    assert_eq!(all[0], first);
    assert!(all.len() > 5 && all.iter().all(|chunk| chunk.len() <= 1 << 20), "{}", all.len());
    assert_eq!(reader.mark(), Some(&mark(1, 50)));

    let target = open(to.path());
    assert!(matches!(target.install(1, &mark(1, 50)), Err(ReplicaError::NoGroup(1))));
    target.ensure(1).expect("a replica");
    append(&target, 1, entries(9, 0..3)).expect("an old log");
    target.apply(1, mark(9, 0), &carries(writes(9, 0))).expect("an old row");
    let mut install = target.install(1, &mark(1, 50)).expect("it begins");
    for chunk in &all {
        assert!(!install.is_complete());
        install.write(chunk).expect("a chunk");
    }
    assert!(install.is_complete() && SnapshotReader::is_last(&all[all.len() - 1]));
    assert_eq!(rows(&target, 1).len(), 2, "nothing of it is seen before the end");
    let mut durable = target.watch_durable(1).expect("a group");
    durable.mark_unchanged();
    install.finish().expect("it takes its place");
    assert_eq!(rows(&target, 1), before);
    assert_eq!(
        (target.applied(1), target.durable(1)),
        (Ok(Some(mark(1, 50))), Ok(Some(mark(1, 50))))
    );
    assert_eq!(*durable.borrow_and_update(), Some(50));
    assert_eq!(target.stats().dirty_bytes, 0);
    wait(|done| target.purge_to(1, 50, id(1, 50), done)).expect("a purge");
    append(&target, 1, entries(1, 51..55)).expect("the log goes on behind the snapshot");
    apply(&target, 1, 51..55);
    drop((source, reader));
    for _ in 0..2 {
        target.close();
        let target = open(to.path());
        assert_eq!(target.log_state(1).expect("here").purged, Some((50, id(1, 50))));
        assert_eq!(rows(&target, 1).len(), before.len() + 4);
        assert!(target.read(1, 0..60, usize::MAX).expect("readable").iter().all(|e| e.index > 50));
    }
    verify(to.path()).expect("it is intact");
}

#[test]
fn an_installation_goes_on_where_it_was_left() {
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let source = big(from.path());
    let before = rows(&source, 1);
    let all = chunks(&mut source.snapshot(1).expect("a snapshot"));
    for crash in [false, true] {
        let target = open(to.path());
        target.ensure(1).expect("a replica");
        let mut install = target.install(1, &mark(1, 50)).expect("it begins");
        let begun = install.next();
        install.write(&all[begun as usize]).expect("a chunk");
        assert!(
            matches!(target.install(1, &mark(1, 50)), Err(ReplicaError::OutOfOrder { .. })),
            "one at a time"
        );
        drop(install);
        let mut install = target.install(1, &mark(1, 50)).expect("it goes on");
        assert!(install.next() >= begun, "{crash}");
        // Another node's reader gives the same chunks.
        let mut reader = source.snapshot(1).expect("a snapshot");
        while !install.is_complete() {
            let next = install.next();
            install.write(&reader.chunk(next).expect("readable").expect("one")).expect("a chunk");
        }
        install.finish().expect("it takes its place");
        assert_eq!(rows(&target, 1), before);
    }
}

#[track_caller]
fn check_chunk(store: &ReplicaStore, chunk: &[u8], because: &str) {
    let mut install = store.install(2, &mark(1, 50)).expect("it begins");
    match install.write(chunk) {
        Err(ReplicaError::Chunk(why)) => assert!(why.contains(because), "{why}: {because}"),
        other => panic!("{because}: {other:?}"),
    }
    assert_eq!(install.next(), 0);
    assert!(matches!(install.finish(), Err(ReplicaError::Chunk(_))), "it is not complete");
}

#[test]
fn wrong_chunks_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = big(folder.path());
    store.ensure(2).expect("a replica");
    let all = chunks(&mut store.snapshot(1).expect("a snapshot"));
    check_chunk(&store, &[], "too short");
    check_chunk(&store, &all[0][..50], "too short");
    check_chunk(&store, &all[0][..5000], "checksum");
    check_chunk(&store, &all[1], "not number 0");
    for at in [1, 5, 20, 60, 5000] {
        let mut flipped = all[0].clone();
        flipped[at] ^= 4;
        check_chunk(&store, &flipped, "checksum");
    }
    let mut later = all[0].clone();
    later[0] = 2;
    check_chunk(&store, &later, "version 2");
    append(&store, 1, entries(1, 51..52)).expect("an append");
    apply(&store, 1, 51..52);
    let other = chunks(&mut store.snapshot(1).expect("a snapshot"));
    check_chunk(&store, &other[0], "another snapshot");
    let older = store.install(1, &mark(1, 50));
    assert!(matches!(older, Err(ReplicaError::OutOfOrder { .. })), "not back in time");
}

#[test]
fn an_empty_group_has_an_empty_snapshot() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.ensure(1).expect("a replica");
    let mut reader = store.snapshot(1).expect("a snapshot");
    assert_eq!(chunks(&mut reader).len(), 1);
    assert_eq!(reader.mark(), None);
}

#[test]
fn a_removed_replica_leaves_nothing_and_may_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 5000);
    store.ensure(3).expect("a replica");
    store.checkpoint(1).expect("a checkpoint");
    wait(|done| store.save_vote(1, vec![1], done)).expect("a vote");
    store.remove(1).expect("it goes");
    assert_eq!(store.groups(), [3]);
    assert_eq!(store.applied(1), Err(ReplicaError::NoGroup(1)));
    assert_eq!(store.read_vote(1), Err(ReplicaError::NoGroup(1)));
    assert!(!folder.path().join("state-0001.redb").exists());
    store.ensure(1).expect("it comes back");
    store.ensure(1).expect("it is here");
    assert_eq!((store.read_vote(1), store.applied(1)), (Ok(None), Ok(None)));
    append(&store, 1, entries(2, 3..6)).expect("an append");
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.groups(), [1, 3]);
    assert_eq!(store.read(1, 0..9, usize::MAX).expect("readable"), entries(2, 3..6));
}

#[test]
fn the_tools_know_a_replicated_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = big(folder.path());
    store.checkpoint(1).expect("a checkpoint");
    wait(|done| store.purge_to(1, 39, id(1, 39), done)).expect("a purge");
    let all = Write::DeleteRange { table: Table::Snapshots, from: Vec::new(), to: Vec::new() };
    append(&store, 1, entries(1, 51..52)).expect("an append");
    store.apply(1, mark(1, 51), &carries(vec![all])).expect("it applies");
    assert!(matches!(inspect(folder.path()), Err(OpenError::InUse { .. })));
    store.close();
    drop(store);
    let found = inspect(folder.path()).expect("it can be read");
    assert!(found.replicated && found.partitions.len() == 1);
    let group = &found.partitions[0];
    assert_eq!((group.number, group.applied, group.entries), (1, 51, 12));
    assert_eq!((group.tables[0].1, group.tables[1].1), (50, 0));
    assert_eq!(verify(folder.path()).expect("it is intact").partitions[0].tables, group.tables);
    let compacted = compact(folder.path()).expect("it compacts");
    assert!(compacted.after * 2 < compacted.before, "{compacted:?}");
    assert_eq!(verify(folder.path()).expect("it is intact").partitions[0].tables, group.tables);
    assert_eq!(open(folder.path()).applied(1), Ok(Some(mark(1, 51))));
}

#[track_caller]
fn check_open(dir: &Path, names: &str, is: fn(&OpenError) -> bool) {
    let error = ReplicaStore::open(ReplicaOptions::new(dir, 4)).expect_err("it must not open");
    assert!(is(&error) && error.to_string().contains(names), "{error} {error:?}");
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let store = filled(folder.path(), 10);
    store.checkpoint(1).expect("a checkpoint");
    check_open(folder.path(), "in use", |error| matches!(error, OpenError::InUse { .. }));
    drop(store);
    std::fs::copy(path("log.redb"), path("old")).expect("a copy");
    let store = open(folder.path());
    store.ensure(2).expect("a replica");
    for group in [1, 2] {
        append(&store, group, entries(1, 10..20)).expect("an append");
        apply(&store, group, 10..20);
    }
    wait(|done| store.save_vote(1, vec![9], done)).expect("a vote");
    store.close();
    drop(store);
    std::fs::rename(path("log.redb"), path("new")).expect("it moves");
    check_open(folder.path(), "log.redb", |error| matches!(error, OpenError::Missing { .. }));
    std::fs::copy(path("old"), path("log.redb")).expect("a copy");
    // Its vote is gone: this node could vote twice.
    check_open(folder.path(), "log.redb", |error| matches!(error, OpenError::Missing { .. }));
    std::fs::rename(path("new"), path("log.redb")).expect("it moves");
    std::fs::rename(path("state-0001.redb"), path("aside")).expect("it moves");
    check_open(folder.path(), "state-0001", |error| matches!(error, OpenError::Missing { .. }));
    std::fs::copy(path("state-0002.redb"), path("state-0001.redb")).expect("a copy");
    check_open(folder.path(), "state-0001", |error| matches!(error, OpenError::Misplaced { .. }));
    std::fs::rename(path("aside"), path("state-0001.redb")).expect("it moves");
    let other = ReplicaStore::open(ReplicaOptions::new(folder.path(), 5)).map(drop);
    assert!(matches!(other, Err(OpenError::Partitions { stored: 4, wanted: 5, .. })));
    let plain = RedbJournal::open(Options::new(folder.path(), 4)).map(drop).expect_err("plain");
    assert!(plain.to_string().contains("open it as a replicated store"), "{plain}");
    assert_eq!(open(folder.path()).groups(), [1, 2]);
}

fn plain_batch(number: u8) -> Vec<Write> {
    let put = |table| Write::Put { table, key: vec![number], value: vec![number; 300] };
    let count = Write::Add { table: Table::Index, key: b"count".to_vec(), delta: 1 };
    vec![put(Table::Events), put(Table::Seen), count]
}

/// A plain store of two partitions with 30 batches in partition 1, some of them checkpointed.
fn plain(disk: &Disk, more: u8) -> Result<u8, OpenError> {
    let options = Options { dirty_soft_bytes: 4000, ..Options::new("sim", 2) };
    let journal = RedbJournal::open_simulated(options, Arc::new(disk.clone()))?;
    let have = journal_rows(&journal, 1, Table::Events).len() as u8;
    for number in have..have + more {
        commit(&journal, 1, 3, plain_batch(number)).expect("a commit");
    }
    Ok(have + more)
}

fn adopting(disk: &Disk) -> Result<ReplicaStore, OpenError> {
    let options = ReplicaOptions { adopt: Some(adopt(2)), ..ReplicaOptions::new("sim", 3) };
    ReplicaStore::open_simulated(options, Arc::new(disk.clone()))
}

fn check_adopted(store: &ReplicaStore, batches: u8) {
    let last = u64::from(batches);
    assert_eq!(store.groups(), [0, 1]);
    assert_eq!(store.applied(1), Ok(Some(mark(3, last))));
    assert_eq!(store.durable(1), Ok(Some(mark(3, last))));
    let state = store.log_state(1).expect("here");
    assert_eq!((state.last, state.purged), (Some((last, id(3, last))), Some((last, id(3, last)))));
    assert_eq!(store.read_vote(1), Ok(Some(vec![3])));
    assert_eq!(store.applied(0), Ok(Some(mark(0, 0))));
    assert_eq!(rows(store, 1).len(), 2 * usize::from(batches) + 1);
    assert_eq!(rows(store, 0).len(), 0);
    let count = store.get(1, Table::Index, b"count").expect("readable");
    assert_eq!(count, Some(last.to_be_bytes().to_vec()), "each batch counted once");
}

#[test]
fn a_plain_store_is_taken_over_however_often_the_power_goes() {
    let mut dice = Dice(3);
    let mut cut = 1;
    loop {
        let disk = Disk::default();
        let mut batches = plain(&disk, 30).expect("a plain store");
        disk.cut_power_after(cut);
        let whole = adopting(&disk).map(|store| check_adopted(&store, batches)).is_ok();
        disk.power_on(&mut dice);
        // Who goes back to the earlier release before it is done finds the store as it was.
        if dice.coin() {
            match plain(&disk, 1) {
                Ok(after) => {
                    assert_eq!(after, batches + 1);
                    batches = after;
                }
                Err(error) => assert!(matches!(error, OpenError::Misplaced { .. }), "{error}"),
            }
        }
        let store = adopting(&disk).unwrap_or_else(|error| panic!("cut after {cut}: {error:?}"));
        check_adopted(&store, batches);
        let next = u64::from(batches) + 1;
        append(&store, 1, entries(4, next..next + 3)).expect("its log goes on");
        apply(&store, 1, next..next + 3);
        store.ensure(2).expect("the groups that are new");
        drop(store);
        drop(adopting(&disk).expect("it opens as what it is now"));
        if whole {
            break;
        }
        cut += 1 + dice.below(12);
    }
    assert!(cut > 60, "the power went {cut} times within the takeover");
}

#[test]
fn a_plain_store_is_taken_over_only_when_asked_and_only_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = RedbJournal::open(Options::new(folder.path(), 2)).expect("it opens");
    commit(&journal, 1, 1, plain_batch(1)).expect("a commit");
    drop(journal);
    let open = |adopt| {
        let options = ReplicaOptions { adopt, ..ReplicaOptions::new(folder.path(), 3) };
        ReplicaStore::open(options).map(|store| store.groups())
    };
    let refused = open(None).expect_err("not asked");
    assert!(refused.to_string().contains("ask for the adoption"), "{refused}");
    assert!(matches!(
        open(Some(adopt(1))),
        Err(OpenError::Partitions { stored: 2, wanted: 1, .. })
    ));
    assert!(matches!(open(Some(adopt(4))), Err(OpenError::Partitions { .. })));
    assert_eq!(open(Some(adopt(2))).expect("it is taken over"), [0, 1]);
    assert_eq!(open(None).expect("it is replicated now"), [0, 1]);
    let fresh = tempfile::tempdir().expect("a folder");
    let options = ReplicaOptions { adopt: Some(adopt(2)), ..ReplicaOptions::new(fresh.path(), 3) };
    assert_eq!(ReplicaStore::open(options).expect("nothing to take over").groups(), [0; 0]);
}
