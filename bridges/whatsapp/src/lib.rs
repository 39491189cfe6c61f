//! WhatsApp by Meta's Cloud API: webhooks verified and read, messages rendered and sent.
//!
//! - WA1: a webhook is believed only if its signature is right over the raw bytes ([`verify`]).
//! - WA2: a person is their business-scoped user id; the telephone number is an alias, and may be
//!   missing ([`parse`], `Event::Moved`).
//! - WA3: outside the window nothing but a template is sent ([`Client::send`]).
//! - WA4: there is no idempotency key: each message carries our id and its part
//!   (`biz_opaque_callback_data`), which the status reports give back, so that an unknown outcome
//!   is known once they arrive.
//! - WA5: Meta's error codes decide what happens next ([`classify`]): a closed window, an opt-out
//!   and a rate are told apart from failures.
//! - WA6: one pair of numbers gets a message every six seconds, one number 80 a second ([`Pacer`]);
//!   the time is handed in.
//!
//! What it is not: a store. The window, the pace and what was sent are remembered by whoever calls.

mod client;
mod error;
mod pace;
mod parse;
mod parse_content;
mod render;
mod settings;
mod verify;

#[cfg(test)]
mod tests;

pub use client::{Client, Dispatch, File};
pub use error::classify;
pub use impresario_calls::{Refusal, Unreadable};
pub use impresario_messages::Window;
pub use pace::Pacer;
pub use parse::parse;
pub use render::{callback_data, payload};
pub use settings::Settings;
pub use verify::{handshake, verify};
