//! How events change the state. Total: an event that was ever committed applies.

use impresario_kernel::Timestamp;
use impresario_messages::Delivery;

use super::{BegunCall, Burst, Handoff, SeenMessage, SentMessage, State, Status, Thinking};
use crate::memory::keep_last;
use crate::{
    Author, BURST_MAX, CALLS_MAX, Event, Interaction, MESSAGES_KEPT, MemoryUpdate, Message,
    SEEN_MAX, SEEN_MS, SENT_KEPT, Standing, TRANSCRIPT_BYTES_MAX, UNANSWERED_KEPT, Unanswered,
};

/// Details of leads that are remembered.
const COLLECTED_KEPT: usize = 50;
/// Suggestions whose fate is followed.
const SUGGESTED_KEPT: usize = 20;
/// The platform's ids of one message that are remembered.
const PLATFORM_IDS_KEPT: usize = 20;

impl State {
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Started { address, at } => {
                self.address = Some((**address).clone());
                self.created = *at;
                self.updated = *at;
            }
            Event::Linked { profile, at: _ } => self.profile = Some(*profile),
            Event::Received { message, person, extra, standing, digest } => {
                self.receive(message, *standing, *digest);
                self.person = (**person).clone();
                self.extra.clone_from(extra);
            }
            Event::TurnBegun { .. }
            | Event::CallBegun { .. }
            | Event::TurnSuperseded { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptBegun { .. } => self.apply_turn(event),
            Event::Answered { interaction, memory, message } => {
                self.answered(interaction, memory, message);
            }
            Event::Said { message }
            | Event::HumanReplied { message }
            | Event::Noted { message } => {
                self.speak(message);
            }
            Event::HandedOff { .. }
            | Event::Assigned { .. }
            | Event::HandedBack { .. }
            | Event::Resolved { .. }
            | Event::Reopened { .. }
            | Event::SlaMissed { .. } => self.apply_holder(event),
            Event::Sent { .. } | Event::Delivered { .. } => self.apply_delivery(event),
            Event::SendBegun { .. } | Event::SendPaused { .. } => self.apply_sending(event),
            Event::MemoryExpired { at: _ } => {
                let from = self.history_after.saturating_add(1);
                self.memory.expire(from);
                self.history_after = self.last_seq;
                self.uncertain_turns = 0;
                self.collecting = None;
            }
            Event::Returned { fresh: true, at: _ } => self.memory.previous = None,
            Event::Returned { fresh: false, at: _ } => {
                if let Some(past) = &self.memory.previous {
                    self.history_after = past.from.saturating_sub(1);
                }
                self.memory.resume();
            }
            Event::Rated { score, at: _ } => {
                self.rating = Some(*score);
                self.rating_asked = false;
            }
            Event::ConsentChanged { stopped, at: _ } => self.opted_out = *stopped,
            Event::LeadQualified { .. } => self.collecting = None,
            Event::SuggestionAccepted { sku, at: _ } => {
                self.suggested.retain(|suggested| suggested != sku);
                self.counters.accepted = self.counters.accepted.saturating_add(1);
            }
            Event::CorrectionJudged { .. } => self.correction_asked = false,
            Event::Forgotten { at } => self.forget(*at),
        }
    }

    fn apply_turn(&mut self, event: &Event) {
        if let Event::TurnBegun { turn, messages, path, forgotten, at } = event {
            let burst = self.burst.take();
            self.turn = *turn;
            self.path = *path;
            for message in self.messages.iter_mut().filter(|m| messages.contains(&m.seq)) {
                message.turn = Some(*turn);
            }
            self.thinking = Some(Thinking {
                turn: *turn,
                since: *at,
                first_at: burst.as_ref().map_or(*at, |burst| burst.first_at),
                messages: messages.clone(),
                restarts: burst.map_or(0, |burst| burst.restarts),
                attempt: 0,
                silences: 0,
                attempt_at: *at,
                retry_at: None,
                calls: Vec::new(),
                path: *path,
                forgotten: *forgotten,
            });
        }
        if let Event::CallBegun { turn: _, call, model, micros, at } = event
            && let Some(thinking) = &mut self.thinking
        {
            let (model, micros) = (model.clone(), *micros);
            thinking.calls.push(BegunCall { call: *call, model, micros, at: *at });
            keep_last(&mut thinking.calls, CALLS_MAX);
        }
        if let Event::TurnSuperseded { turn: _, held, at } = event {
            self.counters.superseded = self.counters.superseded.saturating_add(1);
            let Some(thinking) = self.thinking.take() else { return };
            if *held {
                self.hold(&thinking.messages);
                return;
            }
            let restarts = thinking.restarts.saturating_add(1);
            // It waits for silence once more, from here on.
            let first_at = *at;
            let burst = self.burst.get_or_insert(Burst {
                first_at,
                last_at: *at,
                deadline: *at,
                messages: Vec::new(),
                restarts,
            });
            burst.messages.splice(0..0, thinking.messages);
        }
        if let Event::AttemptFailed { turn: _, reason: _, retry_at, reported } = event
            && let Some(thinking) = &mut self.thinking
        {
            thinking.retry_at = Some(*retry_at);
            let count = if *reported { &mut thinking.attempt } else { &mut thinking.silences };
            *count = count.saturating_add(1);
        }
        if let Event::AttemptBegun { turn: _, at } = event
            && let Some(thinking) = &mut self.thinking
        {
            thinking.retry_at = None;
            thinking.attempt_at = *at;
        }
    }

    fn apply_holder(&mut self, event: &Event) {
        if let Event::HandedOff { reason, detail, due, at } = event {
            self.hold_all();
            self.status = Status::WaitingHuman;
            self.updated = *at;
            self.uncertain_turns = 0;
            self.counters.handoffs = self.counters.handoffs.saturating_add(1);
            self.handoff = Some(Handoff {
                reason: *reason,
                detail: detail.clone(),
                since: *at,
                due: *due,
                missed: false,
                assignee: None,
            });
        }
        if let Event::Assigned { assignee, at } = event {
            self.status = Status::Human;
            self.updated = *at;
            if let Some(handoff) = &mut self.handoff {
                handoff.assignee = Some(assignee.clone());
            }
        }
        if let Event::HandedBack { messages, at } = event {
            self.status = Status::Bot;
            self.updated = *at;
            self.handoff = None;
            self.held.clear();
            if !messages.is_empty() {
                let messages = messages.clone();
                let (first_at, last_at, deadline, restarts) = (*at, *at, *at, 0);
                self.burst = Some(Burst { first_at, last_at, deadline, messages, restarts });
            }
        }
        if let Event::Resolved { by_human: _, at } = event {
            self.hold_all();
            self.held.clear();
            self.status = Status::Resolved;
            self.updated = *at;
            self.handoff = None;
            self.uncertain_turns = 0;
            self.collecting = None;
        }
        if let Event::Reopened { at } = event {
            self.status = Status::Bot;
            self.updated = *at;
            self.rating_asked = false;
        }
        if let Event::SlaMissed { .. } = event
            && let Some(handoff) = &mut self.handoff
        {
            handoff.missed = true;
            handoff.due = None;
        }
    }

    fn apply_delivery(&mut self, event: &Event) {
        if let Event::Sent { outgoing, platform_ids, at } = event
            && let Some(sent) = self.sent.iter_mut().find(|sent| sent.outgoing == *outgoing)
        {
            sent.platform_ids.clone_from(platform_ids);
            sent.platform_ids.truncate(PLATFORM_IDS_KEPT);
            sent.status =
                Some(sent.status.map_or(Delivery::Sent, |known| known.advance(Delivery::Sent)));
            sent.at = *at;
            sent.sending = None;
        }
        if let Event::Delivered { outgoing, status, error, at, part } = event
            && let Some(sent) = self.sent.iter_mut().find(|sent| sent.outgoing == *outgoing)
        {
            let next = sent.status.map_or(*status, |known| known.advance(*status));
            if sent.status != Some(next) {
                sent.status = Some(next);
                sent.error.clone_from(error);
                sent.at = *at;
            }
            if next == Delivery::Failed {
                sent.sending = None;
            }
            if let (Some(sending), Some(part)) = (&mut sent.sending, part) {
                sending.add(part);
            }
        }
    }

    fn apply_sending(&mut self, event: &Event) {
        if let Event::SendBegun { outgoing, of, tries, at } = event
            && let Some(sent) = self.sent.iter_mut().find(|sent| sent.outgoing == *outgoing)
        {
            let sending = sent.sending.get_or_insert_default();
            (sending.of, sending.tries, sending.at, sending.unknown) = (*of, *tries, *at, true);
        }
        if let Event::SendPaused { outgoing, parts, unknown, at: _ } = event
            && let Some(sent) = self.sent.iter_mut().find(|sent| sent.outgoing == *outgoing)
        {
            let sending = sent.sending.get_or_insert_default();
            sending.unknown = *unknown;
            parts.iter().for_each(|part| sending.add(part));
        }
    }

    fn receive(&mut self, message: &Message, standing: Standing, digest: u64) {
        let at = message.received;
        self.seen.retain(|seen| at.since_ms(seen.at) < SEEN_MS);
        self.seen.push(SeenMessage { digest, at });
        keep_last(&mut self.seen, SEEN_MAX);
        self.counters.received = self.counters.received.saturating_add(1);
        self.last_inbound = Some(message.id.clone());
        self.last_inbound_at = self.last_inbound_at.max(message.at.min(at));
        self.updated = at;
        self.last_seq = message.seq;
        self.messages.push(message.clone());
        match standing {
            Standing::Collected { deadline } | Standing::Queued { deadline } => {
                let burst = self.burst.get_or_insert(Burst {
                    first_at: at,
                    last_at: at,
                    deadline,
                    messages: Vec::new(),
                    restarts: 0,
                });
                burst.last_at = at;
                burst.deadline = deadline;
                burst.messages.push(message.seq);
            }
            Standing::Held => self.hold(&[message.seq]),
            Standing::Settled => {}
        }
        self.trim();
    }

    fn answered(&mut self, done: &Interaction, memory: &MemoryUpdate, message: &Message) {
        let messages = self.thinking.take().map_or_else(Vec::new, |thinking| thinking.messages);
        self.memory.update(memory);
        if memory.summary.is_some() {
            self.summarised = messages.iter().copied().max().unwrap_or(self.last_seq);
        }
        if done.language.is_some() {
            self.language.clone_from(&done.language);
        }
        self.uncertain_turns =
            if done.uncertain { self.uncertain_turns.saturating_add(1) } else { 0 };
        if let Some(recovered) = done.recovered.filter(|recovered| recovered.answered) {
            self.unanswered.retain(|question| question.turn != recovered.turn);
            self.counters.recovered = self.counters.recovered.saturating_add(1);
        }
        let deferred = done.parts.iter().filter(|part| part.deferred.is_some());
        self.unanswered.extend(deferred.map(|part| Unanswered {
            turn: done.turn,
            intent: part.intent.clone(),
            question: part.request.clone(),
            at: message.at,
        }));
        keep_last(&mut self.unanswered, UNANSWERED_KEPT);
        self.collecting.clone_from(&done.collecting);
        for detail in &done.collected {
            self.collected.retain(|known| known.field != detail.field);
            self.collected.push(detail.clone());
        }
        keep_last(&mut self.collected, COLLECTED_KEPT);
        for suggestion in &done.suggestions {
            self.suggested.retain(|sku| *sku != suggestion.sku);
            self.suggested.push(suggestion.sku.clone());
        }
        keep_last(&mut self.suggested, SUGGESTED_KEPT);
        self.correction_asked = done.corrections.iter().any(|correction| correction.asked);
        let counters = &mut self.counters;
        counters.failed =
            counters.failed.saturating_add(u64::from(done.path == crate::AnswerPath::Fallback));
        counters.cost_micros = counters.cost_micros.saturating_add(done.cost_micros);
        counters.tokens =
            counters.tokens.saturating_add(done.tokens_in.saturating_add(done.tokens_out));
        self.disclosed = true;
        self.speak(message);
        let welcomed = self.offered.iter().any(|choice| choice.id == crate::RETURNING_CONTINUE);
        if let Some(past) = self.memory.previous.as_mut().filter(|_| welcomed) {
            past.offered = true;
        }
    }

    /// The assistant or a human says something.
    fn speak(&mut self, message: &Message) {
        self.last_seq = message.seq;
        self.updated = message.at;
        let counters = &mut self.counters;
        match message.from {
            Author::Assistant => {
                counters.replies = counters.replies.saturating_add(1);
                self.offered = impresario_messages::offered(&message.content);
                self.rating_asked = self.offered.iter().any(|c| c.id.starts_with(crate::RATING));
            }
            Author::Human => {
                counters.human_replies = counters.human_replies.saturating_add(1);
                self.offered = impresario_messages::offered(&message.content);
                self.held.clear();
                if let Some(handoff) = &mut self.handoff {
                    handoff.due = None;
                }
            }
            Author::Customer | Author::Note => {}
        }
        if matches!(message.from, Author::Assistant | Author::Human) {
            self.sent.push(SentMessage {
                outgoing: message.id.clone(),
                platform_ids: Vec::new(),
                status: None,
                error: None,
                at: message.at,
                sending: None,
            });
            keep_last(&mut self.sent, SENT_KEPT);
        }
        self.messages.push(message.clone());
        self.trim();
    }

    fn hold(&mut self, messages: &[u64]) {
        self.held.extend_from_slice(messages);
        keep_last(&mut self.held, BURST_MAX);
    }

    /// What waited for the assistant waits for a human.
    fn hold_all(&mut self) {
        let awaited: Vec<u64> = self.awaited().collect();
        self.burst = None;
        self.thinking = None;
        self.hold(&awaited);
    }

    /// Lets the oldest messages go that nobody has to answer.
    fn trim(&mut self) {
        let awaited: Vec<u64> = self.awaited().collect();
        let (mut count, mut bytes) = (0_usize, 0_usize);
        let mut full = false;
        let mut kept: Vec<Message> = Vec::with_capacity(self.messages.len());
        for message in self.messages.drain(..).rev() {
            if awaited.contains(&message.seq) {
                kept.push(message);
                continue;
            }
            count += 1;
            bytes = bytes.saturating_add(message.weight());
            // The newest stays, however large; no younger message goes before an older one.
            full = full || count > MESSAGES_KEPT || (bytes > TRANSCRIPT_BYTES_MAX && count > 1);
            if !full {
                kept.push(message);
            }
        }
        kept.reverse();
        self.messages = kept;
    }

    fn forget(&mut self, at: Timestamp) {
        let old = std::mem::take(self);
        self.seen = old.seen;
        self.counters = old.counters;
        self.turn = old.turn;
        self.last_seq = old.last_seq;
        self.created = old.created;
        self.history_after = old.last_seq;
        self.opted_out = old.opted_out;
        self.status = Status::Resolved;
        self.updated = at;
    }
}
