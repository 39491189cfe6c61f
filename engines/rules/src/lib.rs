//! The typed rule language of segments: parse, validate, track, evaluate (PRO-03).
//!
//! A rule is JSON. Groups hold conditions; a condition names what it looks at, then compares it:
//!
//! ```
//! let rule = impresario_rules::parse(r#"{"all": [
//!     {"trait": "plan", "in": ["pro", "team"]},
//!     {"event": "Order Completed", "at_least": 3, "within_last": "90d",
//!      "where": {"property": "total", "gte": 50}},
//!     {"no_event": "Support Ticket Opened", "within_last": "30d"},
//!     {"sequence": ["Cart Viewed", {"event": "Checkout Started", "within": "1h"}]},
//!     {"computed": "revenue", "gt": 1000},
//!     {"not": {"field": "last_seen", "older_than": "12h"}}
//! ]}"#)?;
//! assert_eq!(impresario_rules::parse(&rule.to_json())?, rule);
//! # Ok::<(), Vec<impresario_rules::Problem>>(())
//! ```
//!
//! | begins with | looks at | compares by |
//! |---|---|---|
//! | `all`, `any`, `not` | other conditions | |
//! | `trait` | a trait, by dotted path | the operators |
//! | `field` | one of [`FIELDS`] | the operators |
//! | `computed` | a computed trait ([`ComputedSpec`]) | the operators |
//! | `event` | how often it happened (`where`, `within_last`) | `at_least`, `at_most`, `exactly` |
//! | `no_event` | that it did not happen (`where`, `within_last`) | |
//! | `sequence` | steps one after the other (`within` each, `within_last`) | |
//! | `property` | a property of an event, in `where` only | the operators without the clock |
//!
//! Operators: `eq ne in not_in gt gte lt lte contains starts_with ends_with exists not_exists before
//! after within_last older_than within_next`. The whole grammar, and what each means for a missing
//! value, is in `docs/guides/segment-rules.md`.
//!
//! - R1: whatever the text, [`parse`] answers a rule or the list of all problems it found, each with
//!   the place, a stable code and advice; and `parse(rule.to_json()) == rule`.
//! - R2: [`Rule::evaluate`] is pure and total. The verdict stays the same until just before
//!   [`Verdict::recheck_at_ms`] if no new event and no new value arrives.
//! - R3: trackers and computed values do not depend on the order in which events are recorded (for
//!   sequences: within the bound of [`SEQUENCE_TIMES_KEPT`], and always when in order of time).
//! - R4: a window of length `w` holds a moment `t` at `now` when `now < t + w`. A time ahead of the
//!   clock counts as now. Windows of computed counts and sums are exact to a slice of
//!   `max(1 minute, w / 100)`: an event leaves between `w` and `w` plus one slice after its time.
//! - R5: integers compare exactly, decimals sum exactly to six places ([`micros`]).
//!
//! What it is not: a store, a clock, or the place where profiles live. The caller filters duplicate
//! events, stores [`Tracker`] and [`Computed`] values and hands them back through [`Facts`].

#![deny(clippy::wildcard_enum_match_arm)]

mod buckets;
mod computed;
mod computed_spec;
mod condition;
mod distinct;
mod expr;
mod facts;
mod number;
mod parse;
mod print;
mod problem;
mod rule;
mod sequence;
mod time;
mod times;
mod tracker;
mod tree;
mod value;

#[cfg(test)]
mod tests;

pub use computed::{Computed, Reading};
pub use computed_spec::{ComputedId, ComputedSpec};
pub use facts::{FIELDS, Facts, Occurrence, lookup};
pub use number::micros;
pub use parse::{Vocabulary, parse, parse_computed, parse_with};
pub use problem::{Problem, codes};
pub use rule::{Rule, Verdict};
pub use sequence::TIMES_KEPT as SEQUENCE_TIMES_KEPT;
pub use time::format_time;
pub use tracker::{Tracker, TrackerId, TrackerSpec};

/// Longest text of a rule, in bytes; also of its canonical form.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;
/// Deepest nesting of conditions; a rule of one condition has depth 1.
pub const DEPTH_MAX: usize = 16;
/// Most groups, conditions and steps in a rule, those of every `where` included.
pub const NODES_MAX: usize = 200;
/// Longest name of an event, path of a trait or property, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest text that a value is compared with, in bytes.
pub const OPERAND_BYTES_MAX: usize = 1_024;
/// Most values of `in` and `not_in`.
pub const IN_VALUES_MAX: usize = 500;
/// Highest count that can be asked for within a window: that many times are kept.
pub const COUNT_IN_WINDOW_MAX: u32 = 1_000;
/// Highest count that can be asked for over all time.
pub const COUNT_MAX: u32 = 1_000_000_000;
/// Most steps of a sequence.
pub const STEPS_MAX: usize = 8;
/// Most values that `distinct` tells apart; beyond, it answers this number and says so.
pub const DISTINCT_MAX: usize = 1_000;
