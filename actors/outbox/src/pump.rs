//! Carries out a partition's effects.
//!
//! In memory are at most [`crate::Options::queue_rows_max`] rows. The full case: when a row finds no
//! room, the hook's gate is shut and the pump *reads*: it goes through the durable rows page by page
//! and takes in what fits, pausing while it is full, until one whole reading left nothing out; then
//! it opens the gate and reads once more in one go, so that nothing falls between. A pump starts the
//! same way, so recovery after a crash is no case of its own, and neither is another node's taking
//! over: a pump lives within one [`Reign`], and begins to read when everything that was submitted
//! here before it is committed or refused. What its reign leaves undone is a row that the next one's
//! pump reads, wherever that runs; what it did without being able to say so is done again there,
//! under the same key.

mod errands;
mod orders;
mod reading;
mod writing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use impresario_host::NewEffect;
use impresario_ids::TraceId;
use impresario_kernel::{EntityKey, PartitionId, Timestamp};
use impresario_router::Failure;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::ask::{Asked, ask};
use crate::attempt::{Job, Then};
use crate::book::{Book, Bounds, Full, Row, RowKey};
use crate::courier::CourierMessage;
use crate::hook::Hook;
use crate::meters::Meters;
use crate::parts::Common;
use crate::pump::errands::{Known, Queues};
pub(crate) use crate::pump::orders::{Order, Wish};
use crate::pump::reading::Reading;
pub(crate) use crate::pump::writing::Batch;
use crate::reign::Reign;
use crate::sweep::{Interrupted, Walk, run};
use crate::tidy::Tidy;
use crate::work::{self, Ask, Work};

/// Bytes of effects that one partition holds in memory.
const QUEUE_BYTES_MAX: usize = 32 << 20;

/// The clock may be set, so no sleep is longer than this, in milliseconds.
const SLEEP_MS_MAX: i64 = 10_000;

/// And none is shorter, so that what cannot go on right now does not spin.
const SLEEP_MS_MIN: i64 = 2;

/// How long a row that cannot be read is left alone, in milliseconds.
const UNREADABLE_MS: i64 = 3_600_000;

/// Parked rows that come up in one turn.
const DUE_MAX: usize = 256;

#[derive(Debug)]
pub(crate) enum PumpMessage {
    /// The reign has begun for good: the store may be read.
    Begin,
    /// Effects that have just become durable.
    Committed(Vec<NewEffect>),
    /// An entity was asked for the first row of this source.
    Asked(EntityKey, RowKey, Asked),
    /// A delivery was attempted, or given back.
    Attempted(RowKey, Timestamp, Then),
    /// An errand was tried.
    Ran(EntityKey, RowKey, Timestamp, Then),
    /// A walk over all profiles ended.
    Swept(RowKey, Timestamp, Result<(), Interrupted>),
    /// The commit under way ended.
    Written(Batch, Result<(), Failure>),
    /// An operator wants something of one row.
    Order(Order),
    /// Time has passed, or there is more to read.
    Look,
    /// Begin nothing more; answer when nothing is under way any more.
    Drain(oneshot::Sender<()>),
}

pub(crate) struct PumpActor;

pub(crate) struct PumpStart {
    pub(crate) partition: PartitionId,
    pub(crate) common: Arc<Common>,
    pub(crate) hook: Arc<Hook>,
    pub(crate) reign: Arc<Reign>,
    pub(crate) courier: ActorRef<CourierMessage>,
}

pub(crate) struct Pump {
    start: PumpStart,
    /// Whether rows may be read and carried out.
    begun: bool,
    book: Book<Ask>,
    reading: Option<Reading>,
    /// What operators want of rows that are busy.
    wishes: HashMap<RowKey, Wish>,
    pending: Batch,
    writing: bool,
    /// Not to commit before, in milliseconds since 1970.
    write_after_ms: i64,
    asks: usize,
    outside: usize,
    /// Of each source the last errand in order that was taken in.
    queues: Queues,
    tidy: Tidy,
    alarm: Option<(i64, JoinHandle<()>)>,
    draining: Option<oneshot::Sender<()>>,
    meters: Meters,
}

impl Actor for PumpActor {
    type Msg = PumpMessage;
    type State = Pump;
    type Arguments = PumpStart;

    async fn pre_start(
        &self,
        myself: ActorRef<PumpMessage>,
        start: PumpStart,
    ) -> Result<Pump, ActorProcessingErr> {
        start.hook.reset(&start.reign);
        let options = start.common.options();
        let bounds = Bounds {
            rows: options.queue_rows_max,
            bytes: QUEUE_BYTES_MAX,
            lane_rows: options.lane_rows_max,
            parked_rows: options.parked_rows_max,
        };
        let tidy = Tidy::new(start.common.now());
        let (reign, common) = (Arc::clone(&start.reign), Arc::clone(&start.common));
        tokio::spawn(async move {
            if reign.begin(&common.parts.host, &reign.asks).await.is_some() {
                let _ = myself.send_message(PumpMessage::Begin);
            }
        });
        Ok(Pump {
            begun: false,
            meters: Meters::new(start.partition),
            book: Book::new(bounds),
            reading: Some(Reading::default()),
            wishes: HashMap::new(),
            pending: Batch::default(),
            writing: false,
            write_after_ms: 0,
            asks: 0,
            outside: 0,
            queues: Queues::default(),
            tidy,
            alarm: None,
            draining: None,
            start,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<PumpMessage>,
        message: PumpMessage,
        pump: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PumpMessage::Begin => pump.begun = true,
            PumpMessage::Committed(effects) => pump.committed(&myself, effects),
            PumpMessage::Asked(source, key, asked) => pump.asked(&source, key, &asked),
            PumpMessage::Attempted(key, at, then) => pump.attempted(key, at, then),
            PumpMessage::Ran(source, key, at, then) => {
                self::errands::ended(pump, &source, &key);
                pump.attempted(key, at, then);
            }
            PumpMessage::Swept(key, at, outcome) => pump.swept(key, at, outcome),
            PumpMessage::Written(batch, outcome) => pump.written(&myself, batch, outcome),
            PumpMessage::Order(order) => pump.ordered(&myself, order),
            PumpMessage::Look => {
                pump.disarm();
                if !pump.start.hook.taken(&pump.start.reign, 0) {
                    pump.begin_reading();
                }
            }
            PumpMessage::Drain(done) => pump.draining = Some(done),
        }
        pump.turn(&myself);
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<PumpMessage>,
        pump: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        pump.disarm();
        pump.meters.clear();
        Ok(())
    }
}

/// A row as it is known before it is taken in.
struct Arrival {
    key: RowKey,
    source: EntityKey,
    at: Timestamp,
    trace: TraceId,
    attempts: u32,
    next_at: Timestamp,
    is_urgent: bool,
    /// As it is stored.
    effect: Vec<u8>,
    work: Work,
}

impl Pump {
    fn committed(&mut self, myself: &ActorRef<PumpMessage>, effects: Vec<NewEffect>) {
        let is_open = self.start.hook.taken(&self.start.reign, effects.len());
        // While reading, everything durable is read in its order; what is told beside it would
        // overtake its predecessors.
        if !is_open {
            self.begin_reading();
        }
        if self.reading.is_some() {
            return;
        }
        for effect in effects {
            let errands = &*self.start.common.parts.errands;
            let work = match work::read(errands, &effect.entity, &effect.effect) {
                Ok(work) => work,
                Err(error) => {
                    self.unreadable(&Arc::from(effect.row_key), effect.at, &error);
                    continue;
                }
            };
            let arrival = Arrival {
                key: Arc::from(effect.row_key),
                source: effect.entity,
                at: effect.at,
                trace: effect.trace,
                attempts: 0,
                next_at: effect.at,
                is_urgent: false,
                effect: effect.effect,
                work,
            };
            if self.take_in(myself, arrival).is_err() {
                self.begin_reading();
                return;
            }
        }
    }

    /// Takes a row in, if there is room.
    fn take_in(&mut self, myself: &ActorRef<PumpMessage>, arrival: Arrival) -> Result<(), Full> {
        let Arrival { key, source, at, trace, attempts, next_at, is_urgent, effect, work } =
            arrival;
        let bytes = effect.len();
        if self.book.knows(&key) {
            return Ok(());
        }
        let waits = !is_urgent && next_at > self.start.common.now();
        match work {
            Work::Ask(ask) => {
                self.book.push(Row { key, source, at, trace, bytes, ask: Arc::new(ask), tries: 0 })
            }
            Work::Deliver(_) | Work::Sweep(_) | Work::Errand(_) if waits => {
                self.book.park(&key, at, next_at.as_ms())
            }
            Work::Deliver(delivery) => {
                self.book.hold(&key, at, bytes)?;
                self.outside += 1;
                let job = Job {
                    pump: myself.clone(),
                    reign: Arc::clone(&self.start.reign),
                    key: Arc::clone(&key),
                    tenant: source.tenant,
                    at,
                    trace,
                    attempts,
                    is_urgent,
                    delivery,
                };
                if self.start.courier.send_message(CourierMessage::Offer(Box::new(job))).is_err() {
                    self.outside -= 1;
                    self.book.forget(&key);
                }
                Ok(())
            }
            Work::Sweep(sweep) => {
                self.book.hold(&key, at, bytes)?;
                self.outside += 1;
                let walk = Walk { row: Arc::clone(&key), tenant: source.tenant, sweep, trace };
                let (common, myself) = (Arc::clone(&self.start.common), myself.clone());
                let reign = Arc::clone(&self.start.reign);
                tokio::spawn(async move {
                    // In a task of its own, so that a panic is an outcome.
                    let walked =
                        tokio::spawn(async move { reign.carry_out(run(common, walk)).await }).await;
                    let ended = Failure::NotLeader { leader: None };
                    let outcome = walked
                        .unwrap_or(Some(Err(Interrupted::Failed(Failure::Crashed))))
                        .unwrap_or(Err(Interrupted::Failed(ended)));
                    let _ = myself.send_message(PumpMessage::Swept(key, at, outcome));
                });
                Ok(())
            }
            Work::Errand(order) => {
                let known = Known { key, source, at, trace, attempts };
                self.set_out(myself, known, order, effect)
            }
            Work::Nothing => {
                self.book.hold(&key, at, bytes)?;
                self.done(key, None);
                Ok(())
            }
        }
    }

    fn asked(&mut self, source: &EntityKey, key: RowKey, asked: &Asked) {
        self.asks = self.asks.saturating_sub(1);
        match asked {
            Asked::Again { .. } if self.is_forgotten(&key) => {
                self.book.asked(source, None);
                self.done(key, None);
            }
            Asked::Done => {
                self.book.asked(source, None);
                self.meters.asked.increment(1);
                self.done(key, None);
            }
            Asked::Again { wait_ms } => {
                let at = self.start.common.now().plus_ms(*wait_ms).as_ms();
                self.book.asked(source, Some(at));
            }
        }
    }

    fn attempted(&mut self, key: RowKey, at: Timestamp, then: Then) {
        self.outside = self.outside.saturating_sub(1);
        match then {
            Then::Done(writes) => self.done(key, Some(writes)),
            Then::Again(writes, _) if self.is_forgotten(&key) => {
                self.done(key, Some(orders::without_return(writes)));
            }
            Then::Deferred(_) if self.is_forgotten(&key) => self.done(key, None),
            Then::Again(writes, due_ms) => {
                self.book.settle(&key);
                self.pending.writes.extend(writes);
                self.pending.again.push((key, at, due_ms));
            }
            Then::Deferred(due_ms) => self.park(&key, at, due_ms),
        }
    }

    fn swept(&mut self, key: RowKey, at: Timestamp, outcome: Result<(), Interrupted>) {
        self.outside = self.outside.saturating_sub(1);
        match outcome {
            Ok(()) => self.done(key, None),
            Err(_) if self.is_forgotten(&key) => self.done(key, None),
            Err(Interrupted::Failed(failure)) if self.start.common.is_final(&failure, &key) => {
                self.done(key, None);
            }
            Err(interrupted) => {
                tracing::info!(reason = %interrupted, "sweep interrupted, begins anew later");
                let wait = interrupted.wait_ms(self.start.common.options());
                self.park(&key, at, self.start.common.now().plus_ms(wait).as_ms());
            }
        }
    }

    fn park(&mut self, key: &RowKey, at: Timestamp, due_ms: i64) {
        if self.book.park(key, at, due_ms).is_err() {
            // Forgotten: it must be found again by reading, but not in a tight circle.
            self.begin_reading();
            let later = self.start.common.now().plus_ms(self.start.common.options().rescan_ms);
            if let Some(reading) = &mut self.reading {
                reading.rest_until(later.as_ms());
            }
        }
    }

    fn unreadable(&mut self, key: &RowKey, at: Timestamp, error: &work::Unreadable) {
        tracing::error!(row = %hex(key), error = %error, "outbox row cannot be read, left where it is");
        metrics::counter!("impresario_outbox_unreadable_total").increment(1);
        let due = self.start.common.now().plus_ms(UNREADABLE_MS).as_ms();
        self.park(key, at, due);
    }

    fn turn(&mut self, myself: &ActorRef<PumpMessage>) {
        let now = self.start.common.now();
        if !self.begun && self.draining.is_none() {
            return;
        }
        if self.draining.is_none() {
            self.take_due(myself, now);
            self.read(myself, now);
            self.start_asks(myself, now);
            self.tidy(now);
        }
        self.write(myself, now);
        self.meters.measure(now, &self.book);
        if self.draining.is_some() {
            self.finish(myself);
        } else {
            self.arm(myself, now);
        }
    }

    fn start_asks(&mut self, myself: &ActorRef<PumpMessage>, now: Timestamp) {
        while self.asks < self.start.common.options().asks_in_flight_max {
            let Some(row) = self.book.next_ask(now.as_ms()) else { break };
            self.asks += 1;
            let (common, myself) = (Arc::clone(&self.start.common), myself.clone());
            let reign = Arc::clone(&self.start.reign);
            let under_way = reign.asks.enter();
            tokio::spawn(async move {
                let (source, key) = (row.source, Arc::clone(&row.key));
                let wait_ms = common.options().backoff_max_ms;
                // In a task of its own, so that a panic is an outcome.
                let asked =
                    tokio::spawn(async move { reign.carry_out(ask(&common, &row)).await }).await;
                let asked = asked.ok().flatten().unwrap_or(Asked::Again { wait_ms });
                drop(under_way);
                let _ = myself.send_message(PumpMessage::Asked(source, key, asked));
            });
        }
    }

    fn tidy(&mut self, now: Timestamp) {
        let (host, options) = (&self.start.common.parts.host, self.start.common.options());
        if !self.writing && self.pending.writes.is_empty() {
            match self.tidy.step(&**host.journal(), self.start.partition, now, options) {
                Ok(writes) => self.pending.writes.extend(writes),
                Err(error) => tracing::warn!(error = %error, "old deliveries cannot be read"),
            }
        }
    }

    fn finish(&mut self, myself: &ActorRef<PumpMessage>) {
        self.disarm();
        // What cannot be committed any more is done again after the next start.
        let stuck = self.write_after_ms > 0 && !self.writing;
        let quiet =
            self.asks == 0 && self.outside == 0 && !self.writing && self.pending.writes.is_empty();
        if (quiet || (stuck && self.asks == 0 && self.outside == 0))
            && let Some(done) = self.draining.take()
        {
            let _ = done.send(());
            myself.stop(None);
        }
    }

    /// Sleeps until something that waits may go on.
    fn arm(&mut self, myself: &ActorRef<PumpMessage>, now: Timestamp) {
        let can_ask = self.asks < self.start.common.options().asks_in_flight_max;
        let waiting = self.book.next_at().filter(|_| can_ask);
        let reading = self.reading.as_ref().and_then(Reading::rest_until_ms);
        let writing =
            (!self.writing && !self.pending.writes.is_empty()).then_some(self.write_after_ms);
        let tidy = (!self.writing && self.pending.writes.is_empty()).then_some(self.tidy.next_ms());
        let next = [waiting, reading, writing, tidy, Some(self.meters.next_ms())];
        let Some(at) = next.into_iter().flatten().min() else { return };
        if self.alarm.as_ref().is_some_and(|(set, _)| *set == at) {
            return;
        }
        self.disarm();
        let wait = at.saturating_sub(now.as_ms()).clamp(SLEEP_MS_MIN, SLEEP_MS_MAX);
        let sleep = Duration::from_millis(u64::try_from(wait).unwrap_or(1));
        let myself = myself.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(sleep).await;
            let _ = myself.send_message(PumpMessage::Look);
        });
        self.alarm = Some((at, task));
    }

    fn disarm(&mut self) {
        if let Some((_, task)) = self.alarm.take() {
            task.abort();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
