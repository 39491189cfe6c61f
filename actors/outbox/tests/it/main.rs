//! The outbox with real entities, a real host and real sockets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod crashes;
mod ears;
mod house;
mod messages;
mod nodes;
mod orders;
mod receiver;
mod sweeps;
mod timers;
mod traps;
mod webhooks;
