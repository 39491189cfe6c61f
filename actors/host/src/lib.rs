//! Runs entities: activate, queue, decide, commit, apply, reply; passivate, supervise.
//!
//! Every active entity is a ractor actor, linked to the actor of its partition, which supervises it
//! and commits for it. A turn decides all commands of one message, one after another, on the
//! entity's own state, and hands what they lead to to the partition, which commits everything that
//! became ready while the last commit was under way as one batch.
//!
//! - H1: a reply, the answer to a query, an effect or an observation leaves only after every event
//!   it depends on is durable. Entities decide on their not yet durable state; what they decided is
//!   released in order, or not at all.
//! - H2: a failed commit throws away every activation of its partition; nothing that was decided on
//!   top of it leaves.
//! - H3: an entity has at most one activation, and a new one reads the store only after everything
//!   the last one submitted is settled.
//! - H4: a command with an idempotency key is decided once within the horizon
//!   ([`Options::seen_days`], at least 24 hours), across restarts; later ones get the same reply.
//! - H5: a panic ends one actor. It is restarted from durable state with back-off. A command that
//!   kills its entity [`Options::kills_max`] times is set aside in the dead-letter table.
//! - H6: every queue is bounded by its callers: the router's permits bound what is in mailboxes and
//!   in the partitions' batches. The host itself adds none.
//!
//! What it is not: a router (no permits here), a store, or the place where effects are carried out.

mod active;
mod builder;
pub mod clock;
mod crash;
mod deliver;
mod dynamic;
mod envelope;
mod erase;
mod failure;
mod hold;
mod hooks;
mod host;
mod idempotency;
mod info;
mod janitor;
mod kind;
mod load;
mod options;
mod partition;
mod seen;
mod standing;
mod turn;
mod turns;
mod writes;

pub use builder::{HostBuilder, HostParts};
pub use dynamic::Carried;
pub use envelope::{Deadline, Envelope, IdempotencyKey, Permit};
pub use failure::{AskError, Failure};
pub use hooks::{CommitHook, Committed, NewEffect, NoPolicy, Observer, PolicySource, TimerChange};
pub use host::Host;
pub use info::{EntityInfo, KindInfo};
pub use load::Loaded;
pub use options::Options;
