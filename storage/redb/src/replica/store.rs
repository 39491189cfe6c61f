use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use impresario_journal::{KeyRange, ReadError, Table, Visitor};
use tokio::sync::watch;

use crate::OpenError;
use crate::cell::Cells as _;
use crate::clock::now;
use crate::disk::{Disk, SimulatedDisk};
use crate::format::{LOG, incoming_name, state_name};
use crate::replica::inner::{Inner, follow, held, tell, unreadable};
use crate::replica::open;
use crate::replica::stored::entry_bytes;
use crate::replica::view::View;
use crate::replica::writer::{Op, What};
use crate::replica::{
    Done, LogEntry, LogState, Mark, Payload, ReplicaError, ReplicaOptions, ReplicaStats, RowReader,
    SnapshotInstall, SnapshotReader,
};
use crate::shared::Stop;
use crate::state::State;

/// A node's replicas. Clones share the store. The last one dropped, together with unfinished
/// installations, stops it without checkpoints, as a crash would; [`ReplicaStore::close`] makes
/// them first.
///
/// All calls but [`ReplicaStore::room`] are synchronous. Those that say so wait for the disk, and
/// must not be made by a [`Done`]; the others take microseconds, except that reading entries or
/// rows that are not in memory reads the disk.
#[derive(Clone)]
pub struct ReplicaStore {
    pub(crate) inner: Arc<Inner>,
}

impl ReplicaStore {
    /// Opens the store in `options.dir`, or creates one that holds no group. What its log holds
    /// beyond the state databases is not applied: see [`ReplicaStore::applied`].
    ///
    /// # Errors
    /// See [`OpenError`]. The store of a [`crate::RedbJournal`] is [`OpenError::Misplaced`] unless
    /// `options.adopt` says what becomes of it.
    pub fn open(options: ReplicaOptions) -> Result<Self, OpenError> {
        let disk = Disk { dir: options.dir.clone(), simulated: None };
        Ok(Self { inner: Arc::new(open::open(options, disk)?) })
    }

    /// As [`ReplicaStore::open`], on a disk made by a test.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_simulated(
        options: ReplicaOptions,
        disk: Arc<dyn SimulatedDisk>,
    ) -> Result<Self, OpenError> {
        let disk = Disk { dir: options.dir.clone(), simulated: Some(disk) };
        Ok(Self { inner: Arc::new(open::open(options, disk)?) })
    }

    /// How many groups there can be: [`ReplicaOptions::groups`].
    #[must_use]
    pub fn capacity(&self) -> u16 {
        self.inner.options.groups
    }

    /// The groups of which a replica is here, in order.
    #[must_use]
    pub fn groups(&self) -> Vec<u16> {
        let slots = (0..).zip(self.inner.slots.0.iter());
        slots.filter(|(_, slot)| slot.view.lock().held).map(|(group, _)| group).collect()
    }

    /// Makes an empty replica of a group, if none is here. Waits for the disk.
    ///
    /// # Errors
    /// [`ReplicaError::NoGroup`] if there cannot be one; others if the store failed or is closed.
    pub fn ensure(&self, group: u16) -> Result<(), ReplicaError> {
        let (inner, slot) = (&self.inner, self.inner.slots.get(group)?);
        let _life = slot.life.lock();
        if slot.view.lock().held {
            return Ok(());
        }
        inner.alive()?;
        let cache = inner.options.state_cache_bytes / usize::from(inner.options.groups);
        let state = State::open::<Option<Mark>>(&inner.disk, group, cache)
            .map_err(|error| ReplicaError::Store(error.to_string()))?;
        if state.position::<Option<Mark>>().map_err(unreadable)?.is_some() {
            let why = format!("{} is there, and the log does not know it", state_name(group));
            return Err(ReplicaError::Store(why));
        }
        let cell = inner.new_cell(group, state).map_err(unreadable)?;
        inner.wait_for(group, What::Hold)?;
        slot.replace(Some(cell));
        slot.view.lock().reset(true);
        Ok(())
    }

    /// Gives the replica of a group up: its state and its log go, for ever. Waits for the disk. A
    /// crash in between is made good at the next opening.
    ///
    /// # Errors
    /// [`ReplicaError::NoGroup`] if none is here; others if the store failed or is closed, and then
    /// the replica may be gone or not after the next opening.
    pub fn remove(&self, group: u16) -> Result<(), ReplicaError> {
        let (inner, slot) = (&self.inner, self.inner.slots.get(group)?);
        let _life = slot.life.lock();
        inner.alive()?;
        let mut view = slot.view.lock();
        if !view.held {
            return Err(ReplicaError::NoGroup(group));
        }
        inner.recent.fetch_sub(view.reset(false), Ordering::AcqRel);
        drop(view);
        inner.wait_for(group, What::Leave)?;
        if let Some(cell) = slot.replace(None) {
            inner.shared.freed(cell.close());
        }
        for name in [state_name(group), incoming_name(group)] {
            inner.disk.remove(&name).map_err(|error| ReplicaError::Store(error.to_string()))?;
        }
        while slot.waste.load(Ordering::Acquire) > 0 {
            inner.wait_for(group, What::Erase)?;
        }
        inner.wait_for(group, What::Forget)
    }

    /// Writes everything applied so far to the state databases and closes. Later calls are
    /// [`ReplicaError::Closed`]. Every [`Done`] was told when this returns.
    pub fn close(&self) {
        self.inner.stop(Stop::Flushed);
    }

    /// Adds entries to the end of a group's log: without a gap after the last one, or the last
    /// purged one; an empty log takes any first index.
    ///
    /// `done` is told when they are durable, by the writer's thread, or at once if they are
    /// refused. While the rows that wait for checkpoints are over
    /// [`ReplicaOptions::dirty_hard_bytes`], entries wait in the queue and `done` comes later; so
    /// that the queue does not grow, await [`ReplicaStore::room`] first.
    pub fn append(&self, group: u16, entries: Vec<LogEntry>, done: Done) {
        let inner = &self.inner;
        let slot = match inner.slots.get(group) {
            Ok(slot) => slot,
            Err(error) => return done(Err(error.to_string())),
        };
        let mut view = match inner.view(slot, group) {
            Ok(view) => view,
            Err(error) => return done(Err(error.to_string())),
        };
        if let Err(why) = view.accepts(&entries, || slot.durable()) {
            drop(view);
            return done(Err(ReplicaError::OutOfOrder { group, why }.to_string()));
        }
        let bytes = entries.iter().map(entry_bytes).sum();
        let ticket = view.next_ticket();
        let kept = entries.clone();
        let op = Op { group, what: What::Append { entries, bytes, ticket }, done: Some(done) };
        if let Err(op) = inner.shared.propose(op) {
            drop(view);
            return tell(Err((op.done, ReplicaError::Closed)));
        }
        let added = view.append(kept);
        let total = inner.recent.fetch_add(added, Ordering::AcqRel) + added;
        inner.evict(slot, &mut view, total);
    }

    /// Keeps the vote of a group. See [`ReplicaStore::append`] for `done`; a vote does not wait for
    /// room, except behind entries of its own group.
    pub fn save_vote(&self, group: u16, vote: Vec<u8>, done: Done) {
        let queued = self.inner.change(group, done, |view| {
            let what = What::Vote(vote.clone());
            view.vote = Some(vote);
            Ok(what)
        });
        tell(queued);
    }

    /// Keeps the last id known to be committed, together with the next durable write, never before
    /// the entries that were appended earlier.
    ///
    /// # Errors
    /// If no replica of the group is here, or the store failed or is closed.
    pub fn save_committed(&self, group: u16, committed: Vec<u8>) -> Result<(), ReplicaError> {
        let slot = self.inner.slots.get(group)?;
        let mut view = self.inner.view(slot, group)?;
        let op = Op { group, what: What::Committed(committed.clone()), done: None };
        self.inner.shared.propose(op).map_err(|_| ReplicaError::Closed)?;
        view.committed = Some(committed);
        Ok(())
    }

    /// The vote of a group, as it was saved last.
    ///
    /// # Errors
    /// If no replica of the group is here.
    pub fn read_vote(&self, group: u16) -> Result<Option<Vec<u8>>, ReplicaError> {
        self.inner.look(group, |view| view.vote.clone())
    }

    /// What [`ReplicaStore::save_committed`] was given last. After a crash perhaps an earlier one.
    ///
    /// # Errors
    /// If no replica of the group is here.
    pub fn read_committed(&self, group: u16) -> Result<Option<Vec<u8>>, ReplicaError> {
        self.inner.look(group, |view| view.committed.clone())
    }

    /// Takes away all entries from `index` (inclusive) on. What was purged cannot be truncated.
    pub fn truncate_from(&self, group: u16, index: u64, done: Done) {
        let inner = &self.inner;
        let queued = inner.change(group, done, |view| {
            view.may_truncate(index).map_err(|why| ReplicaError::OutOfOrder { group, why })?;
            let id = match view.wants_id_for(index) {
                Some(before) => Some(inner.entry_on_disk(group, before)?.id),
                None => None,
            };
            inner.recent.fetch_sub(view.truncate(index, id), Ordering::AcqRel);
            Ok(What::Truncate { from: index })
        });
        tell(queued);
    }

    /// Drops all entries up to `index` (inclusive), whose id is `id`. It may lie beyond the last
    /// entry, after a snapshot was installed. `done` is told at once: entries leave the disk later,
    /// together with other writes, a bounded number each time, and never beyond what the state
    /// database holds. After a crash, entries that were purged may be there again.
    pub fn purge_to(&self, group: u16, index: u64, id: Vec<u8>, done: Done) {
        let purged = self.inner.purge(group, (index, id));
        done(purged.map_err(|error| error.to_string()));
    }

    /// What there is of a range of entries, in order and without a gap, up to `max_bytes` of their
    /// stored form but at least one entry. From memory if it is recent.
    ///
    /// # Errors
    /// If no replica of the group is here, or the log cannot be read.
    pub fn read(
        &self,
        group: u16,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, ReplicaError> {
        let slot = self.inner.slots.get(group)?;
        let mut found = Vec::new();
        // A purge in between may take what was about to be read from the disk; then what is left
        // is read again.
        for _ in 0..4 {
            let view = held(slot, group)?;
            let part = view.within(&range);
            if part.is_empty() {
                return Ok(found);
            }
            let memory = view.in_memory_from();
            if part.start >= memory {
                view.copy(part, max_bytes, &mut found);
                return Ok(found);
            }
            drop(view);
            let wanted = part.start..part.end.min(memory);
            found = self.inner.log()?.read(group, wanted.clone(), max_bytes).map_err(unreadable)?;
            if !follow(wanted.start, &found) {
                continue;
            }
            let next = wanted.start + found.len() as u64;
            if next == memory && next < part.end {
                let view = held(slot, group)?;
                let rest = view.within(&(next..range.end));
                if rest.start == next && next >= view.in_memory_from() {
                    view.copy(rest, max_bytes, &mut found);
                }
            }
            return Ok(found);
        }
        Err(ReplicaError::Store(format!("the log of group {group} has a gap in {range:?}")))
    }

    /// Where the log of a group begins and ends.
    ///
    /// # Errors
    /// If no replica of the group is here.
    pub fn log_state(&self, group: u16) -> Result<LogState, ReplicaError> {
        self.inner.look(group, View::state)
    }

    /// Applies the writes of a committed entry, and what is to be known of it. Visible at once,
    /// durable with a later checkpoint; a crash before that takes it back. Marks must grow. Await
    /// [`ReplicaStore::room`] first.
    ///
    /// # Errors
    /// If no replica of the group is here, or the store failed or is closed; then nothing more is
    /// applied.
    pub fn apply(&self, group: u16, mark: Mark, payload: &Payload) -> Result<(), ReplicaError> {
        let inner = &self.inner;
        inner.alive()?;
        let cell = inner.cell(group)?;
        if let Some(before) = cell.partition.applied()
            && before.index >= mark.index
        {
            let why = format!("{} applied after {}", mark.index, before.index);
            return Err(ReplicaError::OutOfOrder { group, why });
        }
        let (bytes, changes) = (payload.encoded().len(), payload.changes()?);
        match cell.partition.apply(Some(mark), bytes, changes, now()) {
            Ok(grown) => {
                inner.shared.grew(grown.cast_signed());
                Ok(())
            }
            Err(redb::Error::DatabaseClosed) => Err(ReplicaError::Closed),
            Err(error) => {
                let why = format!("group {group}: {error}");
                inner.shared.fail(&why);
                Err(ReplicaError::Failed(why))
            }
        }
    }

    /// How far the state of a group is, as reads see it; `None` if nothing was ever applied. After
    /// opening, this is [`ReplicaStore::durable`].
    ///
    /// # Errors
    /// If no replica of the group is here.
    pub fn applied(&self, group: u16) -> Result<Option<Mark>, ReplicaError> {
        Ok(self.inner.cell(group)?.partition.applied())
    }

    /// How far the state database of a group is: up to here its log may be purged.
    ///
    /// # Errors
    /// If no replica of the group is here.
    pub fn durable(&self, group: u16) -> Result<Option<Mark>, ReplicaError> {
        Ok(self.inner.cell(group)?.partition.checkpointed())
    }

    /// Follows the index of [`ReplicaStore::durable`]. Stays valid when the replica goes and comes.
    ///
    /// # Errors
    /// [`ReplicaError::NoGroup`] if there cannot be such a group.
    pub fn watch_durable(&self, group: u16) -> Result<watch::Receiver<Option<u64>>, ReplicaError> {
        Ok(self.inner.slots.get(group)?.durable.subscribe())
    }

    /// Writes all that was applied to a group's state database. Waits for the disk.
    ///
    /// # Errors
    /// If no replica of the group is here, or the store failed or is closed.
    pub fn checkpoint(&self, group: u16) -> Result<(), ReplicaError> {
        let cell = self.inner.cell(group)?;
        let written = cell.checkpoint(&self.inner.shared);
        self.inner.slots.checkpointed(&cell);
        if written { Ok(()) } else { self.inner.alive() }
    }

    /// Whether [`ReplicaStore::room`] is ready.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.inner.shared.has_room(self.inner.options.queue_bytes)
    }

    /// Ready when the rows that wait for checkpoints and the entries that wait for the log are
    /// under their limits ([`ReplicaOptions::dirty_hard_bytes`], [`ReplicaOptions::queue_bytes`]),
    /// which is at once unless the disk does not keep up; also when the store fails or closes.
    /// Awaited before each append and each application, it bounds the store's memory.
    pub fn room(&self) -> impl Future<Output = ()> + Send + use<> {
        let (shared, limit) = (Arc::clone(&self.inner.shared), self.inner.options.queue_bytes);
        async move {
            loop {
                let rung = shared.room.notified();
                if shared.has_room(limit) {
                    return;
                }
                rung.await;
            }
        }
    }

    /// The value of a key in a group's state.
    ///
    /// # Errors
    /// As [`impresario_journal::Journal::get`].
    pub fn get(&self, group: u16, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.inner.rows(group)?.partition.get(table, key)
    }

    /// Visits rows of a group's state: see [`impresario_journal::Journal::scan`].
    ///
    /// # Errors
    /// As there.
    pub fn scan(
        &self,
        group: u16,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        self.inner.rows(group)?.partition.scan(table, range, reverse, visit)
    }

    /// The rows of a group as of now, for another node. Makes a checkpoint first: waits for the
    /// disk.
    ///
    /// # Errors
    /// If no replica of the group is here, or the store failed or is closed.
    pub fn snapshot(&self, group: u16) -> Result<SnapshotReader, ReplicaError> {
        SnapshotReader::open(&self.inner, group)
    }

    /// The rows of a group as of now, one after the other: for backups and digests. Makes a
    /// checkpoint first: waits for the disk.
    ///
    /// # Errors
    /// If no replica of the group is here, or the store failed or is closed.
    pub fn rows(&self, group: u16) -> Result<RowReader, ReplicaError> {
        RowReader::open(&self.inner, group)
    }

    /// Begins to take the snapshot that another node made at `mark`, or goes on with it if it was
    /// begun before and neither finished nor replaced by another. The replica must be here
    /// ([`ReplicaStore::ensure`]); it stays as it is until the end. One at a time per group.
    ///
    /// # Errors
    /// If no replica of the group is here, another installation of it is under way, or the store
    /// failed or is closed.
    pub fn install(&self, group: u16, mark: &Mark) -> Result<SnapshotInstall, ReplicaError> {
        SnapshotInstall::begin(&self.inner, group, mark)
    }

    /// Why the store writes nothing any more, if it has failed.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.inner.shared.failure()
    }

    /// Figures for the shell and the metrics.
    #[must_use]
    pub fn stats(&self) -> ReplicaStats {
        let (inner, shared) = (&self.inner, &self.inner.shared);
        let groups = self.groups().into_iter().filter_map(|group| inner.group_stats(group).ok());
        ReplicaStats {
            groups: groups.collect(),
            log_bytes: inner.disk.len(LOG),
            log_syncs: shared.syncs.load(Ordering::Relaxed),
            entries: shared.batches.load(Ordering::Relaxed),
            queued_bytes: shared.queued_bytes() as u64,
            recent_bytes: inner.recent.load(Ordering::Acquire) as u64,
            dirty_bytes: shared.dirty_bytes() as u64,
        }
    }
}

impl fmt::Debug for ReplicaStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplicaStore").field("dir", &self.inner.disk.dir).finish_non_exhaustive()
    }
}
