//! Turns begin, are tried again, and fail.

use impresario_assistant::{
    HandoffReason, Otherwise, RolloutPath, Say, says_forgotten, with_topic,
};
use impresario_ids::CallId;
use impresario_messages::Content;
use serde_json::json;

use super::answer::{House, conclude};
use super::{asked, draft::Draft, work};
use crate::message::clip;
use crate::{
    AnswerPath, CALLS_MAX, CORRECTION_NO, CORRECTION_YES, Effect, Event, Outcome, PRODUCT,
    RETURNING_CONTINUE, RETURNING_FRESH, Status, Thinking, call_id,
};

/// The numbers that the calls of one attempt may have.
const CALL_NUMBERS: u32 = 64;
/// The wait (ms) before the second attempt; it doubles with each.
const BACKOFF_MS: i64 = 1_000;
/// The longest wait (ms) between attempts.
const BACKOFF_MAX_MS: i64 = 30_000;

/// The burst becomes a turn.
pub(super) fn begin(draft: &mut Draft<'_>) {
    let state = &draft.state;
    let Some(burst) = state.burst.as_ref().filter(|burst| !burst.messages.is_empty()) else {
        return;
    };
    if state.thinking.is_some() || state.status != Status::Bot {
        return;
    }
    // Platforms deliver out of order; what was written first is read first.
    let mut messages = burst.messages.clone();
    messages.sort_by_key(|seq| (state.message(*seq).map(|message| message.at), *seq));
    let turn = state.turn.saturating_add(1);
    let words: Vec<String> =
        messages.iter().filter_map(|seq| state.message(*seq)).map(|m| m.words()).collect();
    let text = words.join("\n");
    let forgotten = says_forgotten(&text)
        .then(|| state.unanswered.last().map(|question| question.turn))
        .flatten();
    let path = draft.config.rollout.path(draft.id.as_bytes());
    draft.record(Event::TurnBegun { turn, messages, path, forgotten, at: draft.now });
    let chosen = choices(draft);
    judge(draft, &chosen);
    if let [only] = chosen.as_slice()
        && draft.state.memory.previous.is_some()
        && returned(draft, only)
    {
        return;
    }
    if let Some(reason) = at_once(draft, &text, path) {
        let house = House { handoff: Some(reason), ..House::default() };
        conclude(draft, house);
        return;
    }
    think(draft);
}

/// Asks for the answer.
pub(super) fn think(draft: &mut Draft<'_>) {
    let Some(work) = work(&draft.state, draft.id, draft.config) else { return };
    let message = draft.state.last_inbound.clone();
    let address = work.address.clone();
    draft.want(Effect::Typing { address, message });
    draft.want(Effect::Think { turn: work.turn, work: Box::new(work) });
}

/// What was chosen in the turn; one entry per message, empty for words.
fn choices(draft: &Draft<'_>) -> Vec<String> {
    let thinking = draft.state.thinking.iter();
    thinking
        .flat_map(|thinking| &thinking.messages)
        .filter_map(|seq| draft.state.message(*seq))
        .map(|message| message.choice.as_ref().map_or_else(String::new, |choice| choice.id.clone()))
        .collect()
}

/// What choices say about corrections and suggestions (CNV-23, CNV-25).
fn judge(draft: &mut Draft<'_>, chosen: &[String]) {
    for id in chosen {
        let right = match id.as_str() {
            CORRECTION_YES => Some(true),
            CORRECTION_NO => Some(false),
            _ => None,
        };
        if let Some(right) = right.filter(|_| draft.state.correction_asked) {
            draft.record(Event::CorrectionJudged { right, at: draft.now });
        }
        if let Some(sku) = id.strip_prefix(PRODUCT) {
            accept(draft, sku);
        }
    }
}

/// A product was taken up: if it had been suggested, that counts.
pub(super) fn accept(draft: &mut Draft<'_>, sku: &str) {
    if draft.state.suggested.iter().any(|suggested| suggested == sku) {
        draft.record(Event::SuggestionAccepted { sku: sku.to_owned(), at: draft.now });
        draft.track("Suggestion Accepted", json!({ "sku": sku }));
    }
}

/// A returning customer chose whether to go on (CNV-27). `false`: that is not what was chosen.
fn returned(draft: &mut Draft<'_>, chosen: &str) -> bool {
    let fresh = match chosen {
        RETURNING_CONTINUE => false,
        RETURNING_FRESH => true,
        _ => return false,
    };
    let topic = draft.state.memory.previous.as_ref().and_then(|past| past.topic.clone());
    draft.record(Event::Returned { fresh, at: draft.now });
    let text = if fresh {
        draft.text(Say::Restarted)
    } else {
        with_topic(&draft.text(Say::Resumed), topic.as_ref().map_or("", |topic| &topic.0))
    };
    conclude(draft, House { content: vec![Content::text(text)], ..House::default() });
    true
}

/// Whether a human takes over before anything is answered.
fn at_once(draft: &Draft<'_>, text: &str, path: RolloutPath) -> Option<HandoffReason> {
    let outside = path == RolloutPath::Old && draft.config.rollout.otherwise == Otherwise::Human;
    draft.config.handoff_at_once(text).or(outside.then_some(HandoffReason::Rollout))
}

pub(super) fn begin_call(
    draft: &mut Draft<'_>,
    turn: u32,
    call: CallId,
    model: String,
    micros: i64,
) {
    let (id, now) = (draft.id, draft.now);
    let current = draft.state.thinking.as_ref().filter(|thinking| thinking.turn == turn);
    draft.outcome = match current {
        None => Outcome::Stale,
        Some(thinking) if thinking.calls.iter().any(|begun| begun.call == call) => {
            Outcome::AlreadyBegun
        }
        // An id of another attempt, or of nobody: it could be granted again elsewhere.
        Some(thinking) if !is_ours(thinking, call, id) => Outcome::Stale,
        Some(thinking) if thinking.calls.len() >= CALLS_MAX => Outcome::TooManyCalls,
        Some(_) => {
            let model = clip(model, 200);
            draft.record(Event::CallBegun { turn, call, model, micros, at: now });
            Outcome::Granted
        }
    };
}

fn is_ours(thinking: &Thinking, call: CallId, id: impresario_ids::ConversationId) -> bool {
    (0..CALL_NUMBERS).any(|number| call_id(id, thinking.turn, thinking.attempt, number) == call)
}

/// An attempt failed, or so it is reported.
pub(super) fn fail(draft: &mut Draft<'_>, turn: u32, reason: String, attempt: u8, retry: bool) {
    let current = draft.state.thinking.as_ref().filter(|thinking| {
        thinking.turn == turn && thinking.attempt == attempt && thinking.retry_at.is_none()
    });
    let Some(thinking) = current else {
        draft.outcome = Outcome::Stale;
        return;
    };
    if retry && tries_left(draft, thinking) {
        let wait = BACKOFF_MS.checked_shl(u32::from(attempt)).unwrap_or(BACKOFF_MAX_MS);
        let retry_at = draft.now.plus_ms(wait.clamp(BACKOFF_MS, BACKOFF_MAX_MS));
        let reason = clip(reason, 100);
        draft.record(Event::AttemptFailed { turn, reason, retry_at, reported: true });
    } else {
        give_up(draft, &reason);
    }
}

fn tries_left(draft: &Draft<'_>, thinking: &Thinking) -> bool {
    let tries = thinking.attempt.saturating_add(thinking.silences).saturating_add(1);
    tries < draft.config.turns.attempts
}

/// Time has passed for the turn that is being answered.
pub(super) fn wait_no_longer(draft: &mut Draft<'_>) {
    let Some(thinking) = &draft.state.thinking else { return };
    let turn = thinking.turn;
    let patience = i64::from(draft.config.turns.patience_ms);
    if let Some(retry_at) = thinking.retry_at {
        if retry_at <= draft.now {
            draft.record(Event::AttemptBegun { turn, at: draft.now });
            think(draft);
        }
    } else if thinking.attempt_at.plus_ms(patience) <= draft.now {
        if tries_left(draft, thinking) {
            // The attempt's number stays, so that no call of it is paid for again.
            let (reason, retry_at) = ("silence".to_owned(), draft.now);
            draft.record(Event::AttemptFailed { turn, reason, retry_at, reported: false });
            draft.record(Event::AttemptBegun { turn, at: draft.now });
            think(draft);
        } else {
            give_up(draft, "silence");
        }
    }
}

/// The customer gets an apology and a human.
fn give_up(draft: &mut Draft<'_>, reason: &str) {
    let content = vec![Content::text(draft.text(Say::Apology))];
    conclude(
        draft,
        House {
            content,
            path: AnswerPath::Fallback,
            handoff: Some(HandoffReason::Failure),
            deferred: Some(format!("failed: {}", clip(reason.to_owned(), 60))),
        },
    );
}

/// What the customer said in the turn that is being answered.
pub(super) fn asked_now(draft: &Draft<'_>) -> String {
    draft.state.thinking.as_ref().map_or_else(String::new, |thinking| asked(&draft.state, thinking))
}
