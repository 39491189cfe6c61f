use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::Options;
use crate::replica::Mark;

/// How a node's replicas are kept. Only `dir` and `groups` must be given.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// The folder of the databases; made if it is not there. One process at a time.
    pub dir: PathBuf,
    /// How many groups there can be: their numbers are `0..groups`. Fixed when the store is
    /// created.
    pub groups: u16,
    /// Memory for pages of all state databases together, in bytes. Each gets an equal part.
    pub state_cache_bytes: usize,
    /// Memory for pages of the log database, in bytes.
    pub log_cache_bytes: usize,
    /// Memory for recent log entries of all groups together, in bytes, so that applying and
    /// replicating them reads no disk. Entries on their way to the disk are held beyond it.
    pub recent_bytes: usize,
    /// See [`Options::checkpoint_age`].
    pub checkpoint_age: Duration,
    /// See [`Options::dirty_soft_bytes`].
    pub dirty_soft_bytes: usize,
    /// Above this many bytes of applied rows that are not yet in the state databases, appended
    /// entries wait in the queue, and [`crate::ReplicaStore::room`] waits.
    pub dirty_hard_bytes: usize,
    /// Above this many bytes of entries that wait for the log, [`crate::ReplicaStore::room`] waits.
    pub queue_bytes: usize,
    /// See [`Options::drain_bytes`].
    pub drain_bytes: usize,
    /// See [`Options::gather`].
    pub gather: Duration,
    /// What a store made by [`crate::RedbJournal`] becomes; without it such a store is refused.
    pub adopt: Option<Adopt>,
}

impl ReplicaOptions {
    /// The defaults, for a store in `dir` with at most this many groups.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, groups: u16) -> Self {
        Self::with(Options::new(dir, groups), groups)
    }

    /// The options of a plain store, of whose number of partitions nothing is taken, for at most
    /// `groups` groups.
    #[must_use]
    pub fn with(options: Options, groups: u16) -> Self {
        Self {
            dir: options.dir,
            groups,
            state_cache_bytes: options.state_cache_bytes,
            log_cache_bytes: options.log_cache_bytes,
            recent_bytes: 64 << 20,
            checkpoint_age: options.checkpoint_age,
            dirty_soft_bytes: options.dirty_soft_bytes,
            dirty_hard_bytes: options.dirty_hard_bytes,
            queue_bytes: 64 << 20,
            drain_bytes: options.drain_bytes,
            gather: options.gather,
            adopt: None,
        }
    }
}

/// How a store made by [`crate::RedbJournal`] is taken over: its state databases are kept, with
/// all that its log held applied, and partition `n` becomes group `n`. A crash in between leaves
/// the old store or the new one; the next opening goes on.
#[derive(Clone)]
pub struct Adopt {
    /// How many partitions the old store must have; another number is refused.
    pub partitions: u16,
    /// Given partition, last index (0 if it has no batch) and term of the last batch, says what the
    /// group begins with. Must give the same each time, since it may be asked again after a crash.
    pub begin: Arc<dyn Fn(u16, u64, u64) -> Adopted + Send + Sync>,
}

impl fmt::Debug for Adopt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adopt").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

/// What a group that was a partition begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// How far its state is. The log counts as purged up to this index (inclusive).
    pub mark: Mark,
    /// The log id of that index.
    pub id: Vec<u8>,
    /// Its vote, if it begins with one.
    pub vote: Option<Vec<u8>>,
}
