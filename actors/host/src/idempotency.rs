//! Commands that were seen before.

use std::collections::{HashMap, VecDeque};

use impresario_journal::{Table, Write};
use impresario_kernel::{Entity, EntityKey, Timestamp, decode, encode};
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

    pub(crate) fn get(&self, key: IdempotencyKey) -> Option<&R> {
        if self.places.is_empty() {
            return self
                .replies
                .iter()
                .find(|(_, known, _)| *known == key)
                .map(|(_, _, reply)| reply);
        }
        let number = self.places.get(&key)?;
        self.replies.get(number - self.forgotten).map(|(_, _, reply)| reply)
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

/// The reply that the store holds for this key within the horizon.
pub(crate) fn stored_reply<E: Entity>(
    core: &Core,
    entity: &EntityKey,
    key: IdempotencyKey,
    now: Timestamp,
) -> Result<Option<E::Reply>, Failure> {
    let today = now.day();
    for day in (today - i64::from(core.options.seen_days.max(1))..=today).rev() {
        let row_key = seen_key(entity, day, key.as_bytes());
        let Some(sealed) = core.get(entity, Table::Seen, &row_key)? else { continue };
        let plain = core.open(entity.tenant, Table::Seen, &row_key, &sealed)?;
        return decode(&plain).map(Some).map_err(|error| Failure::Damaged(error.to_string()));
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
    let value = core
        .vault
        .seal(entity.tenant, &aad(Table::Seen, &row_key), &encode(reply))
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
                    proptest::prop_assert_eq!(unsettled.get(IdempotencyKey::of(&known.to_le_bytes())), Some(known));
                }
                proptest::prop_assert_eq!(unsettled.replies.len(), model.len());
            }
        }
    }
}
