//! Errands of a partition: begun as they are read, and in order where that is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use impresario_ids::TraceId;
use impresario_kernel::{EntityKey, Timestamp};
use impresario_router::IdempotencyKey;
use ractor::ActorRef;
use tokio::sync::oneshot;

use super::{Pump, PumpMessage};
use crate::attempt::Then;
use crate::book::{Full, RowKey};
use crate::errand::{Errand, Order, Trip, travel};

/// How long an errand rests that panicked, in milliseconds.
const PANIC_WAIT_MS: i64 = 60_000;

/// Of each source the last errand in order that was taken in, and how to wait for it. At most as many
/// as the book holds rows.
pub(crate) type Queues = HashMap<EntityKey, (RowKey, oneshot::Receiver<()>)>;

/// The row of an errand.
pub(super) struct Known {
    pub(super) key: RowKey,
    pub(super) source: EntityKey,
    pub(super) at: Timestamp,
    pub(super) trace: TraceId,
    pub(super) attempts: u32,
}

impl Pump {
    /// Begins an errand, or lets it wait behind the one before it.
    pub(super) fn set_out(
        &mut self,
        myself: &ActorRef<PumpMessage>,
        known: Known,
        order: Order,
        effect: Vec<u8>,
    ) -> Result<(), Full> {
        let Known { key, source, at, trace, attempts } = known;
        self.book.hold(&key, at, effect.len())?;
        self.outside += 1;
        let (before, after) = match order {
            Order::Free => (None, None),
            Order::InOrder => {
                let (done, waits) = oneshot::channel();
                let before = self.queues.insert(source, (Arc::clone(&key), waits));
                (before.map(|(_, before)| before), Some(done))
            }
        };
        let errand = Errand { source, key: IdempotencyKey::of(&key), at, trace, attempts, effect };
        let trip = Trip { row: Arc::clone(&key), errand, before, after };
        let (common, myself) = (Arc::clone(&self.start.common), myself.clone());
        let reign = Arc::clone(&self.start.reign);
        tokio::spawn(async move {
            let now = common.now();
            // In a task of its own, so that a panic is an outcome.
            let trip =
                tokio::spawn(async move { reign.carry_out(travel(common, trip)).await }).await;
            // Cut short by the end of the reign: the pump is gone.
            let rest = Then::Deferred(now.plus_ms(PANIC_WAIT_MS).as_ms());
            let then = trip.ok().flatten().unwrap_or(rest);
            let _ = myself.send_message(PumpMessage::Ran(source, key, at, then));
        });
        Ok(())
    }
}

/// An errand is over: if none waits behind it, its source is forgotten.
pub(super) fn ended(pump: &mut Pump, source: &EntityKey, key: &RowKey) {
    if pump.queues.get(source).is_some_and(|(last, _)| last == key) {
        pump.queues.remove(source);
    }
}
