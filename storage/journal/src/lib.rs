//! The port through which everything becomes durable.
//!
//! A [`Journal`] keeps, for each partition, a set of [`Table`]s of byte rows. One function in the
//! whole system changes them: [`Journal::commit`] takes a [`Batch`] of deterministic [`Write`]s,
//! makes it durable and answers with its [`CommitIndex`]. Below the port nothing is known of
//! entities, so a log that is replicated can carry the same batches: a replica applies writes, it
//! never decides.
//!
//! - J1: when `commit` answers `Ok`, the batch survives `kill -9`, and every later read of the
//!   partition sees all of it.
//! - J2: a batch is atomic: after a crash all of its writes are there, or none.
//! - J3: batches of a partition apply in the order of their commit indexes, which have no gaps.
//! - J4: a batch under an older [`Term`] than the partition's is refused and changes nothing.
//! - J5: equal sequences of batches give equal tables (the writes are deterministic).
//! - J6: after a failed commit whose outcome is unknown, the partition takes no commit under the
//!   same term any more: not until it is opened again, or until a later term has begun.
//!
//! Each implementation passes [`conformance`].

mod batch;
pub mod conformance;
mod leadership;
mod many;
mod memory;
#[cfg(test)]
mod tests;

pub use batch::{Batch, CommitIndex, Table, Term, Write};
pub use leadership::{ConfirmFuture, Leadership, Role};
pub use many::{Get, ManyVisitor, Scan};
pub use memory::{Fault, MemoryJournal};

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;

use impresario_ids::NodeId;
use impresario_kernel::PartitionId;

/// The outcome of a commit, once it is known.
pub type CommitFuture = Pin<Box<dyn Future<Output = Result<CommitIndex, CommitError>> + Send>>;

/// Rows of one table in key order: from `from` (inclusive) to `to` (exclusive; empty means the end
/// of the table).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key wanted.
    pub from: Vec<u8>,
    /// The first key no longer wanted; empty for no end.
    pub to: Vec<u8>,
}

impl KeyRange {
    /// All rows of a table.
    #[must_use]
    pub fn all() -> Self {
        Self { from: Vec::new(), to: Vec::new() }
    }

    /// All keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut to = prefix.to_vec();
        while let Some(last) = to.pop() {
            if last < 0xff {
                to.push(last + 1);
                break;
            }
        }
        Self { from: prefix.to_vec(), to }
    }

    /// All keys of this range from `key` (exclusive) on: for reading a range page by page.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> Self {
        self.from = key.to_vec();
        self.from.push(0);
        self
    }
}

/// What a visitor of a scan is given: a key and its value.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Told of each change of a partition's leadership, in order per partition. Must not block.
pub type LeadershipObserver = Box<dyn Fn(PartitionId, Leadership) + Send + Sync>;

/// The durable store of a node: every partition it holds.
///
/// Reads see every batch whose commit was answered, perhaps also later ones that are being applied,
/// each wholly or not at all per row. They may block for a disk read (microseconds, usually).
pub trait Journal: Send + Sync + 'static {
    /// How many partitions there are; fixed when the store was created.
    fn partitions(&self) -> u16;

    /// Makes a batch durable and visible. The only function in the system that changes a table.
    ///
    /// Proposals of a partition keep the order of the calls. Dropping the future does not take the
    /// proposal back.
    fn commit(&self, batch: Batch) -> CommitFuture;

    /// The value of a key.
    ///
    /// # Errors
    /// If the store cannot be read or its bytes are damaged.
    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError>;

    /// Visits the rows of a range in key order (in reverse order if `reverse`), until the visitor
    /// breaks.
    ///
    /// # Errors
    /// If the store cannot be read or its bytes are damaged.
    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError>;

    /// Makes several scans: as [`Journal::scan`] for each, in their order. Where rows are at other
    /// nodes this is one journey to each node instead of one for each scan.
    ///
    /// # Errors
    /// Of the first scan that fails; rows may have been visited before.
    fn scan_many(&self, scans: &[Scan], visit: &mut ManyVisitor<'_>) -> Result<(), ReadError> {
        many::scan_each(self, scans, visit)
    }

    /// The values of several keys, in their order: as [`Journal::get`] for each, together.
    ///
    /// # Errors
    /// Of any of them.
    fn get_many(&self, gets: &[Get]) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        many::get_each(self, gets)
    }

    /// Who decides for a partition, as far as this node knows. A journal that is not replicated
    /// leads all its partitions under term 0, for ever.
    fn leadership(&self, partition: PartitionId) -> Leadership {
        let _ = partition;
        Leadership::ALONE
    }

    /// Calls `observer` at each later change of any partition's leadership.
    fn watch_leadership(&self, observer: LeadershipObserver) {
        drop(observer);
    }

    /// Whether this node certainly leads the partition under `term` at this moment, so that what is
    /// read here needs no [`Journal::confirm`]: because no other node could, or by a lease.
    fn is_certain(&self, partition: PartitionId, term: Term) -> bool {
        let _ = (partition, term);
        true
    }

    /// Confirms that this node led the partition under `term` at some moment after this call, and
    /// that every batch committed before that moment is applied here: a read that follows is
    /// linearizable. Calls that come together share one round of confirmation.
    fn confirm(&self, partition: PartitionId, term: Term) -> ConfirmFuture {
        let _ = (partition, term);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Figures for the shell and the metrics.
    fn stats(&self) -> JournalStats;

    /// Writes everything applied so far to the state stores, flushes them and closes. Later calls
    /// answer [`CommitError::Closed`] or [`ReadError::Closed`]. What was committed is durable with
    /// or without this; it makes the next opening quick.
    fn close(&self);
}

/// Figures of a node's store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalStats {
    /// One entry per partition, in order.
    pub partitions: Vec<PartitionStats>,
    /// Bytes of the log's file.
    pub log_bytes: u64,
    /// Durable writes (fsyncs) of the log since opening.
    pub log_syncs: u64,
    /// Batches committed since opening.
    pub batches: u64,
}

/// Figures of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartitionStats {
    /// The last committed and applied index.
    pub applied: u64,
    /// The last index that the state store itself holds durably; later ones are replayed from the
    /// log when it opens.
    pub checkpointed: u64,
    /// Bytes of the state store's file.
    pub state_bytes: u64,
    /// Rows applied but not yet in the state store's file.
    pub dirty_rows: u64,
}

/// Why a batch is not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A newer owner has written under a later term; nothing was changed.
    #[error("the partition is at term {current}, the batch was decided under {batch}")]
    StaleTerm {
        /// The term of the batch.
        batch: u64,
        /// The partition's term.
        current: u64,
    },
    /// Another node decides for this partition, or none does at the moment; nothing was changed.
    #[error("this node does not lead the partition")]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// There is no such partition here.
    #[error("no partition {0} on this node")]
    NoPartition(u16),
    /// The store failed while it wrote (disk full, for example). Whether the batch is durable is
    /// known only after opening again; until then the partition takes no commits.
    #[error("the store failed, the outcome is unknown: {0}")]
    Unknown(String),
    /// The store failed earlier and takes no more commits until it is opened again.
    #[error("the store failed earlier and must be opened again: {0}")]
    Failed(String),
    /// The batch is larger than an entry of the log may be; nothing was changed, and the partition
    /// still takes other commits.
    #[error("a batch of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of the encoded batch.
        bytes: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a read has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such partition here.
    #[error("no partition {0} on this node")]
    NoPartition(u16),
    /// The store cannot be read, or what it holds is damaged.
    #[error("the store cannot be read: {0}")]
    Store(String),
    /// Another node decides for the partition, or none does, and no answer came in time.
    #[error("nobody answers for partition {partition}: {why}")]
    Unreachable {
        /// Which one.
        partition: u16,
        /// What was tried last.
        why: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
