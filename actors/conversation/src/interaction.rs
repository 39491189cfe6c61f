//! What is recorded of a turn.

use impresario_assistant::{HandoffReason, RolloutPath};
use impresario_ids::{CallId, TraceId};
use impresario_kernel::Personal;
use minicbor::{Decode, Encode};

use crate::{AnswerPath, Citation, Collected, Correction, IntentFound, Suggestion};

/// One turn, for the record (CNV-31).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Interaction {
    /// Which turn.
    #[n(0)]
    pub turn: u32,
    /// The customer's messages.
    #[n(1)]
    pub messages: Vec<u64>,
    /// What they said.
    #[n(2)]
    pub asked: Personal<String>,
    /// What was wanted.
    #[n(3)]
    pub intents: Vec<IntentFound>,
    /// What was answered and what was put off, in the order of the reply.
    #[n(4)]
    pub parts: Vec<Dealt>,
    /// How it came about.
    #[n(5)]
    pub path: AnswerPath,
    /// Inside or outside the rollout.
    #[n(6)]
    pub rollout: RolloutPath,
    /// Which model.
    #[n(7)]
    pub model: Option<String>,
    /// 0 to 1.
    #[n(8)]
    pub confidence: f64,
    /// -1 to 1.
    #[n(9)]
    pub sentiment: f64,
    /// The language.
    #[n(10)]
    pub language: Option<String>,
    /// Tokens read.
    #[n(11)]
    pub tokens_in: u64,
    /// Tokens written.
    #[n(12)]
    pub tokens_out: u64,
    /// What it cost.
    #[n(13)]
    pub cost_micros: i64,
    /// The calls behind it.
    #[n(14)]
    pub calls: Vec<CallId>,
    /// Passages that were cited.
    #[n(15)]
    pub knowledge_hits: u32,
    /// Passages that were found.
    #[n(16)]
    pub retrieved: u32,
    /// Whether and why a human takes over.
    #[n(17)]
    pub handoff: Option<HandoffReason>,
    /// From the end of the burst to the answer.
    #[n(18)]
    pub latency_ms: u64,
    /// Where it can be looked up.
    #[n(19)]
    pub trace: Option<TraceId>,
    /// Spelling that was corrected.
    #[n(20)]
    pub corrections: Vec<Correction>,
    /// What was suggested.
    #[n(21)]
    pub suggestions: Vec<Suggestion>,
    /// The overlooked question that was asked for again, by its turn, and whether it is answered now.
    #[n(22)]
    pub recovered: Option<Recovered>,
    /// Details of a lead that were given.
    #[n(23)]
    pub collected: Vec<Collected>,
    /// The intent whose details are asked for next, if any.
    #[n(24)]
    pub collecting: Option<String>,
    /// Whether the answer counts as uncertain.
    #[n(25)]
    pub uncertain: bool,
}

/// What was done about one intent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Dealt {
    /// The intent's name; empty: none of the tenant's.
    #[n(0)]
    pub intent: String,
    /// What was asked.
    #[n(1)]
    pub request: Personal<String>,
    /// Why it is not answered yet, if it is not.
    #[n(2)]
    pub deferred: Option<String>,
    /// What the answer rests on.
    #[n(3)]
    pub citations: Vec<Citation>,
}

/// The fate of an overlooked question (CNV-28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recovered {
    /// The turn it was asked in.
    #[n(0)]
    pub turn: u32,
    /// Whether it is answered now.
    #[n(1)]
    pub answered: bool,
}
