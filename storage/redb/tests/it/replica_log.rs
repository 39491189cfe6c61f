use std::collections::BTreeMap;
use std::sync::mpsc;

use impresario_journal::conformance::block_on;
use impresario_redb::{LogState, Mark, ReplicaError, ReplicaOptions, ReplicaStore};
use proptest::prelude::*;

use crate::replica::{
    append, apply, begin, carries, entries, entry, filled, id, mark, open, term_of, wait, writes,
};
use crate::sim::Disk;

fn indexes(store: &ReplicaStore, range: std::ops::Range<u64>, max: usize) -> Vec<u64> {
    let found = store.read(1, range, max).expect("readable");
    found.iter().map(|entry| entry.index).collect()
}

#[track_caller]
fn check_log(store: &ReplicaStore, first: u64, last: u64, purged: Option<u64>) {
    let all: Vec<_> = (first..last + 1).collect();
    assert_eq!(indexes(store, 0..u64::MAX, usize::MAX), all);
    let state = store.log_state(1).expect("it is here");
    let index = |at: Option<(u64, Vec<u8>)>| {
        at.map(|(index, id)| {
            assert_eq!(id[8..], index.to_be_bytes());
            index
        })
    };
    assert_eq!((index(state.last), index(state.purged)), (Some(last), purged));
}

#[test]
fn what_was_appended_truncated_and_purged_is_seen_at_once_and_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 40);
    check_log(&store, 0, 39, None);
    wait(|done| store.truncate_from(1, 30, done)).expect("a truncation");
    check_log(&store, 0, 29, None);
    append(&store, 1, entries(2, 30..35)).expect("an append");
    check_log(&store, 0, 34, None);
    wait(|done| store.purge_to(1, 9, id(1, 9), done)).expect("a purge");
    check_log(&store, 10, 34, Some(9));
    wait(|done| store.save_vote(1, b"vote".to_vec(), done)).expect("a vote");
    store.save_committed(1, id(2, 33)).expect("it is queued");
    store.close();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.groups(), [1]);
    assert_eq!(store.read_vote(1), Ok(Some(b"vote".to_vec())));
    assert_eq!(store.read_committed(1), Ok(Some(id(2, 33))));
    // The purge waited for the checkpoint, which came with the closing; so it may be undone.
    let first = store.log_state(1).expect("here").purged.map_or(0, |(index, _)| index + 1);
    check_log(&store, first, 34, first.checked_sub(1));
    let read = store.read(1, 29..32, usize::MAX).expect("readable");
    assert_eq!(read, [entry(1, 29), entry(2, 30), entry(2, 31)]);
}

#[test]
fn reading_takes_as_much_as_is_asked_for() {
    for recent_bytes in [0, 3000, 64 << 20] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ReplicaOptions { recent_bytes, ..ReplicaOptions::new(folder.path(), 2) };
        let store = ReplicaStore::open(options).expect("it opens");
        store.ensure(1).expect("a replica");
        for index in 0..50 {
            append(&store, 1, vec![entry(1, index)]).expect("an append");
        }
        let memory = store.stats().recent_bytes;
        assert!(memory < recent_bytes as u64 + 3000, "{memory} bytes are held");
        assert_eq!(indexes(&store, 10..13, usize::MAX), [10, 11, 12]);
        assert_eq!(indexes(&store, 48..60, usize::MAX), [48, 49]);
        assert_eq!(indexes(&store, 10..50, 1), [10], "one in any case");
        let part = indexes(&store, 0..50, 5000);
        assert!(part.len() > 3 && part.len() < 30, "{part:?}");
        assert_eq!(indexes(&store, 20..20, 5000), [0; 0]);
        assert_eq!(indexes(&store, 60..70, 5000), [0; 0]);
    }
}

#[track_caller]
fn check_refused(outcome: Result<(), String>, because: &str) {
    let why = outcome.expect_err("it must be refused");
    assert!(why.contains(because), "\"{why}\" says \"{because}\"");
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 10);
    check_refused(append(&store, 1, entries(1, 11..12)), "entry 11 instead of 10");
    check_refused(append(&store, 1, entries(1, 9..12)), "entry 9 instead of 10");
    check_refused(append(&store, 1, vec![entry(1, 10), entry(1, 12)]), "instead of 11");
    check_refused(append(&store, 0, entries(1, 0..1)), "no group 0");
    check_refused(append(&store, 9, entries(1, 0..1)), "no group 9");
    check_refused(wait(|done| store.save_vote(2, Vec::new(), done)), "no group 2");
    wait(|done| store.purge_to(1, 4, id(1, 4), done)).expect("a purge");
    check_refused(wait(|done| store.truncate_from(1, 4, done)), "purged to 4");
    // Nothing of it is in the state database yet, so a gap would lose entries for good.
    wait(|done| store.purge_to(1, 20, id(1, 20), done)).expect("a purge");
    check_refused(append(&store, 1, entries(1, 21..22)), "beyond the state");
    assert_eq!(
        store.apply(1, mark(1, 9), &carries(Vec::new())).map_err(|error| error.to_string()),
        { Err("group 1: 9 applied after 9".to_owned()) }
    );
    assert_eq!(store.ensure(4), Err(ReplicaError::NoGroup(4)));
    assert_eq!(store.remove(0), Err(ReplicaError::NoGroup(0)));
    store.close();
    check_refused(wait(|done| store.save_vote(1, Vec::new(), done)), "closed");
    assert_eq!(store.apply(1, mark(1, 30), &carries(Vec::new())), Err(ReplicaError::Closed));
    assert_eq!(store.ensure(2), Err(ReplicaError::Closed));
}

#[test]
fn the_groups_that_wait_share_one_fsync() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    (0..4).for_each(|group| store.ensure(group).expect("a replica"));
    let (go, gone) = mpsc::sync_channel(1);
    let (here, arrived) = mpsc::sync_channel(1);
    // The writer is held up after one write; what comes meanwhile is written together.
    store.append(
        0,
        entries(1, 0..1),
        Box::new(move |_| {
            here.send(()).expect("the test waits");
            gone.recv().expect("the test goes on");
        }),
    );
    arrived.recv().expect("the writer has written");
    let before = store.stats().log_syncs;
    let pending: Vec<_> = (0..4u16)
        .map(|group| {
            let from = u64::from(group == 0);
            begin(|done| store.append(group, entries(1, from..from + 3), done))
        })
        .chain([begin(|done| store.save_vote(2, vec![1], done))])
        .collect();
    go.send(()).expect("the writer waits");
    pending.into_iter().for_each(|pending| pending.wait().expect("written"));
    let stats = store.stats();
    assert_eq!((stats.log_syncs - before, stats.entries), (1, 13));
}

#[test]
fn full_overlays_hold_back_entries_but_not_votes() {
    let folder = tempfile::tempdir().expect("a folder");
    // Nothing makes a checkpoint by itself.
    let options = ReplicaOptions { dirty_hard_bytes: 1, ..ReplicaOptions::new(folder.path(), 2) };
    let store = ReplicaStore::open(options).expect("it opens");
    (0..2).for_each(|group| store.ensure(group).expect("a replica"));
    assert!(store.has_room());
    block_on(store.room());
    append(&store, 0, entries(1, 0..1)).expect("an append");
    store.apply(0, mark(1, 0), &carries(writes(1, 0))).expect("it applies");
    assert!(!store.has_room());
    let appended = begin(|done| store.append(0, entries(1, 1..2), done));
    let behind = begin(|done| store.save_vote(0, vec![1], done));
    wait(|done| store.save_vote(1, vec![1], done)).expect("a vote passes");
    assert!(appended.is_pending() && behind.is_pending(), "but not the entries of its group");
    let room = store.room();
    let waiting = std::thread::spawn(move || block_on(room));
    store.checkpoint(0).expect("a checkpoint");
    waiting.join().expect("there is room now");
    appended.wait().expect("written");
    behind.wait().expect("written");
}

#[test]
fn after_a_failed_fsync_nothing_is_written_and_everybody_told() {
    let disk = Disk::default();
    let open = || {
        let options = ReplicaOptions::new("sim", 2);
        ReplicaStore::open_simulated(options, std::sync::Arc::new(disk.clone()))
    };
    let store = open().expect("it opens");
    store.ensure(0).expect("a replica");
    append(&store, 0, entries(1, 0..3)).expect("an append");
    apply(&store, 0, 0..2);
    disk.fail_sync_after(0);
    let pending: Vec<_> = (3..6)
        .map(|index| begin(|done| store.append(0, entries(1, index..index + 1), done)))
        .collect();
    pending.into_iter().for_each(|pending| check_refused(pending.wait(), "the sync failed"));
    assert!(store.failure().is_some_and(|why| why.contains("log.redb")));
    check_refused(append(&store, 0, entries(1, 6..7)), "must be opened again");
    assert!(matches!(
        store.apply(0, mark(1, 2), &carries(Vec::new())),
        Err(ReplicaError::Failed(_))
    ));
    assert!(matches!(store.checkpoint(0), Err(ReplicaError::Failed(_))));
    assert!(matches!(store.ensure(1), Err(ReplicaError::Failed(_))));
    block_on(store.room());
    assert_eq!(store.read(0, 0..3, usize::MAX).expect("reads go on").len(), 3);
    assert_eq!(crate::replica::rows(&store, 0).len(), 3, "reads go on");
    drop(store);
    disk.power_on(&mut crate::sim::Dice(1));
    let store = open().expect("it opens again");
    let last = store.log_state(0).expect("here").last.map_or(0, |(index, _)| index);
    assert!((2..6).contains(&last), "{last}");
    append(&store, 0, entries(2, last + 1..last + 2)).expect("it goes on");
}

#[test]
fn a_full_disk_fails_the_store_and_keeps_what_was_acknowledged() {
    let disk = Disk::default();
    let open = || {
        let options = ReplicaOptions::new("sim", 2);
        ReplicaStore::open_simulated(options, std::sync::Arc::new(disk.clone()))
    };
    let store = open().expect("it opens");
    store.ensure(0).expect("a replica");
    disk.fill_up();
    let refused = (0..).find(|index| append(&store, 0, entries(1, *index..index + 1)).is_err());
    let refused = refused.expect("files cannot grow");
    assert!(store.failure().is_some_and(|why| why.contains("log.redb")));
    drop(store);
    disk.power_on(&mut crate::sim::Dice(2));
    let store = open().expect("it opens again, with room");
    let last = store.log_state(0).expect("here").last.map(|(index, _)| index);
    assert!(last >= refused.checked_sub(1), "{last:?} of {refused}");
    let next = last.map_or(0, |last| last + 1);
    append(&store, 0, entries(2, next..next + 1)).expect("it goes on");
}

#[test]
fn the_last_handle_may_go_on_the_writers_own_thread() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 3);
    let (sender, told) = mpsc::sync_channel(1);
    let handle = store.clone();
    store.append(
        1,
        entries(1, 3..4),
        Box::new(move |outcome| {
            // Until the test's own handle is gone.
            drop(handle);
            sender.send(outcome).expect("the test waits");
        }),
    );
    drop(store);
    told.recv().expect("it is told").expect("it is written");
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Truncate(u64),
    Purge(u64),
    Vote(u8),
    Committed,
    Apply(u64),
    Checkpoint,
    Read(u64, u64, usize),
    Reopen { closed: bool },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6u64).prop_map(Step::Append),
        1 => (0..6u64).prop_map(Step::Truncate),
        2 => (0..8u64).prop_map(Step::Purge),
        1 => any::<u8>().prop_map(Step::Vote),
        1 => Just(Step::Committed),
        3 => (0..8u64).prop_map(Step::Apply),
        1 => Just(Step::Checkpoint),
        2 => (0..40u64, 0..40u64, 0..4000usize).prop_map(|(from, to, max)| Step::Read(from, to, max)),
        1 => any::<bool>().prop_map(|closed| Step::Reopen { closed }),
    ]
}

/// The log as it should be.
#[derive(Default)]
struct Model {
    /// Terms of all entries, the purged ones included.
    entries: BTreeMap<u64, u64>,
    purged: Option<u64>,
    term: u64,
    vote: Option<Vec<u8>>,
    committed: Vec<Vec<u8>>,
    applied: Option<u64>,
}

impl Model {
    fn next(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(index, _)| index + 1)
    }

    fn run(&mut self, store: &ReplicaStore, step: &Step) {
        match *step {
            Step::Append(count) => {
                let range = self.next()..self.next() + count;
                append(store, 1, entries(self.term, range.clone())).expect("an append");
                self.entries.extend(range.map(|index| (index, self.term)));
            }
            Step::Truncate(count) => {
                let keep = self.applied.max(self.purged).map_or(0, |index| index + 1);
                let from = self.next().saturating_sub(count).max(keep);
                wait(|done| store.truncate_from(1, from, done)).expect("a truncation");
                self.entries.retain(|index, _| *index < from);
                self.term += 1;
            }
            Step::Purge(count) => {
                let Some(applied) = self.applied else { return };
                let to = applied.saturating_sub(count);
                wait(|done| store.purge_to(1, to, id(self.entries[&to], to), done))
                    .expect("a purge");
                self.purged = self.purged.max(Some(to));
            }
            Step::Vote(vote) => {
                wait(|done| store.save_vote(1, vec![vote], done)).expect("a vote");
                self.vote = Some(vec![vote]);
            }
            Step::Committed => {
                let saved = vec![self.committed.len() as u8];
                store.save_committed(1, saved.clone()).expect("it is queued");
                self.committed.push(saved);
            }
            Step::Apply(count) => {
                let from = self.applied.map_or(0, |index| index + 1);
                let to = self.next().min(from + count);
                apply(store, 1, from..to);
                self.applied = to.checked_sub(1);
            }
            Step::Checkpoint => store.checkpoint(1).expect("a checkpoint"),
            Step::Read(from, to, max) => {
                let found = store.read(1, from..to, max).expect("readable");
                let first = self.purged.map_or(from, |purged| from.max(purged + 1));
                let want: Vec<_> = (first..to.min(self.next())).collect();
                let found: Vec<_> = found.iter().map(|entry| entry.index).collect();
                assert!(want.starts_with(&found), "{found:?} of {want:?}");
                assert_eq!(found.is_empty(), want.is_empty());
            }
            Step::Reopen { .. } => {}
        }
    }

    /// What opening again may change: purges, and everything that was only applied.
    fn reopened(&mut self, store: &ReplicaStore, closed: bool) {
        let purged = store.log_state(1).expect("here").purged.map(|(index, _)| index);
        let applied = store.applied(1).expect("here").map(|mark: Mark| mark.index);
        assert!(purged <= self.purged && purged <= applied && applied <= self.applied);
        if closed {
            assert_eq!(applied, self.applied);
        }
        let committed = store.read_committed(1).expect("here");
        match committed {
            Some(committed) => assert!(self.committed.contains(&committed)),
            None => assert!(!closed || self.committed.is_empty()),
        }
        (self.purged, self.applied) = (purged, applied);
    }

    fn check(&self, store: &ReplicaStore) {
        let found = store.read(1, 0..u64::MAX, usize::MAX).expect("readable");
        let found: Vec<_> = found
            .into_iter()
            .map(|found| {
                assert_eq!(found, entry(term_of(&found.id), found.index));
                (found.index, term_of(&found.id))
            })
            .collect();
        let live = self.entries.iter().filter(|(index, _)| Some(**index) > self.purged);
        let live: Vec<_> = live.map(|(index, term)| (*index, *term)).collect();
        assert_eq!(found, live);
        let at = |index: Option<u64>| index.map(|index| (index, id(self.entries[&index], index)));
        let last = live.last().map(|(index, _)| *index).or(self.purged);
        let state = LogState { last: at(last), purged: at(self.purged) };
        assert_eq!(store.log_state(1), Ok(state));
        assert_eq!(store.read_vote(1), Ok(self.vote.clone()));
        let applied = self.applied.map_or(0, |index| index + 1);
        let rows = crate::replica::rows(store, 1);
        assert_eq!(rows.len() as u64, applied + u64::from(applied > 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_log_behaves_as_its_model(
        steps in prop::collection::vec(any_step(), 1..50),
        recent_bytes in prop::sample::select(vec![0, 2000, 1 << 20]),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || {
            let options = ReplicaOptions {
                recent_bytes,
                dirty_soft_bytes: 3000,
                ..ReplicaOptions::new(folder.path(), 2)
            };
            ReplicaStore::open(options).expect("it opens")
        };
        let mut store = open();
        store.ensure(1).expect("a replica");
        let mut model = Model::default();
        for step in &steps {
            if let Step::Reopen { closed } = step {
                if *closed {
                    store.close();
                }
                drop(store);
                store = open();
                model.reopened(&store, *closed);
            }
            model.run(&store, step);
            model.check(&store);
        }
    }
}
