//! One rule-defined audience of one tenant (PRO-03): its name, its rule, the versions of the rule,
//! and whether the profiles have been evaluated against the newest one.
//!
//! - S1: a stored rule is valid, and its text is canonical ([`impresario_rules::Rule::to_json`]).
//! - S2: the version grows by one with each change of the rule, and with nothing else; a new name
//!   alone asks nobody to evaluate anything again.
//! - S3: a segment is published to the tenant when, and only when, it is live: each change of a
//!   live segment emits [`Effect::Publish`], each way out of `live` emits [`Effect::Withdraw`].
//!   Archiving always emits it, because a paused segment has kept its members until then.
//! - S4: the report of a sweep counts only for the version that it swept; reports are never
//!   refused, an outdated one changes nothing.
//! - S5: after `Archive` nothing changes any more.
//!
//! What it is not: the list of its members (rows of the profiles' membership index), nor the place
//! where a rule is evaluated (each profile does so when something happens to it).

#![deny(clippy::wildcard_enum_match_arm)]

mod command;
mod decide;
mod effect;
mod event;
mod state;
mod view;

#[cfg(test)]
mod tests;

pub use command::{Answer, Command, Policy, Query, Rejection, Reply};
pub use effect::Effect;
pub use event::Event;
use impresario_kernel::{Ctx, Decision, Entity, EntityKind, IndexId};
pub use state::{Build, State, Status, Version};
pub use view::{ListRow, VersionView, View};

/// The stored code and the name of this kind.
pub const KIND: EntityKind = EntityKind { code: 3, name: "segment" };

/// The tenant's list of segments: the term is the segment's id (16 bytes), the value a stored
/// [`ListRow`]. Archived segments stay listed.
pub const LIST_INDEX: IndexId = IndexId(40);

/// Longest name of a segment, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Longest description of a segment, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// How many versions of the rule the state remembers; older ones are in the events only.
pub const VERSIONS_KEPT: usize = 20;

/// One rule-defined audience of one tenant.
#[derive(Debug)]
pub struct Segment;

impl Entity for Segment {
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
        match query {
            Query::Get => Answer::Segment(view::view(state, ctx.key.typed_id())),
            Query::Version { version } => Answer::Version(view::version(state, version)),
        }
    }

    fn on_timer(_name: &str) -> Option<Command> {
        None
    }
}
