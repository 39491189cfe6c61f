//! Calls to language models.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A model call in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "cal_01jd5x2k3m4n5p6q7r8s9t0v1w", "at": "2026-11-20T12:00:00.000Z",
    "conversation": "cnv_01jd5x2k3m4n5p6q7r8s9t0v1w", "turn": 3, "purpose": "answer",
    "provider": "openai", "model": "openai/gpt-4.1-mini", "outcome": "ok",
    "input_tokens": 812, "cached_tokens": 512, "output_tokens": 96, "reasoning_tokens": 0,
    "cost_micros": 410, "latency_ms": 930
}))]
pub struct ModelCallRow {
    /// Its id.
    pub id: String,
    /// When it began.
    pub at: String,
    /// The conversation that it was made for.
    pub conversation: Option<String>,
    /// The turn of the conversation.
    pub turn: Option<u32>,
    /// What for: `answer`, `repair`, `again` (after a failure), `question`, `image`.
    pub purpose: String,
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// `ok`, `cached`, or the class of the error.
    pub outcome: String,
    /// Tokens sent, those from the provider's cache too.
    pub input_tokens: u64,
    /// Tokens from the provider's cache.
    pub cached_tokens: u64,
    /// Tokens that came back, those of reasoning too.
    pub output_tokens: u64,
    /// Tokens of reasoning.
    pub reasoning_tokens: u64,
    /// What it cost, in millionths of a US dollar.
    pub cost_micros: i64,
    /// Milliseconds until the answer was complete.
    pub latency_ms: u64,
}

/// A model call with what was sent and what came. Personal data is blanked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelCall {
    /// As in the list.
    pub row: ModelCallRow,
    /// The system prompt and the messages.
    #[schema(value_type = Object)]
    pub prompt: Value,
    /// The passages that were put before the model.
    #[schema(value_type = Object)]
    pub context: Value,
    /// What came back: text, tool calls, finish reason.
    #[schema(value_type = Object)]
    pub answer: Value,
    /// Models that were tried or passed over before, with the reason.
    #[schema(value_type = Object)]
    pub route: Value,
    /// How many pieces of personal data were blanked.
    pub redacted: u64,
}
