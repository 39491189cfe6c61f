use std::collections::BTreeSet;

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
    /// Batches are no longer in the log of this node: only a snapshot has them.
    #[error("the log of group {group} begins with batch {first} here, {from} is gone")]
    LogGap {
        /// The group.
        group: u16,
        /// What was asked for.
        from: u64,
        /// The first batch that is still there.
        first: u64,
    },
    /// The group has no need to be recovered.
    #[error(
        "a quorum of group {group} answers ({}), there is nothing to recover",
        names(answering)
    )]
    QuorumAnswers {
        /// The group.
        group: u16,
        /// Who answers, this node included.
        answering: BTreeSet<NodeId>,
    },
    /// Another node should be recovered from: it has more of the log.
    #[error("{node} has more of group {group}'s log: recover it there")]
    Behind {
        /// The group.
        group: u16,
        /// Who has more.
        node: NodeId,
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

fn names(nodes: &BTreeSet<NodeId>) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
