use impresario_journal::ReadError;

/// Why a replica's store does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// This node holds no replica of the group, or no store could: the number is too high.
    #[error("no group {0} on this node")]
    NoGroup(u16),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The store failed earlier and writes nothing until it is opened again.
    #[error("the store failed and must be opened again: {0}")]
    Failed(String),
    /// The store cannot be read, or what it holds is damaged.
    #[error("the store cannot be read: {0}")]
    Store(String),
    /// A batch is larger than an entry of the log may be.
    #[error("an entry of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of the entry.
        bytes: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// Entries that do not follow the log's end, a truncation below what was purged, and the like:
    /// nothing was changed.
    #[error("group {group}: {why}")]
    OutOfOrder {
        /// The group.
        group: u16,
        /// What does not fit.
        why: String,
    },
    /// A piece of a snapshot is damaged, of a later version, or not the next one. The installation
    /// stays where it was.
    #[error("a chunk of a snapshot is refused: {0}")]
    Chunk(String),
}

impl From<ReadError> for ReplicaError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NoPartition(group) => Self::NoGroup(group),
            ReadError::Store(why) | ReadError::Unreachable { why, .. } => Self::Store(why),
            ReadError::Closed => Self::Closed,
        }
    }
}
