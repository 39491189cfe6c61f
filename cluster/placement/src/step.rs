use std::collections::BTreeSet;

use impresario_ids::NodeId;

use crate::{Command, GroupId};

/// One thing to do next. Each may be done twice, or not at all: the next plan starts from what is
/// seen then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The group's leader adds a replica that does not vote; it then catches up.
    AddLearner {
        /// The group.
        group: GroupId,
        /// Where.
        node: NodeId,
    },
    /// The group's leader changes who votes, by joint consensus. Voters that are left out go on as
    /// learners.
    ChangeVoters {
        /// The group.
        group: GroupId,
        /// The voters that this was planned for; with others it must not be done.
        from: BTreeSet<NodeId>,
        /// The voters from then on.
        to: BTreeSet<NodeId>,
    },
    /// The group's leader takes a learner out of the group. Its files stay.
    RemoveReplica {
        /// The group.
        group: GroupId,
        /// The learner.
        node: NodeId,
    },
    /// The group's leader hands over to another voter.
    TransferLeader {
        /// The group.
        group: GroupId,
        /// The leader.
        from: NodeId,
        /// The next one.
        to: NodeId,
    },
    /// The node deletes its files of a group, after asking the group's leader once more whether it
    /// is a replica.
    DeleteReplica {
        /// The group.
        group: GroupId,
        /// Where.
        node: NodeId,
    },
    /// Tell the system group [`Command::Activate`].
    Activate {
        /// The node.
        node: NodeId,
    },
    /// Tell the system group [`Command::FinishLeave`].
    FinishLeave {
        /// The node.
        node: NodeId,
    },
    /// Tell the system group [`Command::MarkDead`].
    MarkDead {
        /// The node.
        node: NodeId,
    },
    /// Tell the system group [`Command::Revive`].
    Revive {
        /// The node.
        node: NodeId,
    },
}

impl Step {
    /// What to tell the system group, if the step is that.
    #[must_use]
    pub fn command(&self) -> Option<Command> {
        match self {
            Self::Activate { node } => Some(Command::Activate { node: *node }),
            Self::FinishLeave { node } => Some(Command::FinishLeave { node: *node }),
            Self::MarkDead { node } => Some(Command::MarkDead { node: *node }),
            Self::Revive { node } => Some(Command::Revive { node: *node }),
            Self::AddLearner { .. }
            | Self::ChangeVoters { .. }
            | Self::RemoveReplica { .. }
            | Self::TransferLeader { .. }
            | Self::DeleteReplica { .. } => None,
        }
    }

    /// The group whose leader (or, for a deletion, whose replica) is to act.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        match self {
            Self::AddLearner { group, .. }
            | Self::ChangeVoters { group, .. }
            | Self::RemoveReplica { group, .. }
            | Self::TransferLeader { group, .. }
            | Self::DeleteReplica { group, .. } => Some(*group),
            Self::Activate { .. }
            | Self::FinishLeave { .. }
            | Self::MarkDead { .. }
            | Self::Revive { .. } => None,
        }
    }

    /// Whether the step changes who is in a group.
    #[must_use]
    pub fn is_membership(&self) -> bool {
        matches!(
            self,
            Self::AddLearner { .. } | Self::ChangeVoters { .. } | Self::RemoveReplica { .. }
        )
    }
}
