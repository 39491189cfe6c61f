//! Fires a partition's durable timers while this node decides for it.
//!
//! A timer's row goes in the commit of the turn that it caused, which is refused if another node
//! decides by then; so each time that a timer was set ends in one turn, whoever fires it. What fires
//! while the pump crashes or the reign ends is waited for, or never comes to its turn, before the
//! timers are read again.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use impresario_host::TimerChange;
use impresario_journal::{KeyRange, ReadError, Table};
use impresario_kernel::{EntityKey, PartitionId, Timestamp};
use impresario_router::Failure;
use impresario_rows::{due_time, entity_of, timer_key, timer_name};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::backoff;
use crate::hook::Hook;
use crate::parts::Common;
use crate::reign::Reign;
use crate::timer_book::{Due, TimerBook};

/// The clock may be set, so no sleep is longer than this, in milliseconds.
const SLEEP_MS_MAX: i64 = 60_000;

/// And none is shorter, so that what cannot go on right now does not spin.
const SLEEP_MS_MIN: i64 = 1;

#[derive(Debug)]
pub(crate) enum TimerMessage {
    /// The reign has begun for good: read all timers from the store.
    Load,
    /// Timers were durably set, replaced or cancelled.
    Changed(Vec<TimerChange>),
    /// A timer's turn is over.
    Fired(Due, Result<(), Failure>),
    /// Time has passed.
    Look,
    /// Fire nothing more; answer when nothing fires any more.
    Drain(oneshot::Sender<()>),
}

pub(crate) struct TimerActor;

pub(crate) struct TimerStart {
    pub(crate) partition: PartitionId,
    pub(crate) common: Arc<Common>,
    pub(crate) hook: Arc<Hook>,
    pub(crate) reign: Arc<Reign>,
}

pub(crate) struct TimerPump {
    start: TimerStart,
    book: TimerBook,
    loaded: bool,
    alarm: Option<(Timestamp, JoinHandle<()>)>,
    draining: Option<oneshot::Sender<()>>,
    meters: Meters,
}

struct Meters {
    pending: metrics::Gauge,
    lag_ms: metrics::Gauge,
    fired: metrics::Counter,
    failed: metrics::Counter,
}

impl Actor for TimerActor {
    type Msg = TimerMessage;
    type State = TimerPump;
    type Arguments = TimerStart;

    async fn pre_start(
        &self,
        myself: ActorRef<TimerMessage>,
        start: TimerStart,
    ) -> Result<TimerPump, ActorProcessingErr> {
        let partition = start.partition.0.to_string();
        let meters = Meters {
            pending: metrics::gauge!("impresario_timers_pending", "partition" => partition.clone()),
            lag_ms: metrics::gauge!("impresario_timers_lag_ms", "partition" => partition),
            fired: metrics::counter!("impresario_timers_fired_total"),
            failed: metrics::counter!("impresario_timers_failed_total"),
        };
        let (reign, common, pump) =
            (Arc::clone(&start.reign), Arc::clone(&start.common), myself.clone());
        tokio::spawn(async move {
            if reign.begin(&common.parts.host, &reign.fires).await.is_some() {
                let _ = pump.send_message(TimerMessage::Load);
            }
        });
        Ok(TimerPump {
            start,
            book: TimerBook::default(),
            loaded: false,
            alarm: None,
            draining: None,
            meters,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<TimerMessage>,
        message: TimerMessage,
        pump: &mut TimerPump,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TimerMessage::Load => pump.load(&myself).await?,
            TimerMessage::Changed(changes) => {
                for change in changes {
                    pump.book.change(change.entity, &change.name, change.due);
                }
            }
            TimerMessage::Fired(due, outcome) => pump.fired(&due, outcome),
            TimerMessage::Look => pump.disarm(),
            TimerMessage::Drain(done) => pump.draining = Some(done),
        }
        pump.turn(&myself);
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<TimerMessage>,
        pump: &mut TimerPump,
    ) -> Result<(), ActorProcessingErr> {
        pump.disarm();
        pump.meters.pending.set(0.0);
        pump.meters.lag_ms.set(0.0);
        Ok(())
    }
}

impl TimerPump {
    /// Changes that were told before are in what is read, those told later come after it.
    async fn load(&mut self, myself: &ActorRef<TimerMessage>) -> Result<(), ActorProcessingErr> {
        // From here on changes queue behind the loading, so none is missed.
        if self.draining.is_none() {
            self.start.hook.set_timers(&self.start.reign, Some(myself.clone()));
        }
        let journal = Arc::clone(self.start.common.parts.host.journal());
        let partition = self.start.partition;
        let book = std::mem::take(&mut self.book);
        // Hundreds of thousands of rows take a while: not on a thread that others wait for.
        self.book =
            tokio::task::spawn_blocking(move || read_all(&*journal, partition, book)).await??;
        self.loaded = true;
        Ok(())
    }

    fn fired(&mut self, due: &Due, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => {
                self.meters.fired.increment(1);
                self.book.fired(due);
            }
            // The tenant is gone, and its timers with it.
            Err(Failure::UnknownTenant) if self.is_gone(due) => self.book.fired(due),
            Err(failure) => {
                self.meters.failed.increment(1);
                let tries = due.tries.saturating_add(1);
                let seed = backoff::seed_of(&due.key.entity.to_bytes(), tries);
                let wait = backoff::after(&failure, tries, self.start.common.options(), seed);
                tracing::debug!(entity.key = %due.key.entity, timer = %due.key.name, code = failure.code(), tries, "timer failed, fired again later");
                self.book.failed(due, self.start.common.now().plus_ms(wait));
            }
        }
    }

    fn is_gone(&self, due: &Due) -> bool {
        let common = &self.start.common;
        common.is_gone(due.key.entity.tenant) || {
            let key = timer_key(&due.key.entity, &due.key.name);
            let journal = common.parts.host.journal();
            matches!(journal.get(self.start.partition, Table::Timers, &key), Ok(None))
        }
    }

    fn turn(&mut self, myself: &ActorRef<TimerMessage>) {
        if self.draining.is_some() {
            self.disarm();
            if self.book.firing() == 0
                && let Some(done) = self.draining.take()
            {
                let _ = done.send(());
                myself.stop(None);
            }
            return;
        }
        if !self.loaded {
            return;
        }
        let now = self.start.common.now();
        while self.book.firing() < self.start.common.options().timers_in_flight_max {
            let Some(due) = self.book.pop(now) else { break };
            self.fire(myself.clone(), due);
        }
        #[expect(clippy::cast_precision_loss, reason = "a metric")]
        {
            self.meters.pending.set(self.book.len() as f64);
            self.meters.lag_ms.set(self.book.lag_ms(now) as f64);
        }
        self.arm(myself, now);
    }

    fn fire(&self, myself: ActorRef<TimerMessage>, due: Due) {
        let (common, reign) = (Arc::clone(&self.start.common), Arc::clone(&self.start.reign));
        let under_way = reign.fires.enter();
        tokio::spawn(async move {
            // In a task of its own, so that a panic does not leave the timer firing for ever.
            let (key, name, at) = (due.key.entity, Arc::clone(&due.key.name), due.due);
            let turn = tokio::spawn(async move {
                let fired = reign.carry_out(common.parts.host.fire_timer(&key, &name, at)).await;
                fired.unwrap_or(Err(Failure::NotLeader { leader: None }))
            });
            let outcome = turn.await.unwrap_or(Err(Failure::Crashed));
            drop(under_way);
            let _ = myself.send_message(TimerMessage::Fired(due, outcome));
        });
    }

    /// Sleeps until the next timer is due. With all hands full, the next end of a turn wakes it.
    fn arm(&mut self, myself: &ActorRef<TimerMessage>, now: Timestamp) {
        let free = self.book.firing() < self.start.common.options().timers_in_flight_max;
        let Some(at) = self.book.next_at().filter(|_| free) else {
            self.disarm();
            return;
        };
        if self.alarm.as_ref().is_some_and(|(set, _)| *set == at) {
            return;
        }
        self.disarm();
        let wait = at.since_ms(now).clamp(SLEEP_MS_MIN, SLEEP_MS_MAX);
        let myself = myself.clone();
        let sleep = Duration::from_millis(u64::try_from(wait).unwrap_or(1));
        let task = tokio::spawn(async move {
            tokio::time::sleep(sleep).await;
            let _ = myself.send_message(TimerMessage::Look);
        });
        self.alarm = Some((at, task));
    }

    fn disarm(&mut self) {
        if let Some((_, task)) = self.alarm.take() {
            task.abort();
        }
    }
}

fn read_all(
    journal: &dyn impresario_journal::Journal,
    partition: PartitionId,
    mut book: TimerBook,
) -> Result<TimerBook, ReadError> {
    let mut damaged = 0_u64;
    journal.scan(partition, Table::Timers, &KeyRange::all(), false, &mut |key, value| {
        match timer(key, value) {
            Some((entity, name, due)) => book.change(entity, name, Some(due)),
            None => damaged += 1,
        }
        ControlFlow::Continue(())
    })?;
    if damaged > 0 {
        tracing::error!(partition = partition.0, damaged, "timers that cannot be read");
    }
    Ok(book)
}

fn timer<'a>(key: &'a [u8], value: &[u8]) -> Option<(EntityKey, &'a str, Timestamp)> {
    Some((entity_of(key)?, timer_name(key)?, due_time(value)?))
}
