//! The one frame of entity calls: a version, then numbered fields.
//!
//! The first byte is the version: the one that both nodes speak, as their hellos found out. A field that is not known is passed over, a field that is missing
//! has its default, so the next release may add some without a new version; what changes the
//! meaning of a field needs a new version. Kinds and targets that are not known are told apart from
//! bytes that make no sense, because the sender may then ask another way.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use impresario_ids::{NodeId, TenantId, TraceId};
use impresario_kernel::EntityKey;
use minicbor::{Decode, Encode};

use crate::{VERSIONS, WireError};

/// Items of one call, at most.
const ITEMS_MAX: usize = 65_536;

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is asked.
    pub kind: CallKind,
    /// Of whom.
    pub target: Target,
    /// The commands, or the one query. The bodies are versioned by whoever reads them.
    pub items: Vec<Item>,
    /// How long the asker still waits, in milliseconds. Set when the call is sent.
    pub within_ms: u32,
    /// The trace it belongs to.
    pub trace: TraceId,
    /// How many nodes passed it on before.
    pub hops: u8,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// Commands for an entity, each decided for itself, in order.
    Commands,
    /// One query of an entity's state.
    Query,
    /// A question to the views of a partition or a node.
    View,
    /// Something about the node or the cluster itself.
    Control,
}

/// Of whom it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An entity, wherever it lives.
    Entity(EntityKey),
    /// A partition.
    Partition(u16),
    /// The node itself.
    Node,
}

/// One command, query or question.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Item {
    /// The intent, if it may be sent again.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: Option<[u8; 16]>,
    /// What is asked.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// The trace, if it is not the call's.
    #[n(2)]
    pub trace: Option<TraceId>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The body may be about a person.
        f.debug_struct("Item").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// What became of each item, in their order.
    #[n(0)]
    Done(#[n(0)] Vec<Outcome>),
    /// What became of all of them.
    #[n(1)]
    Failed(#[n(0)] Failed),
    /// This node does not lead the partition. Nothing was done.
    #[n(2)]
    NotLeader {
        /// Who does, as far as this node knows.
        #[n(0)]
        leader: Option<NodeId>,
        /// The term that it knows.
        #[n(1)]
        term: u64,
    },
}

/// What became of one item.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// The encoded reply.
    #[n(0)]
    Ok(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// The entity refused.
    #[n(1)]
    Rejected(#[n(0)] Rejected),
    /// The system failed.
    #[n(2)]
    Failed(#[n(0)] Failed),
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ok(body) => f.debug_tuple("Ok").field(&body.len()).finish(),
            Self::Rejected(rejected) => f.debug_tuple("Rejected").field(&rejected.code).finish(),
            Self::Failed(failed) => f.debug_tuple("Failed").field(failed).finish(),
        }
    }
}

/// An entity's refusal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rejected {
    /// The stable code.
    #[n(0)]
    pub code: String,
    /// For people.
    #[n(1)]
    pub message: String,
    /// For programs: a JSON value.
    #[n(2)]
    pub detail: Option<String>,
    /// The encoded rejection, if its type has a stored form.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub body: Option<Vec<u8>>,
}

/// Why the system could not do it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Failed {
    /// The stable code, as of the host's failures.
    #[n(0)]
    pub code: String,
    /// For people.
    #[n(1)]
    pub message: String,
    /// Wait this long before asking again, if asking again can help, in milliseconds.
    #[n(2)]
    pub retry_after_ms: Option<u64>,
}

/// Bytes that are not a frame of entity calls.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The version is not spoken here.
    #[error("frames of version {0} are not understood")]
    Version(u8),
    /// The kind of the call, or of its target, is not known here.
    #[error("calls of kind {kind} for target {target} are not understood")]
    UnknownKind {
        /// The kind's number.
        kind: u8,
        /// The target's number.
        target: u8,
    },
    /// The bytes make no sense.
    #[error("malformed frame: {0}")]
    Malformed(String),
}

/// A call as it is written, with the items of the caller.
#[derive(Encode)]
struct Writing<'a> {
    #[n(0)]
    kind: u8,
    #[n(1)]
    target: u8,
    #[n(2)]
    tenant: Option<TenantId>,
    #[n(3)]
    entity_kind: Option<u8>,
    #[cbor(n(4), with = "minicbor::bytes")]
    entity: Option<[u8; 16]>,
    #[n(5)]
    partition: Option<u16>,
    #[n(6)]
    items: &'a [Item],
    #[n(7)]
    within_ms: u32,
    #[n(8)]
    trace: TraceId,
    #[n(9)]
    hops: u8,
    #[cfg(feature = "next-release")]
    #[n(10)]
    next: u64,
}

/// The same as it is read, without the first two fields, which were read before.
#[derive(Decode)]
struct Written {
    #[n(2)]
    tenant: Option<TenantId>,
    #[n(3)]
    entity_kind: Option<u8>,
    #[cbor(n(4), with = "minicbor::bytes")]
    entity: Option<[u8; 16]>,
    #[n(5)]
    partition: Option<u16>,
    #[n(6)]
    items: Vec<Item>,
    #[n(7)]
    within_ms: u32,
    #[n(8)]
    trace: TraceId,
    #[n(9)]
    hops: u8,
}

impl CallKind {
    fn code(self) -> u8 {
        match self {
            Self::Commands => 0,
            Self::Query => 1,
            Self::View => 2,
            Self::Control => 3,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Commands, Self::Query, Self::View, Self::Control].get(usize::from(code)).copied()
    }
}

impl Call {
    /// The bytes in the lowest version that this release speaks: everyone it speaks to reads it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(VERSIONS.0)
    }

    /// The bytes that are sent to a node with which this version is spoken.
    #[must_use]
    pub fn encode_as(&self, version: u8) -> Vec<u8> {
        let entity = match self.target {
            Target::Entity(key) => Some(key),
            Target::Partition(_) | Target::Node => None,
        };
        let (target, partition) = match self.target {
            Target::Entity(_) => (0, None),
            Target::Partition(partition) => (1, Some(partition)),
            Target::Node => (2, None),
        };
        let written = Writing {
            kind: self.kind.code(),
            target,
            tenant: entity.map(|key| key.tenant),
            entity_kind: entity.map(|key| key.kind),
            entity: entity.map(|key| key.id),
            partition,
            items: &self.items,
            within_ms: self.within_ms,
            trace: self.trace,
            hops: self.hops,
            #[cfg(feature = "next-release")]
            next: 2,
        };
        versioned(version, &written)
    }

    /// Reads what [`Call::encode`] wrote, also of a later release that added fields.
    ///
    /// # Errors
    /// If the bytes are not a call that this release understands.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let body = unversioned(bytes)?;
        let (kind, target) = kinds(body)?;
        let unknown = FrameError::UnknownKind { kind, target };
        let kind = CallKind::of(kind).ok_or(unknown.clone())?;
        if target > 2 {
            return Err(unknown);
        }
        let written: Written = minicbor::decode(body).map_err(malformed)?;
        if written.items.len() > ITEMS_MAX {
            return Err(FrameError::Malformed(format!("{} items", written.items.len())));
        }
        let missing = || FrameError::Malformed("its target is incomplete".into());
        let target = match target {
            0 => Target::Entity(EntityKey {
                tenant: written.tenant.ok_or_else(missing)?,
                kind: written.entity_kind.ok_or_else(missing)?,
                id: written.entity.ok_or_else(missing)?,
            }),
            1 => Target::Partition(written.partition.ok_or_else(missing)?),
            _ => Target::Node,
        };
        Ok(Self {
            kind,
            target,
            items: written.items,
            within_ms: written.within_ms,
            trace: written.trace,
            hops: written.hops,
        })
    }
}

impl Answer {
    /// The bytes in the lowest version that this release speaks.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(VERSIONS.0)
    }

    /// The bytes that are sent to a node with which this version is spoken.
    #[must_use]
    pub fn encode_as(&self, version: u8) -> Vec<u8> {
        versioned(version, self)
    }

    /// Reads what [`Answer::encode`] wrote, also of a later release that added fields.
    ///
    /// # Errors
    /// If the bytes are not an answer that this release understands.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        minicbor::decode(unversioned(bytes)?).map_err(malformed)
    }
}

fn versioned<T: Encode<()>>(version: u8, value: &T) -> Vec<u8> {
    let mut bytes = vec![version];
    match minicbor::encode(value, &mut bytes) {
        Ok(()) => bytes,
        // A vector takes every byte, and the derived encoders have no other way to fail.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}

fn unversioned(bytes: &[u8]) -> Result<&[u8], FrameError> {
    match bytes.split_first() {
        Some((version, body)) if (VERSIONS.0..=VERSIONS.1).contains(version) => Ok(body),
        Some((version, _)) => Err(FrameError::Version(*version)),
        None => Err(FrameError::Malformed("it is empty".into())),
    }
}

/// The first two fields alone: the rest of an unknown kind may look like anything.
fn kinds(body: &[u8]) -> Result<(u8, u8), FrameError> {
    let mut decoder = minicbor::Decoder::new(body);
    decoder.array().map_err(malformed)?;
    Ok((decoder.u8().map_err(malformed)?, decoder.u8().map_err(malformed)?))
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn malformed(error: minicbor::decode::Error) -> FrameError {
    FrameError::Malformed(error.to_string())
}

/// The answer to a call, or why there is none.
pub type Called = Pin<Box<dyn Future<Output = Result<Answer, WireError>> + Send>>;
/// An answer on its way.
pub type Handled = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Carries entity calls to other nodes. At most once: after an error the call may have been
/// handled or not ([`WireError::nothing_done`] says when certainly not).
pub trait CallTransport: Send + Sync + 'static {
    /// Sends a call to a node and waits for its answer, at most `within`. Bounded: past the bounds
    /// the answer is [`WireError::Busy`] at once. When the future is dropped, the other side is
    /// told that nobody waits.
    fn call(&self, to: NodeId, call: Call, within: Duration) -> Called;
}

/// Answers the entity calls of other nodes.
pub trait CallHandler: Send + Sync + 'static {
    /// Handles a call of an authenticated peer. The future is dropped when nobody waits for it any
    /// more.
    fn handle(&self, from: NodeId, call: Call) -> Handled;
}
