//! A decision in the making: events are applied as they are recorded, so that each step sees the
//! state after the one before.

use impresario_assistant::{AssistantConfig, HandoffReason, Say};
use impresario_ids::{ConversationId, MessageId, ProfileId};
use impresario_kernel::{Ctx, Decision, IndexOp, IndexRow, Personal, TimerOp, Timestamp};
use impresario_messages::{Content, Outgoing};
use serde_json::{Value, json};

use super::{TIMERS, memory_expires_at, metrics};
use crate::{
    Author, Citation, Conversation, Effect, Event, Message, Outcome, Policy, Reply, State, Status,
    index,
};

/// What a platform's place for one answer is called in what it told.
const TOKEN: &str = "interaction.token";
/// A place that was kept for an answer to an earlier message, and which nothing was said in.
const EARLIER: &str = "interaction.earlier";
/// So many of those are remembered.
const EARLIER_MAX: usize = 5;
/// That this place is taken.
const ANSWERED: &str = "interaction.answered";

pub(super) struct Draft<'a> {
    /// As it was.
    pub(super) old: &'a State,
    /// As it is after the events so far.
    pub(super) state: State,
    pub(super) id: ConversationId,
    pub(super) now: Timestamp,
    pub(super) config: &'a AssistantConfig,
    pub(super) outcome: Outcome,
    pub(super) outgoing: Option<String>,
    events: Vec<Event>,
    effects: Vec<Effect>,
    counts: Vec<IndexRow>,
    /// Timers that fired are gone: what is still to come must be set again.
    pub(super) ticked: bool,
    next_seq: u64,
}

impl<'a> Draft<'a> {
    pub(super) fn new(old: &'a State, ctx: &Ctx<'a, Policy, Event>) -> Self {
        Self {
            old,
            state: old.clone(),
            id: ctx.key.typed_id(),
            now: ctx.now,
            config: &ctx.policy.config,
            outcome: Outcome::Unchanged,
            outgoing: None,
            events: Vec::new(),
            effects: Vec::new(),
            counts: Vec::new(),
            ticked: false,
            next_seq: ctx.next_seq,
        }
    }

    /// Something happened.
    pub(super) fn record(&mut self, event: Event) {
        if self.outcome == Outcome::Unchanged {
            self.outcome = Outcome::Done;
        }
        metrics::count(&self.state, &event, self.config, &mut self.counts);
        self.state.apply(&event);
        self.events.push(event);
    }

    /// Something is wanted.
    pub(super) fn want(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// An id that no other decision gives, and the same one in every replay of this one.
    fn fresh_id(&self, purpose: &[u8]) -> MessageId {
        let seq = self.next_seq.saturating_add(self.events.len() as u64);
        let effect = self.effects.len() as u64;
        MessageId::derived(&[
            self.id.as_bytes(),
            purpose,
            &seq.to_be_bytes(),
            &effect.to_be_bytes(),
        ])
    }

    /// Records an event in the person's profile, if it is known.
    pub(super) fn track(&mut self, name: &str, more: Value) {
        let Some(profile) = self.state.profile else { return };
        let properties = self.about(more).to_string();
        let effect = Effect::Track {
            profile,
            message: self.fresh_id(b"track"),
            name: name.to_owned(),
            at: self.now,
            properties: Personal(properties),
        };
        self.want(effect);
    }

    /// Tells the tenant's endpoints.
    pub(super) fn notify(&mut self, kind: &str, more: Value) {
        let data = self.about(more).to_string();
        let effect = Effect::Notify {
            message: self.fresh_id(b"notify"),
            kind: kind.to_owned(),
            at: self.now,
            data: Personal(data),
        };
        self.want(effect);
    }

    /// An object with what is always told of a conversation, and more.
    fn about(&self, more: Value) -> Value {
        let mut about = json!({
            "conversation_id": self.id.to_string(),
            "status": self.state.status.as_str(),
            "turn": self.state.turn,
        });
        if let Some(address) = &self.state.address {
            about["channel"] = address.channel.as_str().into();
        }
        if let Some(profile) = self.state.profile {
            about["profile_id"] = profile.to_string().into();
        }
        if let Value::Object(members) = more {
            for (name, value) in members {
                about[name] = value;
            }
        }
        about
    }

    /// What the house says, in the customer's language.
    pub(super) fn text(&self, say: Say) -> String {
        self.config.text(self.state.language.as_deref(), say)
    }

    /// A message to the customer, not yet recorded.
    pub(super) fn message(&self, id: MessageId, from: Author, content: Vec<Content>) -> Message {
        Message {
            seq: self.state.last_seq.saturating_add(1),
            id: id.to_string(),
            from,
            by: None,
            at: self.now,
            received: self.now,
            content,
            choice: None,
            turn: None,
            citations: Vec::<Citation>::new(),
            reply_to: None,
        }
    }

    /// Sends what was recorded as said.
    pub(super) fn send(&mut self, message: &Message) {
        let Some(address) = self.state.address.clone() else { return };
        self.outgoing = Some(message.id.clone());
        let outgoing = Outgoing {
            id: message.id.clone(),
            address,
            content: message.content.clone(),
            in_reply_to: self.state.last_inbound.clone(),
        };
        let mut extra = self.state.extra.clone();
        if extra.0.iter().any(|(name, _)| name == TOKEN) && self.has_answered(&message.id) {
            extra.0.push((ANSWERED.to_owned(), "true".to_owned()));
        }
        self.want(Effect::Send {
            outgoing: Box::new(outgoing),
            extra,
            last_inbound_at: self.state.last_inbound_at,
        });
    }

    /// The places that the platform keeps for answers, if nothing was said since the customer's last
    /// message: one answer will do for all, and the others are to go.
    pub(super) fn unanswered_places(&self) -> Vec<(String, String)> {
        if self.has_answered("") {
            return Vec::new();
        }
        let known = self.state.extra.0.iter();
        let places = known.filter(|(name, _)| name == TOKEN || name == EARLIER);
        let mut places: Vec<(String, String)> =
            places.map(|(_, token)| (EARLIER.to_owned(), token.clone())).collect();
        let surplus = places.len().saturating_sub(EARLIER_MAX);
        places.drain(..surplus);
        places
    }

    /// Whether something else was said since the customer's last message.
    fn has_answered(&self, id: &str) -> bool {
        let since = self.state.messages.iter().rev().take_while(|m| m.from != Author::Customer);
        let said = |from| matches!(from, Author::Assistant | Author::Human);
        since.into_iter().any(|message| said(message.from) && message.id != id)
    }

    /// The conversation says something by itself, outside of a turn.
    pub(super) fn say(&mut self, content: Vec<Content>) {
        let message = self.message(self.fresh_id(b"say"), Author::Assistant, content);
        self.record(Event::Said { message: Box::new(message.clone()) });
        self.send(&message);
    }

    /// A fresh id for what a human says.
    pub(super) fn human_id(&self) -> MessageId {
        self.fresh_id(b"human")
    }

    /// A human should take over.
    pub(super) fn hand_off(&mut self, reason: HandoffReason, detail: String) {
        let minutes = self.config.handoff.sla_minutes;
        let now = self.now.as_ms();
        let due = (minutes > 0).then(|| {
            let plain = now.saturating_add(i64::from(minutes) * 60_000);
            let hours = self.config.business_hours.as_ref();
            Timestamp::from_ms(hours.map_or(plain, |hours| hours.after_minutes(now, minutes)))
        });
        let detail = crate::message::clip(detail, 2_000);
        let at = self.now;
        self.record(Event::HandedOff { reason, detail: Personal(detail.clone()), due, at });
        self.outcome = Outcome::HandedOff;
        self.track("Conversation Handed Off", json!({ "reason": reason.as_str() }));
        let summary = self.state.memory.summary.as_ref().map(|summary| summary.0.clone());
        let topic = self.state.memory.topic.as_ref().map(|topic| topic.0.clone());
        let due = due.map(|due| impresario_rules::format_time(due.as_ms()));
        self.notify(
            "conversation.handoff",
            json!({
                "reason": reason.as_str(),
                "detail": detail,
                "summary": summary,
                "topic": topic,
                "language": self.state.language,
                "due_at": due,
            }),
        );
    }

    /// Throws the answer under way away.
    pub(super) fn supersede(&mut self, held: bool) {
        let Some(turn) = self.state.thinking.as_ref().map(|thinking| thinking.turn) else { return };
        self.record(Event::TurnSuperseded { turn, held, at: self.now });
        self.want(Effect::Cancel { turn });
    }

    pub(super) fn link(&mut self, profile: ProfileId) {
        if self.state.profile != Some(profile) {
            self.record(Event::Linked { profile, at: self.now });
        }
    }

    pub(super) fn consent(&mut self, stopped: bool) {
        if self.state.opted_out != stopped {
            self.record(Event::ConsentChanged { stopped, at: self.now });
            let name = if stopped { "Messages Stopped" } else { "Messages Allowed" };
            self.track(name, json!({}));
        }
    }

    pub(super) fn forget(&mut self) {
        self.supersede(true);
        self.record(Event::Forgotten { at: self.now });
    }

    pub(super) fn expire_memory(&mut self) {
        let due = memory_expires_at(&self.state, self.config);
        if due.is_some_and(|due| due <= self.now) {
            self.record(Event::MemoryExpired { at: self.now });
        }
    }

    pub(super) fn finish(self) -> Decision<Conversation> {
        let reply = Reply {
            outcome: self.outcome,
            status: self.state.status,
            turn: self.state.turn,
            outgoing: self.outgoing,
        };
        if self.events.is_empty() && !self.ticked {
            return Decision::unchanged(reply);
        }
        let timers = timers(self.old, &self.state, self.config, self.ticked);
        let mut index = index::moved(self.id, self.old, &self.state);
        index.extend(merged(self.counts));
        Decision { events: self.events, effects: self.effects, timers, index, reply }
    }
}

/// One row per count.
fn merged(counts: Vec<IndexRow>) -> Vec<IndexRow> {
    let mut sums: std::collections::BTreeMap<Vec<u8>, i64> = std::collections::BTreeMap::new();
    for row in counts {
        if let IndexOp::Add(by) = row.op {
            let sum = sums.entry(row.term).or_default();
            *sum = sum.saturating_add(by);
        }
    }
    sums.into_iter()
        .map(|(term, by)| IndexRow {
            index: index::COUNTS,
            personal: None,
            term,
            op: IndexOp::Add(by),
        })
        .collect()
}

fn timers(old: &State, new: &State, config: &AssistantConfig, ticked: bool) -> Vec<TimerOp> {
    let (before, after) = (dues(old, config), dues(new, config));
    TIMERS
        .iter()
        .zip(before.into_iter().zip(after))
        .filter_map(|(name, (before, after))| match (before, after) {
            (before, Some(due)) if ticked || before != Some(due) => {
                Some(TimerOp::Set { name: (*name).into(), due })
            }
            (Some(_), None) => Some(TimerOp::Cancel { name: (*name).into() }),
            (None, None) | (_, Some(_)) => None,
        })
        .collect()
}

/// When each of [`TIMERS`] is due.
pub(super) fn dues(state: &State, config: &AssistantConfig) -> [Option<Timestamp>; 5] {
    if state.address.is_none() {
        return [None; 5];
    }
    let burst = state
        .burst
        .as_ref()
        .filter(|_| state.thinking.is_none() && state.status == Status::Bot)
        .map(|burst| burst.deadline);
    let turn = state.thinking.as_ref().map(|thinking| {
        let patience = i64::from(config.turns.patience_ms);
        thinking.retry_at.unwrap_or_else(|| thinking.attempt_at.plus_ms(patience))
    });
    let sla = state.handoff.as_ref().and_then(|handoff| handoff.due);
    let days = i64::from(config.retention.transcript_days);
    // Whole days, so that it moves once a day and not with every message.
    let retention = Timestamp::from_ms((state.updated.day() + days + 1) * 86_400_000);
    [burst, turn, memory_expires_at(state, config), sla, Some(retention)]
}
