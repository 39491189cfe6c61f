//! Partitions as openraft groups: the replicated journal.
//!
//! Each partition is a Raft group, and one group more holds what the cluster knows of itself. A log
//! entry carries one batch of deterministic writes. All groups of a node share one store
//! ([`impresario_redb::ReplicaStore`]), so one fsync serves all of them. A node that is alone is
//! the only voter of each of its groups: the same code, without anybody to wait for.
//!
//! - C1: a batch is appended only while this node leads under the very term that the batch was
//!   decided under; any other is refused and changes nothing.
//! - C2: at most one node leads a group in a term, and each start of a node is a new term: the term
//!   is a fencing token.
//! - C3: the role of leader is told only when all that was committed before, up to the first entry
//!   of the new reign, is applied here.
//! - C4: a batch whose outcome this node will not learn is answered as unknown, and its term takes
//!   no commits any more. A leader that no majority answers gives up by itself.
//! - C5: applying is a function of the state and the entry: equal logs give equal rows and equal
//!   commit indexes on every replica.
//! - C6: a replica that comes back to a node from which it was removed promises no less than it
//!   once had: it votes only when its log is as long as it was.
//! - C7: the log is cut only behind what the state database holds durably.
//! - C8: a group goes on without its quorum only when that is asked for, no quorum answers, and
//!   nobody who answers has more of the log than the replica it goes on from.
//! - C9: a leader counts no more on a follower that came back without what it had acknowledged.
//! - C10: when its store has failed, a node leads and follows nothing any more, and says so.
//!
//! What it is not: it decides nothing about who should hold replicas, and it knows no addresses.

mod adopt;
mod archive;
mod ballot;
mod barrier;
mod codec;
mod consensus;
mod error;
mod group;
mod inbound;
mod journal;
mod log;
mod machine;
mod members;
mod message;
mod network;
mod office;
mod options;
mod receive;
mod recover;
mod report;
mod reversion;
mod send;
mod stored;
mod traffic;
mod types;
mod watchman;

pub use archive::{Digest, GroupSnapshot, LogBatch, decode_writes};
pub use consensus::{Allowed, Consensus};
pub use error::ConsensusError;
pub use impresario_redb::Row;
pub use journal::{RaftJournal, SystemJournal};
pub use members::{CatchUp, Members};
pub use office::GroupObserver;
pub use options::{Options, Reads};
pub use recover::{Quorum, Recovered};
pub use report::{FollowerMetrics, GroupMetrics};
pub use traffic::SnapshotProgress;

#[cfg(test)]
mod tests;
