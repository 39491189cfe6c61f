//! The contract between pure entities and the host that runs them.
//!
//! An [`Entity`] is a type with two pure functions: `decide` turns a command and the current state
//! into a [`Decision`] (or a rejection), `apply` folds a committed event into the state. Everything
//! that could differ between two runs is handed in through [`Ctx`]: the time, a random seed, the
//! tenant's policy, the trace. So every story can be replayed in a test, and a replica never runs
//! domain code.
//!
//! - K1: nothing here reads a clock, a random generator, a file or a socket, and nothing awaits.
//! - K2: every entity is addressed by an [`EntityKey`] whose first bytes are its tenant.
//! - K3: the partition of a key is the same for ever ([`EntityKey::partition`] has golden tests).
//!
//! What it is not: a runtime. Activation, commits and supervision live in `actors/host`, storage
//! behind the port in `storage/journal`.

mod codec;
mod ctx;
mod decision;
mod entity;
mod key;
mod personal;
mod time;

#[cfg(test)]
mod tests;

pub use codec::{CodecError, decode, encode};
pub use ctx::{Ctx, Rng};
pub use decision::{Decision, IndexId, IndexOp, IndexRow, TimerName, TimerOp};
pub use entity::{Coded, Entity, Needs, Stored};
pub use key::{EntityKey, EntityKind, KEY_LENGTH, KeyError, PartitionId};
pub use personal::Personal;
pub use time::Timestamp;
