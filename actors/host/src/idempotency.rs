//! Commands that were seen before.

use std::collections::{HashMap, VecDeque};

use impresario_journal::{Table, Write};
use impresario_kernel::{Entity, EntityKey, Timestamp, encode};
use impresario_rows::{aad, seen_key};

use crate::host::Core;
use crate::{Failure, IdempotencyKey};

/// Up to so many replies are found by looking at each; hashing them would cost more.
const SCAN_MAX: usize = 32;

/// Replies of turns that are decided but not yet released, by idempotency key.
pub(crate) struct Unsettled<R> {
    /// In the order of the turns.
    replies: VecDeque<(u64, IdempotencyKey, R)>,
    /// Numbers the replies from the first on; filled only while there are many.
    places: HashMap<IdempotencyKey, usize>,
    /// How many replies were forgotten: the number of the first.
    forgotten: usize,
}

impl<R> Default for Unsettled<R> {
    fn default() -> Self {
        Self { replies: VecDeque::new(), places: HashMap::new(), forgotten: 0 }
    }
}

impl<R: Clone> Unsettled<R> {
    pub(crate) fn insert(&mut self, turn: u64, key: IdempotencyKey, reply: R) {
        self.replies.push_back((turn, key, reply));
        if self.places.is_empty() && self.replies.len() > SCAN_MAX {
            let numbered = (self.forgotten..).zip(&self.replies);
            self.places = numbered.map(|(number, (_, key, _))| (*key, number)).collect();
        } else if !self.places.is_empty() {
            self.places.insert(key, self.forgotten + self.replies.len() - 1);
        }
    }

    /// The reply, and the fingerprint of what the key was sent with.
    pub(crate) fn get(&self, key: IdempotencyKey) -> Option<(u32, &R)> {
        let found = if self.places.is_empty() {
            self.replies.iter().find(|(_, known, _)| *known == key)
        } else {
            self.replies.get(self.places.get(&key)? - self.forgotten)
        };
        found.map(|(_, known, reply)| (known.content(), reply))
    }

    /// Forgets the replies of turns up to `turn`: the store has them now.
    pub(crate) fn settled(&mut self, turn: u64) {
        while let Some((first, key, _)) = self.replies.front()
            && *first <= turn
        {
            if !self.places.is_empty() {
                self.places.remove(key);
            }
            self.replies.pop_front();
            self.forgotten += 1;
        }
        if self.replies.is_empty() && self.replies.capacity() > SCAN_MAX {
            // After a burst the room is given back.
            *self = Self::default();
        }
    }
}

/// The reply that the store holds for this key within the horizon, and the fingerprint of what the
/// key was sent with.
pub(crate) fn stored_reply<E: Entity>(
    core: &Core,
    entity: &EntityKey,
    key: IdempotencyKey,
    now: Timestamp,
) -> Result<Option<(u32, E::Reply)>, Failure> {
    for day in core.options.seen_horizon(now).rev() {
        let row_key = seen_key(entity, day, key.as_bytes());
        let Some(sealed) = core.get(entity, Table::Seen, &row_key)? else { continue };
        let plain = core.open(entity.tenant, Table::Seen, &row_key, &sealed)?;
        let mut decoder = minicbor::Decoder::new(&plain);
        let reply = decoder.decode().map_err(|error| Failure::Damaged(error.to_string()))?;
        let rest = plain.get(decoder.position()..).unwrap_or_default();
        let content = rest.try_into().map_or(0, u32::from_le_bytes);
        return Ok(Some((content, reply)));
    }
    Ok(None)
}

/// The row that remembers a reply.
pub(crate) fn remember<E: Entity>(
    core: &Core,
    entity: &EntityKey,
    key: IdempotencyKey,
    now: Timestamp,
    reply: &E::Reply,
) -> Result<Write, Failure> {
    let row_key = seen_key(entity, now.day(), key.as_bytes());
    let mut plain = encode(reply);
    if key.content() != 0 {
        plain.extend_from_slice(&key.content().to_le_bytes());
    }
    let value = core
        .vault
        .seal(entity.tenant, &aad(Table::Seen, &row_key), &plain)
        .map_err(Failure::from)?;
    Ok(Write::Put { table: Table::Seen, key: row_key, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// However many there are, and whatever was forgotten, a reply is found by its key.
        #[test]
        fn replies_are_found_until_they_are_settled(steps in proptest::collection::vec((0_u8..4, 0_u64..5), 0..300)) {
            let mut unsettled = Unsettled::default();
            let mut model: Vec<(u64, u64)> = Vec::new();
            let (mut turn, mut settled) = (0, 0);
            for (number, (kind, ahead)) in (0_u64..).zip(steps) {
                if kind == 0 {
                    settled = (settled + ahead * 10).min(turn);
                    unsettled.settled(settled);
                    model.retain(|(of_turn, _)| *of_turn > settled);
                } else {
                    turn += 1;
                    unsettled.insert(turn, IdempotencyKey::of(&number.to_le_bytes()), number);
                    model.push((turn, number));
                }
                for (_, known) in &model {
                    proptest::prop_assert_eq!(unsettled.get(IdempotencyKey::of(&known.to_le_bytes())), Some((0, known)));
                }
                proptest::prop_assert_eq!(unsettled.replies.len(), model.len());
            }
        }
    }
}
