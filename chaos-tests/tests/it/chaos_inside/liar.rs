//! A journal with a deliberate bug, in front of a right one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use impresario_journal::{
    Batch, CommitFuture, CommitIndex, ConfirmFuture, Journal, JournalStats, KeyRange, Leadership,
    LeadershipObserver, ReadError, Table, Term, Visitor,
};
use impresario_kernel::PartitionId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// Says that a batch is committed as soon as it is handed in.
    AcknowledgesBeforeQuorum,
    /// Forgets which requests were seen before.
    SkipsDedupe,
    /// Takes itself for the leader without asking anybody.
    ReadsStale,
}

pub(super) struct Liar {
    inner: Arc<dyn Journal>,
    bug: Bug,
    commits: AtomicU64,
}

impl Liar {
    pub(super) fn new(inner: Arc<dyn Journal>, bug: Bug) -> Self {
        Self { inner, bug, commits: AtomicU64::new(0) }
    }

    fn hides(&self, table: Table) -> bool {
        self.bug == Bug::SkipsDedupe && table == Table::Seen
    }
}

impl Journal for Liar {
    fn partitions(&self) -> u16 {
        self.inner.partitions()
    }

    fn commit(&self, batch: Batch) -> CommitFuture {
        let committing = self.inner.commit(batch);
        if self.bug != Bug::AcknowledgesBeforeQuorum {
            return committing;
        }
        // It is on its way; it just is not there yet.
        tokio::spawn(committing);
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(std::future::ready(Ok(CommitIndex(number))))
    }

    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError> {
        if self.hides(table) { Ok(None) } else { self.inner.get(partition, table, key) }
    }

    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        if self.hides(table) {
            return Ok(());
        }
        self.inner.scan(partition, table, range, reverse, visit)
    }

    fn leadership(&self, partition: PartitionId) -> Leadership {
        self.inner.leadership(partition)
    }

    fn watch_leadership(&self, observer: LeadershipObserver) {
        self.inner.watch_leadership(observer);
    }

    fn is_certain(&self, partition: PartitionId, term: Term) -> bool {
        self.bug == Bug::ReadsStale || self.inner.is_certain(partition, term)
    }

    fn confirm(&self, partition: PartitionId, term: Term) -> ConfirmFuture {
        match self.bug {
            Bug::ReadsStale => Box::pin(std::future::ready(Ok(()))),
            Bug::AcknowledgesBeforeQuorum | Bug::SkipsDedupe => self.inner.confirm(partition, term),
        }
    }

    fn stats(&self) -> JournalStats {
        self.inner.stats()
    }

    fn close(&self) {
        self.inner.close();
    }
}
