use impresario_ids::NodeId;
use impresario_redb::ReplicaError;

/// Why a node-level operation was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsensusError {
    /// The options contradict each other.
    #[error("the options of the consensus do not fit together: {0}")]
    Options(String),
    /// This node holds no replica of the group.
    #[error("no replica of group {0} on this node")]
    NoGroup(u16),
    /// Only the group's leader can do this.
    #[error("this node does not lead group {group}")]
    NotLeader {
        /// The group.
        group: u16,
        /// Who leads it, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// The group was founded before, or has entries of another cluster.
    #[error("group {0} exists already")]
    Founded(u16),
    /// Another change of the group's members is under way.
    #[error("the members of group {0} are being changed already")]
    Changing(u16),
    /// The change does not fit the group's members.
    #[error("group {group}: {why}")]
    Members {
        /// The group.
        group: u16,
        /// What does not fit.
        why: String,
    },
    /// No progress for too long. What was begun may still come about.
    #[error("group {group}: no progress while {doing}")]
    Timeout {
        /// The group.
        group: u16,
        /// What was waited for.
        doing: &'static str,
    },
    /// The replica's store.
    #[error(transparent)]
    Store(#[from] ReplicaError),
    /// The group's core has stopped.
    #[error("group {group} has stopped: {why}")]
    Stopped {
        /// The group.
        group: u16,
        /// Why.
        why: String,
    },
    /// The consensus was shut down.
    #[error("the consensus is shut down")]
    Closed,
}
