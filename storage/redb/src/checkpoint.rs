use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::now;
use crate::disk::Disk;
use crate::format::{LOG, state_name};
use crate::shared::{Shared, Stop};
use crate::state::State;

/// How often ages are looked at and the gauges set.
const TICK: Duration = Duration::from_millis(250);

/// The thread that writes overlays to the state databases.
pub(crate) struct Checkpointer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) states: Vec<State>,
    pub(crate) age: Duration,
    /// Per partition: how far the state database is, for the writer that cuts the log.
    pub(crate) checkpointed: Arc<Vec<AtomicU64>>,
    pub(crate) disk: Disk,
}

impl Checkpointer {
    /// Until the store closes.
    pub(crate) fn run(self) {
        let mut gauges = now();
        loop {
            let stop = self.shared.await_checkpoint(now() + TICK);
            match stop {
                Some(Stop::AtOnce) => return,
                Some(Stop::Flushed) => {
                    (0..self.states.len()).for_each(|partition| self.checkpoint(partition));
                    return;
                }
                None => {}
            }
            if self.shared.failure().is_some() {
                continue;
            }
            while let Some(partition) = self.due() {
                self.checkpoint(partition);
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

    /// The partition that should be written next: one that is too old, or the fullest if all
    /// together are too many.
    fn due(&self) -> Option<usize> {
        let now = now();
        let old = |since: Option<Instant>| {
            since.is_some_and(|since| now.duration_since(since) >= self.age)
        };
        let dirty: Vec<_> =
            self.shared.partitions.iter().map(super::partition::Partition::dirty).collect();
        if let Some(partition) = dirty.iter().position(|dirty| old(dirty.since)) {
            return Some(partition);
        }
        if self.shared.dirty_bytes() <= self.shared.soft_bytes {
            return None;
        }
        let fullest = dirty.iter().enumerate().max_by_key(|(_, dirty)| dirty.bytes);
        fullest.filter(|(_, dirty)| dirty.bytes > 0).map(|(partition, _)| partition)
    }

    fn checkpoint(&self, number: usize) {
        let partition = &self.shared.partitions[number];
        if self.shared.failure().is_some() {
            return;
        }
        let Some(frozen) = partition.freeze() else { return };
        let (started, bytes, rows) = (now(), frozen.overlay.bytes(), frozen.overlay.rows());
        let state = &self.states[number];
        let written = state.write(&frozen.overlay, frozen.applied).and_then(|()| state.base());
        match written {
            Ok(base) => {
                let applied = frozen.applied;
                drop(frozen);
                partition.thaw(base, applied);
                self.checkpointed[number].store(applied.index, Ordering::Release);
                self.shared.freed(bytes);
                metrics::histogram!("impresario_checkpoint_seconds")
                    .record(started.elapsed().as_secs_f64());
                metrics::counter!("impresario_checkpoint_rows_total").increment(rows as u64);
            }
            // The frozen overlay stays for the readers; the log has everything.
            Err(error) => self.shared.fail(&format!("{}: {error}", self.name(number))),
        }
    }

    fn name(&self, partition: usize) -> String {
        u16::try_from(partition).map_or_else(|_| partition.to_string(), state_name)
    }

    fn set_gauges(&self) {
        metrics::gauge!("impresario_log_file_bytes").set(self.disk.len(LOG) as f64);
        metrics::gauge!("impresario_dirty_bytes").set(self.shared.dirty_bytes() as f64);
        let state: u64 =
            (0..self.states.len()).map(|partition| self.disk.len(&self.name(partition))).sum();
        metrics::gauge!("impresario_state_files_bytes").set(state as f64);
    }
}
