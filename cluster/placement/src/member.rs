use std::fmt;

use impresario_ids::NodeId;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{StoreId, WireRange, Zone};

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Has its number and learns the system group; holds no partition yet.
    #[n(0)]
    Joining,
    /// Holds replicas and leads.
    #[n(1)]
    Active,
    /// Keeps its replicas and leads nothing: about to be restarted.
    #[n(2)]
    Draining,
    /// Its replicas move to other nodes.
    #[n(3)]
    Leaving,
    /// Left with nothing on it. Final.
    #[n(4)]
    Left,
    /// Silent for too long: its replicas are replaced where there are nodes for them. It may come
    /// back.
    #[n(5)]
    Dead,
    /// Given up: its store may never be used again. Final.
    #[n(6)]
    Removed,
}

impl Status {
    /// The word for logs and the shell.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Dead => "dead",
            Self::Removed => "removed",
        }
    }

    /// Whether the node is a member no more, for ever.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Left | Self::Removed)
    }

    /// Whether the node is expected to answer.
    #[must_use]
    pub fn is_present(self) -> bool {
        matches!(self, Self::Joining | Self::Active | Self::Draining | Self::Leaving)
    }

    /// Whether replicas of partitions belong on the node.
    #[must_use]
    pub fn holds_replicas(self) -> bool {
        matches!(self, Self::Active | Self::Draining)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a node says of itself when it joins, and again at each start.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Introduction {
    /// The identity of its data folder.
    #[n(0)]
    pub store: StoreId,
    /// `host:port` of its listener for other nodes.
    #[n(1)]
    pub addr: String,
    /// `host:port` of its HTTP listener.
    #[n(2)]
    pub http: String,
    /// Its zone.
    #[n(3)]
    pub zone: Zone,
    /// Its release, for people.
    #[n(4)]
    pub version: String,
    /// What it speaks.
    #[n(5)]
    pub wire: WireRange,
}

/// A node of the cluster, or one that was.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Member {
    /// Its number.
    #[n(0)]
    pub node: NodeId,
    /// What it last said of itself; the zone may have been set since by a person.
    #[n(1)]
    pub intro: Introduction,
    /// Where it is in its life.
    #[n(2)]
    pub status: Status,
    /// Since when, in milliseconds of the Unix epoch, as handed in with the command.
    #[n(3)]
    pub since_ms: i64,
    /// When it joined, likewise.
    #[n(4)]
    pub joined_ms: i64,
    /// A person set the zone, so that what the node says of it no longer counts.
    #[n(5)]
    #[cbor(default)]
    pub zone_pinned: bool,
    /// Where it was when it was declared dead: there it goes on if it comes back.
    #[n(6)]
    pub before_death: Option<Status>,
}
