use std::fmt;

use impresario_journal::{
    Batch, CommitError, CommitFuture, ConfirmFuture, Journal, JournalStats, KeyRange, Leadership,
    LeadershipObserver, PartitionStats, ReadError, Table, Term, Visitor, Write,
};
use impresario_kernel::PartitionId;
use impresario_redb::ReplicaStore;

use crate::consensus::Consensus;
use crate::error::ConsensusError;

/// The journal of a node: partition `n` is group `n`.
///
/// A batch must carry the term of [`Journal::leadership`]. Its [`impresario_journal::CommitIndex`]
/// is its number among the batches of the partition: entries of Raft itself are not counted.
#[derive(Clone)]
pub struct RaftJournal {
    consensus: Consensus,
    partitions: u16,
}

/// The same for one group that is no partition: the system group.
#[derive(Clone)]
pub struct SystemJournal {
    consensus: Consensus,
    group: u16,
}

impl Consensus {
    /// The journal over the groups `0..partitions`.
    #[must_use]
    pub fn journal(&self, partitions: u16) -> RaftJournal {
        RaftJournal { consensus: self.clone(), partitions }
    }

    /// The journal of one group that is no partition.
    #[must_use]
    pub fn system(&self, group: u16) -> SystemJournal {
        SystemJournal { consensus: self.clone(), group }
    }

    fn commit(&self, group: u16, term: Term, writes: Vec<Write>) -> CommitFuture {
        let refused = |error| -> CommitFuture { Box::pin(std::future::ready(Err(error))) };
        match self.0.group(group) {
            Ok(group) => group.commit(term, writes),
            Err(_) if self.0.is_closed() => refused(CommitError::Closed),
            Err(_) => refused(CommitError::NotLeader { leader: None }),
        }
    }

    fn confirm(&self, group: u16, term: Term) -> ConfirmFuture {
        let refused = |error| -> ConfirmFuture { Box::pin(std::future::ready(Err(error))) };
        match self.0.group(group) {
            Ok(group) => group.confirm(term, self.0.options.reads, &self.0.runtime),
            Err(_) if self.0.is_closed() => refused(CommitError::Closed),
            Err(_) => refused(CommitError::NotLeader { leader: None }),
        }
    }

    fn readable(&self) -> Result<&ReplicaStore, ReadError> {
        if self.0.is_closed() { Err(ReadError::Closed) } else { Ok(&self.0.store) }
    }
}

impl RaftJournal {
    fn exists(&self, partition: PartitionId) -> bool {
        partition.0 < self.partitions
    }

    fn store(&self, partition: PartitionId) -> Result<&ReplicaStore, ReadError> {
        if !self.exists(partition) {
            return Err(ReadError::NoPartition(partition.0));
        }
        self.consensus.readable()
    }
}

impl Journal for RaftJournal {
    fn partitions(&self) -> u16 {
        self.partitions
    }

    fn commit(&self, batch: Batch) -> CommitFuture {
        if !self.exists(batch.partition) {
            return Box::pin(std::future::ready(Err(CommitError::NoPartition(batch.partition.0))));
        }
        self.consensus.commit(batch.partition.0, batch.term, batch.writes)
    }

    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError> {
        self.store(partition)?.get(partition.0, table, key)
    }

    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        self.store(partition)?.scan(partition.0, table, range, reverse, visit)
    }

    fn leadership(&self, partition: PartitionId) -> Leadership {
        self.consensus.leadership(partition.0)
    }

    fn watch_leadership(&self, observer: LeadershipObserver) {
        let partitions = self.partitions;
        self.consensus.watch_leadership(Box::new(move |group, leadership| {
            if group < partitions {
                observer(PartitionId(group), leadership);
            }
        }));
    }

    /// Only a node that is the group's only voter is certain without asking: nobody else can be
    /// elected, and nobody can be added without a commit under its own term.
    fn is_certain(&self, partition: PartitionId, term: Term) -> bool {
        let group = self.consensus.0.group(partition.0);
        group.is_ok_and(|group| group.office.leads(term).is_ok() && group.is_only_voter())
    }

    fn confirm(&self, partition: PartitionId, term: Term) -> ConfirmFuture {
        if !self.exists(partition) {
            return Box::pin(std::future::ready(Err(CommitError::NoPartition(partition.0))));
        }
        self.consensus.confirm(partition.0, term)
    }

    fn stats(&self) -> JournalStats {
        let stats = self.consensus.0.store.stats();
        let groups = self.consensus.0.all().into_iter().filter(|group| group.id < self.partitions);
        let mut partitions = vec![PartitionStats::default(); usize::from(self.partitions)];
        for group in &stats.groups {
            if let Some(partition) = partitions.get_mut(usize::from(group.group)) {
                *partition = PartitionStats {
                    applied: self.consensus.0.batches(group.group),
                    checkpointed: group.durable.unwrap_or(0),
                    state_bytes: group.state_bytes,
                    dirty_rows: group.dirty_rows,
                };
            }
        }
        JournalStats {
            partitions,
            log_bytes: stats.log_bytes,
            log_syncs: stats.log_syncs,
            batches: groups.map(|group| group.office.committed()).sum(),
        }
    }

    fn close(&self) {
        self.consensus.close();
    }
}

impl SystemJournal {
    /// Makes writes that were decided under `term` durable and visible, all or none.
    pub fn commit(&self, term: Term, writes: Vec<Write>) -> CommitFuture {
        self.consensus.commit(self.group, term, writes)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// If there is no replica of the group here or it cannot be read.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.consensus.readable()?.get(self.group, table, key)
    }

    /// Visits the rows of a range, as [`Journal::scan`].
    ///
    /// # Errors
    /// If there is no replica of the group here or it cannot be read.
    pub fn scan(
        &self,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        self.consensus.readable()?.scan(self.group, table, range, reverse, visit)
    }

    /// What this node is for the group.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        self.consensus.leadership(self.group)
    }

    /// Calls `observer` at each later change.
    pub fn watch_leadership(&self, observer: Box<dyn Fn(Leadership) + Send + Sync>) {
        let group = self.group;
        self.consensus.watch_leadership(Box::new(move |changed, leadership| {
            if changed == group {
                observer(leadership);
            }
        }));
    }

    /// Confirms the leadership for a read, as [`Journal::confirm`].
    pub fn confirm(&self, term: Term) -> ConfirmFuture {
        self.consensus.confirm(self.group, term)
    }

    /// The number of batches applied here: it changes whenever the group's rows do.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.consensus.0.batches(self.group)
    }

    /// Waits until at least so many batches are applied here, and says how many are.
    ///
    /// # Errors
    /// [`ConsensusError::NoGroup`] if there is no replica here, or no longer.
    pub async fn await_applied(&self, batches: u64) -> Result<u64, ConsensusError> {
        let gone = || ConsensusError::NoGroup(self.group);
        // Only the watch, so that waiting keeps no replica alive.
        let mut reached = self.consensus.0.group(self.group)?.reached.watch();
        let place = reached.wait_for(|place| place.batches >= batches).await.map_err(|_| gone())?;
        Ok(place.batches)
    }
}

impl fmt::Debug for RaftJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftJournal").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl fmt::Debug for SystemJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemJournal").field("group", &self.group).finish_non_exhaustive()
    }
}
