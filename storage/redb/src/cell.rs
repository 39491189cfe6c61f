use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::clock::now;
use crate::disk::Result;
use crate::format::{Position, state_name};
use crate::partition::Partition;
use crate::shared::{Queued, Shared};
use crate::state::State;

/// The rows of a partition in memory together with their database.
pub(crate) struct Cell<P> {
    pub(crate) number: u16,
    pub(crate) partition: Partition<P>,
    /// `None` once closed. Held while a checkpoint is made.
    state: Mutex<Option<State>>,
    /// The index of the last checkpoint.
    checkpointed: AtomicU64,
}

impl<P: Position> Cell<P> {
    /// A partition whose state database holds everything up to `at`.
    pub(crate) fn new(number: u16, state: State, at: P) -> Result<Self> {
        let checkpointed = AtomicU64::new(at.index());
        let partition = Partition::new(state.base()?, at);
        Ok(Self { number, partition, state: Mutex::new(Some(state)), checkpointed })
    }

    pub(crate) fn checkpointed(&self) -> u64 {
        self.checkpointed.load(Ordering::Acquire)
    }

    /// Keeps checkpoints away. `None` once closed.
    pub(crate) fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock()
    }

    /// Writes the overlay to the state database; nothing if nothing was applied since the last
    /// time. `false` if the store has failed, before or now.
    pub(crate) fn checkpoint<Q: Queued>(&self, shared: &Shared<Q>) -> bool {
        let mut state = self.state.lock();
        self.checkpoint_locked(&mut state, shared)
    }

    /// As [`Cell::checkpoint`], by who holds the state.
    pub(crate) fn checkpoint_locked<Q: Queued>(
        &self,
        state: &mut MutexGuard<'_, Option<State>>,
        shared: &Shared<Q>,
    ) -> bool {
        if shared.failure().is_some() {
            return false;
        }
        let Some(state) = state.as_ref() else { return true };
        let Some(frozen) = self.partition.freeze() else { return true };
        let (started, bytes, rows) = (now(), frozen.overlay.bytes(), frozen.overlay.rows());
        let written = state.write(&frozen.overlay, &frozen.at).and_then(|()| state.base());
        match written {
            Ok(base) => {
                let index = frozen.at.index();
                self.partition.thaw(base, frozen.at);
                drop(frozen.overlay);
                self.checkpointed.store(index, Ordering::Release);
                shared.freed(bytes);
                metrics::histogram!("impresario_checkpoint_seconds")
                    .record(started.elapsed().as_secs_f64());
                metrics::counter!("impresario_checkpoint_rows_total").increment(rows as u64);
                true
            }
            // The frozen overlay stays for the readers; the log has everything.
            Err(error) => {
                shared.fail(&format!("{}: {error}", state_name(self.number)));
                false
            }
        }
    }

    /// Closes the rows and the database. Gives the bytes that were in the overlay.
    pub(crate) fn close(&self) -> usize {
        let bytes = self.partition.close();
        drop(self.state.lock().take());
        bytes
    }

    /// The database, for the offline tools; `None` if others still use this.
    pub(crate) fn into_state(self) -> Option<State> {
        self.partition.close();
        self.state.into_inner()
    }
}

/// The cells that a checkpointer looks after.
pub(crate) trait Cells: Send + 'static {
    type Position: Position;

    /// How many there can be.
    fn count(&self) -> usize;

    /// One of them, if it is there.
    fn cell(&self, number: usize) -> Option<Arc<Cell<Self::Position>>>;

    /// Told after each checkpoint.
    fn checkpointed(&self, cell: &Arc<Cell<Self::Position>>);
}
