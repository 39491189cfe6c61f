//! Power loss and failed fsyncs under the replicas' store, on a simulated disk.
//!
//! Groups 0 and 1 take random writes of their logs; group 2 comes, takes snapshots of group 0, and
//! goes. After each loss every group must be as after some write between the last one that was
//! acknowledged and the last one that was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use impresario_journal::Table;
use impresario_redb::{Mark, OpenError, ReplicaOptions, ReplicaStore};

use crate::replica::{
    Pending, begin, carries, chunks, entries, filled, id, mark, rows, term_of, writes,
};
use crate::sim::{Dice, Disk, rounds};

fn open(disk: &Disk) -> Result<ReplicaStore, OpenError> {
    let options = ReplicaOptions {
        dirty_soft_bytes: 4000,
        dirty_hard_bytes: 20_000,
        recent_bytes: 6000,
        ..ReplicaOptions::new("sim", 3)
    };
    ReplicaStore::open_simulated(options, Arc::new(disk.clone()))
}

/// A log as it was after some write.
#[derive(Clone, Debug, Default)]
struct Log {
    /// Terms of the entries that were not truncated.
    entries: BTreeMap<u64, u64>,
    vote: Option<u64>,
}

#[derive(Debug)]
struct Group {
    number: u16,
    /// What the disk may hold: the first was acknowledged, the last was asked for last.
    logs: Vec<Log>,
    purged: Option<u64>,
    term: u64,
    applied: Option<u64>,
    /// What the state database was seen to hold.
    durable: Option<u64>,
}

impl Group {
    fn new(number: u16) -> Self {
        let logs = vec![Log::default()];
        Self { number, logs, purged: None, term: 1, applied: None, durable: None }
    }

    fn asked(&mut self) -> Log {
        self.logs.last().cloned().unwrap_or_default()
    }

    /// Asks for one random write of the log.
    fn write(&mut self, store: &ReplicaStore, dice: &mut Dice) -> Pending {
        let mut log = self.asked();
        let next = log.entries.last_key_value().map_or(0, |(index, _)| index + 1);
        let keep = self.applied.max(self.purged).map_or(0, |index| index + 1);
        let group = self.number;
        let pending = match dice.below(8) {
            0 => {
                self.term += 1;
                log.vote = Some(self.term);
                let vote = self.term.to_be_bytes().to_vec();
                begin(|done| store.save_vote(group, vote, done))
            }
            1 => {
                let from = next.saturating_sub(dice.below(4)).max(keep);
                log.entries.retain(|index, _| *index < from);
                self.term += 1;
                begin(|done| store.truncate_from(group, from, done))
            }
            2 if self.applied > self.purged => {
                let to = self.applied.unwrap_or(0).saturating_sub(dice.below(3));
                self.purged = self.purged.max(Some(to));
                let id = id(log.entries[&to], to);
                begin(|done| store.purge_to(group, to, id, done))
            }
            _ => {
                let range = next..next + dice.below(3) + 1;
                log.entries.extend(range.clone().map(|index| (index, self.term)));
                begin(|done| store.append(group, entries(self.term, range), done))
            }
        };
        self.logs.push(log);
        pending
    }

    /// Applies some of what is acknowledged.
    fn apply(&mut self, store: &ReplicaStore, dice: &mut Dice) -> Option<()> {
        let from = self.applied.map_or(0, |index| index + 1);
        let log = &self.logs[0];
        for (index, term) in log.entries.range(from..).take(dice.below(6) as usize) {
            let found = store.read(self.number, *index..*index + 1, usize::MAX).ok()?;
            assert_eq!(found, entries(*term, *index..*index + 1));
            store.apply(self.number, mark(*term, *index), &carries(writes(*term, *index))).ok()?;
            self.applied = Some(*index);
            store.save_committed(self.number, id(*term, *index)).ok()?;
        }
        let durable = store.durable(self.number).ok()?.map(|mark| mark.index);
        assert!(durable >= self.durable && durable <= self.applied);
        self.durable = durable;
        Some(())
    }

    /// Holds what is there against what may be there, and goes on from it.
    fn check(&mut self, store: &ReplicaStore) {
        let purged = store.log_state(self.number).expect("here").purged.map(|(index, _)| index);
        let found = store.read(self.number, 0..u64::MAX, usize::MAX).expect("readable");
        let found: BTreeMap<_, _> =
            found.iter().map(|entry| (entry.index, term_of(&entry.id))).collect();
        let vote = store.read_vote(self.number).expect("here");
        let vote = vote.map(|vote| u64::from_be_bytes(vote.try_into().expect("8 bytes")));
        let is_there = |log: &&Log| {
            let live = log.entries.iter().filter(|(index, _)| Some(**index) > purged);
            vote == log.vote && live.eq(found.iter())
        };
        let log = self.logs.iter().find(is_there).cloned().unwrap_or_else(|| {
            panic!("found {found:?}, vote {vote:?}, purged {purged:?}; may be {self:?}")
        });
        let applied = store.applied(self.number).expect("here").map(|mark| mark.index);
        assert!(applied >= self.durable, "{applied:?} {self:?}");
        assert!(applied <= self.applied, "{applied:?} {self:?}");
        assert!(purged <= self.purged && purged <= applied, "{purged:?} {applied:?} {self:?}");
        check_rows(store, self.number, &log.entries);
        let committed = store.read_committed(self.number).expect("here");
        let committed = committed.map(|id| u64::from_be_bytes(id[8..].try_into().expect("8")));
        assert!(committed <= self.applied && committed <= log.entries.keys().last().copied());
        // What was committed is there to be applied again.
        let from = applied.map_or(0, |index| index + 1);
        for (index, term) in log.entries.range(from..) {
            if Some(*index) <= self.applied {
                let applied =
                    store.apply(self.number, mark(*term, *index), &carries(writes(*term, *index)));
                applied.expect("it applies");
            }
        }
        self.durable = applied;
        self.purged = purged;
        self.logs = vec![log];
    }
}

/// The rows are those of all entries up to the mark, each once.
fn check_rows(store: &ReplicaStore, group: u16, history: &BTreeMap<u64, u64>) -> Option<Mark> {
    let at = store.applied(group).expect("here");
    let rows = rows(store, group);
    let mut count = 0;
    for (table, key, value) in &rows {
        if *table == Table::Events {
            let index = u64::from_be_bytes(key.as_slice().try_into().expect("8 bytes"));
            assert_eq!((index, term_of(value)), (count, history[&count]));
            count += 1;
        }
    }
    assert_eq!(count, at.as_ref().map_or(0, |mark| mark.index + 1));
    let counter = store.get(group, Table::Index, b"count").expect("readable");
    let counter = counter.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().expect("8")));
    assert_eq!(counter, count, "each entry applied once");
    at
}

/// Group 2.
#[derive(Debug, Default)]
struct Learner {
    /// The marks that it may have; an outer `None` is that it is not here.
    may_be: Vec<Option<Option<Mark>>>,
}

impl Learner {
    /// Comes, takes a snapshot, or goes.
    fn act(&mut self, store: &ReplicaStore, dice: &mut Dice) -> Option<()> {
        if dice.below(6) == 0 {
            if store.groups().contains(&2) {
                self.may_be.push(None);
                store.remove(2).ok()?;
            }
        } else {
            if !store.groups().contains(&2) {
                self.may_be.push(Some(None));
                store.ensure(2).ok()?;
            }
            let mut reader = store.snapshot(0).ok()?;
            let Some(at) = reader.mark().cloned() else { return Some(()) };
            let mut install = store.install(2, &at).ok()?;
            while !install.is_complete() {
                let chunk = reader.chunk(install.next()).ok()??;
                install.write(&chunk).ok()?;
            }
            self.may_be.push(Some(Some(at.clone())));
            install.finish().ok()?;
            begin(|done| store.purge_to(2, at.index, at.bytes.clone(), done)).wait().ok()?;
            let next = at.index + 1..at.index + 3;
            begin(|done| store.append(2, entries(7, next), done)).wait().ok()?;
        }
        let last = self.may_be.pop();
        self.may_be.clear();
        self.may_be.extend(last);
        Some(())
    }

    fn check(&mut self, store: &ReplicaStore, history: &BTreeMap<u64, u64>) {
        let found = store.groups().contains(&2).then(|| check_rows(store, 2, history));
        assert!(self.may_be.contains(&found), "{found:?}, may be {:?}", self.may_be);
        self.may_be = vec![found];
    }
}

fn until_the_power_goes(
    store: &ReplicaStore,
    groups: &mut [Group; 2],
    learner: &mut Learner,
    dice: &mut Dice,
) -> Option<()> {
    loop {
        let some = (0..dice.below(4) + 1).map(|_| {
            let group = &mut groups[dice.below(2) as usize];
            group.write(store, dice)
        });
        let pending: Vec<_> = some.collect();
        let outcomes: Vec<_> = pending.into_iter().map(Pending::wait).collect();
        outcomes.into_iter().collect::<Result<(), _>>().ok()?;
        for group in groups.iter_mut() {
            group.logs = vec![group.asked()];
            group.apply(store, dice)?;
        }
        match dice.below(10) {
            0 => store.checkpoint(dice.below(2) as u16).ok()?,
            1 => learner.act(store, dice)?,
            _ => {}
        }
    }
}

/// Rounds on one disk; then another begins, so that time per round stays the same.
const ROUNDS_PER_DISK: u64 = 60;

#[test]
fn power_loss_takes_nothing_acknowledged_from_a_replica() {
    let (rounds, mut dice) = rounds(240);
    for begun in (0..rounds).step_by(ROUNDS_PER_DISK as usize) {
        rounds_on_one_disk((rounds - begun).min(ROUNDS_PER_DISK), &mut dice);
    }
}

fn rounds_on_one_disk(rounds: u64, dice: &mut Dice) {
    let disk = Disk::default();
    let mut groups = [Group::new(0), Group::new(1)];
    let mut learner = Learner { may_be: vec![None] };
    let store = open(&disk).expect("a new store opens");
    (0..2).for_each(|group| store.ensure(group).expect("a replica"));
    drop(store);
    for round in 0..rounds {
        if dice.below(4) == 0 {
            disk.fail_sync_after(dice.below(60));
        } else {
            disk.cut_power_after(dice.below(900) + 1);
        }
        // Power may also go while the store opens.
        if let Ok(store) = open(&disk) {
            groups.iter_mut().for_each(|group| group.check(&store));
            learner.check(&store, &groups[0].logs[0].entries);
            until_the_power_goes(&store, &mut groups, &mut learner, dice);
        }
        disk.power_on(dice);
        let store = open(&disk).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        groups.iter_mut().for_each(|group| group.check(&store));
        learner.check(&store, &groups[0].logs[0].entries);
    }
    assert!(groups.iter().all(|group| group.applied > Some(rounds / 2)), "{groups:?}");
}

/// An installation of several chunks, cut off after a number of operations that grows.
#[test]
fn a_crash_within_an_installation_leaves_the_old_state_or_the_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = filled(folder.path(), 30);
    let big = |key: u8| impresario_journal::Write::Put {
        table: Table::Keys,
        key: vec![key],
        value: vec![key; 600_000],
    };
    begin(|done| source.append(1, entries(1, 30..31), done)).wait().expect("an append");
    source.apply(1, mark(1, 30), &carries((0..12).map(big).collect())).expect("it applies");
    let new = rows(&source, 1);
    let all = chunks(&mut source.snapshot(1).expect("a snapshot"));
    let (mut dice, mut cut, mut resumed) = (Dice(5), 1, 0);
    loop {
        let disk = Disk::default();
        let store = open(&disk).expect("it opens");
        store.ensure(1).expect("a replica");
        store.apply(1, mark(9, 0), &carries(writes(9, 0))).expect("an old row");
        store.checkpoint(1).expect("a checkpoint");
        let old = rows(&store, 1);
        disk.cut_power_after(cut);
        let install = |store: &ReplicaStore| {
            let mut install = store.install(1, &mark(1, 30)).ok()?;
            let begun = install.next();
            while !install.is_complete() {
                install.write(&all[install.next() as usize]).ok()?;
            }
            install.finish().ok()?;
            Some(begun)
        };
        let whole = install(&store).is_some();
        drop(store);
        disk.power_on(&mut dice);
        let store = open(&disk).unwrap_or_else(|error| panic!("cut after {cut}: {error:?}"));
        let found = rows(&store, 1);
        if found == new {
            assert_eq!(store.applied(1), Ok(Some(mark(1, 30))));
        } else {
            assert!(found == old && !whole, "cut after {cut}: neither the old state nor the new");
            assert_eq!(store.applied(1), Ok(Some(mark(9, 0))));
            resumed += u64::from(install(&store).expect("it goes on") > 0);
            assert!(rows(&store, 1) == new);
        }
        store.remove(1).expect("it goes");
        drop(store);
        assert_eq!(disk.names(), ["log.redb"], "no file is left behind");
        if whole {
            break;
        }
        cut += 1 + dice.below(6);
    }
    assert!(cut > 50 && resumed > 3, "cut up to {cut}, resumed {resumed}");
}
