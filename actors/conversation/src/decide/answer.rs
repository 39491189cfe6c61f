//! A turn is answered.

use impresario_assistant::{AfterCollect, HandoffReason, Say, Signals, order};
use impresario_ids::MessageId;
use impresario_kernel::Personal;
use impresario_messages::Content;
use serde_json::json;

use super::compose::{Pieces, compose};
use super::turns::asked_now;
use super::{draft::Draft, lead, turns};
use crate::message::clip;
use crate::{
    AnswerPath, Author, Citation, Collected, Dealt, Event, Interaction, MemoryUpdate, Outcome,
    Recovered, ReplyPart, Status, Thinking, TurnAnswer, reply_id,
};

const PARTS_MAX: usize = 16;
const CONTENTS_PER_PART: usize = 6;
const CITATIONS_MAX: usize = 12;
const LIST_MAX: usize = 32;
const REQUEST_BYTES: usize = 1_000;

/// What the conversation answers by itself.
#[derive(Default)]
pub(super) struct House {
    pub(super) content: Vec<Content>,
    pub(super) path: AnswerPath,
    pub(super) handoff: Option<HandoffReason>,
    pub(super) deferred: Option<String>,
}

/// The answer to a turn is here.
pub(super) fn record(draft: &mut Draft<'_>, turn: u32, answer: TurnAnswer) {
    let current = draft.state.thinking.clone().filter(|thinking| thinking.turn == turn);
    let Some(thinking) = current.filter(|_| draft.state.status == Status::Bot) else {
        draft.outcome = Outcome::Stale;
        return;
    };
    let mut answer = sound(answer);
    let asked = asked_now(draft);
    // From here on the house speaks the language of this burst.
    if answer.language.is_some() {
        draft.state.language.clone_from(&answer.language);
    }
    let parts = in_order(draft, std::mem::take(&mut answer.parts));
    let collected = details(draft, &answer, &thinking, &asked);
    let next = next_detail(draft, &answer, &collected);
    let qualified = next.intent.clone().filter(|_| next.prompt.is_none());
    let handoff = handoff(draft, &answer, &asked, qualified.as_deref());
    let recovered = thinking.forgotten.map(|turn| Recovered {
        turn,
        answered: parts.iter().any(|part| part.deferred.is_none() && !part.content.is_empty()),
    });
    let asks = parts.iter().any(|part| {
        Some(&part.intent) == next.intent.as_ref()
            && !part.content.is_empty()
            && answer.path == AnswerPath::Generated
    });
    let citations: Vec<Citation> =
        parts.iter().flat_map(|part| part.citations.iter().cloned()).collect();
    let thanks = qualified.as_ref().map(|_| draft.text(Say::Collected));
    let pieces = Pieces {
        recovered: recovered.is_some_and(|recovered| recovered.answered),
        answers: parts.iter().flat_map(|part| part.content.iter().cloned()).collect(),
        lead: next.prompt.clone().filter(|_| !asks && handoff.is_none()).or(thanks),
        handoff: handoff.is_some(),
        said: false,
        welcome: true,
        intents: parts.iter().map(|part| part.intent.clone()).collect(),
        sources: citations.clone(),
    };
    let content = compose(draft, pieces);
    let dealt = dealt(&parts, &answer, &asked, next.intent.as_deref());
    let interaction = Interaction {
        asked: Personal(clip(asked, 4_000)),
        parts: dealt,
        handoff,
        recovered,
        collected,
        collecting: next.intent.filter(|_| next.prompt.is_some() && handoff.is_none()),
        uncertain: draft.config.is_uncertain(answer.confidence),
        ..interaction(&thinking, &answer)
    };
    let product = answer.memory.last_product.clone();
    if let Some(sku) = product {
        turns::accept(draft, &sku);
    }
    let memory = if draft.config.features.memory { answer.memory } else { MemoryUpdate::default() };
    reply(draft, interaction, memory, content, citations);
    after(draft, qualified, handoff);
}

/// Whether and why a human takes over with this answer.
fn handoff(
    draft: &Draft<'_>,
    answer: &TurnAnswer,
    asked: &str,
    qualified: Option<&str>,
) -> Option<HandoffReason> {
    let names: Vec<&str> = answer.intents.iter().map(|intent| intent.name.as_str()).collect();
    let reason = draft.config.handoff(&Signals {
        text: asked,
        intents: &names,
        confidence: answer.confidence,
        sentiment: answer.sentiment,
        uncertain_turns: draft.state.uncertain_turns,
        wanted: answer.wants_handoff,
    });
    let routed = qualified.and_then(|intent| lead::then(intent, draft.config));
    reason.or((routed == Some(AfterCollect::Route)).then_some(HandoffReason::Lead))
}

/// The conversation answers by itself, perhaps by handing over.
pub(super) fn conclude(draft: &mut Draft<'_>, house: House) {
    let Some(thinking) = draft.state.thinking.clone() else { return };
    let asked = asked_now(draft);
    let failed = house.path == AnswerPath::Fallback;
    let path = if failed { AnswerPath::Fallback } else { AnswerPath::House };
    let deferred =
        house.deferred.or(house.handoff.map(|reason| format!("handoff: {}", reason.as_str())));
    let part = Dealt {
        intent: String::new(),
        request: Personal(clip(asked.clone(), REQUEST_BYTES)),
        deferred,
        citations: Vec::new(),
    };
    let recovered = thinking.forgotten.map(|turn| Recovered { turn, answered: false });
    let pieces = Pieces {
        answers: house.content,
        handoff: house.handoff.is_some(),
        // The apology says that a human will answer.
        said: failed,
        ..Pieces::default()
    };
    let content = compose(draft, pieces);
    let answer = TurnAnswer {
        confidence: if failed { 0.0 } else { 1.0 },
        path,
        latency_ms: latency(draft, &thinking),
        ..TurnAnswer::default()
    };
    let interaction = Interaction {
        asked: Personal(clip(asked, 4_000)),
        parts: vec![part],
        handoff: house.handoff,
        recovered,
        collecting: draft.state.collecting.clone(),
        ..interaction(&thinking, &answer)
    };
    reply(draft, interaction, MemoryUpdate::default(), content, Vec::new());
    after(draft, None, house.handoff);
}

/// Records and sends the one reply of the turn.
fn reply(
    draft: &mut Draft<'_>,
    interaction: Interaction,
    memory: MemoryUpdate,
    content: Vec<Content>,
    citations: Vec<Citation>,
) {
    let turn = interaction.turn;
    let id: MessageId = reply_id(draft.id, turn);
    let mut message = draft.message(id, Author::Assistant, content);
    message.turn = Some(turn);
    message.citations = citations;
    message.citations.truncate(LIST_MAX);
    draft.record(Event::Answered {
        interaction: Box::new(interaction),
        memory: Box::new(memory),
        message: Box::new(message.clone()),
    });
    draft.send(&message);
}

/// What follows from the answer: a lead, a human.
fn after(draft: &mut Draft<'_>, qualified: Option<String>, handoff: Option<HandoffReason>) {
    if let Some(intent) = qualified {
        let details: Vec<Collected> = draft.state.collected.clone();
        let told: serde_json::Map<String, serde_json::Value> = details
            .iter()
            .map(|detail| (detail.field.clone(), detail.value.0.clone().into()))
            .collect();
        let at = draft.now;
        draft.record(Event::LeadQualified { intent: intent.clone(), details, at });
        draft.track("Lead Qualified", json!({ "intent": intent, "details": told }));
        draft.notify("conversation.lead_qualified", json!({ "intent": intent, "details": told }));
    }
    if let Some(reason) = handoff {
        let unanswered = draft.state.unanswered.last();
        let detail = unanswered.map_or_else(String::new, |question| question.question.0.clone());
        draft.hand_off(reason, detail);
    }
}

/// The parts by urgency and dependency, none twice (CNV-18).
fn in_order(draft: &Draft<'_>, parts: Vec<ReplyPart>) -> Vec<ReplyPart> {
    let mut single: Vec<ReplyPart> = Vec::with_capacity(parts.len());
    for part in parts {
        let twice = single.iter().any(|other| {
            other.intent == part.intent
                && (other.content == part.content || other.request == part.request)
                && !(part.intent.is_empty() && part.request.0.is_empty())
        });
        if !twice {
            single.push(part);
        }
    }
    let names: Vec<&str> = single.iter().map(|part| part.intent.as_str()).collect();
    let positions = order(&names, &draft.config.intents);
    positions.into_iter().filter_map(|position| single.get(position).cloned()).collect()
}

/// What was done about each intent; one without a part is put off, in so many words (C7), unless the
/// conversation itself deals with it by asking for the details of a lead.
fn dealt(parts: &[ReplyPart], answer: &TurnAnswer, asked: &str, lead: Option<&str>) -> Vec<Dealt> {
    let of_part = |part: &ReplyPart| Dealt {
        intent: part.intent.clone(),
        request: part.request.clone(),
        deferred: part
            .deferred
            .clone()
            .or_else(|| part.content.is_empty().then(|| "nothing_said".to_owned())),
        citations: part.citations.clone(),
    };
    let without_part = |intent: &str| Dealt {
        intent: intent.to_owned(),
        request: Personal(clip(asked.to_owned(), REQUEST_BYTES)),
        deferred: (lead != Some(intent)).then(|| "not_covered".to_owned()),
        citations: Vec::new(),
    };
    let mut dealt: Vec<Dealt> = parts.iter().map(of_part).collect();
    for intent in &answer.intents {
        if !dealt.iter().any(|part| part.intent == intent.name) {
            dealt.push(without_part(&intent.name));
        }
    }
    if dealt.is_empty() {
        dealt.push(without_part(lead.unwrap_or_default()));
    }
    dealt
}

/// What is asked for next, if a lead is being collected.
#[derive(Default)]
struct NextDetail {
    /// For which intent.
    intent: Option<String>,
    /// The question; `None`: everything is there.
    prompt: Option<String>,
}

/// The intent whose details are collected in this turn.
fn collecting(draft: &Draft<'_>, answer: &TurnAnswer) -> Option<String> {
    let found = answer.intents.iter().map(|intent| &intent.name);
    let found =
        found.chain(answer.collected.iter().filter_map(|_| draft.state.collecting.as_ref()));
    found
        .chain(draft.state.collecting.as_ref())
        .find(|name| lead::then(name, draft.config).is_some())
        .cloned()
}

fn details(
    draft: &Draft<'_>,
    answer: &TurnAnswer,
    thinking: &Thinking,
    asked: &str,
) -> Vec<Collected> {
    let Some(intent) = collecting(draft, answer) else { return Vec::new() };
    let before = draft.state.collecting.as_ref() == Some(&intent) && thinking.messages.len() == 1;
    lead::gather(&intent, draft.config, &draft.state.collected, answer, before, asked)
}

fn next_detail(draft: &Draft<'_>, answer: &TurnAnswer, fresh: &[Collected]) -> NextDetail {
    let Some(intent) = collecting(draft, answer) else { return NextDetail::default() };
    let known: Vec<Collected> = draft.state.collected.iter().chain(fresh).cloned().collect();
    let language = draft.config.language(draft.state.language.as_deref());
    let prompt = lead::missing(&intent, draft.config, &known)
        .next()
        .map(|field| field.languages.get(language).unwrap_or(&field.prompt).clone());
    NextDetail { intent: Some(intent), prompt }
}

fn interaction(thinking: &Thinking, answer: &TurnAnswer) -> Interaction {
    Interaction {
        turn: thinking.turn,
        messages: thinking.messages.clone(),
        asked: Personal(String::new()),
        intents: answer.intents.clone(),
        parts: Vec::new(),
        path: answer.path,
        rollout: thinking.path,
        model: answer.model.clone(),
        confidence: answer.confidence,
        sentiment: answer.sentiment,
        language: answer.language.clone(),
        tokens_in: answer.tokens_in,
        tokens_out: answer.tokens_out,
        cost_micros: answer.cost_micros,
        calls: answer.calls.clone(),
        knowledge_hits: answer.knowledge_hits,
        retrieved: answer.retrieved,
        handoff: None,
        latency_ms: answer.latency_ms,
        trace: answer.trace,
        corrections: answer.corrections.clone(),
        suggestions: answer.suggestions.clone(),
        recovered: None,
        collected: Vec::new(),
        collecting: None,
        uncertain: false,
    }
}

fn latency(draft: &Draft<'_>, thinking: &Thinking) -> u64 {
    u64::try_from(draft.now.since_ms(thinking.since)).unwrap_or(0)
}

/// The answer with everything in bounds: whoever answers may have been talked into anything.
fn sound(mut answer: TurnAnswer) -> TurnAnswer {
    let unit = |value: f64, from: f64| if value.is_nan() { 0.0 } else { value.clamp(from, 1.0) };
    answer.confidence = unit(answer.confidence, 0.0);
    answer.sentiment = unit(answer.sentiment, -1.0);
    answer.parts.truncate(PARTS_MAX);
    for part in &mut answer.parts {
        part.intent = clip(std::mem::take(&mut part.intent), 60);
        part.request = Personal(clip(std::mem::take(&mut part.request.0), REQUEST_BYTES));
        part.deferred = part.deferred.take().map(|reason| clip(reason, 200));
        part.content.retain(|content| !is_blank(content));
        part.content.truncate(CONTENTS_PER_PART);
        for content in &mut part.content {
            if let Content::Text { text } = content {
                *text = clip(std::mem::take(text), crate::TEXT_BYTES_MAX);
            }
        }
        part.citations.truncate(CITATIONS_MAX);
    }
    answer.intents.truncate(LIST_MAX);
    for intent in &mut answer.intents {
        intent.name = clip(std::mem::take(&mut intent.name), 60);
    }
    answer.intents.retain(|intent| !intent.name.is_empty());
    answer.calls.truncate(LIST_MAX);
    answer.corrections.truncate(LIST_MAX);
    answer.suggestions.truncate(LIST_MAX);
    answer.collected.truncate(LIST_MAX);
    answer.memory.key_facts.truncate(LIST_MAX);
    answer.memory.entities.truncate(LIST_MAX);
    answer.model = answer.model.map(|model| clip(model, 100));
    answer.language = answer.language.map(|tag| clip(tag, 10)).filter(|tag| tag != "und");
    answer
}

fn is_blank(content: &Content) -> bool {
    matches!(content, Content::Text { text } if text.trim().is_empty())
}
