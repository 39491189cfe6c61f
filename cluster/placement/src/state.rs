use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::{ClusterId, NodeId, TenantId};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{GroupId, Member, Settings, Status, StoreId, Zone};

/// Recoveries that are kept; older ones are dropped (the audit log has them all).
pub const RECOVERIES_KEPT: usize = 64;

/// Where the replicas of a group belong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Assignment {
    /// The nodes that vote.
    #[n(0)]
    pub voters: BTreeSet<NodeId>,
    /// The nodes that hold a replica and do not vote: only of the system group.
    #[n(1)]
    #[cbor(default)]
    pub learners: BTreeSet<NodeId>,
    /// The voter that should lead; none if no voter may.
    #[n(2)]
    pub leader: Option<NodeId>,
    /// Grows by one with each change of the above.
    #[n(3)]
    pub epoch: u64,
}

/// Where a tenant would like to be served.
///
/// A tenant's profiles are hashed over all partitions, so no hint can gather them. What a hint can
/// do is this: the tenant's own entity (settings, keys, live segments) lives in one group, and
/// among the voters of that group one of the wanted zone is preferred as its leader. It breaks
/// ties only: replicas do not move for it, and leaders stay balanced. If tenants of one group want
/// different zones, the zone that most of them want counts (of equal ones, the first by name).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Hint {
    /// The group of the tenant's own entity.
    #[n(0)]
    pub group: GroupId,
    /// The wanted zone of its leader.
    #[n(1)]
    pub zone: Zone,
}

/// A quorum was lost and the group was started again from what was left, by a person's decision.
/// Commits that were acknowledged may be missing from then on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Recovery {
    /// The group.
    #[n(0)]
    pub group: GroupId,
    /// The nodes whose replicas it was started again from.
    #[n(1)]
    pub kept: BTreeSet<NodeId>,
    /// The voters that were given up.
    #[n(2)]
    pub lost: BTreeSet<NodeId>,
    /// Why, in the operator's words.
    #[n(3)]
    pub reason: String,
    /// When, in milliseconds of the Unix epoch.
    #[n(4)]
    pub at_ms: i64,
}

/// What the system group holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ClusterState {
    #[n(0)]
    pub(crate) founded: Option<Founding>,
    /// Events applied so far.
    #[n(1)]
    pub(crate) version: u64,
    #[n(2)]
    pub(crate) members: BTreeMap<NodeId, Member>,
    #[n(3)]
    pub(crate) map: BTreeMap<GroupId, Assignment>,
    #[n(4)]
    pub(crate) hints: BTreeMap<TenantId, Hint>,
    #[n(5)]
    pub(crate) next_node: u64,
    /// Every identity that was ever seen, with the node that had it.
    #[n(6)]
    pub(crate) stores: BTreeMap<StoreId, NodeId>,
    #[n(7)]
    pub(crate) recoveries: Vec<Recovery>,
}

/// What was decided when the cluster began, and the settings since.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub(crate) struct Founding {
    #[n(0)]
    pub(crate) cluster: ClusterId,
    #[n(1)]
    pub(crate) settings: Settings,
    #[n(2)]
    pub(crate) at_ms: i64,
}

impl ClusterState {
    /// The cluster, once it is founded.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.founded.as_ref().map(|founding| founding.cluster)
    }

    /// The settings, once the cluster is founded.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        self.founded.as_ref().map(|founding| &founding.settings)
    }

    /// Grows by one with every event.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A member, or one that was.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.get(&node)
    }

    /// All members by number, also those that left or were removed.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The node that has, or had, this store.
    #[must_use]
    pub fn node_of_store(&self, store: StoreId) -> Option<NodeId> {
        self.stores.get(&store).copied()
    }

    /// Where the replicas of a group belong.
    #[must_use]
    pub fn assignment(&self, group: GroupId) -> Option<&Assignment> {
        self.map.get(&group)
    }

    /// Every group by number, the system group last.
    pub fn map(&self) -> impl Iterator<Item = (GroupId, &Assignment)> {
        self.map.iter().map(|(group, assignment)| (*group, assignment))
    }

    /// The hints of the tenants.
    pub fn hints(&self) -> impl Iterator<Item = (TenantId, &Hint)> {
        self.hints.iter().map(|(tenant, hint)| (*tenant, hint))
    }

    /// The latest recoveries from a lost quorum, oldest first.
    #[must_use]
    pub fn recoveries(&self) -> &[Recovery] {
        &self.recoveries
    }

    /// The number of the system group.
    #[must_use]
    pub fn system_group(&self) -> Option<GroupId> {
        self.settings().map(|settings| GroupId(settings.partitions))
    }

    pub(crate) fn status(&self, node: NodeId) -> Option<Status> {
        self.members.get(&node).map(|member| member.status)
    }

    pub(crate) fn is(&self, node: NodeId, fits: impl Fn(Status) -> bool) -> bool {
        self.status(node).is_some_and(fits)
    }
}

/// The least number of voters that decides for all of them.
#[must_use]
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}
