//! What the shell and the metrics see of the host.

use impresario_kernel::{Entity, EntityKey, Timestamp};
use std::sync::atomic::Ordering;

use crate::kind::{Kind, Slot};

/// The entities of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// The kind's name.
    pub kind: &'static str,
    /// Entities with an actor.
    pub active: usize,
    /// Entities that crashed and are held back.
    pub down: usize,
}

/// One entity that is, or was, active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityInfo {
    /// The entity.
    pub key: EntityKey,
    /// The kind's name.
    pub kind: &'static str,
    /// Messages in its mailbox or waiting for their commit.
    pub pending: u32,
    /// The sequence of its last event.
    pub seq: u64,
    /// When it was last sent a message.
    pub last_used: Timestamp,
    /// If it crashed and is held back: until when, and why.
    pub down: Option<(Timestamp, String)>,
}

impl<E: Entity> Kind<E> {
    pub(crate) fn describe(&self, key: &EntityKey, slot: &Slot<E>) -> EntityInfo {
        let (shared, down) = match slot {
            Slot::Active(activation) => (&activation.shared, None),
            Slot::Down { shared, until, reason, .. } => (shared, Some((*until, reason.clone()))),
        };
        EntityInfo {
            key: *key,
            kind: E::KIND.name,
            pending: shared.pending(),
            seq: shared.seq.load(Ordering::Relaxed),
            last_used: shared.last_used(),
            down,
        }
    }
}
