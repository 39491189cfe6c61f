//! What an operator does to one entity: let it go from memory, hold it back, let it come again.
//!
//! A hold is of this node and of its present reign over the entity's partition: it ends when it is
//! released, when its time has come, when another node decides, or at a restart. It protects a system
//! from one entity for as long as somebody looks at it; it is no state of the entity.

use std::sync::Arc;

use dashmap::mapref::entry::Entry;
use impresario_kernel::{Entity, EntityKey, Timestamp};

use crate::kind::{Kind, Slot};
use crate::{Failure, Host};

/// A passivation is given up after so many looks at an entity that does not come to rest.
const PASSES: usize = 50;

impl<E: Entity> Kind<E> {
    /// Keeps the entity from being activated until then. What it was sent before is still decided.
    pub(crate) fn hold(&self, key: &EntityKey, until: Timestamp, reason: String) {
        let history = Arc::default();
        match self.slots.entry(*key) {
            Entry::Vacant(vacant) => {
                let shared = Arc::default();
                vacant.insert(Slot::Down { until, reason, shared, history });
            }
            Entry::Occupied(mut occupied) => match occupied.get_mut() {
                Slot::Active(activation) => {
                    let shared = Arc::clone(&activation.shared);
                    // Gone already if it cannot be told.
                    let _ = activation.actor.drain();
                    self.meters.active.decrement(1.0);
                    occupied.insert(Slot::Down { until, reason, shared, history });
                }
                Slot::Down { until: end, reason: why, .. } => {
                    *end = until;
                    *why = reason;
                }
            },
        }
    }

    /// Ends a hold or a back-off; `false` if there is none.
    pub(crate) fn release(&self, key: &EntityKey, now: Timestamp) -> bool {
        match self.slots.get_mut(key).as_deref_mut() {
            Some(Slot::Down { until, .. }) => {
                // It stays until what its last activation has under way is settled.
                *until = now;
                true
            }
            Some(Slot::Active(_)) | None => false,
        }
    }

    pub(crate) fn is_active(&self, key: &EntityKey) -> bool {
        matches!(self.slots.get(key).as_deref(), Some(Slot::Active(_)))
    }
}

impl Host {
    /// Lets an entity go from memory, with a snapshot. `false` if it was not active here, or is kept
    /// busy.
    ///
    /// # Errors
    /// If this node does not decide for it, or cannot commit.
    pub async fn passivate(&self, key: &EntityKey) -> Result<bool, Failure> {
        let kind = self.kinds().coded(key.kind)?;
        self.core().check(key)?;
        for _ in 0..PASSES {
            if !kind.is_active(key) {
                return Ok(false);
            }
            kind.passivate_key(self.core(), key);
            if !kind.is_active(key) {
                return Ok(true);
            }
            // Comes after the snapshot.
            self.system_commit(self.partition_of(key), Vec::new()).await?;
            tokio::task::yield_now().await;
        }
        Ok(false)
    }

    /// Keeps an entity out of service until then: whoever asks for it gets
    /// [`Failure::Restarting`] with this reason, its timers and messages wait.
    ///
    /// # Errors
    /// If this node does not decide for it.
    pub fn hold(&self, key: &EntityKey, until: Timestamp, reason: String) -> Result<(), Failure> {
        let kind = self.kinds().coded(key.kind)?;
        self.core().check(key)?;
        tracing::warn!(entity.key = %key, until_ms = until.as_ms(), reason, "entity held back");
        kind.hold(key, until, reason);
        Ok(())
    }

    /// Ends a hold, or the back-off after a crash. `false` if there is none here.
    ///
    /// # Errors
    /// If this node does not decide for it.
    pub fn release(&self, key: &EntityKey) -> Result<bool, Failure> {
        let kind = self.kinds().coded(key.kind)?;
        self.core().check(key)?;
        Ok(kind.release(key, self.core().clock.now()))
    }
}
