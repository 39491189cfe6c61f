//! One durable conversation: one person, on one channel of one tenant (G10).
//!
//! Messages in quick succession are one burst, a burst becomes one turn, a turn gets one reply. Who
//! answers (a model, the knowledge, a human) is not here: the conversation says what is to be answered
//! ([`Effect::Think`]), judges the answer, and sends it.
//!
//! - C1: every received message is in exactly one answered turn, or waits for a human, or was settled
//!   at once (a rating, a word that stops messages, a reaction). None is lost: one that finds no room
//!   is refused ([`Rejection::Busy`]) and delivered again.
//! - C2: exactly one reply per burst. A newer message supersedes the turn under way; from then on its
//!   answer is stale, also if it is already on its way. How often that may happen is bounded; what
//!   comes after waits for the next burst, so nobody can talk the assistant into silence.
//! - C3: while a human holds the conversation, or is waited for, the assistant says nothing.
//! - C4: a paid call is granted once, ever ([`Command::BeginCall`]).
//! - C5: a second delivery of a message changes nothing (remembered for [`SEEN_MS`], the newest
//!   [`SEEN_MAX`]).
//! - C6: no turn ends in silence: a failure ends in an apology and a human, and a turn that nobody
//!   reports about is taken up again.
//! - C7: every intent of a turn is answered or recorded as deferred; deferred questions are remembered
//!   and can be asked for again.
//! - C8: the state is bounded, whatever comes in; [`Event`]s hold the whole story.
//! - C9: nothing that is personal is in an index row.
//! - C10: a message whose sending has no known outcome is tried again only so many times, each of them
//!   granted here ([`Command::BeginSend`]); a report of the platform settles it.
//!
//! What it is not: a caller of models, a search, a bridge, a clock.

#![deny(clippy::wildcard_enum_match_arm)]

mod command;
mod decide;
mod effect;
mod event;
pub mod index;
mod interaction;
mod json;
mod memory;
mod message;
mod state;
mod turn;
mod view;

#[cfg(test)]
mod tests;

pub use command::{Answer, Command, Outcome, Policy, Query, Rejection, Reply};
pub use effect::Effect;
pub use event::{Event, Standing};
pub use interaction::{Dealt, Interaction, Recovered};
pub use memory::{Memory, Past, Unanswered};
pub use message::{Author, Message};
pub use state::{
    BegunCall, Burst, Counters, Handoff, SeenMessage, Sending, SentMessage, SentPart, State,
    Status, Thinking,
};
pub use turn::{
    AnswerPath, Citation, Collected, Collecting, Correction, Entity, IntentFound, MemoryUpdate,
    ReplyPart, Suggestion, TurnAnswer, TurnWork,
};
pub use view::View;

use impresario_ids::{CallId, ConversationId, MessageId, TenantId};
use impresario_kernel::{Ctx, Decision, EntityKey, EntityKind};
use impresario_messages::Address;

/// The stored code and the name of this kind.
pub const KIND: EntityKind = EntityKind { code: 6, name: "conversation" };

/// Messages that may wait for an answer at once.
pub const BURST_MAX: usize = 32;
/// Messages that the state remembers beside those that wait; older ones are in the events only.
pub const MESSAGES_KEPT: usize = 60;
/// Bytes of text in the remembered messages beside those that wait.
pub const TRANSCRIPT_BYTES_MAX: usize = 64 << 10;
/// Longest text of one message, in bytes; longer ones are cut.
pub const TEXT_BYTES_MAX: usize = 16 << 10;
/// Contents of one human reply.
pub const CONTENTS_MAX: usize = 10;
/// Deliveries that are remembered, for recognising further ones.
pub const SEEN_MAX: usize = 512;
/// How long (ms) deliveries are remembered: longer than platforms try again.
pub const SEEN_MS: i64 = 8 * 86_400_000;
/// Calls that one turn may begin.
pub const CALLS_MAX: usize = 24;
/// Sent messages whose fate is followed.
pub const SENT_KEPT: usize = 50;
/// Parts of a message being sent that are remembered.
pub(crate) const PARTS_KEPT: usize = 64;
/// Overlooked questions that are remembered.
pub const UNANSWERED_KEPT: usize = 10;
/// Key facts that are remembered.
pub const FACTS_KEPT: usize = 20;
/// Entities that are remembered.
pub const ENTITIES_KEPT: usize = 30;
/// Longest name of a person or team of the tenant, in characters.
pub const ASSIGNEE_CHARS_MAX: usize = 100;
/// Longest note, in characters.
pub const NOTE_CHARS_MAX: usize = 4_000;

/// The choice by which a customer confirms a corrected word.
pub const CORRECTION_YES: &str = "correction:yes";
/// The choice by which a customer rejects a corrected word.
pub const CORRECTION_NO: &str = "correction:no";
/// The choice by which a returning customer goes on.
pub const RETURNING_CONTINUE: &str = "returning:continue";
/// The choice by which a returning customer starts afresh.
pub const RETURNING_FRESH: &str = "returning:fresh";
/// What the choice of a product begins with; its SKU follows.
pub const PRODUCT: &str = "product:";
/// What the choice of a rating begins with; 1 to 5 follows.
pub const RATING: &str = "rating:";

/// The conversation with this address.
#[must_use]
pub fn id_of(tenant: TenantId, address: &Address) -> ConversationId {
    ConversationId::derived(&[
        tenant.as_bytes(),
        &[address.channel.code()],
        address.connection.as_bytes(),
        address.user.as_bytes(),
        address.thread.as_bytes(),
    ])
}

/// The key of the conversation with this address.
#[must_use]
pub fn key(tenant: TenantId, address: &Address) -> EntityKey {
    EntityKey::new(tenant, KIND, id_of(tenant, address))
}

/// The id of the `number`th paid call of an attempt at a turn: the same whenever the same work is
/// done again, so that it is never paid twice.
#[must_use]
pub fn call_id(conversation: ConversationId, turn: u32, attempt: u8, number: u32) -> CallId {
    CallId::derived(&[
        conversation.as_bytes(),
        &turn.to_be_bytes(),
        &[attempt],
        &number.to_be_bytes(),
    ])
}

/// The id of the reply to a turn: the idempotency key of its sending.
#[must_use]
pub fn reply_id(conversation: ConversationId, turn: u32) -> MessageId {
    MessageId::derived(&[conversation.as_bytes(), b"turn", &turn.to_be_bytes()])
}

/// The entity.
#[derive(Debug)]
pub struct Conversation;

impl impresario_kernel::Entity for Conversation {
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
        let id = ctx.key.typed_id();
        match query {
            Query::Show { before, limit } => {
                Answer::Conversation(view::view(state, id, before, limit, &ctx.policy.config))
            }
            Query::Work { turn } => {
                let current = state.thinking.as_ref().is_some_and(|thinking| thinking.turn == turn);
                let work = current.then(|| decide::work(state, id, &ctx.policy.config));
                Answer::Work(work.flatten().map(Box::new))
            }
            Query::Sending { outgoing } => {
                let known = state.sent.iter().find(|sent| sent.outgoing == outgoing);
                Answer::Sending(known.cloned().map(Box::new))
            }
        }
    }

    fn on_timer(name: &str) -> Option<Command> {
        decide::TIMERS.contains(&name).then_some(Command::Tick)
    }
}
