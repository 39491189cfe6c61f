//! Language model providers over HTTP (LLM-01 to LLM-09, LLM-15): one `generate`, `stream`,
//! `embed`, `models` and `rerank` over `OpenAI` (chat and responses), Anthropic, xAI, Together,
//! Ollama, Cohere and whatever speaks the wire of `OpenAI`.
//!
//! - L1: one call of [`Client`] is at most one request (embedding and structured output say where
//!   they make more). Whether to try again is decided elsewhere (`engines/routing`), because only the
//!   caller knows what a second one may cost.
//! - L2: an answer that began and did not end is [`Class::Truncated`], never a shorter success.
//! - L3: every failure has a class, and says whether it may have been charged; usage that came before
//!   the failure is in it.
//! - L4: dropping a future or a [`Streaming`] closes the connection to the provider, which ends the
//!   work there.
//! - L5: no call without an end: connecting, the first byte, the pause between two pieces and the
//!   whole have their own limits, and so has the size of an answer.
//! - L6: keys are wiped on drop, are never printed and never serialised; prompts and answers never
//!   print and never enter a span.
//! - L7: nothing leaves for an address that is not public unless the operator listed the server; the
//!   address that was checked is the one that is connected to. Redirects are not followed.
//! - L8: [`Usage`] has classes that do not overlap, whatever the provider's counts do.
//!
//! What it is not: a chooser of models, a ledger, or a place where prompts are made.

mod address;
mod answer;
mod client;
mod error;
mod observe;
mod request;
mod schema;
mod settings;
mod stream;
mod structured;
mod tls;
mod transport;
mod vectors;
mod wire;

#[cfg(test)]
mod tests;

pub use address::{Options, Refusal};
pub use answer::{Answer, Finish, ModelInfo, ToolCall};
pub use client::Client;
pub use error::Error;
pub use impresario_routing::{Class, Usage};
pub use request::{
    Effort, EmbedRequest, Image, Message, Part, Request, RerankRequest, Role, Schema, Tool,
    ToolChoice,
};
pub use schema::{Mismatch, check};
pub use settings::{Api, Key, Problem, Provider, Settings, Timeouts};
pub use stream::{Delta, Streaming};
pub use structured::{Structured, extract_json};
pub use transport::{BuildError, Net};
pub use vectors::{Embeddings, Ranked, Reranked};
