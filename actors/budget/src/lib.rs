//! What a tenant may spend on language models, reserved before each call and settled after it
//! (LLM-13): limits for the tenant, a campaign, a class of conversations, each conversation, each
//! run, over a day, a month or for ever; days and months are UTC.
//!
//! Money is micro-units (one millionth of the tenant's currency).
//!
//! - G1: when a reservation is granted, no limit on its path is exceeded by everything that was
//!   reserved or spent until then, this reservation included. A limit can only be passed by a
//!   provider that charges more than was reserved, and that is counted in full.
//! - G2: a call is known by its id: reserving, settling or releasing it again changes nothing, and
//!   answers as if it were the first time (for the newest [`CLOSED_MAX`] calls; before that the
//!   host's idempotency keys answer).
//! - G3: unknown is spent. A reservation that was neither settled nor released after [`HELD_MS`]
//!   counts as spent at the reserved amount, because the provider may have been paid. If the truth is
//!   told later, the difference is corrected.
//! - G4: the rows of the indexes add up to what was settled, released and given up, exactly; a
//!   correction goes to the day of its reservation.
//! - G5: the state is bounded: conversations and runs are in it only while they hold reservations
//!   (the caller says what they have spent so far), campaigns and classes up to [`SCOPES_MAX`].
//!
//! What it is not: a price list (`engines/routing`), nor the one who calls (`bridges/llm`).

#![deny(clippy::wildcard_enum_match_arm)]

mod command;
mod decide;
mod effect;
mod event;
mod ledger;
mod path;
mod rows;
mod state;
mod view;

#[cfg(test)]
mod tests;

pub use command::{Answer, Command, Query, Rejection, Reply, Tokens};
pub use effect::Effect;
pub use event::Event;
pub use ledger::Ledger;
pub use path::{Limit, Path, Period, Scope, Spend};
pub use rows::{CostRow, TokenClass, row_day};
pub use state::{Reservation, State};
pub use view::{LimitView, View};

use impresario_ids::TenantId;
use impresario_kernel::{Ctx, Decision, Entity, EntityKey, EntityKind, IndexId};

/// The stored code and the name of this kind.
pub const KIND: EntityKind = EntityKind { code: 7, name: "budget" };

/// Micro-units by day and scope, a counter: day since 1970 (4 bytes, big-endian), the scope's code
/// (0 tenant, 1 campaign, 2 class), the scope's name.
pub const COST_BY_SCOPE: IndexId = IndexId(80);
/// Micro-units by day and model, a counter: day (4 bytes), the model's id.
pub const COST_BY_MODEL: IndexId = IndexId(81);
/// Micro-units by day and agent, a counter: day (4 bytes), the agent's name.
pub const COST_BY_AGENT: IndexId = IndexId(82);
/// Tokens by day, class and model, a counter: day (4 bytes), the class ([`TokenClass`]), the model.
pub const TOKENS_BY_MODEL: IndexId = IndexId(83);
/// Calls by day, outcome and model, a counter: day (4 bytes), the outcome (0 settled, 1 released,
/// 2 given up, 3 denied), the model.
pub const CALLS: IndexId = IndexId(84);

/// How long a reservation is held, in milliseconds.
pub const HELD_MS: i64 = 15 * 60_000;
/// Reservations held at once; more are refused as [`Rejection::TooManyHeld`].
pub const HELD_MAX: usize = 10_000;
/// Given-up reservations that can still be corrected; the oldest are forgotten, and stay spent.
pub const GIVEN_UP_MAX: usize = 1_000;
/// Calls whose end is remembered.
pub const CLOSED_MAX: usize = 2_000;
/// Limits of a tenant.
pub const LIMITS_MAX: usize = 500;
/// Campaigns and classes that are counted; the one not used for longest without a limit of its own
/// makes room.
pub const SCOPES_MAX: usize = 2_000;
/// Longest name of a campaign, class, conversation, run, agent or model, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// A tenant's one budget.
#[must_use]
pub fn key(tenant: TenantId) -> EntityKey {
    EntityKey::new(tenant, KIND, tenant)
}

/// The entity.
#[derive(Debug)]
pub struct Budget;

impl Entity for Budget {
    const KIND: EntityKind = KIND;

    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
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

    fn answer(state: &State, query: Query, ctx: &Ctx<'_, (), Event>) -> Answer {
        view::answer(state, &query, ctx.now)
    }

    fn on_timer(name: &str) -> Option<Command> {
        (name == decide::TIMER).then_some(Command::GiveUpDue)
    }
}
