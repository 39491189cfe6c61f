//! ask, tell, query: to the node that decides, with permits, deadlines and overload answers.
//!
//! The router is the only door to an entity for whoever is not an entity: the edge, the outbox, the
//! shell. It finds the node that decides for the entity's partition, and bounds what may be on the
//! way to it, because mailboxes are not bounded. [`Gateway`] is the other end: it answers the
//! routers of other nodes.
//!
//! - RT1: a message holds a permit of its tenant, of its partition and of the node from before it
//!   is sent until its outcome is released, also when nobody waits for it any more. The queue's
//!   full case: the caller gets [`Failure::Overloaded`] at once; nothing was sent. A message to
//!   another node holds them on both.
//! - RT2: one tenant can hold at most its share of the node's permits, so a tenant that floods its
//!   entities leaves room for the others.
//! - RT3: an ask ends by its deadline. What was sent may still be carried out then; asking again
//!   with the same idempotency key is safe.
//! - RT4: a command is sent again only if it certainly was not carried out, or if it has an
//!   idempotency key; otherwise the caller gets [`Failure::OutcomeUnknown`]. A question may always
//!   be asked again.
//! - RT5: while nobody decides for a partition (an election, a handing over), callers wait for
//!   [`Options::patience_ms`] before they fail. A search asks at most [`Options::asks_max`] nodes.
//! - RT6: a node answers a call of another node itself or says who decides; it never passes it on.
//! - RT7: the answer is the same from every node: rejections cross nodes with their type, failures
//!   with their code.
//!
//! Lists and searches read rows of many entities at once, without asking them. [`ClusterReads`] is a
//! journal for them whose reads go to whoever leads a partition; [`ReadsHere`] is its other end.
//!
//! What it is not: a judge of who decides. [`Directions`] are hearsay; the host refuses what is not
//! its own, and the journal what was decided under an older term.

mod cluster;
mod commands;
mod directions;
mod gateway;
mod hop;
mod options;
mod parcel;
mod permits;
mod query;
mod reads;
mod router;
mod search;
#[cfg(test)]
mod tests;
mod translate;

pub use directions::{Direction, Directions, Signposts};
pub use gateway::Gateway;
pub use impresario_host::{AskError, Deadline, Envelope, Failure, IdempotencyKey};
pub use options::Options;
pub use reads::{ClusterReads, ReadOptions, ReadsHere};
pub use router::Router;
