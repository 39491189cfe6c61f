//! Humans take, answer, give back and resolve (CNV-12).

use impresario_assistant::{HandoffReason, Say};
use impresario_kernel::Personal;
use impresario_messages::{Button, Buttons, Content};
use serde_json::json;

use super::{draft::Draft, turns};
use crate::{
    ASSIGNEE_CHARS_MAX, Author, CONTENTS_MAX, Event, NOTE_CHARS_MAX, RATING, Rejection, Status,
    TEXT_BYTES_MAX,
};

pub(super) fn assign(
    draft: &mut Draft<'_>,
    assignee: Personal<String>,
    only_if_free: bool,
) -> Result<(), Rejection> {
    let assignee = named(assignee)?;
    let held = draft.state.handoff.as_ref().and_then(|handoff| handoff.assignee.clone());
    if draft.state.status == Status::Human && held.as_ref() == Some(&assignee) {
        return Ok(());
    }
    if only_if_free && draft.state.status == Status::Human && held.is_some() {
        return Err(Rejection::HeldByAnother);
    }
    take(draft, assignee);
    Ok(())
}

fn take(draft: &mut Draft<'_>, assignee: Personal<String>) {
    draft.supersede(true);
    if !draft.state.status.is_held() {
        draft.hand_off(HandoffReason::Manual, String::new());
    }
    draft.outcome = crate::Outcome::Done;
    draft.record(Event::Assigned { assignee: assignee.clone(), at: draft.now });
    draft.notify("conversation.assigned", json!({ "assignee": assignee.0 }));
}

pub(super) fn reply(
    draft: &mut Draft<'_>,
    by: Personal<String>,
    content: Vec<Content>,
) -> Result<(), Rejection> {
    let by = named(by)?;
    let sound = |content: &Content| {
        let inbound_only = matches!(content, Content::Choice(_) | Content::Unsupported { .. });
        let bytes = impresario_kernel::encode(content).len();
        let blank = matches!(content, Content::Text { text } if text.trim().is_empty());
        !inbound_only && !blank && bytes <= TEXT_BYTES_MAX
    };
    if content.is_empty() || content.len() > CONTENTS_MAX || !content.iter().all(sound) {
        return Err(Rejection::ContentInvalid);
    }
    if draft.state.status != Status::Human {
        take(draft, by.clone());
    }
    let mut message = draft.message(draft.human_id(), Author::Human, content);
    message.by = Some(by);
    draft.record(Event::HumanReplied { message: Box::new(message.clone()) });
    draft.send(&message);
    Ok(())
}

pub(super) fn note(
    draft: &mut Draft<'_>,
    by: Personal<String>,
    text: Personal<String>,
) -> Result<(), Rejection> {
    let by = named(by)?;
    let length = text.0.trim().chars().count();
    if length == 0 || length > NOTE_CHARS_MAX {
        return Err(Rejection::NoteInvalid);
    }
    let content = vec![Content::text(text.0.trim())];
    let mut message = draft.message(draft.human_id(), Author::Note, content);
    message.by = Some(by);
    draft.record(Event::Noted { message: Box::new(message) });
    Ok(())
}

pub(super) fn hand_back(draft: &mut Draft<'_>, answer: bool) {
    if !draft.state.status.is_held() {
        return;
    }
    let kept = draft.state.held.iter().filter(|seq| draft.state.message(**seq).is_some());
    let messages: Vec<u64> = if answer { kept.copied().collect() } else { Vec::new() };
    draft.record(Event::HandedBack { messages, at: draft.now });
    turns::begin(draft);
}

pub(super) fn resolve(draft: &mut Draft<'_>) {
    if draft.state.status == Status::Resolved {
        return;
    }
    let by_human = draft.state.status.is_held();
    draft.supersede(true);
    draft.record(Event::Resolved { by_human, at: draft.now });
    let turns = draft.state.turn;
    draft.track("Conversation Resolved", json!({ "by_human": by_human, "turns": turns }));
    draft.notify("conversation.resolved", json!({ "by_human": by_human }));
    if draft.config.rating.enabled && draft.state.rating.is_none() && !draft.state.opted_out {
        let body = draft.text(Say::Rating);
        let button = |score: u8| Button::reply(format!("{RATING}{score}"), score.to_string());
        let buttons = (1..=5).map(button).collect();
        draft.say(vec![Content::Buttons(Buttons { body, buttons, ..Buttons::default() })]);
    }
}

pub(super) fn reopen(draft: &mut Draft<'_>) {
    if draft.state.status == Status::Resolved {
        draft.record(Event::Reopened { at: draft.now });
        draft.notify("conversation.reopened", json!({ "by": "human" }));
    }
}

pub(super) fn request(draft: &mut Draft<'_>, reason: HandoffReason, detail: Personal<String>) {
    if draft.state.status.is_held() {
        return;
    }
    draft.supersede(true);
    let hours = draft.config.business_hours.as_ref();
    let open = hours.is_none_or(|hours| hours.is_open(draft.now.as_ms()));
    let text = draft.text(if open { Say::Handoff } else { Say::OutsideHours });
    draft.say(vec![Content::text(text)]);
    draft.hand_off(reason, detail.0);
}

fn named(name: Personal<String>) -> Result<Personal<String>, Rejection> {
    let name = name.0.trim();
    let length = name.chars().count();
    let sound = (1..=ASSIGNEE_CHARS_MAX).contains(&length) && !name.chars().any(char::is_control);
    if sound { Ok(Personal(name.to_owned())) } else { Err(Rejection::AssigneeInvalid) }
}
