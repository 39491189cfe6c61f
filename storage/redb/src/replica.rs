//! Replicas of groups: their logs in one database, the state of each in one of its own.
//!
//! This store is what a consensus stands on. It knows no consensus: log ids, votes and memberships
//! are bytes to it. It differs from [`crate::RedbJournal`] in that a log entry and its effect are
//! two steps: entries are appended, perhaps truncated, and only what was committed is applied.
//!
//! - S1: what was appended, truncated or voted is durable when its [`Done`] is told `Ok`; what one
//!   group wrote before is durable too. `read` and `log_state` show it when the call returns.
//! - S2: a state database holds exactly what was applied up to its [`Mark`], which is in the same
//!   transaction. After opening again, [`ReplicaStore::applied`] is that mark: the consensus
//!   applies what came after.
//! - S3: no entry above a group's durable mark leaves the disk by a purge.
//! - S4: after a failed write or fsync nothing more is written until the store is opened again;
//!   every [`Done`] is told an error; reads go on.
//! - S5: an installed snapshot replaces the state wholly or not at all.
//! - S6: all groups' waiting writes share one fsync. Memory is bounded by the options as long as
//!   who appends and applies awaits [`ReplicaStore::room`].

mod adopt;
mod chunk;
mod entry;
mod error;
mod inner;
mod install;
mod log;
mod open;
mod options;
mod records;
mod rows;
mod slot;
mod snapshot;
mod store;
mod stored;
#[cfg(test)]
mod tests;
mod tools;
mod view;
mod writer;

pub use entry::{LogEntry, Payload};
pub use error::ReplicaError;
pub use install::SnapshotInstall;
pub use options::{Adopt, Adopted, ReplicaOptions};
pub use rows::{Row, RowReader};
pub use snapshot::SnapshotReader;
pub use store::ReplicaStore;

pub(crate) use tools::{compact, inspect, verify};

/// Told on the log writer's thread, after the fsync, or why there was none. Must not block.
pub type Done = Box<dyn FnOnce(Result<(), String>) + Send>;

/// How far the state of a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The index of the last applied entry.
    pub index: u64,
    /// What the consensus must know of it: its log id and the membership. Opaque to the store.
    pub bytes: Vec<u8>,
}

/// Where a group's log begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// Index and id of the last entry; of the last purged one if there is none after it.
    pub last: Option<(u64, Vec<u8>)>,
    /// Index and id of the last purged entry.
    pub purged: Option<(u64, Vec<u8>)>,
}

/// Figures of a node's replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaStats {
    /// One entry per group held here, in order.
    pub groups: Vec<GroupStats>,
    /// Bytes of the log's file.
    pub log_bytes: u64,
    /// Durable writes (fsyncs) of the log since opening.
    pub log_syncs: u64,
    /// Entries appended since opening.
    pub entries: u64,
    /// Bytes of entries that wait for the log.
    pub queued_bytes: u64,
    /// Bytes of entries held in memory.
    pub recent_bytes: u64,
    /// Bytes of applied rows that are not yet in the state databases.
    pub dirty_bytes: u64,
}

/// Figures of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupStats {
    /// The group.
    pub group: u16,
    /// The last applied index.
    pub applied: Option<u64>,
    /// The last index that the state database itself holds.
    pub durable: Option<u64>,
    /// The last index of the log.
    pub last: Option<u64>,
    /// The last purged index of the log.
    pub purged: Option<u64>,
    /// Bytes of the state database's file.
    pub state_bytes: u64,
    /// Rows applied but not yet in the state database.
    pub dirty_rows: u64,
}
