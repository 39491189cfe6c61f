//! What crosses nodes: the one frame, Raft's own connections, mutual TLS.
//!
//! One port of a node takes everything. A connection begins with TLS, where both sides show a
//! certificate of the cluster's authority, and a hello, where both say who they are ([`Hello`]);
//! certificate, cluster, partition count and data folder are held against each other, and the
//! [`Doorman`] says who is a member. Then it is one of three:
//!
//! - a lane of Raft ([`RaftLanes`]): three TCP connections per peer and direction, so that no
//!   large message holds a heartbeat back;
//! - entity calls ([`Calls`]): one connection per pair of nodes, handed to ractor_cluster, which
//!   carries parcels between one gateway actor per node;
//! - a guest's one question ([`knock`]), for example of a node that wants to join.
//!
//! Invariants:
//!
//! - W1: nobody is listened to before certificate, cluster, partition count and membership were
//!   found in order, on both sides. A refusal says why, is logged once and counted.
//! - W2: neither a slow nor a silent stranger holds anyone else up: handshakes have a time limit
//!   and run beside the accept loop, and of too many the oldest is dropped.
//! - W3: every call ends by its deadline, and entity calls to a peer that fell silent end within
//!   `calls.dead_after_ms` and half a heartbeat.
//! - W4: what is kept for or of one peer is bounded, in messages and bytes, whether it is quick,
//!   slow or gone. The full case: [`WireError::Busy`] at once. ractor's mailboxes have no bounds,
//!   so no more is handed to them than the peer acknowledges.
//! - W5: a body above a piece's size never stands before a short message with more than
//!   `calls.bulk_window_bytes`.
//! - W6: two processes that say to be the same node are not spoken to at the same time: a copy of a
//!   node's disk stays outside while the node lives.
//! - W7: a peer that is not understood is told so; bytes from the net never end the process.
//! - W8: certificates are replaced without a restart and without losing a call.
//!
//! What it is not: a guarantee. Calls are carried at most once; who calls again uses an idempotency
//! key. And it is not a directory: who leads what is the router's to know.

mod answering;
mod backoff;
mod bidi;
mod book;
mod calls;
mod doorman;
mod frame;
mod frames;
mod gateway;
mod hello;
pub mod issue;
mod knock;
mod lanes;
mod line;
mod link;
mod memory;
mod meters;
mod options;
mod parcel;
mod peers;
mod porch;
mod raft;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

pub use calls::Calls;
pub use doorman::{Doorman, Refusal, Register};
pub use frame::{
    Answer, Call, CallHandler, CallKind, CallTransport, Called, Failed, FrameError, Handled, Item,
    Outcome, Rejected, Target,
};
pub use hello::{Hello, Me, Purpose, RELEASE, RunId, StoreId, VERSIONS};
pub use knock::knock;
pub use lanes::RaftLanes;
pub use memory::{MemoryNet, MemoryPort};
pub use options::{CallOptions, LaneOptions, Options, OptionsError, TlsOptions};
pub use peers::PeerStatus;
pub use raft::{Answered, Lane, RaftHandler, RaftTransport, WireError};
pub use tls::{Named, TlsError, named};
pub use wire::{GuestHandler, Handlers, KnockError, StartError, Wire};
