use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use impresario_journal::{
    Batch, CommitError, CommitFuture, Journal, JournalStats, KeyRange, ReadError, Table, Visitor,
};
use impresario_kernel::PartitionId;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::checkpoint::Checkpointer;
use crate::disk::{Disk, SimulatedDisk};
use crate::entry::{self, EntryError};
use crate::format::{LOG, state_name};
use crate::partition::Partition;
use crate::recovery::recover;
use crate::shared::{Proposal, Shared, Stop};
use crate::writer::Writer;
use crate::{OpenError, Options};

/// The durable store of a node.
///
/// Dropping it answers every proposal and stops, without writing the overlays to the state
/// databases: the next opening replays the log, as after a crash. [`Journal::close`] does that
/// work first.
pub struct RedbJournal {
    shared: Arc<Shared>,
    disk: Disk,
    running: Mutex<Option<Running>>,
}

struct Running {
    writer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
    /// Holds the folder for this process.
    _lock: Option<File>,
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
        let checkpointed =
            recovered.checkpointed.iter().map(|index| AtomicU64::new(*index)).collect();
        let checkpointed = Arc::new(checkpointed);
        let shared =
            Shared::new(recovered.partitions, options.dirty_soft_bytes, options.dirty_hard_bytes);
        let shared = Arc::new(shared);
        let writer = Writer::new(
            Arc::clone(&shared),
            recovered.log,
            (options.drain_bytes, options.gather),
            Arc::clone(&checkpointed),
            recovered.places,
        );
        let checkpointer = Checkpointer {
            shared: Arc::clone(&shared),
            states: recovered.states,
            age: options.checkpoint_age,
            checkpointed,
            disk: disk.clone(),
        };
        let failed = |source| OpenError::Io { path: disk.dir.clone(), source };
        let writer = spawn("log-writer", move || writer.run()).map_err(failed)?;
        let checkpointer = spawn("checkpointer", move || checkpointer.run()).map_err(failed)?;
        let running = Mutex::new(Some(Running { writer, checkpointer, _lock: lock }));
        Ok(Self { shared, disk, running })
    }

    fn stop(&self, how: Stop) {
        let mut running = self.running.lock();
        let Some(threads) = running.take() else { return };
        self.shared.stop_writer();
        if threads.writer.join().is_err() {
            tracing::error!("log writer panicked");
        }
        self.shared.stop_checkpointer(how);
        if threads.checkpointer.join().is_err() {
            tracing::error!("checkpointer panicked");
        }
        self.shared.partitions.iter().for_each(Partition::close);
    }

    fn partition(&self, id: PartitionId) -> Result<&Partition, ReadError> {
        self.shared.partitions.get(usize::from(id.0)).ok_or(ReadError::NoPartition(id.0))
    }

    fn propose(
        &self,
        batch: Batch,
    ) -> Result<oneshot::Receiver<Result<impresario_journal::CommitIndex, CommitError>>, CommitError>
    {
        let id = batch.partition.0;
        if usize::from(id) >= self.shared.partitions.len() {
            return Err(CommitError::NoPartition(id));
        }
        if let Some(why) = self.shared.failure() {
            return Err(CommitError::Failed(why));
        }
        let entry = encode(&batch)?;
        let (answer, outcome) = oneshot::channel();
        let Batch { term, writes, .. } = batch;
        self.shared
            .propose(Proposal { partition: id, term, writes, entry, answer })
            .map_err(|_| CommitError::Closed)?;
        Ok(outcome)
    }
}

fn encode(batch: &Batch) -> Result<Vec<u8>, CommitError> {
    let limit = entry::LIMIT as u64;
    let bytes =
        batch.writes.iter().map(|write| 21 + entry::write_bytes(write) as u64).sum::<u64>() + 17;
    if bytes > limit {
        return Err(CommitError::TooLarge { bytes, limit });
    }
    entry::encode(batch).map_err(|error| match error {
        EntryError::Damaged(_) | EntryError::Version(_) => CommitError::TooLarge { bytes, limit },
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

impl Journal for RedbJournal {
    fn partitions(&self) -> u16 {
        u16::try_from(self.shared.partitions.len()).unwrap_or(u16::MAX)
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
        let partitions = self.shared.partitions.iter().zip(0..);
        JournalStats {
            partitions: partitions
                .map(|(partition, id)| partition.stats(self.disk.len(&state_name(id))))
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
