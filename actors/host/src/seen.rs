//! Which idempotency keys the store may hold for an active entity.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::ControlFlow;

use impresario_journal::{KeyRange, Table};
use impresario_kernel::{EntityKey, Timestamp};
use impresario_rows::{seen_entity_prefix, seen_hash};

use crate::host::Core;
use crate::{Failure, IdempotencyKey};

/// With more keys than this an entity looks each new key up in the store, as the set would take
/// more memory than the entity.
const KEYS_MAX: usize = 8_192;

/// Fingerprints of every key that the store may hold for one entity within the horizon, so that a
/// new key, which nearly all are, costs no look-up. A fingerprint that is there proves nothing.
#[derive(Debug, Default)]
pub(crate) enum Seen {
    /// Nobody asked yet.
    #[default]
    Unread,
    /// All of them.
    All(HashSet<u32, BuildHasherDefault<Fingerprint>>),
    /// There are too many to keep.
    TooMany,
}

impl Seen {
    /// Whether the store may hold this key; `false` is certain. Reads the entity's keys once.
    pub(crate) fn may_hold(
        &mut self,
        core: &Core,
        entity: &EntityKey,
        key: IdempotencyKey,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        if matches!(self, Self::Unread) {
            *self = Self::read(core, entity, now)?;
        }
        Ok(match self {
            Self::All(keys) => keys.contains(&fingerprint(key.as_bytes())),
            Self::Unread | Self::TooMany => true,
        })
    }

    /// An entity without events has committed no keyed command: there is nothing to read.
    pub(crate) fn nothing_yet(&mut self) {
        if matches!(self, Self::Unread) {
            *self = Self::All(HashSet::default());
        }
    }

    /// From now on the store may hold this key.
    pub(crate) fn insert(&mut self, key: IdempotencyKey) {
        if let Self::All(keys) = self {
            keys.insert(fingerprint(key.as_bytes()));
            if keys.len() > KEYS_MAX {
                *self = Self::TooMany;
            }
        }
    }

    fn read(core: &Core, entity: &EntityKey, now: Timestamp) -> Result<Self, Failure> {
        let mut keys = HashSet::default();
        for day in core.options.seen_horizon(now) {
            let range = KeyRange::prefix(&seen_entity_prefix(entity, day));
            core.scan(entity, Table::Seen, &range, &mut |row_key, _| {
                if let Some(hash) = seen_hash(row_key) {
                    keys.insert(fingerprint(hash));
                }
                if keys.len() > KEYS_MAX {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        }
        Ok(if keys.len() > KEYS_MAX { Self::TooMany } else { Self::All(keys) })
    }
}

/// The first bytes of a hash are as good a hash as any.
fn fingerprint(hash: &[u8; 16]) -> u32 {
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Fingerprints are hashes already.
#[derive(Debug, Default)]
pub(crate) struct Fingerprint(u64);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, fingerprint: u32) {
        // The table takes its place from the low bits and its tag from the high ones.
        self.0 = (u64::from(fingerprint) << 32) | u64::from(fingerprint);
    }
}
