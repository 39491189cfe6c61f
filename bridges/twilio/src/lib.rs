//! WhatsApp by Twilio: webhooks verified and read, messages and content templates sent.
//!
//! - TW1: a webhook is believed only if its signature is right for the URL as Twilio called it and
//!   the body ([`verify`]).
//! - TW2: outside the window nothing but a template is sent ([`Client::send`]).
//! - TW3: there is no idempotency key: our id and the part are in the URL of the status callback, and
//!   an unknown outcome can be looked up in the list of messages ([`Client::reconcile`]).
//! - TW4: buttons and lists need a content template each; one per shape is made and found again by
//!   its name, its texts are variables.
//! - TW5: the account's token goes to Twilio's own host only, also when media lead elsewhere.
//!
//! What it is not: a store. The window and what was sent are remembered by whoever calls.

mod client;
mod content;
mod error;
mod media;
mod parse;
mod settings;
mod verify;

#[cfg(test)]
mod tests;

pub use client::{Client, Dispatch};
pub use content::{Shape, form};
pub use error::classify;
pub use impresario_calls::{Refusal, Unreadable};
pub use impresario_messages::Window;
pub use media::File;
pub use parse::parse;
pub use settings::Settings;
pub use verify::{signature, verify};

/// The body that answers a webhook: nothing to say at once. Its type is `text/xml`.
pub const EMPTY_ANSWER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";
