//! What an effect asks for: the one place that knows every entity's effects.

use impresario_ids::{EndpointId, MessageId, ProfileId, SegmentId};
use impresario_kernel::{CodecError, EntityKey, Personal, Timestamp, decode};
use impresario_profile as profile;
use impresario_quarantine as quarantine;
use impresario_router::IdempotencyKey;
use impresario_segment as segment;
use impresario_tenant as tenant;

use crate::errand::{Errands, Order};

/// What is to be done for one row of the outbox.
#[derive(Debug)]
pub(crate) enum Work {
    /// Ask another entity, after those that the same source asked before.
    Ask(Ask),
    /// Deliver a webhook message.
    Deliver(Delivery),
    /// Ask every profile of the tenant.
    Sweep(Sweep),
    /// Something that is carried out by what was handed in.
    Errand(Order),
    /// Nothing; the kind has no effects.
    Nothing,
}

/// A command to another entity of the same tenant.
#[derive(Debug)]
pub(crate) enum Ask {
    Profile {
        to: ProfileId,
        command: profile::Command,
        /// Instead of the row's own, where the sender's key is to be the same on every way.
        key: Option<IdempotencyKey>,
    },
    Tenant(tenant::Command),
}

/// A webhook message, not yet composed.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) endpoint: EndpointId,
    pub(crate) message: MessageId,
    pub(crate) kind: String,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// The body's `data`, and when it happened.
    Data { at: Timestamp, data: Personal<String> },
    /// The whole body, as it was once sent.
    Body(Personal<String>),
}

/// A walk over all profiles of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Nil for the computed traits.
    pub(crate) segment: SegmentId,
    pub(crate) version: u32,
}

/// A row that cannot be read by this release, or is damaged. It stays where it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("no entity of kind {0} is known")]
    Kind(u8),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("{0}")]
    Row(String),
}

/// Reads an effect of `source`.
pub(crate) fn read(
    errands: &dyn Errands,
    source: &EntityKey,
    effect: &[u8],
) -> Result<Work, Unreadable> {
    if let Some(order) = errands.order(source, effect)? {
        return Ok(Work::Errand(order));
    }
    match source.kind {
        code if code == profile::KIND.code => Ok(of_profile(decode(effect)?)),
        code if code == segment::KIND.code => Ok(of_segment(decode(effect)?)),
        code if code == tenant::KIND.code => Ok(of_tenant(decode(effect)?)),
        code if code == quarantine::KIND.code => Ok(Work::Nothing),
        code => Err(Unreadable::Kind(code)),
    }
}

fn of_profile(effect: profile::Effect) -> Work {
    use profile::{Command, Effect};
    let ask = |to, command| Work::Ask(Ask::Profile { to, command, key: None });
    match effect {
        Effect::Merge { from, into } => ask(from, Command::MergeInto { into }),
        Effect::Absorb { into, from, facts, events } => {
            ask(into, Command::Absorb { from, facts, events })
        }
        Effect::Restore { into, from, events } => ask(into, Command::Restore { from, events }),
        Effect::Delete { profile } => ask(profile, Command::Delete),
        Effect::Forward { into, message } => {
            let key = IdempotencyKey::of(message.message_id.as_bytes());
            Work::Ask(Ask::Profile { to: into, command: Command::Ingest(message), key: Some(key) })
        }
        Effect::Webhook { endpoint, message, kind, at, data } => {
            Work::Deliver(Delivery { endpoint, message, kind, content: Content::Data { at, data } })
        }
    }
}

fn of_segment(effect: segment::Effect) -> Work {
    use segment::Effect;
    Work::Ask(Ask::Tenant(match effect {
        Effect::Publish { segment, version, name, rule } => {
            tenant::Command::PublishSegment { segment, version, name, rule }
        }
        Effect::Withdraw { segment, archived } => {
            tenant::Command::WithdrawSegment { segment, archived }
        }
    }))
}

fn of_tenant(effect: tenant::Effect) -> Work {
    use tenant::Effect;
    match effect {
        Effect::Sweep { segment, version } => Work::Sweep(Sweep { segment, version }),
        Effect::Webhook { endpoint, message, kind, at, data } => {
            Work::Deliver(Delivery { endpoint, message, kind, content: Content::Data { at, data } })
        }
        Effect::Replay { endpoint, message, kind, body } => {
            Work::Deliver(Delivery { endpoint, message, kind, content: Content::Body(body) })
        }
    }
}
