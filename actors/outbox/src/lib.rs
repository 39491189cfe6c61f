//! Carries out committed effects: to other entities and to the world; fires durable timers.
//!
//! An effect is a row of its source's partition, written in the commit that decided it. Per partition
//! one pump carries them out and removes them afterwards, so that after a crash everything that is
//! not known to be done is done again: at least once here, and once in effect because receivers
//! dedupe (entities by the row's key, webhook receivers by the message id).
//!
//! - O1: a row is removed only after its effect was carried out, was refused for good (and set aside
//!   where the refusing entity's dead letters are listed), or its tenant is gone.
//! - O2: messages of one source entity arrive in the order they were decided, each after the one
//!   before was done.
//! - O3: entities are asked again for ever, with growing pauses; webhooks by the published schedule,
//!   and what becomes of each is listed ([`list_deliveries`]).
//! - O4: memory is bounded per partition; past it only the durable rows count (see `pump.rs`).
//! - O5: one tenant's dead endpoint delays nobody else: workers are shared out in turns, and an
//!   endpoint that keeps failing is left alone.
//! - O6: a timer fires once its time has come, late after a pause, never lost: it stays durable until
//!   the commit of the turn that it caused.
//!
//! What it is not: a place for decisions. What to send, and to whom, was decided by an entity.

mod ask;
mod attempt;
mod backoff;
mod book;
#[cfg(test)]
mod book_tests;
mod breaker;
mod courier;
mod delivery;
mod fair;
mod hook;
mod meters;
mod options;
mod outbox;
mod parts;
mod ports;
mod pump;
mod supervisor;
mod sweep;
mod tidy;
mod timer_book;
mod timer_pump;
mod work;

pub use delivery::{
    DeliveryKey, DeliveryRow, DeliveryStatus, Sent, find_delivery, list_deliveries, open_delivery,
};
pub use hook::Hook;
pub use options::Options;
pub use outbox::Outbox;
pub use parts::Parts;
pub use ports::{ProfileWalk, Tenants};
