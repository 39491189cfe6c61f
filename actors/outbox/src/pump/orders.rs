//! What operators want of single rows: never again, or now.

use std::sync::Arc;

use impresario_journal::{Table, Write};
use impresario_kernel::Timestamp;
use impresario_router::Failure;
use impresario_rows::entity_of;
use ractor::ActorRef;
use tokio::sync::oneshot;

use super::reading::Opened;
use super::{Arrival, Pump, PumpMessage};
use crate::book::{Found, RowKey};
use crate::courier::CourierMessage;
use crate::delivery::{DeliveryKey, dropped};
use crate::work::Work;

/// Where an operator waits.
pub(crate) type Answer = oneshot::Sender<Result<(), Failure>>;

/// Something to do with one row.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) key: RowKey,
    pub(crate) wish: Wish,
    pub(crate) answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The row goes; what has begun ends, and is not begun again.
    Forget,
    /// The row is tried without waiting for its time.
    Retry,
}

/// How soon to ask again when there is no room, in milliseconds.
const ROOM_MS: u64 = 1_000;

impl Pump {
    pub(super) fn ordered(&mut self, myself: &ActorRef<PumpMessage>, order: Order) {
        let Order { key, wish, answer } = order;
        let outcome = match wish {
            Wish::Forget => match self.forget_row(&key) {
                Ok(true) => {
                    self.pending.answers.push(answer);
                    return;
                }
                Ok(false) => Ok(()),
                Err(failure) => Err(failure),
            },
            Wish::Retry if self.draining.is_some() => {
                Err(Failure::Unavailable("the outbox is stopping".to_owned()))
            }
            Wish::Retry if !self.begun => {
                Err(Failure::Unavailable("the outbox of the partition begins".to_owned()))
            }
            Wish::Retry => self.retry_row(myself, &key),
        };
        // Whoever asked may be gone.
        let _ = answer.send(outcome);
    }

    pub(super) fn is_forgotten(&self, key: &RowKey) -> bool {
        self.wishes.get(key) == Some(&Wish::Forget)
    }

    /// The row goes with the next commit; `false` if there is none.
    fn forget_row(&mut self, key: &RowKey) -> Result<bool, Failure> {
        let source = entity_of(key).ok_or_else(no_entity)?;
        let journal = self.start.common.parts.host.journal();
        let value = journal.get(self.start.partition, Table::Outbox, key)?;
        if value.is_none() && !self.book.knows(key) {
            return Ok(false);
        }
        let mut writes = vec![Write::Delete { table: Table::Outbox, key: key.to_vec() }];
        let mut at = self.start.common.now();
        if let Some(value) = value
            && let Opened::Row(arrival) = self.open(key, &value)
        {
            at = arrival.at;
            writes.extend(self.withdraw_delivery(&arrival)?);
        }
        if self.book.withdraw(key, &source, at) {
            self.pending.done.push(Arc::clone(key));
        } else {
            self.wishes.insert(Arc::clone(key), Wish::Forget);
        }
        self.pending.writes.extend(writes);
        tracing::info!(row = %super::hex(key), entity.key = %source, "outbox row dropped by an operator");
        Ok(true)
    }

    /// If the row is a webhook message, it leaves its queue and is listed as dropped.
    fn withdraw_delivery(&self, arrival: &Arrival) -> Result<Option<Write>, Failure> {
        let Work::Deliver(delivery) = &arrival.work else { return Ok(None) };
        let (tenant, endpoint) = (arrival.source.tenant, delivery.endpoint);
        let withdraw = CourierMessage::Withdraw { tenant, endpoint, key: Arc::clone(&arrival.key) };
        // One that has ended holds nothing.
        let _ = self.start.courier.send_message(withdraw);
        let listed = DeliveryKey { tenant, endpoint, at: arrival.at, message: delivery.message };
        let (journal, key) = (self.start.common.parts.host.journal(), listed.to_bytes());
        let value = journal.get(self.start.partition, Table::Deliveries, &key)?;
        let value = value.and_then(|value| dropped(&value));
        Ok(value.map(|value| Write::Put { table: Table::Deliveries, key, value }))
    }

    fn retry_row(&mut self, myself: &ActorRef<PumpMessage>, key: &RowKey) -> Result<(), Failure> {
        let source = entity_of(key).ok_or_else(no_entity)?;
        if self.is_forgotten(key) {
            return Ok(());
        }
        match self.book.hasten(key, &source) {
            Found::Going => Ok(()),
            Found::Settling => {
                self.wishes.insert(Arc::clone(key), Wish::Retry);
                Ok(())
            }
            found @ (Found::Parked | Found::Nowhere) => {
                self.take_in_now(myself, key, found == Found::Parked)
            }
        }
    }

    fn take_in_now(
        &mut self,
        myself: &ActorRef<PumpMessage>,
        key: &RowKey,
        is_parked: bool,
    ) -> Result<(), Failure> {
        let full = || Failure::Overloaded { queue: "outbox", retry_after_ms: ROOM_MS };
        let journal = self.start.common.parts.host.journal();
        let value = journal.get(self.start.partition, Table::Outbox, key)?;
        match value.map(|value| self.open(key, &value)) {
            // It has not been read yet, and must not overtake those before it.
            Some(Opened::Row(arrival)) if matches!(arrival.work, Work::Ask(_)) && !is_parked => {
                Ok(())
            }
            Some(Opened::Row(arrival)) => {
                if !self.book.has_room() {
                    return Err(full());
                }
                self.book.forget(key);
                self.take_in(myself, Arrival { is_urgent: true, ..*arrival }).map_err(|_| full())
            }
            // Looked at again in this turn, like others that are due.
            Some(Opened::Gone | Opened::Locked(_) | Opened::Unreadable(..)) | None if is_parked => {
                let now = self.start.common.now();
                self.park(key, now, now.as_ms());
                Ok(())
            }
            Some(Opened::Gone | Opened::Locked(_) | Opened::Unreadable(..)) | None => Ok(()),
        }
    }

    /// It was written down that the row is tried again, unless an operator wants otherwise.
    pub(super) fn settled(
        &mut self,
        myself: &ActorRef<PumpMessage>,
        key: &RowKey,
        at: Timestamp,
        due_ms: i64,
    ) {
        match self.wishes.remove(key) {
            None => self.park(key, at, due_ms),
            Some(Wish::Forget) => self.book.forget(key),
            Some(Wish::Retry) => {
                self.park(key, at, due_ms);
                if self.draining.is_none()
                    && let Err(failure) = self.retry_row(myself, key)
                {
                    tracing::debug!(code = failure.code(), "outbox row waits for its time");
                }
            }
        }
    }
}

/// What is to be written of an attempt that failed if the row does not come back.
pub(super) fn without_return(writes: Vec<Write>) -> Vec<Write> {
    let keep = |write| match write {
        Write::Put { table: Table::Outbox, .. } => None,
        Write::Put { table: Table::Deliveries, key, value } => {
            let value = dropped(&value).unwrap_or(value);
            Some(Write::Put { table: Table::Deliveries, key, value })
        }
        other => Some(other),
    };
    writes.into_iter().filter_map(keep).collect()
}

fn no_entity() -> Failure {
    Failure::Damaged("a row without an entity".to_owned())
}
