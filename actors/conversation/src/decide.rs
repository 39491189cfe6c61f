//! What a command leads to.

mod answer;
mod compose;
mod delivery;
mod draft;
mod human;
mod lead;
mod metrics;
mod receive;
mod tick;
mod turns;

use impresario_assistant::AssistantConfig;
use impresario_ids::ConversationId;
use impresario_kernel::{Ctx, Decision, Timestamp};

use self::draft::Draft;
use crate::{
    Author, Collecting, Command, Conversation, Event, Message, Outcome, Policy, Rejection, State,
    Thinking, TurnWork,
};

/// The timers. All of them mean [`Command::Tick`]: what is due is looked up in the state.
pub(crate) const TIMERS: [&str; 5] = ["burst", "turn", "memory", "sla", "retention"];

pub(crate) fn decide(
    state: &State,
    command: Command,
    ctx: &Ctx<'_, Policy, Event>,
) -> Result<Decision<Conversation>, Rejection> {
    let mut draft = Draft::new(state, ctx);
    if state.address.is_none() {
        absent(&mut draft, command)?;
    } else {
        present(&mut draft, command)?;
    }
    Ok(draft.finish())
}

/// A command to a conversation of which nothing is known.
fn absent(draft: &mut Draft<'_>, command: Command) -> Result<(), Rejection> {
    match command {
        Command::Receive { inbound, profile } => receive::receive(draft, *inbound, profile)?,
        // Late timers and reports about what is forgotten.
        Command::Tick
        | Command::RecordSent { .. }
        | Command::RecordUnsent { .. }
        | Command::RecordStatus { .. }
        | Command::PauseSend { .. } => {}
        Command::BeginCall { .. }
        | Command::RecordAnswer { .. }
        | Command::FailTurn { .. }
        | Command::BeginSend { .. } => {
            draft.outcome = Outcome::Stale;
        }
        Command::Assign { .. }
        | Command::ReplyAsHuman { .. }
        | Command::Note { .. }
        | Command::HandBack { .. }
        | Command::Resolve
        | Command::Reopen
        | Command::RequestHandoff { .. }
        | Command::LinkProfile { .. }
        | Command::RecordConsent { .. }
        | Command::Forget => return Err(Rejection::NotFound),
    }
    Ok(())
}

/// A command to a conversation that began.
fn present(draft: &mut Draft<'_>, command: Command) -> Result<(), Rejection> {
    match command {
        Command::Receive { inbound, profile } => receive::receive(draft, *inbound, profile)?,
        Command::Tick => tick::tick(draft),
        Command::BeginCall { turn, call, model, micros } => {
            turns::begin_call(draft, turn, call, model, micros);
        }
        Command::RecordAnswer { turn, answer } => answer::record(draft, turn, *answer),
        Command::FailTurn { turn, reason, attempt, retry } => {
            turns::fail(draft, turn, reason, attempt, retry);
        }
        Command::RecordSent { outgoing, platform_ids } => {
            delivery::sent(draft, outgoing, platform_ids);
        }
        Command::RecordUnsent { outgoing, code } => delivery::unsent(draft, &outgoing, code),
        Command::BeginSend { outgoing, parts, wait_ms, tries_max } => {
            delivery::begin(draft, outgoing, parts, wait_ms, tries_max);
        }
        Command::PauseSend { outgoing, sent, unknown } => {
            delivery::pause(draft, outgoing, sent, unknown);
        }
        Command::RecordStatus { update } => delivery::status(draft, &update),
        Command::Assign { assignee, only_if_free } => {
            human::assign(draft, assignee, only_if_free)?;
        }
        Command::ReplyAsHuman { by, content } => human::reply(draft, by, content)?,
        Command::Note { by, text } => human::note(draft, by, text)?,
        Command::HandBack { answer } => human::hand_back(draft, answer),
        Command::Resolve => human::resolve(draft),
        Command::Reopen => human::reopen(draft),
        Command::RequestHandoff { reason, detail } => human::request(draft, reason, detail),
        Command::LinkProfile { profile } => draft.link(profile),
        Command::RecordConsent { stopped } => draft.consent(stopped),
        Command::Forget => draft.forget(),
    }
    Ok(())
}

/// When the memory expires, if there is anything that can.
pub(crate) fn memory_expires_at(state: &State, config: &AssistantConfig) -> Option<Timestamp> {
    let minutes = i64::from(config.memory.expire_minutes);
    let idle = state.thinking.is_none() && state.burst.is_none();
    (idle && state.memory.can_expire()).then(|| state.updated.plus_ms(minutes * 60_000))
}

/// The work of the turn that is being answered.
pub(crate) fn work(
    state: &State,
    conversation: ConversationId,
    config: &AssistantConfig,
) -> Option<TurnWork> {
    let thinking = state.thinking.as_ref()?;
    let messages: Vec<Message> =
        thinking.messages.iter().filter_map(|seq| state.message(*seq)).cloned().collect();
    let history: Vec<Message> = state
        .messages
        .iter()
        .filter(|message| message.seq > state.history_after)
        .filter(|message| !thinking.messages.contains(&message.seq))
        .filter(|message| {
            state.burst.as_ref().is_none_or(|burst| !burst.messages.contains(&message.seq))
        })
        .filter(|message| message.from != Author::Note)
        .cloned()
        .collect();
    let unsummarised = history.iter().filter(|message| message.seq > state.summarised).count();
    let forgotten = thinking
        .forgotten
        .and_then(|turn| state.unanswered.iter().rfind(|question| question.turn == turn).cloned());
    Some(TurnWork {
        conversation,
        turn: thinking.turn,
        attempt: thinking.attempt,
        path: thinking.path,
        address: state.address.clone()?,
        person: state.person.clone(),
        profile: state.profile,
        messages,
        summarise: config.features.memory
            && unsummarised >= usize::from(config.memory.summary_every),
        history,
        memory: if config.features.memory {
            state.memory.clone()
        } else {
            crate::Memory::default()
        },
        language: state.language.clone(),
        forgotten,
        returning: is_returning(state),
        collecting: collecting(state, config),
        uncertain_turns: state.uncertain_turns,
        opted_out: state.opted_out,
        begun: thinking.calls.clone(),
        since: thinking.since,
    })
}

/// Whether the customer is to be asked whether to go on with what was put aside.
pub(crate) fn is_returning(state: &State) -> bool {
    let previous = state.memory.previous.as_ref();
    previous.is_some_and(|past| !past.offered && past.topic.is_some())
}

fn collecting(state: &State, config: &AssistantConfig) -> Option<Collecting> {
    let intent = state.collecting.clone()?;
    let missing =
        lead::missing(&intent, config, &state.collected).map(|field| field.name.clone()).collect();
    Some(Collecting { intent, missing })
}

/// What the customer said in a turn.
fn asked(state: &State, thinking: &Thinking) -> String {
    let words: Vec<String> = thinking
        .messages
        .iter()
        .filter_map(|seq| state.message(*seq))
        .map(Message::words)
        .filter(|words| !words.is_empty())
        .collect();
    words.join("\n")
}
