use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::{ClusterId, NodeId};
use parking_lot::RwLock;

use crate::{Hello, StoreId};

/// Decides who may come in, after certificate, cluster and partition count were found in order.
/// Asked on both sides of each new connection; must answer at once.
pub trait Doorman: Send + Sync + 'static {
    /// Whether this peer may come in.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, peer: &Hello) -> Result<(), Refusal>;
}

/// Why a connection was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It belongs to another cluster.
    #[error("it belongs to cluster {theirs}, this is {ours}")]
    WrongCluster {
        /// The peer's.
        theirs: ClusterId,
        /// Ours.
        ours: ClusterId,
    },
    /// It counts other partitions.
    #[error("it counts {theirs} partitions, this cluster has {ours}")]
    WrongPartitions {
        /// The peer's.
        theirs: u16,
        /// Ours.
        ours: u16,
    },
    /// The node was removed from the cluster.
    #[error("{0} was removed from the cluster")]
    RemovedNode(NodeId),
    /// The cluster knows no such node.
    #[error("{0} is not a member of the cluster")]
    UnknownNode(NodeId),
    /// Another data folder says to be this node: a copied disk, or two nodes with one id.
    #[error("{node} has the data folder {known}, this one is {theirs}")]
    OtherStore {
        /// Who it says to be.
        node: NodeId,
        /// The data folder that the cluster knows.
        known: StoreId,
        /// The peer's.
        theirs: StoreId,
    },
    /// It says to be the node that it speaks to, with the same data folder: a node that called
    /// itself, or a copy of its disk.
    #[error("it says to be {0}, which is this node")]
    Oneself(NodeId),
    /// Another process is this node and lives: two nodes with one id, or a copy of its disk.
    #[error("another process is {0} and lives")]
    Twin(NodeId),
    /// Another node answers at this address.
    #[error("{theirs} answered, {wanted} was wanted")]
    WrongNode {
        /// Who answered.
        theirs: NodeId,
        /// Who was wanted.
        wanted: NodeId,
    },
    /// No version of the wire is spoken by both.
    #[error("it speaks versions {} to {} of the wire, this node {} to {}", theirs.0, theirs.1, ours.0, ours.1)]
    UnknownVersion {
        /// The peer's.
        theirs: (u8, u8),
        /// Ours.
        ours: (u8, u8),
    },
    /// Its certificate does not hold.
    #[error("certificate: {0}")]
    Certificate(String),
    /// It comes over the network to a node that speaks without TLS.
    #[error("without TLS only loopback addresses are spoken to")]
    NotLoopback,
    /// It did not say who it is in time.
    #[error("it did not say in time who it is")]
    TooSlow,
    /// Too many connections had not yet said who they are; this was the oldest.
    #[error("too many connections that did not say who they are")]
    Crowded,
    /// It does not speak the protocol.
    #[error("malformed hello: {0}")]
    Malformed(String),
    /// The connection broke before anything was settled.
    #[error("connection lost: {0}")]
    Lost(String),
    /// Nothing here answers this kind of connection.
    #[error("connections of this kind are not taken now")]
    Closed,
    /// The other side refused this node.
    #[error("refused by the other side ({code}): {why}")]
    ByPeer {
        /// The reason's code.
        code: String,
        /// What it said.
        why: String,
    },
}

impl Refusal {
    /// The reason as a stable word, for metrics and for the other side.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::WrongCluster { .. } => "wrong_cluster",
            Self::WrongPartitions { .. } => "wrong_partitions",
            Self::RemovedNode(_) => "removed_node",
            Self::UnknownNode(_) => "unknown_node",
            Self::OtherStore { .. } => "other_store",
            Self::Oneself(_) => "oneself",
            Self::Twin(_) => "twin",
            Self::WrongNode { .. } => "wrong_node",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::Certificate(_) => "certificate",
            Self::NotLoopback => "not_loopback",
            Self::TooSlow => "too_slow",
            Self::Crowded => "crowded",
            Self::Malformed(_) => "malformed",
            Self::Lost(_) => "lost",
            Self::Closed => "closed",
            Self::ByPeer { .. } => "by_peer",
        }
    }
}

/// A doorman with a list: removed nodes stay outside, and a node that is known comes in with the
/// data folder that is known of it only.
#[derive(Debug)]
pub struct Register {
    strangers: bool,
    list: RwLock<List>,
}

#[derive(Debug, Default)]
struct List {
    members: BTreeMap<NodeId, StoreId>,
    removed: BTreeSet<NodeId>,
}

impl Register {
    /// An empty list. With `strangers`, nodes that are not on it come in.
    #[must_use]
    pub fn new(strangers: bool) -> Self {
        Self { strangers, list: RwLock::default() }
    }

    /// This node is a member, with this data folder.
    pub fn know(&self, node: NodeId, store: StoreId) {
        self.list.write().members.insert(node, store);
    }

    /// This node is a member no more and never again.
    pub fn remove(&self, node: NodeId) {
        let mut list = self.list.write();
        list.members.remove(&node);
        list.removed.insert(node);
    }
}

impl Doorman for Register {
    fn admit(&self, peer: &Hello) -> Result<(), Refusal> {
        let (node, theirs) = (peer.who.node, peer.who.store);
        if node == NodeId(0) {
            return Ok(());
        }
        let list = self.list.read();
        if list.removed.contains(&node) {
            return Err(Refusal::RemovedNode(node));
        }
        match list.members.get(&node) {
            Some(known) if *known != theirs => {
                Err(Refusal::OtherStore { node, known: *known, theirs })
            }
            None if !self.strangers => Err(Refusal::UnknownNode(node)),
            Some(_) | None => Ok(()),
        }
    }
}
