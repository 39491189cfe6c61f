//! What is counted per day (CNV-31): rows of [`crate::index::COUNTS`], written with the event.

use impresario_assistant::{AssistantConfig, RolloutPath};
use impresario_kernel::{IndexRow, Timestamp};

use crate::index::{Metric, bucket, count as row};
use crate::{Event, Interaction, MemoryUpdate, State};

/// Adds the counts of an event that happens to this state.
pub(super) fn count(
    state: &State,
    event: &Event,
    config: &AssistantConfig,
    rows: &mut Vec<IndexRow>,
) {
    let channel = state.address.as_ref().map_or("", |address| address.channel.as_str());
    let mut one = |at: Timestamp, metric: Metric, label: &str| {
        rows.extend(row(at, metric, label.as_bytes(), 1));
    };
    match event {
        Event::Started { address, at } => one(*at, Metric::Conversations, address.channel.as_str()),
        Event::Received { message, .. } => one(message.received, Metric::MessagesIn, channel),
        Event::Said { message } => one(message.at, Metric::MessagesOut, "assistant"),
        Event::HumanReplied { message } => one(message.at, Metric::MessagesOut, "human"),
        Event::TurnSuperseded { at, .. } => one(*at, Metric::Superseded, ""),
        Event::AttemptFailed { retry_at, .. } => one(*retry_at, Metric::Failures, ""),
        Event::HandedOff { reason, at, .. } => one(*at, Metric::Handoffs, reason.as_str()),
        Event::Resolved { by_human, at } => {
            one(*at, Metric::Resolved, if *by_human { "human" } else { "assistant" });
        }
        Event::Rated { score, at } => one(*at, Metric::Ratings, &score.to_string()),
        Event::LeadQualified { intent, at, .. } => one(*at, Metric::Leads, intent),
        Event::SlaMissed { at, .. } => one(*at, Metric::SlaMissed, ""),
        Event::SuggestionAccepted { at, .. } => one(*at, Metric::Suggestions, "accepted"),
        Event::CorrectionJudged { right, at } => {
            one(*at, Metric::Corrections, if *right { "right" } else { "wrong" });
        }
        Event::Answered { interaction, memory, message } => {
            one(message.at, Metric::MessagesOut, "assistant");
            answered(message.at, interaction, memory, config, rows);
        }
        Event::Linked { .. }
        | Event::TurnBegun { .. }
        | Event::CallBegun { .. }
        | Event::AttemptBegun { .. }
        | Event::Assigned { .. }
        | Event::Noted { .. }
        | Event::HandedBack { .. }
        | Event::Reopened { .. }
        | Event::Sent { .. }
        | Event::Delivered { .. }
        | Event::MemoryExpired { .. }
        | Event::Returned { .. }
        | Event::ConsentChanged { .. }
        | Event::SendBegun { .. }
        | Event::SendPaused { .. }
        | Event::Forgotten { .. } => {}
    }
}

fn answered(
    at: Timestamp,
    done: &Interaction,
    memory: &MemoryUpdate,
    config: &AssistantConfig,
    rows: &mut Vec<IndexRow>,
) {
    let mut add = |metric: Metric, label: &str, by: i64| {
        rows.extend(row(at, metric, label.as_bytes(), by));
    };
    let size = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let model = done.model.as_deref().unwrap_or("none");
    add(Metric::Turns, done.path.as_str(), 1);
    add(Metric::Models, model, 1);
    add(Metric::TokensIn, model, size(done.tokens_in));
    add(Metric::TokensOut, model, size(done.tokens_out));
    add(Metric::CostMicros, model, done.cost_micros);
    let path = match done.rollout {
        RolloutPath::New => "new",
        RolloutPath::Old => "old",
    };
    add(Metric::Rollout, path, 1);
    let knowledge = match (done.knowledge_hits, done.retrieved) {
        (1.., _) => "hit",
        (0, 1..) => "miss",
        (0, 0) => "none",
    };
    add(Metric::Knowledge, knowledge, 1);
    add(Metric::Languages, done.language.as_deref().unwrap_or("und"), 1);
    add(Metric::ConfidenceSum, "", thousandths(done.confidence));
    add(Metric::SentimentSum, "", thousandths(done.sentiment));
    // Only names that the tenant gave: what a model calls something could be anything.
    let named = |name: &str| config.intents.iter().any(|intent| intent.name == name);
    let name = |intent: &str| if named(intent) { intent.to_owned() } else { String::new() };
    for intent in &done.intents {
        add(Metric::Intents, &name(&intent.name), 1);
    }
    for part in done.parts.iter().filter(|part| part.deferred.is_some()) {
        add(Metric::Deferred, &name(&part.intent), 1);
    }
    if let Some(recovered) = done.recovered {
        add(Metric::Forgotten, if recovered.answered { "recovered" } else { "missed" }, 1);
    }
    add(Metric::Corrections, "made", size(done.corrections.len() as u64));
    let asked = done.corrections.iter().filter(|correction| correction.asked).count();
    add(Metric::Corrections, "asked", size(asked as u64));
    add(Metric::Suggestions, "shown", size(done.suggestions.len() as u64));
    if let Some(topic) = &memory.topic {
        let known =
            config.topics.iter().find(|known| known.to_lowercase() == topic.0.to_lowercase());
        add(Metric::Topics, known.map_or("", String::as_str), 1);
    }
    let bucket = [bucket(done.latency_ms)];
    rows.extend(row(at, Metric::Latency, &bucket, 1));
}

/// Exact enough for an average, and an integer, so that sums do not drift.
fn thousandths(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it is between -1000 and 1000")]
    let thousandths = (value.clamp(-1.0, 1.0) * 1_000.0).round() as i64;
    thousandths
}
