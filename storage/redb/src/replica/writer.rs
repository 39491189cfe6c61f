use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::now;
use crate::replica::log::{Changes, Known, ReplicaLog, Step};
use crate::replica::slot::Slots;
use crate::replica::stored::{At, Holding};
use crate::replica::{Done, LogEntry};
use crate::shared::{Gather, Queued, Shared};

/// The most wasted entries of one group that are removed in one write, beyond twice those written.
const WASTE_LEAST: u64 = 64;

/// The most that are removed in one write when a replica goes.
pub(crate) const ERASE_MOST: u64 = 4096;

/// One thing for the writer to do.
pub(crate) struct Op {
    pub(crate) group: u16,
    pub(crate) what: What,
    pub(crate) done: Option<Done>,
}

pub(crate) enum What {
    Append {
        entries: Vec<LogEntry>,
        bytes: usize,
        ticket: u64,
    },
    Vote(Vec<u8>),
    Committed(Vec<u8>),
    Truncate {
        from: u64,
    },
    Purge(At),
    /// A replica begins.
    Hold,
    /// A replica goes: all of its entries are waste now.
    Leave,
    /// Removes some of the waste of a group.
    Erase,
    /// Nothing is left of a group.
    Forget,
}

impl Queued for Op {
    fn bytes(&self) -> usize {
        if let What::Append { bytes, .. } = &self.what { *bytes } else { 0 }
    }

    fn group(&self) -> u16 {
        self.group
    }

    fn needs_room(&self) -> bool {
        matches!(self.what, What::Append { .. })
    }

    fn is_lazy(&self) -> bool {
        self.done.is_none()
    }
}

/// Where a group's entries are on the disk.
#[derive(Debug, Default)]
pub(crate) struct Place {
    live: Range<u64>,
    waste: VecDeque<Range<u64>>,
    /// A purge that waits until the state database has what it takes away.
    pending: Option<At>,
}

impl Place {
    pub(crate) fn of(known: &Known) -> Self {
        Self { live: known.live.clone(), ..Self::default() }
    }

    fn discard(&mut self, range: Range<u64>) {
        if !range.is_empty() {
            self.waste.push_back(range);
        }
    }

    fn wasted(&self) -> u64 {
        self.waste.iter().map(|range| range.end - range.start).sum()
    }

    fn is_tidy(&self) -> bool {
        self.pending.is_none() && self.waste.is_empty()
    }

    /// Counts everything up to `index` as waste.
    fn purge(&mut self, index: u64) {
        let next = index.saturating_add(1);
        let end = next.clamp(self.live.start, self.live.end.max(self.live.start));
        self.discard(self.live.start..end);
        self.live.start = end;
    }

    /// The first `most` of the waste.
    fn sweep(&mut self, mut most: u64) -> Vec<Range<u64>> {
        let mut swept = Vec::new();
        while most > 0
            && let Some(range) = self.waste.front_mut()
        {
            let end = range.end.min(range.start.saturating_add(most));
            most -= end - range.start;
            swept.push(range.start..end);
            range.start = end;
            if range.is_empty() {
                self.waste.pop_front();
            }
        }
        swept
    }
}

/// The thread that owns the log: everything durable but the states' own databases goes through
/// here.
pub(crate) struct Writer {
    shared: Arc<Shared<Op>>,
    log: Arc<ReplicaLog>,
    slots: Slots,
    places: Vec<Place>,
    /// Groups with something to purge or to remove.
    untidy: BTreeSet<u16>,
    drain_bytes: usize,
    gather: Gather,
    /// Who appended in the last durable write, and in the one before.
    busy: [BTreeSet<u16>; 2],
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared<Op>>,
        log: Arc<ReplicaLog>,
        slots: Slots,
        places: Vec<Place>,
        (drain_bytes, wait): (usize, Duration),
    ) -> Self {
        let untidy = (0..).zip(&places).filter(|(_, place)| !place.is_tidy());
        let untidy = untidy.map(|(group, _)| group).collect();
        let gather = Gather { count: 0, wait };
        let busy = <_>::default();
        Self { shared, log, slots, places, untidy, drain_bytes, gather, busy }
    }

    /// Until the store closes.
    pub(crate) fn run(mut self) {
        loop {
            let drained = self.shared.drain(self.drain_bytes, self.gather);
            self.gather.count = self.expected(&drained);
            if drained.is_empty() {
                return;
            }
            match self.shared.failure() {
                Some(why) => refuse(drained, &why),
                None => self.write(drained),
            }
        }
    }

    /// How many groups the next durable write should wait for: those of the last two. With those of
    /// the last alone, the groups that were answered and those that came meanwhile would take turns
    /// for ever, each with a write for half of them.
    fn expected(&mut self, drained: &[Op]) -> usize {
        let appends = drained.iter().filter(|op| matches!(op.what, What::Append { .. }));
        self.busy.swap(0, 1);
        self.busy[0] = appends.map(|op| op.group).collect();
        self.busy[0].union(&self.busy[1]).count()
    }

    fn write(&mut self, ops: Vec<Op>) {
        let mut changes = Changes::default();
        let mut entries = 0;
        for op in &ops {
            entries += self.plan(op, &mut changes);
        }
        self.tidy(entries, &mut changes);
        let started = now();
        if let Err(error) = self.log.write(&changes) {
            let why = format!("log.redb: {error}");
            self.shared.fail(&why);
            drop(changes);
            refuse(ops, &why);
            return;
        }
        drop(changes);
        metrics::histogram!("impresario_log_fsync_seconds").record(started.elapsed().as_secs_f64());
        metrics::histogram!("impresario_log_batch_size").record(entries as f64);
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        self.shared.batches.fetch_add(entries, Ordering::Relaxed);
        for op in ops {
            if let Ok(slot) = self.slots.get(op.group) {
                match &op.what {
                    What::Append { ticket, .. } => slot.written.store(*ticket, Ordering::Release),
                    What::Leave | What::Erase => {
                        let waste = self.places[usize::from(op.group)].wasted();
                        slot.waste.store(waste, Ordering::Release);
                    }
                    What::Vote(_)
                    | What::Committed(_)
                    | What::Truncate { .. }
                    | What::Purge(_)
                    | What::Hold
                    | What::Forget => {}
                }
            }
            if let Some(done) = op.done {
                done(Ok(()));
            }
        }
    }

    /// Adds what one op changes. Gives the number of entries it appends.
    fn plan<'a>(&mut self, op: &'a Op, changes: &mut Changes<'a>) -> u64 {
        let group = op.group;
        let place = &mut self.places[usize::from(group)];
        match &op.what {
            What::Append { entries, .. } => {
                let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return 0 };
                if first.index != place.live.end {
                    // After an installed snapshot, or the first of all.
                    if let Some(at) = place.pending.take() {
                        place.purge(at.0);
                        changes.purged.push((group, at));
                        self.untidy.insert(group);
                    }
                    place.live.start = first.index;
                }
                place.live.end = last.index.saturating_add(1);
                changes.steps.extend(entries.iter().map(|entry| Step::Insert(group, entry)));
                return entries.len() as u64;
            }
            What::Vote(vote) => drop(changes.votes.insert(group, vote)),
            What::Committed(id) => drop(changes.committed.insert(group, id)),
            What::Truncate { from } => {
                let from = (*from).max(place.live.start);
                if from < place.live.end {
                    changes.steps.push(Step::Truncate(group, from));
                    place.live.end = from;
                }
            }
            What::Purge(at) => {
                place.pending = Some(at.clone());
                self.untidy.insert(group);
            }
            What::Hold => changes.groups.push((group, Holding::Held)),
            What::Leave => {
                let live = std::mem::take(&mut place.live);
                place.discard(live);
                place.pending = None;
                changes.groups.push((group, Holding::Leaving));
                self.untidy.insert(group);
            }
            What::Erase => {
                let swept = place.sweep(ERASE_MOST);
                changes.steps.extend(swept.into_iter().map(|range| Step::Remove(group, range)));
            }
            What::Forget => {
                changes.steps.push(Step::Forget(group));
                changes.forgotten.push(group);
            }
        }
        0
    }

    /// What the state databases made superfluous, a bounded number of entries per write.
    fn tidy(&mut self, written: u64, changes: &mut Changes<'_>) {
        let most = WASTE_LEAST + 2 * written;
        let (places, slots) = (&mut self.places, &self.slots);
        self.untidy.retain(|group| {
            let place = &mut places[usize::from(*group)];
            let durable = slots.get(*group).ok().and_then(|slot| slot.durable());
            if let Some(at) = place.pending.take_if(|at| durable >= Some(at.0)) {
                place.purge(at.0);
                changes.purged.push((*group, at));
            }
            let swept = place.sweep(most);
            changes.steps.extend(swept.into_iter().map(|range| Step::Remove(*group, range)));
            !place.is_tidy()
        });
    }
}

fn refuse(ops: Vec<Op>, why: &str) {
    for op in ops {
        if let Some(done) = op.done {
            done(Err(why.to_owned()));
        }
    }
}
