use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use impresario_journal::{
    Batch, CommitError, CommitFuture, Journal, JournalStats, KeyRange, ReadError, Table, Visitor,
};
use impresario_kernel::PartitionId;
use tokio::sync::oneshot;

use crate::cell::{Cell, Cells};
use crate::checkpoint::Checkpointer;
use crate::disk::{Disk, SimulatedDisk};
use crate::entry::{self, EntryError};
use crate::format::{Applied, LOG, state_name};
use crate::partition::Partition;
use crate::recovery::recover;
use crate::shared::{Shared, Stop};
use crate::threads::Threads;
use crate::writer::{Proposal, Writer};
use crate::{OpenError, Options};

/// The durable store of a node.
///
/// Dropping it answers every proposal and stops, without writing the overlays to the state
/// databases: the next opening replays the log, as after a crash. [`Journal::close`] does that
/// work first.
pub struct RedbJournal {
    shared: Arc<Shared<Proposal>>,
    cells: Arc<[Arc<Cell<Applied>>]>,
    disk: Disk,
    threads: Threads,
}

impl Cells for Arc<[Arc<Cell<Applied>>]> {
    type Position = Applied;

    fn count(&self) -> usize {
        self.len()
    }

    fn cell(&self, number: usize) -> Option<Arc<Cell<Applied>>> {
        self.get(number).cloned()
    }

    // The writer that cuts the log asks each cell how far it is.
    fn checkpointed(&self, _: &Arc<Cell<Applied>>) {}
}

impl RedbJournal {
    /// Opens the store in `options.dir`, or creates it, and applies what the log holds beyond the
    /// state databases. Blocks for as long as that takes.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let disk = Disk { dir: options.dir.clone(), simulated: None };
        Self::start(&options, disk)
    }

    /// As [`RedbJournal::open`], on a disk made by a test.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_simulated(
        options: Options,
        disk: Arc<dyn SimulatedDisk>,
    ) -> Result<Self, OpenError> {
        let disk = Disk { dir: options.dir.clone(), simulated: Some(disk) };
        Self::start(&options, disk)
    }

    fn start(options: &Options, disk: Disk) -> Result<Self, OpenError> {
        let lock = disk.lock()?;
        let recovered = recover(&disk, options)?;
        let cells: Arc<[_]> = recovered.cells.into_iter().map(Arc::new).collect();
        let dirty = cells.iter().map(|cell| cell.partition.dirty().bytes).sum();
        let shared =
            Arc::new(Shared::new(dirty, options.dirty_soft_bytes, options.dirty_hard_bytes));
        let writer = Writer::new(
            Arc::clone(&shared),
            recovered.log,
            (options.drain_bytes, options.gather),
            Arc::clone(&cells),
            recovered.places,
        );
        let checkpointer = Checkpointer {
            shared: Arc::clone(&shared),
            cells: Arc::clone(&cells),
            age: options.checkpoint_age,
            disk: disk.clone(),
        };
        let threads = Threads::start(lock, move || writer.run(), move || checkpointer.run())
            .map_err(|source| OpenError::Io { path: disk.dir.clone(), source })?;
        Ok(Self { shared, cells, disk, threads })
    }

    fn stop(&self, how: Stop) {
        self.threads.stop(&self.shared, how, || {
            for cell in self.cells.iter() {
                cell.close();
            }
        });
    }

    fn partition(&self, id: PartitionId) -> Result<&Partition<Applied>, ReadError> {
        let cell = self.cells.get(usize::from(id.0)).ok_or(ReadError::NoPartition(id.0))?;
        Ok(&cell.partition)
    }

    fn propose(
        &self,
        batch: Batch,
    ) -> Result<oneshot::Receiver<Result<impresario_journal::CommitIndex, CommitError>>, CommitError>
    {
        let id = batch.partition.0;
        if usize::from(id) >= self.cells.len() {
            return Err(CommitError::NoPartition(id));
        }
        if let Some(why) = self.shared.failure() {
            return Err(CommitError::Failed(why));
        }
        let entry = encode(&batch)?;
        let (answer, outcome) = oneshot::channel();
        let (term, entry) = (batch.term, Bytes::from(entry));
        self.shared
            .propose(Proposal { partition: id, term, entry, answer })
            .map_err(|_| CommitError::Closed)?;
        Ok(outcome)
    }
}

fn encode(batch: &Batch) -> Result<Vec<u8>, CommitError> {
    let limit = entry::LIMIT as u64;
    let bytes = entry::bound(batch);
    if bytes > limit {
        return Err(CommitError::TooLarge { bytes, limit });
    }
    entry::encode(batch).map_err(|error| match error {
        EntryError::Damaged(_) | EntryError::Version(_) => CommitError::TooLarge { bytes, limit },
    })
}

impl Journal for RedbJournal {
    fn partitions(&self) -> u16 {
        u16::try_from(self.cells.len()).unwrap_or(u16::MAX)
    }

    fn commit(&self, batch: Batch) -> CommitFuture {
        let proposed = self.propose(batch);
        Box::pin(async move {
            // The writer answers everything it takes; if it is gone, nobody knows.
            let gone = |_| Err(CommitError::Unknown("the log writer is gone".to_owned()));
            proposed?.await.unwrap_or_else(gone)
        })
    }

    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError> {
        self.partition(partition)?.get(table, key)
    }

    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        self.partition(partition)?.scan(table, range, reverse, visit)
    }

    fn stats(&self) -> JournalStats {
        let cells = self.cells.iter();
        JournalStats {
            partitions: cells
                .map(|cell| cell.partition.stats(self.disk.len(&state_name(cell.number))))
                .collect(),
            log_bytes: self.disk.len(LOG),
            log_syncs: self.shared.syncs.load(Ordering::Relaxed),
            batches: self.shared.batches.load(Ordering::Relaxed),
        }
    }

    fn close(&self) {
        self.stop(Stop::Flushed);
    }
}

impl Drop for RedbJournal {
    fn drop(&mut self) {
        self.stop(Stop::AtOnce);
    }
}

impl fmt::Debug for RedbJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbJournal").field("dir", &self.disk.dir).finish_non_exhaustive()
    }
}
