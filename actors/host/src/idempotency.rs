//! Commands that were seen before.

use std::collections::{HashMap, VecDeque};

use impresario_journal::{Table, Write};
use impresario_kernel::{Entity, EntityKey, Timestamp, decode, encode};
use impresario_rows::{aad, seen_key};

use crate::host::Core;
use crate::{Failure, IdempotencyKey};

/// Replies of turns that are decided but not yet released, by idempotency key.
pub(crate) struct Unsettled<R> {
    order: VecDeque<(u64, IdempotencyKey)>,
    replies: HashMap<IdempotencyKey, R>,
}

impl<R> Default for Unsettled<R> {
    fn default() -> Self {
        Self { order: VecDeque::new(), replies: HashMap::new() }
    }
}

impl<R: Clone> Unsettled<R> {
    pub(crate) fn insert(&mut self, turn: u64, key: IdempotencyKey, reply: R) {
        self.order.push_back((turn, key));
        self.replies.insert(key, reply);
    }

    pub(crate) fn get(&self, key: IdempotencyKey) -> Option<&R> {
        self.replies.get(&key)
    }

    /// Forgets the replies of turns up to `turn`: the store has them now.
    pub(crate) fn settled(&mut self, turn: u64) {
        while let Some((first, key)) = self.order.front()
            && *first <= turn
        {
            self.replies.remove(key);
            self.order.pop_front();
        }
        if self.order.is_empty() {
            // An idle entity keeps no spare room.
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
