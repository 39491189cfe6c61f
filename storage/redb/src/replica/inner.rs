use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use impresario_journal::ReadError;
use parking_lot::{MutexGuard, RwLock};

use crate::disk::{Disk, Result as DiskResult};
use crate::format::state_name;
use crate::replica::log::ReplicaLog;
use crate::replica::slot::{GroupCell, Slot, Slots};
use crate::replica::stored::At;
use crate::replica::view::View;
use crate::replica::writer::{Op, What};
use crate::replica::{Done, GroupStats, LogEntry, ReplicaError, ReplicaOptions};
use crate::shared::{Shared, Stop};
use crate::state::State;
use crate::threads::Threads;

/// What the handles of a store share.
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared<Op>>,
    pub(crate) slots: Slots,
    /// `None` once closed.
    pub(crate) log: RwLock<Option<Arc<ReplicaLog>>>,
    /// How often the log was opened.
    pub(crate) opened: u64,
    /// Bytes of entries in memory, all groups together.
    pub(crate) recent: AtomicUsize,
    pub(crate) options: ReplicaOptions,
    pub(crate) disk: Disk,
    pub(crate) threads: Threads,
}

/// What is refused, and who is to be told once no lock is held.
pub(crate) type Refused = (Option<Done>, ReplicaError);

impl Inner {
    pub(crate) fn alive(&self) -> Result<(), ReplicaError> {
        if let Some(why) = self.shared.failure() {
            return Err(ReplicaError::Failed(why));
        }
        if self.shared.is_closing() { Err(ReplicaError::Closed) } else { Ok(()) }
    }

    /// The log of a group that is here, to be changed.
    pub(crate) fn view<'a>(
        &self,
        slot: &'a Slot,
        group: u16,
    ) -> Result<MutexGuard<'a, View>, ReplicaError> {
        if let Some(why) = self.shared.failure() {
            return Err(ReplicaError::Failed(why));
        }
        held(slot, group)
    }

    pub(crate) fn look<T>(
        &self,
        group: u16,
        look: impl FnOnce(&View) -> T,
    ) -> Result<T, ReplicaError> {
        Ok(look(&*held(self.slots.get(group)?, group)?))
    }

    /// Changes the log of a group and queues what the disk has to do for it, in one order.
    pub(crate) fn change(
        &self,
        group: u16,
        done: Done,
        change: impl FnOnce(&mut View) -> Result<What, ReplicaError>,
    ) -> Result<(), Refused> {
        let view = self.slots.get(group).and_then(|slot| self.view(slot, group));
        let mut view = match view {
            Ok(view) => view,
            Err(error) => return Err((Some(done), error)),
        };
        match change(&mut view) {
            Ok(what) => {
                let op = Op { group, what, done: Some(done) };
                self.shared.propose(op).map_err(|op| (op.done, ReplicaError::Closed))
            }
            Err(error) => Err((Some(done), error)),
        }
    }

    pub(crate) fn purge(&self, group: u16, at: At) -> Result<(), ReplicaError> {
        let mut view = self.view(self.slots.get(group)?, group)?;
        if let Some(freed) = view.purge(at.clone()) {
            self.recent.fetch_sub(freed, Ordering::AcqRel);
            let op = Op { group, what: What::Purge(at), done: None };
            self.shared.propose(op).map_err(|_| ReplicaError::Closed)?;
        }
        Ok(())
    }

    /// Has the writer do something, and waits for it.
    pub(crate) fn wait_for(&self, group: u16, what: What) -> Result<(), ReplicaError> {
        let (sender, told) = mpsc::sync_channel(1);
        // Nobody else sends, so there is room.
        let done: Done = Box::new(move |outcome| drop(sender.try_send(outcome)));
        let op = Op { group, what, done: Some(done) };
        self.shared.propose(op).map_err(|_| ReplicaError::Closed)?;
        match told.recv() {
            Ok(outcome) => outcome.map_err(ReplicaError::Failed),
            Err(_) => Err(ReplicaError::Closed),
        }
    }

    /// Lets entries go while too many are in memory. A group that has less than its share keeps
    /// what it has.
    pub(crate) fn evict(&self, slot: &Slot, view: &mut View, mut total: usize) {
        let share = self.options.recent_bytes / usize::from(self.options.groups);
        let written = slot.written.load(Ordering::Acquire);
        while total > self.options.recent_bytes
            && let Some(freed) = view.evict(written, share)
        {
            total -= freed;
            self.recent.fetch_sub(freed, Ordering::AcqRel);
        }
    }

    pub(crate) fn log(&self) -> Result<Arc<ReplicaLog>, ReplicaError> {
        self.log.read().clone().ok_or(ReplicaError::Closed)
    }

    pub(crate) fn entry_on_disk(&self, group: u16, index: u64) -> Result<LogEntry, ReplicaError> {
        let found = self.log()?.read(group, index..index + 1, usize::MAX).map_err(unreadable)?;
        let missing = || ReplicaError::Store(format!("entry {index} of group {group} is missing"));
        found.into_iter().next().ok_or_else(missing)
    }

    pub(crate) fn cell(&self, group: u16) -> Result<Arc<GroupCell>, ReplicaError> {
        self.slots.get(group)?.cell().ok_or(ReplicaError::NoGroup(group))
    }

    pub(crate) fn rows(&self, group: u16) -> Result<Arc<GroupCell>, ReadError> {
        let slot = self.slots.0.get(usize::from(group));
        slot.and_then(Slot::cell).ok_or(ReadError::NoPartition(group))
    }

    /// The rows of a group over its database.
    pub(crate) fn new_cell(&self, group: u16, mut state: State) -> DiskResult<GroupCell> {
        state.stamp(self.opened)?;
        let at = state.position()?;
        GroupCell::new(group, state, at)
    }

    pub(crate) fn group_stats(&self, group: u16) -> Result<GroupStats, ReplicaError> {
        let cell = self.cell(group)?;
        let rows = cell.partition.stats(self.disk.len(&state_name(group)));
        let (last, purged) = self.look(group, |view| (view.last_index(), view.purged_index()))?;
        Ok(GroupStats {
            group,
            applied: cell.partition.applied().map(|mark| mark.index),
            durable: cell.partition.checkpointed().map(|mark| mark.index),
            last,
            purged,
            state_bytes: rows.state_bytes,
            dirty_rows: rows.dirty_rows,
        })
    }

    pub(crate) fn stop(&self, how: Stop) {
        self.threads.stop(&self.shared, how, || {
            for slot in self.slots.0.iter() {
                if let Some(cell) = slot.cell() {
                    cell.close();
                }
            }
            drop(self.log.write().take());
        });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(Stop::AtOnce);
    }
}

/// The log of a group that is here.
pub(crate) fn held(slot: &Slot, group: u16) -> Result<MutexGuard<'_, View>, ReplicaError> {
    let view = slot.view.lock();
    if view.held { Ok(view) } else { Err(ReplicaError::NoGroup(group)) }
}

/// Tells who waits for what was refused.
pub(crate) fn tell(queued: Result<(), Refused>) {
    if let Err((Some(done), error)) = queued {
        done(Err(error.to_string()));
    }
}

/// Whether there are entries from `first` on without a gap.
pub(crate) fn follow(first: u64, entries: &[LogEntry]) -> bool {
    !entries.is_empty() && (first..).zip(entries).all(|(index, entry)| index == entry.index)
}

pub(crate) fn unreadable(error: redb::Error) -> ReplicaError {
    match error {
        redb::Error::DatabaseClosed => ReplicaError::Closed,
        other => ReplicaError::Store(other.to_string()),
    }
}
