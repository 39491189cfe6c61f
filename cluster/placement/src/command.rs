use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::{ClusterId, NodeId, TenantId};
use minicbor::{Decode, Encode};

use crate::{Event, GroupId, Hint, Introduction, SettingsPatch, Zone};

/// What the system group can be told.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Begin: the node that says so becomes node 1 and holds every group.
    #[n(0)]
    Found {
        /// The new cluster.
        #[n(0)]
        cluster: ClusterId,
        /// Partitions, without the system group.
        #[n(1)]
        partitions: u16,
        /// Replicas of each partition.
        #[n(2)]
        replicas: u8,
        /// The founding node.
        #[n(3)]
        intro: Introduction,
    },
    /// Join, or, for a store that is a member already, say what changed since the last start.
    /// Told twice, it gives the same number.
    #[n(1)]
    Join {
        /// The cluster that the node wants, or believes that it belongs to.
        #[n(0)]
        cluster: ClusterId,
        /// Partitions that its store was made for; 0 if it has none yet.
        #[n(1)]
        partitions: u16,
        /// The number that its store carries, if any.
        #[n(2)]
        node: Option<NodeId>,
        /// What it says of itself.
        #[n(3)]
        intro: Introduction,
        /// Another process with this very store answered just now: one of the two is a copy.
        #[n(4)]
        answered_elsewhere: bool,
    },
    /// A joining node has caught up with the system group: it may hold partitions.
    #[n(2)]
    Activate {
        /// The node.
        #[n(0)]
        node: NodeId,
    },
    /// Move the leaders off a node, because it will be restarted.
    #[n(3)]
    Drain {
        /// The node.
        #[n(0)]
        node: NodeId,
    },
    /// End a drain, or take a leave back.
    #[n(4)]
    Resume {
        /// The node.
        #[n(0)]
        node: NodeId,
    },
    /// Move everything off a node, for good.
    #[n(5)]
    Leave {
        /// The node.
        #[n(0)]
        node: NodeId,
        /// Also if partitions then have fewer replicas, because too few nodes stay.
        #[n(1)]
        forced: bool,
        /// What is seen of the votes. Without it those of the map count, and present nodes answer.
        #[n(2)]
        votes: Option<Votes>,
        /// `Some(true)`: also if a group has no majority, or would have none.
        #[n(3)]
        without_majority: Option<bool>,
    },
    /// A leaving node holds nothing any more.
    #[n(6)]
    FinishLeave {
        /// The node.
        #[n(0)]
        node: NodeId,
    },
    /// A node does not answer: replace its replicas.
    #[n(7)]
    MarkDead {
        /// The node.
        #[n(0)]
        node: NodeId,
    },
    /// A dead node answers again.
    #[n(8)]
    Revive {
        /// The node.
        #[n(0)]
        node: NodeId,
    },
    /// Give a dead node up: its number and its store are never used again.
    #[n(9)]
    RemoveDead {
        /// The node.
        #[n(0)]
        node: NodeId,
        /// The voters of each group as they really are. For a group that is not named, those of the
        /// map count.
        #[n(1)]
        voters: BTreeMap<GroupId, BTreeSet<NodeId>>,
        /// Other nodes that do not answer now: their votes do not count as hope.
        #[n(2)]
        silent: BTreeSet<NodeId>,
        /// Also if groups then have no quorum, so that only a recovery helps them.
        #[n(3)]
        forced: bool,
    },
    /// Say where a node stands. From then on what the node itself says of its zone is ignored.
    #[n(10)]
    SetZone {
        /// The node.
        #[n(0)]
        node: NodeId,
        /// Its zone.
        #[n(1)]
        zone: Zone,
    },
    /// Change settings.
    #[n(11)]
    Configure {
        /// What changes.
        #[n(0)]
        patch: SettingsPatch,
    },
    /// Say where a tenant would like to be served, or take that back.
    #[n(12)]
    PutHint {
        /// The tenant.
        #[n(0)]
        tenant: TenantId,
        /// What it would like.
        #[n(1)]
        hint: Option<Hint>,
    },
    /// Move one replica. It stays there until balance or zones need something else.
    #[n(13)]
    Move {
        /// The partition.
        #[n(0)]
        group: GroupId,
        /// A node that holds a replica.
        #[n(1)]
        from: NodeId,
        /// A node that holds none.
        #[n(2)]
        to: NodeId,
    },
    /// Say which voter should lead. It does until balance needs something else.
    #[n(14)]
    Prefer {
        /// The partition.
        #[n(0)]
        group: GroupId,
        /// The voter.
        #[n(1)]
        leader: NodeId,
    },
    /// Compute the map anew.
    #[n(15)]
    Rebalance,
    /// Put on record that a group without a quorum was started again from some of its replicas.
    #[n(16)]
    RecordRecovery {
        /// The group.
        #[n(0)]
        group: GroupId,
        /// Its voters before.
        #[n(1)]
        voters: BTreeSet<NodeId>,
        /// Those of them that it was started again from.
        #[n(2)]
        kept: BTreeSet<NodeId>,
        /// Why, in the operator's words; not empty.
        #[n(3)]
        reason: String,
    },
}

/// Who votes where, and who does not answer, as the leader of the system group sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Votes {
    /// The voters of each group as they really are. For a group that is not named, those of the map
    /// count.
    #[n(0)]
    pub voters: BTreeMap<GroupId, BTreeSet<NodeId>>,
    /// Nodes that do not answer now.
    #[n(1)]
    pub silent: BTreeSet<NodeId>,
}

/// The answer to a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Reply {
    /// The node that the command was about: for a join, its number.
    #[n(0)]
    pub node: Option<NodeId>,
    /// Whether anything changed.
    #[n(1)]
    pub changed: bool,
    /// The version of the state after it.
    #[n(2)]
    pub version: u64,
}

/// What follows from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To be applied in order, all or none. Empty if the command changes nothing.
    pub events: Vec<Event>,
    /// For the caller, once the events are durable.
    pub reply: Reply,
}
