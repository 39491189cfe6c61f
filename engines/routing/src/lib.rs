//! Which language model answers a request, what that may cost, and what to do when it fails
//! (LLM-09 to LLM-14, LLM-16). Pure: health, time, budget and chance are handed in.
//!
//! - R1: money is a whole number of micro-units (one millionth of the registry's currency). The
//!   cost of a call is the exact sum over its token classes, rounded up once, at the end.
//! - R2: [`Price::upper_bound`] is never below [`Price::cost`] of a call with at most so many input
//!   and output tokens; so what was reserved covers what is settled.
//! - R3: every choice of a [`Route`] is able (capabilities, context window, compliance), allowed
//!   (connected, breaker not open, not retired) and payable with what is left. A model is chosen at
//!   most once. Whoever was passed over is listed with the reason.
//! - R4: a price counts from its first to before its last moment; a model without a price at that
//!   moment is not chosen, because its cost could not be said.
//! - R5: an open breaker lets nothing through before its time, and then only as many probes as
//!   configured.
//! - R6: a failure that may have been charged is tried again only if the settings say so.
//!
//! What it is not: a client (`bridges/llm`), nor a ledger (`actors/budget`). The numbers in
//! `data/models.toml` are a starting configuration, not a promise: an operator lays newer ones over
//! them ([`Registry::overlaid`]).

#![deny(clippy::wildcard_enum_match_arm)]

mod breaker;
mod complexity;
mod price;
mod registry;
mod retry;
mod roles;
mod route;

#[cfg(test)]
mod tests;

pub use breaker::{Breaker, BreakerSettings, Verdict};
pub use complexity::{Complexity, Level, Shape, complexity};
pub use price::{Price, Rates, TokenClass, Usage};
pub use registry::{Currency, Kind, Latency, Model, Problem, Registry};
pub use retry::{Class, Next, Retry, next};
pub use roles::{Priority, Role, Settings, Task};
pub use route::{Availability, Choice, Health, Reason, Route, Skipped, Wanted, Why, route};
