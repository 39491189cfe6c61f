//! Carries out committed effects: to other entities and to the world; fires durable timers.
//!
//! An effect is a row of its source's partition, written in the commit that decided it. Per partition
//! that this node leads one pump carries them out and removes them afterwards, so that after a crash everything that is
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
//! - O7: a partition's effects and timers are carried out within a *reign*, the time in which this
//!   node decides for the partition ([`Hook`]). When the host tells its end, nothing of it is polled
//!   any more by the time that call returns, and everything in memory goes. The next reign, here or on
//!   another node, begins with the durable rows, after everything that was submitted here before is
//!   committed or refused.
//!
//! - O8: nothing that is carried out blocks a thread of the runtime; the ports are futures ([`Asking`]).
//!
//! An attempt that is under way when its reign ends leaves no trace: what became of it can no longer
//! be written (the host refuses with [`Failure::NotLeader`](impresario_router::Failure::NotLeader)),
//! and if its request had left already, it was received. The next leader finds the row as it was and
//! makes the attempt again, under the same idempotency key or webhook message id, by which the
//! receiver knows it. Such an attempt is not counted. A timer is different: its row and its turn are
//! one commit, so it has fired or it has not.
//!
//! Whom a message is for may be led elsewhere; the router finds it. As long as nobody leads it, the
//! message is tried again after 250 ms, and then at least every two seconds.
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
mod errand;
mod fair;
mod hook;
mod meters;
mod options;
mod outbox;
mod parts;
mod places;
mod ports;
mod pump;
mod reign;
mod supervisor;
mod sweep;
mod tidy;
mod timer_book;
mod timer_pump;
mod work;

pub use delivery::{
    DeliveryKey, DeliveryRow, DeliveryStatus, Sent, find_delivery, list_deliveries, open_delivery,
};
pub use errand::{Errand, Errands, NoErrands, Order, Ran, Running};
pub use hook::Hook;
pub use options::Options;
pub use outbox::Outbox;
pub use parts::Parts;
pub use places::led_here;
pub use ports::{Asking, ProfileWalk, Settle, Settling, Tenants};
