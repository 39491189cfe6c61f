use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cell::{Cell, Cells};
use crate::clock::now;
use crate::disk::Disk;
use crate::format::{LOG, state_name};
use crate::shared::{Queued, Shared, Stop};

/// How often ages are looked at and the gauges set.
const TICK: Duration = Duration::from_millis(250);

/// The thread that writes overlays to the state databases.
pub(crate) struct Checkpointer<C, Q> {
    pub(crate) shared: Arc<Shared<Q>>,
    pub(crate) cells: C,
    pub(crate) age: Duration,
    pub(crate) disk: Disk,
}

impl<C: Cells, Q: Queued> Checkpointer<C, Q> {
    /// Until the store closes.
    pub(crate) fn run(self) {
        let mut gauges = now();
        loop {
            let stop = self.shared.await_checkpoint(now() + TICK);
            match stop {
                Some(Stop::AtOnce) => return,
                Some(Stop::Flushed) => {
                    self.all().for_each(|cell| self.checkpoint(&cell));
                    return;
                }
                None => {}
            }
            if self.shared.failure().is_some() {
                continue;
            }
            while let Some(cell) = self.due() {
                self.checkpoint(&cell);
                if self.shared.failure().is_some() || self.shared.stops_at_once() {
                    break;
                }
            }
            if gauges.elapsed() > TICK * 20 {
                gauges = now();
                self.set_gauges();
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = Arc<Cell<C::Position>>> {
        (0..self.cells.count()).filter_map(|number| self.cells.cell(number))
    }

    /// The partition that should be written next: one that is too old, or the fullest if all
    /// together are too many.
    fn due(&self) -> Option<Arc<Cell<C::Position>>> {
        let now = now();
        let old = |since: Option<Instant>| {
            since.is_some_and(|since| now.duration_since(since) >= self.age)
        };
        let crowded = self.shared.dirty_bytes() > self.shared.soft_bytes;
        let mut fullest = None;
        let mut most = 0;
        for cell in self.all() {
            let dirty = cell.partition.dirty();
            if old(dirty.since) {
                return Some(cell);
            }
            if crowded && dirty.bytes > most {
                most = dirty.bytes;
                fullest = Some(cell);
            }
        }
        fullest
    }

    fn checkpoint(&self, cell: &Arc<Cell<C::Position>>) {
        if cell.checkpoint(&self.shared) {
            self.cells.checkpointed(cell);
        }
    }

    fn set_gauges(&self) {
        metrics::gauge!("impresario_log_file_bytes").set(self.disk.len(LOG) as f64);
        metrics::gauge!("impresario_dirty_bytes").set(self.shared.dirty_bytes() as f64);
        let state: u64 = self.all().map(|cell| self.disk.len(&state_name(cell.number))).sum();
        metrics::gauge!("impresario_state_files_bytes").set(state as f64);
    }
}
