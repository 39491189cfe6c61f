//! The outbox with real entities, a real host and real sockets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod house;
mod messages;
mod orders;
mod receiver;
mod timers;
mod webhooks;
