//! ask, tell, query: permits, deadlines and overload answers in front of every entity.
//!
//! The router is the only door to an entity for whoever is not an entity: the edge, the outbox, the
//! shell. It says where an entity lives, and bounds what may be on the way to it, because mailboxes
//! are not bounded.
//!
//! - RT1: a message holds a permit of its tenant, of its partition and of the node from before it
//!   is sent until its outcome is released, also when nobody waits for it any more. The queue's
//!   full case: the caller gets [`Failure::Overloaded`] at once; nothing was
//!   sent.
//! - RT2: one tenant can hold at most its share of the node's permits, so a tenant that floods its
//!   entities leaves room for the others.
//! - RT3: an ask ends by its deadline. What was sent may still be carried out then; asking again
//!   with the same idempotency key is safe.
//!
//! For now every partition is local; the signatures are those that a remote node will have.

mod options;
mod permits;
mod router;
#[cfg(test)]
mod tests;

pub use impresario_host::{AskError, Deadline, Envelope, Failure, IdempotencyKey};
pub use options::Options;
pub use router::Router;
