//! The form of the log on the disk: one row for each durable write.
//!
//! A row (a *record*) holds every entry that the write brought, of all groups, so that a write costs
//! one row at the end of one table, however many groups take part. Where each entry is is known in
//! memory only, and found again at opening by reading the records in order. A record goes when none
//! of its entries is needed any more; as records go in order, one that still has a few entries that
//! are needed is emptied by copying those into the newest one, once more than half of the log is
//! waste.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::disk::Result;
use crate::replica::LogEntry;
use crate::replica::stored::{self, VERSION, damaged};

const INSERT: u8 = 1;
const TRUNCATE: u8 = 2;
const FORGET: u8 = 3;

/// Bytes of a step before an entry's own: kind, group, index, length.
const INSERT_HEAD: usize = 15;

/// The waste that a log may always have, in bytes.
pub(crate) const SLACK: u64 = 16 << 20;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) record: u64,
    offset: u32,
    length: u32,
}

impl Held {
    /// The entry's stored form within its record.
    pub(crate) fn of<'a>(&self, record: &'a [u8]) -> Result<&'a [u8]> {
        let from = self.offset as usize;
        record.get(from..from + self.length as usize).ok_or_else(|| damaged("a record"))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.length as usize
    }
}

/// One step of a record as it is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Insert { group: u16, index: u64, offset: u32, length: u32 },
    Truncate { group: u16, from: u64 },
    Forget { group: u16 },
}

/// A record that is being made.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) number: u64,
    bytes: Vec<u8>,
}

impl Draft {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, bytes: vec![VERSION] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == 1
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn insert(&mut self, group: u16, entry: &LogEntry) -> Held {
        let held = self.begin(group, entry.index, stored::entry_bytes(entry));
        let from = self.bytes.len();
        self.bytes.resize(from + held.bytes(), 0);
        stored::write_entry(entry, &mut self.bytes[from..]);
        held
    }

    /// An entry of an older record, as it is stored there.
    fn copy(&mut self, group: u16, index: u64, entry: &[u8]) -> Held {
        let held = self.begin(group, index, entry.len());
        self.bytes.extend_from_slice(entry);
        held
    }

    fn begin(&mut self, group: u16, index: u64, length: usize) -> Held {
        // An entry's size is limited far below this, by the payload.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.bytes.push(INSERT);
        self.bytes.extend_from_slice(&group.to_be_bytes());
        self.bytes.extend_from_slice(&index.to_be_bytes());
        self.bytes.extend_from_slice(&length.to_be_bytes());
        let offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        Held { record: self.number, offset, length }
    }

    pub(crate) fn truncate(&mut self, group: u16, from: u64) {
        self.bytes.push(TRUNCATE);
        self.bytes.extend_from_slice(&group.to_be_bytes());
        self.bytes.extend_from_slice(&from.to_be_bytes());
    }

    pub(crate) fn forget(&mut self, group: u16) {
        self.bytes.push(FORGET);
        self.bytes.extend_from_slice(&group.to_be_bytes());
    }
}

/// Visits the steps of a stored record.
pub(crate) fn steps(record: &[u8], mut visit: impl FnMut(Stored)) -> Result<()> {
    let broken = || damaged("a record");
    let mut rest = record.strip_prefix(&[VERSION]).ok_or_else(broken)?;
    while let Some((kind, after)) = rest.split_first() {
        let (group, after) = after.split_first_chunk::<2>().ok_or_else(broken)?;
        let group = u16::from_be_bytes(*group);
        rest = match *kind {
            INSERT => {
                let (index, after) = after.split_first_chunk::<8>().ok_or_else(broken)?;
                let (length, after) = after.split_first_chunk::<4>().ok_or_else(broken)?;
                let length = u32::from_be_bytes(*length);
                let offset = u32::try_from(record.len() - after.len()).map_err(|_| broken())?;
                visit(Stored::Insert { group, index: u64::from_be_bytes(*index), offset, length });
                after.get(length as usize..).ok_or_else(broken)?
            }
            TRUNCATE => {
                let (from, after) = after.split_first_chunk::<8>().ok_or_else(broken)?;
                visit(Stored::Truncate { group, from: u64::from_be_bytes(*from) });
                after
            }
            FORGET => {
                visit(Stored::Forget { group });
                after
            }
            _ => return Err(broken()),
        };
    }
    Ok(())
}

/// Where every entry is, and how much of each record is still needed.
#[derive(Debug)]
pub(crate) struct Index {
    /// So many bytes of waste are always allowed.
    slack: u64,
    groups: BTreeMap<u16, BTreeMap<u64, Held>>,
    records: VecDeque<Record>,
    /// The number of the oldest record.
    first: u64,
    bytes: u64,
    needed_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    bytes: u64,
    entries: u32,
}

impl Index {
    pub(crate) fn new(slack: u64) -> Self {
        Self {
            slack,
            groups: BTreeMap::new(),
            records: VecDeque::new(),
            first: 0,
            bytes: 0,
            needed_bytes: 0,
        }
    }

    /// The number of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Begins a record, before anything of it is inserted.
    pub(crate) fn begin(&mut self) -> Draft {
        let draft = Draft::new(self.next());
        self.records.push_back(Record::default());
        draft
    }

    /// A record is complete; an empty one is not kept.
    pub(crate) fn end(&mut self, draft: &Draft) {
        if draft.is_empty() {
            self.records.pop_back();
        } else if let Some(record) = self.records.back_mut() {
            record.bytes = draft.bytes.len() as u64;
            self.bytes += record.bytes;
        }
    }

    /// Reads a stored record, which follows those read before.
    pub(crate) fn replay(&mut self, number: u64, record: &[u8]) -> Result<()> {
        if self.records.is_empty() {
            self.first = number;
        }
        if number != self.next() {
            return Err(damaged("the order of the records"));
        }
        self.records.push_back(Record { bytes: record.len() as u64, entries: 0 });
        self.bytes += record.len() as u64;
        steps(record, |step| match step {
            Stored::Insert { group, index, offset, length } => {
                self.insert(group, index, Held { record: number, offset, length });
            }
            Stored::Truncate { group, from } => self.remove(group, from..u64::MAX),
            Stored::Forget { group } => self.forget(group),
        })
    }

    pub(crate) fn insert(&mut self, group: u16, index: u64, held: Held) {
        self.count(held, true);
        if let Some(before) = self.groups.entry(group).or_default().insert(index, held) {
            self.count(before, false);
        }
    }

    pub(crate) fn remove(&mut self, group: u16, range: Range<u64>) {
        let Some(entries) = self.groups.get_mut(&group) else { return };
        let mut removed = entries.split_off(&range.start);
        entries.append(&mut removed.split_off(&range.end));
        removed.into_values().for_each(|held| self.count(held, false));
    }

    pub(crate) fn forget(&mut self, group: u16) {
        let removed = self.groups.remove(&group).unwrap_or_default();
        removed.into_values().for_each(|held| self.count(held, false));
    }

    fn count(&mut self, held: Held, needed: bool) {
        let Some(place) = held.record.checked_sub(self.first) else { return };
        let Some(record) = usize::try_from(place).ok().and_then(|at| self.records.get_mut(at))
        else {
            return;
        };
        let bytes = INSERT_HEAD as u64 + u64::from(held.length);
        if needed {
            record.entries += 1;
            self.needed_bytes += bytes;
        } else {
            record.entries -= 1;
            self.needed_bytes -= bytes;
        }
    }

    /// The oldest records that nobody needs; they are gone from here then. None, while they are fewer
    /// than `least` and small: a removed row costs its way through the tree, alone or with others.
    pub(crate) fn superfluous(&mut self, least: usize, most: usize) -> Range<u64> {
        let from = self.first;
        let is_small = self.bytes <= 2 * self.needed_bytes + self.slack / 4;
        if is_small && self.records.iter().take(least).any(|record| record.entries > 0) {
            return from..from;
        }
        // The newest one is the one that is being made.
        while self.first - from < most as u64
            && self.records.len() > 1
            && let Some(record) = self.records.pop_front_if(|record| record.entries == 0)
        {
            self.bytes -= record.bytes;
            self.first += 1;
        }
        from..self.first
    }

    /// The oldest record, if the log has so much waste that the record's last entries should move.
    pub(crate) fn stale(&self) -> Option<u64> {
        let is_wasteful = self.bytes > 2 * self.needed_bytes + self.slack;
        // The newest one is the one that is being made.
        (is_wasteful && self.records.len() > 1).then_some(self.first)
    }

    /// Copies what is still needed of an old record into a new one.
    pub(crate) fn rescue(&mut self, number: u64, record: &[u8], into: &mut Draft) -> Result<()> {
        let mut needed = Vec::new();
        steps(record, |step| {
            if let Stored::Insert { group, index, offset, length } = step {
                let held = Held { record: number, offset, length };
                if self.groups.get(&group).and_then(|entries| entries.get(&index)) == Some(&held) {
                    needed.push((group, index, held));
                }
            }
        })?;
        for (group, index, held) in needed {
            let copy = into.copy(group, index, held.of(record)?);
            self.insert(group, index, copy);
        }
        Ok(())
    }

    /// Every group that has entries.
    pub(crate) fn groups(&self) -> Vec<u16> {
        self.groups.keys().copied().collect()
    }

    /// The first and the last entry of a group at or after `from`.
    pub(crate) fn ends(&self, group: u16, from: u64) -> Option<(u64, (u64, Held))> {
        let mut entries = self.groups.get(&group)?.range(from..);
        let (first, held) = entries.next()?;
        let (last, held) = entries.next_back().unwrap_or((first, held));
        Some((*first, (*last, *held)))
    }

    /// The entries of a range up to `max` bytes, at least one if there is any.
    pub(crate) fn range(&self, group: u16, range: Range<u64>, max: usize) -> Vec<(u64, Held)> {
        let Some(entries) = self.groups.get(&group) else { return Vec::new() };
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (index, held) in entries.range(range) {
            bytes += held.bytes();
            if bytes > max && !found.is_empty() {
                break;
            }
            found.push((*index, *held));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::replica::Payload;

    /// Records and what they say, as the database and its readers have them.
    struct Disk {
        index: Index,
        records: BTreeMap<u64, Vec<u8>>,
    }

    #[derive(Clone, Debug)]
    enum Op {
        Append(u16, u64),
        Truncate(u16, u64),
        Remove(u16, u64),
        Forget(u16),
    }

    fn entry(index: u64, stamp: u64) -> LogEntry {
        let bytes = format!("{index} of {stamp}").repeat(1 + (stamp % 7) as usize);
        LogEntry {
            index,
            id: stamp.to_be_bytes().to_vec(),
            payload: Arc::new(Payload::opaque(bytes.into_bytes())),
        }
    }

    impl Disk {
        fn write(&mut self, steps: impl FnOnce(&mut Index, &mut Draft)) {
            let mut draft = self.index.begin();
            steps(&mut self.index, &mut draft);
            let mut gone = self.index.superfluous(2, 3);
            while let Some(stale) = self.index.stale() {
                self.index.rescue(stale, &self.records[&stale], &mut draft).expect("it reads");
                gone.end = self.index.superfluous(2, 3).end;
            }
            self.index.end(&draft);
            gone.for_each(|number| drop(self.records.remove(&number)));
            if !draft.is_empty() {
                self.records.insert(draft.number, draft.bytes().to_vec());
            }
        }

        fn read(&self) -> BTreeMap<(u16, u64), Vec<u8>> {
            let mut found = BTreeMap::new();
            for group in self.index.groups() {
                for (at, held) in self.index.range(group, 0..u64::MAX, usize::MAX) {
                    let bytes = held.of(&self.records[&held.record]).expect("it is there");
                    found.insert((group, at), bytes.to_vec());
                }
            }
            found
        }

        fn reopen(&mut self) {
            self.index = Index::new(self.index.slack);
            for (number, record) in &self.records {
                self.index.replay(*number, record).expect("it replays");
            }
        }
    }

    fn any_op() -> impl Strategy<Value = Op> {
        (0_u8..8, 0_u16..3, 0_u64..6).prop_map(|(kind, group, number)| match kind {
            0..=3 => Op::Append(group, 1 + number % 4),
            4 => Op::Truncate(group, number),
            5 | 6 => Op::Remove(group, number),
            _ => Op::Forget(group),
        })
    }

    proptest! {
        /// Whatever is appended, cut off and moved, every entry that is needed is found, also after
        /// a new opening, and the waste is bounded.
        #[test]
        fn entries_are_found_until_they_are_not_needed(
            writes in prop::collection::vec(prop::collection::vec(any_op(), 1..5), 1..40),
            reopens in prop::collection::vec(any::<bool>(), 40),
        ) {
            let mut disk = Disk { index: Index::new(200), records: BTreeMap::new() };
            // Of each group: where it was purged to, and the entries from there on.
            let mut model: BTreeMap<u16, (u64, BTreeMap<u64, Vec<u8>>)> = BTreeMap::new();
            let mut stamp = 0;
            for (ops, reopen) in writes.into_iter().zip(reopens) {
                disk.write(|index, draft| for op in ops {
                    stamp += 1;
                    match op {
                        Op::Append(group, count) => for _ in 0..count {
                            let (purged, log) = model.entry(group).or_default();
                            let next = log.last_key_value().map_or(*purged, |(last, _)| last + 1);
                            let entry = entry(next, stamp);
                            let mut bytes = vec![0; stored::entry_bytes(&entry)];
                            stored::write_entry(&entry, &mut bytes);
                            log.insert(next, bytes);
                            let held = draft.insert(group, &entry);
                            index.insert(group, next, held);
                        },
                        Op::Truncate(group, from) => {
                            let (purged, log) = model.entry(group).or_default();
                            let from = from.max(*purged);
                            log.split_off(&from);
                            draft.truncate(group, from);
                            index.remove(group, from..u64::MAX);
                        }
                        Op::Remove(group, to) => {
                            let (purged, log) = model.entry(group).or_default();
                            *purged = to.max(*purged);
                            *log = log.split_off(&to);
                            index.remove(group, 0..to);
                        }
                        Op::Forget(group) => {
                            model.remove(&group);
                            draft.forget(group);
                            index.forget(group);
                        }
                    }
                });
                if reopen {
                    disk.reopen();
                    // An opening finds waste again; the rows of the groups say what is.
                    for (group, (purged, _)) in &model {
                        disk.index.remove(*group, 0..*purged);
                    }
                }
                let want: BTreeMap<_, _> = model
                    .iter()
                    .flat_map(|(group, (_, log))| log.iter().map(|(at, bytes)| ((*group, *at), bytes.clone())))
                    .collect();
                prop_assert_eq!(disk.read(), want);
                let bytes: usize = disk.records.values().map(Vec::len).sum();
                prop_assert_eq!(bytes as u64, disk.index.bytes);
            }
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = steps(&bytes, |_| {});
            let _ = steps(&[&[VERSION, INSERT], bytes.as_slice()].concat(), |_| {});
        }
    }

    #[test]
    fn golden_record() {
        let mut draft = Draft::new(7);
        let entry =
            LogEntry { index: 9, id: vec![1], payload: Arc::new(Payload::opaque(vec![2, 3])) };
        draft.insert(5, &entry);
        draft.truncate(5, 9);
        draft.forget(6);
        let golden = [
            &[1_u8][..],
            &[1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 7, 1, 0, 0, 1, 1, 2, 3],
            &[2, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9],
            &[3, 0, 6],
        ]
        .concat();
        assert_eq!(draft.bytes(), golden);
        let mut found = Vec::new();
        steps(&golden, |step| found.push(step)).expect("it reads");
        assert_eq!(
            found,
            [
                Stored::Insert { group: 5, index: 9, offset: 16, length: 7 },
                Stored::Truncate { group: 5, from: 9 },
                Stored::Forget { group: 6 },
            ]
        );
        for end in 2..golden.len() {
            let whole = [23, 34].contains(&end);
            assert_eq!(steps(&golden[..end], |_| {}).is_ok(), whole, "cut at {end}");
        }
    }
}
