//! A message comes in.

use impresario_assistant::{Say, consent_word};
use impresario_ids::{MessageId, ProfileId};
use impresario_kernel::{Personal, Timestamp};
use impresario_messages::{Channel, Choice, Content, Inbound, Person};
use serde_json::json;

use super::{draft::Draft, turns};
use crate::message::{clip, clip_content};
use crate::{
    Author, BURST_MAX, Event, Message, Outcome, RATING, Rejection, SEEN_MS, Standing, Status,
};

/// Longest id that a platform gives a message, in bytes; what is longer is cut.
const ID_BYTES: usize = 256;

pub(super) fn receive(
    draft: &mut Draft<'_>,
    inbound: Inbound,
    profile: Option<ProfileId>,
) -> Result<(), Rejection> {
    let known = draft.state.address.as_ref();
    if known.is_some_and(|address| *address != inbound.address) {
        return Err(Rejection::AddressWrong);
    }
    let digest = digest(&inbound.id);
    let fresh = |at: Timestamp| draft.now.since_ms(at) < SEEN_MS;
    if draft.state.seen.iter().any(|seen| seen.digest == digest && fresh(seen.at)) {
        draft.outcome = Outcome::Duplicate;
        return Ok(());
    }
    let starts = known.is_none();
    if starts {
        let address = Box::new(inbound.address.clone());
        draft.record(Event::Started { address, at: draft.now });
    }
    if let Some(profile) = profile {
        draft.link(profile);
    }
    draft.expire_memory();
    if draft.state.status == Status::Resolved && !settles(draft, &inbound) {
        draft.record(Event::Reopened { at: draft.now });
        if !starts && draft.old.address.is_some() {
            draft.notify("conversation.reopened", json!({ "by": "customer" }));
        }
    }
    if starts {
        draft.track("Conversation Started", json!({}));
        draft.notify("conversation.started", json!({}));
    }
    let incoming = Incoming::new(draft, inbound, digest);
    take_in(draft, incoming)
}

/// A message that was not here before.
struct Incoming {
    message: Message,
    person: Person,
    extra: Vec<(String, String)>,
    digest: u64,
}

impl Incoming {
    fn new(draft: &Draft<'_>, inbound: Inbound, digest: u64) -> Self {
        let choice = choice(&inbound.content, &draft.state.offered);
        let mut extra = inbound.extra;
        extra.truncate(20);
        for (name, value) in &mut extra {
            *name = clip(std::mem::take(name), 100);
            *value = clip(std::mem::take(value), 2_048);
        }
        extra.extend(draft.unanswered_places());
        let message = Message {
            seq: draft.state.last_seq.saturating_add(1),
            id: clip(inbound.id, ID_BYTES),
            from: Author::Customer,
            by: None,
            at: Timestamp::from_ms(inbound.at_ms),
            received: draft.now,
            content: vec![clip_content(inbound.content)],
            choice,
            turn: None,
            citations: Vec::new(),
            reply_to: inbound.reply_to.map(|id| clip(id, ID_BYTES)),
        };
        Self { message, person: person(inbound.person, &draft.state.person), extra, digest }
    }

    fn record(self, draft: &mut Draft<'_>, standing: Standing) {
        let kind = self.message.content.first().map_or("text", Content::kind);
        let first = draft.state.counters.received == 0;
        draft.record(Event::Received {
            message: Box::new(self.message),
            person: Box::new(self.person),
            extra: Personal(self.extra),
            standing,
            digest: self.digest,
        });
        // The text stays here: what the profile gets is that something was said.
        draft.track("Message Received", json!({ "content": kind, "first": first }));
    }
}

fn take_in(draft: &mut Draft<'_>, incoming: Incoming) -> Result<(), Rejection> {
    let held = draft.state.status.is_held();
    if let Some(stopped) = consent(draft, &incoming.message) {
        let standing = if held { Standing::Held } else { Standing::Settled };
        incoming.record(draft, standing);
        draft.consent(stopped);
        if held {
            draft.outcome = Outcome::Held;
        } else {
            let say = if stopped { Say::OptedOut } else { Say::OptedIn };
            draft.say(vec![Content::text(draft.text(say))]);
        }
        return Ok(());
    }
    if let Some(score) = rating(draft, &incoming.message) {
        incoming.record(draft, Standing::Settled);
        draft.record(Event::Rated { score, at: draft.now });
        draft.track("Conversation Rated", json!({ "score": score }));
        draft.notify("conversation.rated", json!({ "score": score }));
        if !held {
            draft.say(vec![Content::text(draft.text(Say::Rated))]);
        }
        return Ok(());
    }
    if is_reaction(&incoming.message) {
        incoming.record(draft, Standing::Settled);
        return Ok(());
    }
    if held {
        incoming.record(draft, Standing::Held);
        draft.outcome = Outcome::Held;
        return Ok(());
    }
    collect(draft, incoming)
}

/// The message becomes part of a burst.
fn collect(draft: &mut Draft<'_>, incoming: Incoming) -> Result<(), Rejection> {
    let now = draft.now;
    let queued = draft.state.burst.as_ref().map_or(0, |burst| burst.messages.len());
    if let Some(thinking) = &draft.state.thinking {
        let joins = queued == 0
            && thinking.restarts < draft.config.burst.restarts_max
            && thinking.messages.len() < BURST_MAX;
        if joins {
            draft.supersede(false);
        } else if queued >= BURST_MAX {
            return Err(Rejection::Busy);
        }
    }
    // A client of the OpenAI endpoint sends a whole turn and waits for the answer.
    let whole = draft.state.address.as_ref().is_some_and(|a| a.channel == Channel::OpenAi);
    let quiet = if whole { 0 } else { i64::from(draft.config.burst.quiet_ms) };
    let wait = i64::from(draft.config.burst.max_wait_ms);
    let first_at = draft.state.burst.as_ref().map_or(now, |burst| burst.first_at);
    let deadline = now.plus_ms(quiet).min(first_at.plus_ms(wait)).max(now);
    let standing = if draft.state.thinking.is_some() {
        Standing::Queued { deadline }
    } else {
        Standing::Collected { deadline }
    };
    incoming.record(draft, standing);
    let full = draft.state.burst.as_ref().is_some_and(|burst| burst.messages.len() >= BURST_MAX);
    if draft.state.thinking.is_none() && (full || deadline <= now) {
        turns::begin(draft);
    }
    Ok(())
}

/// The hash by which further deliveries of a message are recognised.
fn digest(id: &str) -> u64 {
    let hash = MessageId::derived(&[b"delivery", id.as_bytes()]);
    let mut word = [0; 8];
    word.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(word)
}

/// What was chosen: by a press, or by the number or title of something offered.
fn choice(content: &Content, offered: &[Choice]) -> Option<Choice> {
    if let Content::Choice(choice) = content {
        return Some(Choice {
            id: clip(choice.id.clone(), 2_048),
            title: clip(choice.title.clone(), 2_048),
        });
    }
    let Content::Text { text } = content else { return None };
    impresario_messages::understand(text, offered)
}

/// Whether the message only stops messages, rates or reacts: then the matter stays resolved.
fn settles(draft: &Draft<'_>, inbound: &Inbound) -> bool {
    if matches!(inbound.content, Content::Reaction { .. }) {
        return true;
    }
    let chosen = choice(&inbound.content, &draft.state.offered);
    if draft.state.rating_asked && chosen.is_some_and(|choice| score(&choice).is_some()) {
        return true;
    }
    let Content::Text { text } = &inbound.content else { return false };
    consent_word(text).is_some_and(|stopped| stopped || draft.state.opted_out)
}

/// Whether the message stops messages, or allows them again. "Start" means something only to those
/// who stopped: to others it is a word like others.
fn consent(draft: &Draft<'_>, message: &Message) -> Option<bool> {
    let Some(Content::Text { text }) = message.content.first() else { return None };
    consent_word(text).filter(|stopped| *stopped || draft.state.opted_out)
}

fn rating(draft: &Draft<'_>, message: &Message) -> Option<u8> {
    let choice = message.choice.as_ref().filter(|_| draft.state.rating_asked)?;
    score(choice)
}

fn score(choice: &Choice) -> Option<u8> {
    let score = choice.id.strip_prefix(RATING)?.parse().ok()?;
    (1..=5).contains(&score).then_some(score)
}

fn is_reaction(message: &Message) -> bool {
    matches!(message.content.first(), Some(Content::Reaction { .. }))
}

/// What is known of the person now: what the platform says, and what it said before where it is silent.
fn person(told: Person, known: &Person) -> Person {
    let line = |text: String| clip(text, 400);
    let mut external: Vec<(String, String)> =
        told.external.into_iter().map(|(kind, id)| (line(kind), line(id))).take(10).collect();
    for pair in &known.external {
        if external.len() < 10 && !external.iter().any(|(kind, _)| *kind == pair.0) {
            external.push(pair.clone());
        }
    }
    Person {
        name: told.name.map(line).or_else(|| known.name.clone()),
        phone: told.phone.map(line).or_else(|| known.phone.clone()),
        email: told.email.map(line).or_else(|| known.email.clone()),
        external,
        verified: told.verified,
    }
}
