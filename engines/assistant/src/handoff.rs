//! When a human takes over (CNV-11, CNV-13).

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{AssistantConfig, Handling};

/// Why a human takes over (CNV-11). The category is counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum HandoffReason {
    /// The customer asked for one.
    #[n(0)]
    Wish,
    /// A topic or an intent that humans deal with.
    #[n(1)]
    Topic,
    /// The answer was too uncertain.
    #[n(2)]
    LowConfidence,
    /// Too many uncertain answers in a row.
    #[n(3)]
    RepeatedLowConfidence,
    /// The customer is upset.
    #[n(4)]
    Sentiment,
    /// The turn failed.
    #[n(5)]
    Failure,
    /// A qualified lead.
    #[n(6)]
    Lead,
    /// A person of the tenant took the conversation.
    #[n(7)]
    Manual,
    /// The conversation is outside the rollout.
    #[n(8)]
    Rollout,
    /// The budget is used up.
    #[n(9)]
    Budget,
    /// The answerer asked for it.
    #[n(10)]
    Assistant,
}

impl HandoffReason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Wish,
        Self::Topic,
        Self::LowConfidence,
        Self::RepeatedLowConfidence,
        Self::Sentiment,
        Self::Failure,
        Self::Lead,
        Self::Manual,
        Self::Rollout,
        Self::Budget,
        Self::Assistant,
    ];

    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wish => "wish",
            Self::Topic => "topic",
            Self::LowConfidence => "low_confidence",
            Self::RepeatedLowConfidence => "repeated_low_confidence",
            Self::Sentiment => "sentiment",
            Self::Failure => "failure",
            Self::Lead => "lead",
            Self::Manual => "manual",
            Self::Rollout => "rollout",
            Self::Budget => "budget",
            Self::Assistant => "assistant",
        }
    }
}

/// What is known about a turn when it is answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals<'a> {
    /// The customer's words.
    pub text: &'a str,
    /// The intents that were found.
    pub intents: &'a [&'a str],
    /// 0 to 1.
    pub confidence: f64,
    /// -1 to 1.
    pub sentiment: f64,
    /// Uncertain answers in a row before this one.
    pub uncertain_turns: u8,
    /// What the answerer asks for.
    pub wanted: Option<HandoffReason>,
}

impl AssistantConfig {
    /// Whether an answer of this confidence counts as uncertain.
    #[must_use]
    pub fn is_uncertain(&self, confidence: f64) -> bool {
        // A confidence that is no number is none.
        confidence.is_nan() || confidence < self.thresholds.answer
    }

    /// Whether and why a human takes over before anything is answered: what the words alone say.
    #[must_use]
    pub fn handoff_at_once(&self, text: &str) -> Option<HandoffReason> {
        if crate::asks_for_human(text, self) {
            return Some(HandoffReason::Wish);
        }
        crate::topic_of(text, self).map(|_| HandoffReason::Topic)
    }

    /// Whether and why a human takes over with this answer. The first of: a wish, a topic or intent,
    /// what the answerer wants, sentiment, uncertainty, repeated uncertainty.
    #[must_use]
    pub fn handoff(&self, signals: &Signals<'_>) -> Option<HandoffReason> {
        let by_intent = || {
            let handed = |name: &&str| {
                let mut known = self.intents.iter();
                known.any(|intent| intent.name == **name && intent.handling == Handling::Handoff)
            };
            signals.intents.iter().any(handed).then_some(HandoffReason::Topic)
        };
        let by_mood = || {
            (signals.sentiment < self.handoff.sentiment_below).then_some(HandoffReason::Sentiment)
        };
        let by_doubt = || {
            let none = signals.confidence.is_nan() || signals.confidence < self.thresholds.handoff;
            none.then_some(HandoffReason::LowConfidence)
        };
        let by_row = || {
            let limit = self.handoff.low_confidence_turns;
            let row = signals.uncertain_turns.saturating_add(1);
            let many = limit > 0 && self.is_uncertain(signals.confidence) && row >= limit;
            many.then_some(HandoffReason::RepeatedLowConfidence)
        };
        self.handoff_at_once(signals.text)
            .or_else(by_intent)
            .or(signals.wanted)
            .or_else(by_mood)
            .or_else(by_doubt)
            .or_else(by_row)
    }
}
