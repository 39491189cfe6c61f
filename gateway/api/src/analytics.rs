//! What happened in conversations, counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long answers took, in milliseconds, each at most a fifth above the true value; null: nothing
/// was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"p50_ms": 400, "p95_ms": 1600, "p99_ms": 3200, "count": 330}))]
pub struct AnswerTimes {
    /// Half of the answers took at most this.
    pub p50_ms: Option<u64>,
    /// 95 of 100 took at most this.
    pub p95_ms: Option<u64>,
    /// 99 of 100 took at most this.
    pub p99_ms: Option<u64>,
    /// How many answers.
    pub count: i64,
}

/// Shares from 0 to 1 and averages; null: there is nothing to divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "knowledge_hit": 0.91, "handoff": 0.06, "resolved_by_assistant": 0.8, "confidence": 0.83,
    "sentiment": 0.2, "corrections_right": 0.95, "suggestions_accepted": 0.1,
    "forgotten_recovered": 1.0, "rating": 4.4
}))]
pub struct ConversationRates {
    /// Turns in which something was cited, of those in which something was looked for.
    pub knowledge_hit: Option<f64>,
    /// Handoffs per answered turn.
    pub handoff: Option<f64>,
    /// Resolved conversations that no person had.
    pub resolved_by_assistant: Option<f64>,
    /// Average confidence of answers, 0 to 1.
    pub confidence: Option<f64>,
    /// Average sentiment of customers, -1 to 1.
    pub sentiment: Option<f64>,
    /// Corrections of spelling that customers confirmed, of those they judged.
    pub corrections_right: Option<f64>,
    /// Suggestions that were taken up.
    pub suggestions_accepted: Option<f64>,
    /// Overlooked questions that were answered when asked for again.
    pub forgotten_recovered: Option<f64>,
    /// Average rating, 1 to 5.
    pub rating: Option<f64>,
}

/// One day of conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "day": "2026-11-20", "totals": {"conversations": {"web": 12}, "intents": {"returns": 4}},
    "latency": {"p50_ms": 400, "p95_ms": 1600, "p99_ms": 3200, "count": 33}
}))]
pub struct ConversationDay {
    /// The day, UTC.
    pub day: String,
    /// Counts by what is counted and by label.
    #[schema(value_type = Object)]
    pub totals: BTreeMap<String, BTreeMap<String, i64>>,
    /// How long answers took.
    pub latency: AnswerTimes,
}

/// What happened in conversations from one day to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationAnalytics {
    /// The first day, UTC.
    pub from: String,
    /// The last day, UTC.
    pub to: String,
    /// Counts by what is counted and by label: `conversations` and `messages_in` by channel, `turns`
    /// by how they were answered, `intents`, `handoffs` by reason, `models`, `tokens_in`,
    /// `tokens_out` and `cost_micros` by model, `knowledge`, `languages`, `topics`, `suggestions`,
    /// `corrections`, `rollout`, …
    #[schema(value_type = Object)]
    pub totals: BTreeMap<String, BTreeMap<String, i64>>,
    /// What follows from the totals.
    pub rates: ConversationRates,
    /// How long answers took.
    pub latency: AnswerTimes,
    /// Each day on which anything happened.
    pub days: Vec<ConversationDay>,
}
