//! One person as one tenant knows them.
//!
//! A profile takes in the messages of the tracking API and folds them, by the time at which things
//! happened, into traits, counters, the last events, sessions, orders, groups and consents; it
//! evaluates the tenant's segments in the same step. A profile of an anonymous visitor can be
//! merged into the profile of a known person, and taken out again.
//!
//! - P1 (PRO-02): what is known depends on the set of messages, not on the order of their arrival.
//!   Bounds: event names beyond the first [`COUNTED_NAMES`] are counted as `other`; a message older
//!   than the oldest of the last [`SESSIONS`] sessions may not open a session of its own.
//! - P2: a trait holds the value of the latest event that set it; ties go to the greater text, and
//!   `null` loses a tie.
//! - P3: a session ends where no event follows for the tenant's idle time
//!   ([`Policy::with_session_idle`]); a late event that closes the gap joins two sessions. The idle
//!   time that was in force when a message was taken in stays with it: a new one splits and joins
//!   nothing that was there.
//! - P4: merging and then un-merging gives both sides what they would have had without the merge;
//!   nothing that was received is lost or counted twice on the way.
//! - P5 (PRV-01, PRV-02): the consent in force is the latest word per purpose and channel, a
//!   withdrawal wins a tie; every word stays in the event log for ever, the last
//!   [`CONSENT_HISTORY`] also in the profile. A withdrawal is never refused because of history.
//!   Messages repeat the preferences that they carry ([`Preference`]), so of those the history shows
//!   the changes, as far as they arrived in order; the consent in force is exact in any order.
//! - P6 (PRO-03): a segment is only evaluated once all that its rule remembers is complete for this
//!   profile: from its first message on, or after [`Command::Reevaluate`] has read its past.
//! - P7: money is counted in whole millionths.
//! - P8: a message that no rule and no computed trait listens to costs neither a tracker nor an
//!   evaluation.
//! - P9 (TEN-08): while the tenant has all the profiles of its plan, no message and no new consent
//!   begins another one. People who are there go on; a withdrawal is always taken, and what is passed
//!   on, handed over or given back between profiles is never refused.
//!
//! What it is not: a store of raw events (the journal keeps them, sealed), a segment's definition
//! (that is the segment's), a sender of anything.

#![deny(clippy::wildcard_enum_match_arm)]

mod answer;
mod command;
mod consents;
mod counters;
mod decide;
mod effect;
mod event;
mod facts;
pub mod index;
mod policy;
mod query;
mod sessions;
mod state;
mod view;

#[cfg(test)]
mod tests;

use impresario_ids::{ProfileId, TenantId};
use impresario_kernel::{Ctx, Decision, Entity, EntityKind, Needs};

pub use command::{Call, Command, ConsentChange, Message, Rejection, Reply};
pub use effect::Effect;
pub use event::{ComputedEntry, Event, Facts, Preference, Received, SegmentVersion, TrackerEntry};
pub use policy::{Policy, PolicyEndpoint, PolicySegment};
pub use query::{Answer, Membership, Query};
pub use state::State;
pub use view::{
    ComputedView, ConsentView, CounterView, GroupView, Json, OrdersView, RecentView, SessionView,
    TraitView, View,
};

/// The kind of profiles.
pub const KIND: EntityKind = EntityKind { code: 2, name: "profile" };
/// Minutes without an event after which a session is over, unless the tenant says otherwise.
pub const SESSION_IDLE_MINUTES: u16 = 30;
/// How many sessions a profile remembers.
pub const SESSIONS: usize = 20;
/// How many of the last events a profile remembers.
pub const RECENT_EVENTS: usize = 50;
/// How many event names a profile counts one by one.
pub const COUNTED_NAMES: usize = 500;
/// How many traits a profile has at most.
pub const TRAITS_MAX: usize = 256;
/// How many bytes the traits of a profile have at most, names and JSON texts together.
pub const TRAITS_BYTES_MAX: usize = 32 * 1_024;
/// How deep the value of a trait may nest.
pub const DEPTH_MAX: usize = 8;
/// How deep `properties` and `context` may nest.
pub const JSON_DEPTH_MAX: usize = 32;
/// How many bytes `properties`, `traits` or `context` of one message may have.
pub const JSON_BYTES_MAX: usize = 32 * 1_024;
/// How many ids of each sort a profile shows (the smallest; further ones still lead to it).
pub const IDS_MAX: usize = 100;
/// How many groups a profile is in at most.
pub const GROUPS_MAX: usize = 100;
/// How many pairs of purpose and channel a profile has at most.
pub const CONSENTS_MAX: usize = 64;
/// How many entries of the consent history a profile shows.
pub const CONSENT_HISTORY: usize = 200;
/// How many completed stays in segments a profile remembers.
pub const STAYS: usize = 100;
/// How many past messages a merged profile hands over, the newest: rules and computed traits of
/// the profile that stays see no older ones of it. Counters, totals and traits are always whole.
pub const ABSORBED_EVENTS: usize = 2_000;
/// The name of the durable timer for the next change of a membership by time alone.
pub const TIMER: &str = "segments";

/// The profile of a known person.
#[must_use]
pub fn id_of_user(tenant: TenantId, user_id: &str) -> ProfileId {
    ProfileId::derived(&[tenant.as_bytes(), b"u", user_id.as_bytes()])
}

/// The profile of an anonymous visitor.
#[must_use]
pub fn id_of_anonymous(tenant: TenantId, anonymous_id: &str) -> ProfileId {
    ProfileId::derived(&[tenant.as_bytes(), b"a", anonymous_id.as_bytes()])
}

/// The hash of a message id under which [`RecentView::message`] shows it: FNV-1a, 64 bits.
#[must_use]
pub fn message_hash(message_id: &str) -> u64 {
    message_id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The entity.
#[derive(Debug)]
pub enum Profile {}

impl Entity for Profile {
    const KIND: EntityKind = KIND;

    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Reply = Reply;
    type Rejection = Rejection;
    type Query = Query;
    type Answer = Answer;
    type Policy = Policy;

    fn needs(state: &State, command: &Command) -> Needs {
        decide::needs(state, command)
    }

    fn decide(
        state: &State,
        command: Command,
        ctx: &Ctx<'_, Policy, Event>,
    ) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, event: &Event) {
        state.apply(event);
    }

    fn answer(state: &State, query: Query, ctx: &Ctx<'_, Policy, Event>) -> Answer {
        answer::answer(state, query, ctx)
    }

    fn on_timer(name: &str) -> Option<Command> {
        (name == TIMER).then_some(Command::Tick)
    }
}
