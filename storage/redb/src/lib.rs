//! The journal on redb: one log database per node, one state database per partition.
//!
//! A commit is durable when its batch is in `log.redb`, whose one writer thread takes all batches
//! that are waiting, of all partitions, into one durable write. The rows themselves then go into a
//! sorted overlay in memory, which reads see at once; a second thread writes overlays to the
//! partitions' own databases (`state-0000.redb`, …) in large sorted transactions, and the log is
//! cut behind them. After a crash the log's tail is applied again.
//!
//! - R1: a state database holds exactly the batches up to the index stored in it, in the same
//!   transaction; the log holds at least every later one.
//! - R2: nothing is visible before it is durable in the log.
//! - R3: after a failed write nothing more is written until the store is opened again: what is in
//!   doubt is answered `Unknown`, everything after it `Failed`. Reads go on.
//! - R4: memory is bounded by the options: commits wait when the overlays are full. The queue before
//!   the writer is bounded by its callers, who keep one proposal per partition in flight.
//! - R5: a file that is damaged, missing, misplaced or of another format is an [`OpenError`] that
//!   names the file and the way out, never a panic and never a silent loss.
//!
//! [`RedbJournal`] is this alone, on one node: what is durable is committed. [`ReplicaStore`] keeps
//! the same databases under a replicated log, where a consensus says what is committed; it also
//! takes over the folder of a `RedbJournal`. Both share the threads, the overlay and the state
//! databases.
//!
//! What it is not: a consensus. It knows logs, votes and marks as bytes.

mod cell;
mod checkpoint;
mod clock;
mod disk;
mod entry;
mod error;
mod format;
mod journal;
mod log;
mod options;
mod overlay;
mod partition;
mod probe;
mod recovery;
mod replica;
mod shared;
mod state;
mod threads;
mod tools;
mod writer;

#[cfg(test)]
mod tests;

pub use disk::SimulatedDisk;
pub use error::OpenError;
pub use journal::RedbJournal;
pub use options::Options;
pub use probe::probe_fsync;
pub use replica::{
    Adopt, Adopted, Done, GroupStats, LogEntry, LogState, Mark, Payload, ReplicaError,
    ReplicaOptions, ReplicaStats, ReplicaStore, Row, RowReader, SnapshotInstall, SnapshotReader,
};
pub use tools::{Compacted, Contents, PartitionContents, compact, inspect, verify};
