//! Slack: events, interactions and slash commands verified and read, messages rendered as Block Kit
//! and sent, answers streamed.
//!
//! - SL1: a request is believed only if its signature is right over the raw bytes and its time is
//!   within five minutes of ours ([`verify`]).
//! - SL2: [`parse`] waits for nothing, so a request can be answered within Slack's three seconds;
//!   what Slack repeats has the same id again, to be absorbed by it ([`Delivery::retry`]).
//! - SL3: what a bot said, also our own, is ignored: no loop.
//! - SL4: an error comes as 200 with `ok:false`; its word decides what happens next ([`classify`]).
//! - SL5: there is no idempotency key: each message carries our id and part as metadata, and an
//!   unknown outcome is looked up by it ([`Client::reconcile`]).
//!
//! What it is not: a store, or a session. Tokens come with the settings.

mod blocks;
mod client;
mod error;
mod files;
mod interact;
mod parse;
mod settings;
mod stream;
mod verify;

#[cfg(test)]
mod tests;

pub use blocks::message;
pub use client::{Client, METADATA_TYPE};
pub use error::classify;
pub use files::File;
pub use impresario_calls::{Refusal, Unreadable};
pub use parse::{UNADDRESSED, parse};
pub use settings::Settings;
pub use stream::{Stream, Streamed};
pub use verify::{Delivery, TOLERANCE_S, verify};
