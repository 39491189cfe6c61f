//! Discord: interactions verified and read, messages rendered and sent, and the gateway connection
//! through which free text comes.
//!
//! - DI1: a request is believed only if its Ed25519 signature is right over time and raw bytes
//!   ([`verify`]); Discord probes with wrong ones and wants 401.
//! - DI2: [`parse`] waits for nothing and gives the answer for Discord's three seconds: PONG, or "is
//!   thinking", which is replaced within 15 minutes by the real one; after that the bot writes to
//!   the channel ([`Client::send`]).
//! - DI3: a send that is repeated is the same message: each carries a nonce made of our id and part
//!   and asks Discord to enforce it; Discord remembers it for a few minutes.
//! - DI4: nothing that is sent mentions anybody, whatever is in the text.
//! - DI5: what a bot said, also our own, is ignored: no loop.
//! - DI6: the gateway's connection is one task without shared state: it beats, resumes where it
//!   stopped and connects again with growing waits, until it is cancelled or Discord says that it
//!   never will ([`gateway::run`]).
//!
//! What it is not: a store, or a cache of guilds.

mod client;
mod error;
pub mod gateway;
mod interact;
mod message;
mod nonce;
mod render;
mod settings;
mod verify;

#[cfg(test)]
mod tests;

pub use client::{Client, Dispatch, INTERACTION_MS};
pub use error::classify;
pub use impresario_calls::{Refusal, Unreadable};
pub use interact::{Parsed, parse};
pub use message::of_gateway;
pub use nonce::nonce;
pub use render::message;
pub use settings::Settings;
pub use verify::verify;
