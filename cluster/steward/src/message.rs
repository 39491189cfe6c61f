//! What stewards say to each other: bodies of the wire's control calls and of a guest's question.
//! Fields and variants are numbered; those of a later release are passed over or not understood.

use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::{ClusterId, NodeId};
use impresario_placement::{ClusterState, Command, GroupId, Introduction, Reply};
use minicbor::{Decode, Encode};

/// Stands before every body of a steward, so that other control calls can be told apart.
pub(crate) const MARK: u8 = 1;

/// What one steward asks another.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) enum Ask {
    /// Of the system group's leader: decide and commit.
    #[n(0)]
    Command(#[n(0)] Command),
    /// What do you hold? The groups that are named must be confirmed, if you lead them.
    #[n(1)]
    Report(#[n(0)] BTreeSet<GroupId>),
    /// Take a step.
    #[n(2)]
    Order(#[n(0)] Order),
    /// Of a group's leader: who is in it, committed and confirmed?
    #[n(3)]
    Members(#[n(0)] GroupId),
    /// This is what I lead; and you?
    #[n(4)]
    Beat(#[n(0)] Beat),
    /// Which process are you?
    #[n(5)]
    Who,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) enum Told {
    #[n(0)]
    Reply(#[n(0)] Reply),
    #[n(1)]
    Report(#[n(0)] Report),
    /// The step was taken.
    #[n(2)]
    Done,
    #[n(3)]
    Members(#[n(0)] GroupMembers),
    #[n(4)]
    Beat(#[n(0)] Beat),
    #[n(5)]
    Who(#[n(0)] Process),
    /// You are a member no more, as this says.
    #[n(6)]
    Retired(#[n(0)] ClusterState),
}

/// A step of a group, for its leader or, to delete, for the node that holds the files.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Order {
    #[n(0)]
    AddLearner {
        #[n(0)]
        group: GroupId,
        #[n(1)]
        node: NodeId,
    },
    #[n(1)]
    ChangeVoters {
        #[n(0)]
        group: GroupId,
        #[n(1)]
        from: BTreeSet<NodeId>,
        #[n(2)]
        to: BTreeSet<NodeId>,
    },
    #[n(2)]
    RemoveReplica {
        #[n(0)]
        group: GroupId,
        #[n(1)]
        node: NodeId,
    },
    #[n(3)]
    TransferLeader {
        #[n(0)]
        group: GroupId,
        #[n(1)]
        to: NodeId,
    },
    #[n(4)]
    DeleteReplica {
        #[n(0)]
        group: GroupId,
    },
}

/// What a node leads, and how far its state of the cluster is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Beat {
    /// Group and term.
    #[n(0)]
    pub(crate) leads: Vec<(GroupId, u64)>,
    #[n(1)]
    pub(crate) version: u64,
}

/// One process of a node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Process {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) store: [u8; 16],
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) run: [u8; 16],
}

/// What a node holds.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Report {
    #[n(0)]
    pub(crate) groups: Vec<GroupReport>,
    /// The steps it has under way, if it plans.
    #[n(1)]
    pub(crate) works: Vec<WorkReport>,
}

/// A replica.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct GroupReport {
    #[n(0)]
    pub(crate) group: GroupId,
    #[n(1)]
    pub(crate) term: u64,
    /// The last entry of its log.
    #[n(2)]
    pub(crate) last: u64,
    /// The last entry it has applied.
    #[n(3)]
    pub(crate) applied: u64,
    /// Bytes of its state on the disk.
    #[n(4)]
    pub(crate) bytes: u64,
    /// What only its leader knows.
    #[n(5)]
    pub(crate) lead: Option<Lead>,
}

/// A group as its leader sees it.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Lead {
    #[n(0)]
    pub(crate) members: GroupMembers,
    /// A quorum has confirmed that it leads, and that these members are committed unless they are
    /// changing.
    #[n(1)]
    pub(crate) confirmed: bool,
    /// How many entries others lack, as far as that is known.
    #[n(2)]
    pub(crate) lag: BTreeMap<NodeId, u64>,
    /// Bytes of snapshots that were taken so far by those that are being filled.
    #[n(3)]
    pub(crate) sent_bytes: BTreeMap<NodeId, u64>,
}

/// Who is in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct GroupMembers {
    #[n(0)]
    pub(crate) voters: BTreeSet<NodeId>,
    #[n(1)]
    pub(crate) learners: BTreeSet<NodeId>,
    /// Joint, or perhaps not committed.
    #[n(2)]
    pub(crate) changing: bool,
}

impl GroupMembers {
    pub(crate) fn has(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.learners.contains(&node)
    }
}

/// A step under way.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct WorkReport {
    #[n(0)]
    pub(crate) step: String,
    #[n(1)]
    pub(crate) group: Option<GroupId>,
    #[n(2)]
    pub(crate) why: String,
    #[n(3)]
    pub(crate) since_ms: i64,
}

/// What a node says that wants to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct JoinRequest {
    #[n(0)]
    pub(crate) cluster: Option<ClusterId>,
    #[n(1)]
    pub(crate) node: Option<NodeId>,
    #[n(2)]
    pub(crate) partitions: u16,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(crate) run: [u8; 16],
    #[n(4)]
    pub(crate) intro: Introduction,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) enum JoinAnswer {
    #[n(0)]
    Welcome {
        #[n(0)]
        cluster: ClusterId,
        #[n(1)]
        node: NodeId,
        #[n(2)]
        partitions: u16,
        #[n(3)]
        state: ClusterState,
    },
    /// Asking again does not help.
    #[n(1)]
    Refused {
        #[n(0)]
        code: String,
        #[n(1)]
        message: String,
    },
    /// It may help to ask again.
    #[n(2)]
    Later(#[n(0)] String),
}

/// The bytes of a message.
pub(crate) fn encode<T: Encode<()>>(message: &T) -> Vec<u8> {
    let mut bytes = vec![MARK];
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    match message.encode(&mut encoder, &mut ()) {
        Ok(()) => bytes,
        // A vector takes every byte, and the derived encoders have no other way to fail.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}

/// Reads a message.
pub(crate) fn decode<T>(bytes: &[u8]) -> Result<T, String>
where
    T: for<'b> Decode<'b, ()>,
{
    match bytes.split_first() {
        Some((&MARK, rest)) => minicbor::decode(rest).map_err(|error| error.to_string()),
        _ => Err("not a message of a steward".to_owned()),
    }
}
