use std::collections::BTreeMap;

use impresario_ids::{ClusterId, NodeId, TenantId};
use minicbor::{Decode, Encode};

use crate::{Assignment, GroupId, Hint, Introduction, Recovery, Settings, Status, Zone};

/// What happened to the cluster. Append-only; the numbers are the format.
///
/// What the balance came to is in the event ([`Event::Mapped`]), so that a release that balances
/// otherwise applies the events of this one alike.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Event {
    /// The cluster began.
    #[n(0)]
    Founded {
        /// The cluster.
        #[n(0)]
        cluster: ClusterId,
        /// The first settings.
        #[n(1)]
        settings: Settings,
        /// When, in milliseconds of the Unix epoch.
        #[n(2)]
        at_ms: i64,
    },
    /// A node got its number.
    #[n(1)]
    Joined {
        /// The number.
        #[n(0)]
        node: NodeId,
        /// What it says of itself.
        #[n(1)]
        intro: Introduction,
        /// When.
        #[n(2)]
        at_ms: i64,
    },
    /// A member says something else of itself than before.
    #[n(2)]
    Introduced {
        /// The member.
        #[n(0)]
        node: NodeId,
        /// What it says now.
        #[n(1)]
        intro: Introduction,
    },
    /// A node's life went on.
    #[n(3)]
    StatusSet {
        /// The node.
        #[n(0)]
        node: NodeId,
        /// Where it is now.
        #[n(1)]
        status: Status,
        /// When.
        #[n(2)]
        at_ms: i64,
    },
    /// A person said where a node stands.
    #[n(4)]
    ZoneSet {
        /// The node.
        #[n(0)]
        node: NodeId,
        /// Its zone.
        #[n(1)]
        zone: Zone,
    },
    /// The settings are these now.
    #[n(5)]
    Configured {
        /// All of them.
        #[n(0)]
        settings: Settings,
    },
    /// A tenant would like to be served there, or no longer cares.
    #[n(6)]
    Hinted {
        /// The tenant.
        #[n(0)]
        tenant: TenantId,
        /// What it would like.
        #[n(1)]
        hint: Option<Hint>,
    },
    /// These groups belong elsewhere now.
    #[n(7)]
    Mapped {
        /// Only what changed, whole.
        #[n(0)]
        groups: BTreeMap<GroupId, Assignment>,
    },
    /// A group was started again without its quorum.
    #[n(8)]
    Recovered {
        /// What is on record.
        #[n(0)]
        recovery: Recovery,
    },
}
