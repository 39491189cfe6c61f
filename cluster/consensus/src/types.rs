//! The types that openraft is used with.

use std::fmt;
use std::sync::Arc;

use impresario_ids::NodeId;
use impresario_redb::Payload;
use openraft::impls::{BoxedErrorSource, InlineBatch, leader_id_std};
use openraft::raft::responder::Responder;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// At most one leader per term, as in the Raft paper: so the term alone is the fencing token.
pub(crate) type LeaderId = leader_id_std::LeaderId<u64, Member>;
type Committed = <LeaderId as openraft::vote::RaftLeaderId>::Committed;
pub(crate) type LogId = openraft::LogId<Committed>;
pub(crate) type Vote = openraft::Vote<LeaderId>;
pub(crate) type Entry = openraft::Entry<Committed, EntryPayload>;
pub(crate) type EntryPayload = openraft::EntryPayload<Proposal, Member, ()>;
pub(crate) type Membership = openraft::Membership<Member, ()>;
pub(crate) type StoredMembership = openraft::StoredMembership<Committed, Member, ()>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<Committed, Member, ()>;
pub(crate) type Snapshot = openraft::Snapshot<Committed, Member, (), crate::machine::Rows>;
pub(crate) type Raft = openraft::Raft<Types, crate::machine::Machine>;

/// openraft's configuration in types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Types;

impl openraft::RaftTypeConfig for Types {
    type D = Proposal;
    type R = Outcome;
    type NodeId = Member;
    type Node = ();
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = Vote;
    type Payload = EntryPayload;
    type Entry = Entry;
    // The crate that it comes from is not one of ours to name.
    #[allow(deprecated)]
    type AsyncRuntime = openraft::impls::TokioRuntime;
    type Responder<T>
        = Answer<T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = BoxedErrorSource;
}

/// A node, as openraft knows it: [`NodeId`] with the conversions that openraft asks for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(crate) struct Member(pub(crate) u64);

impl From<u64> for Member {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<NodeId> for Member {
    fn from(node: NodeId) -> Self {
        Self(node.0)
    }
}

impl From<Member> for NodeId {
    fn from(member: Member) -> Self {
        Self(member.0)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        NodeId::from(*self).fmt(f)
    }
}

/// One batch in its stored form. The log, the replication and the state share the bytes.
#[derive(Clone)]
pub(crate) struct Proposal(pub(crate) Arc<Payload>);

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proposal")
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("batch")
    }
}

const OWN_FRAMES: &str = "entries are stored and sent in frames of this crate, never by serde";

impl Serialize for Proposal {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(OWN_FRAMES))
    }
}

impl<'de> Deserialize<'de> for Proposal {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(OWN_FRAMES))
    }
}

/// What became of an entry when it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// A batch: its number among the group's batches.
    Committed(u64),
    /// An entry without a batch.
    Nothing,
}

/// Calls a function with the answer to a proposal, or with nothing if there will be none.
pub(crate) struct Answer<T>(Option<Settle<T>>);

type Settle<T> = Box<dyn FnOnce(Option<T>) + Send>;

impl<T> Answer<T> {
    pub(crate) fn new(settle: impl FnOnce(Option<T>) + Send + 'static) -> Self {
        Self(Some(Box::new(settle)))
    }
}

impl<T: openraft::OptionalSend + 'static> Responder<Types, T> for Answer<T> {
    fn on_complete(mut self, result: T) {
        if let Some(settle) = self.0.take() {
            settle(Some(result));
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(settle) = self.0.take() {
            settle(None);
        }
    }
}
