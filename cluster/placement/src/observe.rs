use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::NodeId;

use crate::GroupId;

/// What is seen of the cluster just now. What is missing is unknown, and nothing is planned on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    /// Each group, as told by a leader that confirmed that it leads.
    pub groups: BTreeMap<GroupId, GroupView>,
    /// Each node, as the failure detector has it.
    pub nodes: BTreeMap<NodeId, NodeView>,
}

/// A group as its leader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupView {
    /// The voters of the effective membership.
    pub voters: BTreeSet<NodeId>,
    /// The learners of the effective membership.
    pub learners: BTreeSet<NodeId>,
    /// The leader.
    pub leader: Option<NodeId>,
    /// A change of membership is not committed yet, or is joint.
    pub changing: bool,
    /// How many log entries each other replica is behind the leader; missing = not known.
    pub lag: BTreeMap<NodeId, u64>,
}

/// A node as the others see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Whether it answers.
    pub alive: bool,
    /// Since when it does not, in milliseconds; 0 if it does.
    pub silent_ms: u64,
    /// The groups that it has files of.
    pub replicas: BTreeSet<GroupId>,
}
