use std::path::PathBuf;
use std::time::Duration;

/// How a node's store is kept. Only `dir` and `partitions` must be given; the rest has defaults
/// that suit 2 cores and an SSD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder of the databases; made if it is not there. One process at a time.
    pub dir: PathBuf,
    /// How many partitions: at least 1. Fixed when the store is created.
    pub partitions: u16,
    /// Memory for pages of all state databases together, in bytes. Each gets an equal part.
    pub state_cache_bytes: usize,
    /// Memory for pages of the log database, in bytes.
    pub log_cache_bytes: usize,
    /// A partition's rows are written to its state database at the latest when the oldest of them
    /// is this old. Longer means less writing (rows that change often are written once) and more
    /// log to replay after a crash.
    pub checkpoint_age: Duration,
    /// Above this many bytes of rows not yet in the state databases, all partitions together, the
    /// fullest partition is written at once.
    pub dirty_soft_bytes: usize,
    /// Above this many bytes of such rows, commits wait until a checkpoint has made room.
    pub dirty_hard_bytes: usize,
    /// The most bytes of batches that one durable write of the log takes together. A single batch
    /// may be larger.
    pub drain_bytes: usize,
    /// While several partitions are busy, a durable write waits at most this long for as many of
    /// them as the last one had. Zero: it never waits. A single busy partition never waits.
    pub gather: Duration,
}

impl Options {
    /// The defaults, for a store in `dir` with this many partitions.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, partitions: u16) -> Self {
        Self {
            dir: dir.into(),
            partitions,
            state_cache_bytes: 256 << 20,
            log_cache_bytes: 32 << 20,
            checkpoint_age: Duration::from_secs(10),
            dirty_soft_bytes: 64 << 20,
            dirty_hard_bytes: 192 << 20,
            drain_bytes: 16 << 20,
            gather: Duration::from_micros(300),
        }
    }
}
