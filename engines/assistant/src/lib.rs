//! How a tenant's assistant behaves: its configuration (CNV-04, CNV-05), the words that the house
//! says by itself, when a human takes over (CNV-11), and what a model is told and may answer (CNV-08,
//! CNV-10, CNV-19).
//!
//! - N1: `{}` is a valid configuration, and every valid configuration prints and parses to itself.
//! - N2: a prompt never exceeds its budget of tokens, counted over its final text, unless the rules
//!   alone do; the customer's newest words are the last thing that is cut.
//! - N3: what somebody wrote stands in a prompt as JSON strings, one per line: it cannot begin a section
//!   or pose as a rule.
//! - N4: a rollout that grows never moves a conversation back.
//! - N5: nothing here depends on the machine: time zones are compiled in, the clock is handed in.
//!
//! What it is not: the conversation (an entity of its own), nor a caller of models.

#![deny(clippy::wildcard_enum_match_arm)]

mod answer;
mod config;
mod defaults;
mod handoff;
mod hours;
mod priority;
mod problem;
mod prompt;
mod rollout;
mod texts;
mod validate;
mod wishes;

#[cfg(test)]
mod tests;

pub use answer::{
    ModelAnswer, ModelDetail, ModelEntity, ModelMemory, ModelPart, ModelSuggestion, answer_schema,
    parse_answer,
};
pub use config::{
    AfterCollect, AssistantConfig, Burst, BusinessHours, Day, Disclaimer, DisclaimerWhen,
    Disclosure, Features, Field, FieldKind, Handling, HandoffRules, Intent, Languages, MemoryRules,
    Models, Opening, Otherwise, Position, Rating, Retention, Rollout, RolloutPath, Texts,
    Thresholds, Turns, Urgency, Widget,
};
pub use handoff::{HandoffReason, Signals};
pub use priority::order;
pub use problem::{Problem, codes};
pub use prompt::{Count, Line, Passage, Prompt, PromptInput, Scenario, build, system_prompt};
pub use texts::{Say, with_topic};
pub use validate::CONFIG_BYTES_MAX;
pub use wishes::{asks_for_human, consent_word, says_forgotten, topic_of};
