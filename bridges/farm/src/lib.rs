//! The provider farm: one server that speaks the true shapes of every provider that the bridges
//! call, and fails as it is told. Tests run it in their own process on a free port; the program
//! `provider-farm` is the same for everything that is not a test in Rust, and for the demo.
//!
//! The first part of a path is the provider: `/openai/v1/chat/completions`, `/anthropic/v1/messages`,
//! `/slack/api/chat.postMessage`. Beside them `POST /_script` adds rules ([`Rule`], one or a list),
//! `DELETE /_script` forgets rules and log, `GET /_log` lists requests ([`Entry`]) and `GET /_charged`
//! counts paid answers by the caller's request id.
//!
//! - F1: every request is in the log before it is answered, with how it ended; what it did not wait
//!   for is told apart from what it got.
//! - F2: an answer depends on the request and the script only: no clock, no chance.
//! - F3: a rule is used exactly as often as it says, by the first requests that it matches; of
//!   several rules that match, the oldest.
//! - F4: a call counts as charged when the provider would have charged it, also when the answer was
//!   cut off on the way.
//!
//! What it is not: part of the product. Nothing but tests, evaluations and the demo names it, and it
//! checks neither keys nor quotas unless a rule says so.

mod attend;
pub mod channels;
mod llm;
mod log;
mod script;
mod serve;

#[cfg(test)]
mod tests;

pub use attend::{Charged, Fate};
pub use log::{Ending, Entry};
pub use script::{Fault, Rule};
pub use serve::{Farm, Running};
