use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;

/// The connection that a message of Raft takes. Each is one TCP connection per peer and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Votes, heartbeats, leadership transfers: small, never behind anything large.
    Pulse = 0,
    /// Log entries.
    Append = 1,
    /// Pieces of snapshots.
    Snapshot = 2,
}

impl Lane {
    /// Every lane, in the order of their bytes.
    pub const ALL: [Self; 3] = [Self::Pulse, Self::Append, Self::Snapshot];

    /// For logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pulse => "pulse",
            Self::Append => "append",
            Self::Snapshot => "snapshot",
        }
    }
}

/// The answer to a call, or why there is none.
pub type Answered = Pin<Box<dyn Future<Output = Result<Bytes, WireError>> + Send>>;

/// Carries Raft's requests to other nodes. At most once: after an error the request may have been
/// handled or not.
pub trait RaftTransport: Send + Sync + 'static {
    /// Sends a request of a group to a node and waits for its answer, at most `within`.
    ///
    /// Bounded: with too many requests of a lane under way to one node, the answer is
    /// [`WireError::Busy`] at once.
    fn call(&self, to: NodeId, lane: Lane, group: u16, body: Bytes, within: Duration) -> Answered;
}

/// Answers Raft's requests of other nodes. The body is opaque to the wire; the consensus versions
/// it.
pub trait RaftHandler: Send + Sync + 'static {
    /// Handles a request that an authenticated peer sent.
    fn handle(&self, from: NodeId, lane: Lane, group: u16, body: Bytes) -> Answered;
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The address of this node is not known.
    #[error("the address of {0} is not known")]
    UnknownNode(NodeId),
    /// The node cannot be reached; nothing was sent.
    #[error("{node} cannot be reached: {why}")]
    Unreachable {
        /// Who.
        node: NodeId,
        /// Why.
        why: String,
    },
    /// The connection broke before the answer came. The call may have been handled.
    #[error("the connection to {node} broke: {why}")]
    Broken {
        /// Who.
        node: NodeId,
        /// Why.
        why: String,
    },
    /// No answer in time. The call may have been handled.
    #[error("{0} did not answer in time")]
    Timeout(NodeId),
    /// Too many calls under way to this node, there or here; it was not handled.
    #[error("too many calls to {0} are under way")]
    Busy(NodeId),
    /// The node answered that it cannot handle the call.
    #[error("{node} refused: {why}")]
    Refused {
        /// Who.
        node: NodeId,
        /// Why.
        why: String,
    },
    /// The request is larger than a frame may be; nothing was sent. An answer that is too large is
    /// [`WireError::Refused`]: the request was handled.
    #[error("a message of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of the message.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
}

impl WireError {
    /// Whether the call was certainly not handled, so that asking another node is safe.
    #[must_use]
    pub fn nothing_done(&self) -> bool {
        match self {
            Self::UnknownNode(_)
            | Self::Unreachable { .. }
            | Self::Busy(_)
            | Self::TooLarge { .. } => true,
            Self::Broken { .. } | Self::Timeout(_) | Self::Refused { .. } => false,
        }
    }
}
