//! Refused input, kept with its reason, so that a tenant can see what it sent in vain.
//!
//! A tenant has [`SHARDS`] of these, so that a client gone wrong does not queue behind one entity.
//!
//! - Q1: the newest items are kept, at most [`ITEMS_MAX`] and [`BYTES_MAX`] bytes of input per shard;
//!   the counts by reason are exact for ever.
//! - Q2: what was sent is personal: it never prints, and it is cut at [`RAW_BYTES_MAX`].
//! - Q3: an item keeps its number for ever; numbers grow by arrival.
//!
//! What it is not: a judge. The edge decides what is refused, and never waits for this entity to say
//! so to the sender.

#![deny(clippy::wildcard_enum_match_arm)]

mod command;
mod decide;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Answer, Command, Event, Item, Query, Refused, Rejection, Reply};
pub use state::State;

use impresario_ids::{QuarantineId, TenantId};
use impresario_kernel::{Ctx, Decision, Entity, EntityKey, EntityKind, IndexId};

/// The stored code and the name of this kind.
pub const KIND: EntityKind = EntityKind { code: 4, name: "quarantine" };

/// Shards of a tenant's quarantine, counted from 0.
pub const SHARDS: u8 = 16;

/// Items kept per shard.
pub const ITEMS_MAX: usize = 1_000;

/// Bytes of input kept per shard.
pub const BYTES_MAX: usize = 4 << 20;

/// Bytes of input kept per item.
pub const RAW_BYTES_MAX: usize = 32 << 10;

/// Items that one command may bring.
pub const BATCH_MAX: usize = 2_500;

/// Refused items per day and reason: term = day since 1970 (4 bytes, big-endian) and the reason, a
/// counter. Index ids 51 to 59 are kept for this entity.
pub const COUNTS: IndexId = IndexId(50);

/// One shard of a tenant's quarantine.
#[must_use]
pub fn key(tenant: TenantId, shard: u8) -> EntityKey {
    let shard = [shard % SHARDS];
    EntityKey::new(tenant, KIND, QuarantineId::derived(&[tenant.as_bytes(), &shard]))
}

/// The shard for an item, spread by any bytes that differ between items (a message id, a trace).
#[must_use]
pub fn shard_of(bytes: &[u8]) -> u8 {
    QuarantineId::derived(&[bytes]).as_bytes()[0] % SHARDS
}

/// The entity.
#[derive(Debug)]
pub struct Quarantine;

impl Entity for Quarantine {
    const KIND: EntityKind = KIND;

    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = ();
    type Reply = Reply;
    type Rejection = Rejection;
    type Query = Query;
    type Answer = Answer;
    type Policy = ();

    fn decide(
        state: &State,
        command: Command,
        ctx: &Ctx<'_, (), Event>,
    ) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, event: &Event) {
        state.apply(event);
    }

    fn answer(state: &State, query: Query, _ctx: &Ctx<'_, (), Event>) -> Answer {
        match query {
            Query::List { limit, before } => {
                Answer::Items(state.newest(before).take(limit as usize).cloned().collect())
            }
            Query::Counts => Answer::Counts(state.counts().clone()),
        }
    }

    fn on_timer(_name: &str) -> Option<Command> {
        None
    }
}
