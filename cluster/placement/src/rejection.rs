use impresario_ids::{ClusterId, NodeId};

use crate::{GroupId, Status};

/// Groups that a rejection names, at most.
pub const NAMED_GROUPS_MAX: usize = 16;

/// Why the system group refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no cluster yet.
    #[error("the cluster is not founded yet")]
    NotFounded,
    /// There is a cluster already.
    #[error("the cluster {cluster} is founded already")]
    AlreadyFounded {
        /// Which.
        cluster: ClusterId,
    },
    /// A setting is out of its range.
    #[error("the setting {name} must be {allowed}")]
    SettingInvalid {
        /// Which.
        name: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// What a node says of itself is not usable.
    #[error("the node's {what} is empty, too long or malformed")]
    IntroductionInvalid {
        /// Which part.
        what: &'static str,
    },
    /// The node belongs to another cluster.
    #[error("this is the cluster {ours}, the node belongs to {theirs}")]
    WrongCluster {
        /// This one.
        ours: ClusterId,
        /// The node's.
        theirs: ClusterId,
    },
    /// The node's store was made for another number of partitions.
    #[error("the cluster has {ours} partitions, the node's store {theirs}")]
    WrongPartitions {
        /// The cluster's.
        ours: u16,
        /// The store's.
        theirs: u16,
    },
    /// The store carries a number that the cluster gave to another store, or to none.
    #[error("the store says that it is {node}, but the cluster knows it otherwise")]
    WrongNode {
        /// The number in the store.
        node: NodeId,
    },
    /// The store belonged to a node that left or was removed.
    #[error("the store belonged to {node}, which is no member any more; join with an empty folder")]
    StoreRetired {
        /// Whose it was.
        node: NodeId,
    },
    /// Two processes run on copies of one store.
    #[error("the store of {node} is in use elsewhere: this is a copy of it")]
    StoreCopied {
        /// Whose it is.
        node: NodeId,
    },
    /// A member that is not dead has this address.
    #[error("{node} has this address; mark it dead first if it was replaced")]
    AddressTaken {
        /// Which.
        node: NodeId,
    },
    /// The node and a member have no version of the wire in common.
    #[error("the node and {node} have no version of the wire in common")]
    WireIncompatible {
        /// A member it cannot speak with.
        node: NodeId,
    },
    /// No such node.
    #[error("there is no {node}")]
    NodeUnknown {
        /// Which.
        node: NodeId,
    },
    /// The node is at another place of its life.
    #[error("{node} is {status}, so this cannot be done")]
    StatusWrong {
        /// Which.
        node: NodeId,
        /// Where it is.
        status: Status,
    },
    /// Partitions would have fewer replicas, because too few nodes would stay; or none would.
    #[error(
        "{left} nodes would stay for {replicas} replicas; lower the replicas first, or force it"
    )]
    TooFewNodes {
        /// Nodes that would stay.
        left: usize,
        /// Replicas that each partition should have.
        replicas: u8,
    },
    /// Groups would have no quorum any more, or have none already.
    #[error(
        "{count} groups have no majority then, or have none now ({}): bring the nodes back that do \
         not answer, or insist with without_majority",
        named(.groups)
    )]
    QuorumAtRisk {
        /// How many.
        count: usize,
        /// The first of them, at most [`NAMED_GROUPS_MAX`].
        groups: Vec<GroupId>,
    },
    /// The node still holds replicas of partitions.
    #[error("{node} still holds replicas")]
    NotEmpty {
        /// Which.
        node: NodeId,
    },
    /// No such group, or not one that this can be done with.
    #[error("there is no partition {group}")]
    GroupUnknown {
        /// Which.
        group: GroupId,
    },
    /// A replica cannot be moved so.
    #[error("a replica of {group} cannot move from {from} to {to}")]
    MoveInvalid {
        /// The group.
        group: GroupId,
        /// From there.
        from: NodeId,
        /// To there.
        to: NodeId,
    },
    /// The node cannot lead the group.
    #[error("{node} is not an active voter of {group}")]
    LeaderInvalid {
        /// The group.
        group: GroupId,
        /// The node.
        node: NodeId,
    },
    /// The recovery is not one: the group still has a quorum, or what was kept is not part of it.
    #[error("this is no recovery of {group}: {why}")]
    RecoveryInvalid {
        /// The group.
        group: GroupId,
        /// What is wrong.
        why: &'static str,
    },
}

fn named(groups: &[GroupId]) -> String {
    groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Every code that [`Rejection::code`] may answer.
pub const CODES: &[&str] = &[
    "cluster_not_founded",
    "cluster_already_founded",
    "cluster_setting_invalid",
    "node_introduction_invalid",
    "cluster_wrong",
    "cluster_partitions_wrong",
    "node_number_wrong",
    "node_store_retired",
    "node_store_copied",
    "node_address_taken",
    "node_wire_incompatible",
    "node_unknown",
    "node_status_wrong",
    "cluster_too_few_nodes",
    "cluster_quorum_at_risk",
    "node_not_empty",
    "partition_unknown",
    "replica_move_invalid",
    "partition_leader_invalid",
    "recovery_invalid",
];

impl Rejection {
    /// The stable code of the rejection.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFounded => "cluster_not_founded",
            Self::AlreadyFounded { .. } => "cluster_already_founded",
            Self::SettingInvalid { .. } => "cluster_setting_invalid",
            Self::IntroductionInvalid { .. } => "node_introduction_invalid",
            Self::WrongCluster { .. } => "cluster_wrong",
            Self::WrongPartitions { .. } => "cluster_partitions_wrong",
            Self::WrongNode { .. } => "node_number_wrong",
            Self::StoreRetired { .. } => "node_store_retired",
            Self::StoreCopied { .. } => "node_store_copied",
            Self::AddressTaken { .. } => "node_address_taken",
            Self::WireIncompatible { .. } => "node_wire_incompatible",
            Self::NodeUnknown { .. } => "node_unknown",
            Self::StatusWrong { .. } => "node_status_wrong",
            Self::TooFewNodes { .. } => "cluster_too_few_nodes",
            Self::QuorumAtRisk { .. } => "cluster_quorum_at_risk",
            Self::NotEmpty { .. } => "node_not_empty",
            Self::GroupUnknown { .. } => "partition_unknown",
            Self::MoveInvalid { .. } => "replica_move_invalid",
            Self::LeaderInvalid { .. } => "partition_leader_invalid",
            Self::RecoveryInvalid { .. } => "recovery_invalid",
        }
    }
}
