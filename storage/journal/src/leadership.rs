use std::future::Future;
use std::pin::Pin;

use impresario_ids::NodeId;

use crate::{CommitError, Term};

/// The outcome of [`crate::Journal::confirm`]. On an error nothing may be answered from what is
/// here: [`CommitError::NotLeader`] and [`CommitError::StaleTerm`] say that another node decides.
pub type ConfirmFuture = Pin<Box<dyn Future<Output = Result<(), CommitError>> + Send>>;

/// Who decides for a partition, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The reign. A batch must carry the term under which it was decided.
    pub term: Term,
    /// What this node is in it.
    pub role: Role,
}

/// What this node is for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Decides: every earlier batch is applied here.
    Leader,
    /// Holds a replica.
    Follower {
        /// Who decides, if that is known.
        leader: Option<NodeId>,
    },
    /// Holds nothing of the partition.
    Absent,
}

impl Leadership {
    /// The leadership in a journal that is not replicated.
    pub const ALONE: Self = Self { term: Term(0), role: Role::Leader };

    /// Whether this node decides.
    #[must_use]
    pub const fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader)
    }

    /// The other node that decides, if that is known.
    #[must_use]
    pub const fn leader(&self) -> Option<NodeId> {
        match self.role {
            Role::Follower { leader } => leader,
            Role::Leader | Role::Absent => None,
        }
    }
}
