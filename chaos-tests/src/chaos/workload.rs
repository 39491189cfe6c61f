//! What clients do while things break: they record events in a few profiles, count and list them,
//! and cause effects and timers. Everything is written down.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::api::{Answer, Api};
use crate::chaos::history::Recorder;
use crate::chaos::invariants::acknowledged::Ledger;
use crate::chaos::invariants::effects::Cause;
use crate::chaos::invariants::timers::Set;
use crate::chaos::linear::{EventsInput, EventsOutput, Outcomes};
use crate::chaos::sink::Sink;
use crate::plan::Chance;

/// An answer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// After a failure a client waits so long before it tries again.
const BACKOFF: Duration = Duration::from_millis(60);
/// Events after which clients go on to fresh profiles, so that a list fits into one answer.
const EVENTS_PER_GENERATION: u64 = 400;
/// The time after which the timers of the workload fire.
pub const TIMER: Duration = Duration::from_secs(2);
/// From the end of a request to the decision and back, on a busy machine.
const TIMER_MARGIN_MS: u64 = 600;
/// The event of the profiles that are counted.
const STEP: &str = "Step Taken";
/// The event that has one effect.
pub const ORDER: &str = "Order Completed";
/// The event that has one effect at once and one by a timer.
pub const ALARM: &str = "Alarm Set";

/// The kind of a process whose operations nobody saw the end of changes; so many fit.
const PROCESSES_PER_WORKER: u32 = 1_000_000;

/// How much is asked.
#[derive(Clone, Debug)]
pub struct Size {
    /// Clients that work on the same few profiles.
    pub workers: u32,
    /// How many profiles.
    pub entities: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self { workers: 6, entities: 4 }
    }
}

/// One tenant's keys at one node.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Sends events.
    pub write: Api,
    /// Reads.
    pub secret: Api,
}

type Operations = BTreeMap<String, Vec<Outcomes<crate::chaos::linear::Events>>>;

/// What all clients share.
#[derive(Debug)]
pub struct Workload {
    size: Size,
    nodes: Vec<Keys>,
    recorder: Recorder<EventsInput, EventsOutput>,
    sink: Sink,
    issued: AtomicU64,
    acknowledged: Vec<AtomicU64>,
    causes: Mutex<Vec<Cause>>,
    timers: Mutex<Vec<Set>>,
    /// How far the clock of some node is ahead now, in milliseconds.
    ahead_ms: AtomicI64,
    /// Whether the clock of some node is ahead or behind now.
    clocks_off: AtomicBool,
    over: watch::Sender<bool>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workload {
    /// Clients that reach the nodes with these keys.
    #[must_use]
    pub fn new(size: Size, nodes: Vec<Keys>, sink: Sink) -> Arc<Self> {
        let acknowledged = (0..=size.workers).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            size,
            nodes,
            recorder: Recorder::new(),
            sink,
            issued: AtomicU64::new(0),
            acknowledged,
            causes: Mutex::default(),
            timers: Mutex::default(),
            ahead_ms: AtomicI64::new(0),
            clocks_off: AtomicBool::new(false),
            over: watch::channel(false).0,
        })
    }

    /// Starts the clients.
    pub fn start(self: &Arc<Self>, chance: &mut Chance) -> JoinSet<()> {
        let mut set = JoinSet::new();
        for worker in 0..self.size.workers {
            set.spawn(Arc::clone(self).work(worker, chance.fork()));
        }
        set.spawn(Arc::clone(self).cause());
        set
    }

    /// Tells the clients to stop after what they are doing.
    pub fn stop(&self) {
        self.over.send_replace(true);
    }

    /// The receiver of the effects.
    #[must_use]
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// How far some node's clock is ahead from now on.
    pub fn set_ahead(&self, ms: i64) {
        self.ahead_ms.store(ms.max(0), Ordering::Relaxed);
    }

    /// How many events each client has had acknowledged so far; the last one is the client that
    /// causes effects.
    #[must_use]
    pub fn progress(&self) -> Vec<u64> {
        self.acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// From now on some node's clock is off, or none is.
    pub fn set_clocks_off(&self, are_off: bool) {
        self.clocks_off.store(are_off, Ordering::Relaxed);
    }

    fn clocks_are_off(&self) -> bool {
        self.clocks_off.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Waits, unless it is over.
    async fn pause(&self, time: Duration) {
        let mut over = self.over.subscribe();
        let _ = timeout(time, over.wait_for(|over| *over)).await;
    }

    async fn work(self: Arc<Self>, worker: u32, mut chance: Chance) {
        let mut process = worker * PROCESSES_PER_WORKER;
        let mut node = worker as usize % self.nodes.len();
        let insists = worker % 2 == 1;
        while !self.is_over() {
            let number = self.issued.fetch_add(1, Ordering::Relaxed);
            let generation = number / EVENTS_PER_GENERATION;
            let entity = format!("e{}-{generation}", chance.below(self.size.entities));
            let input = match chance.below(4) {
                0 | 1 => EventsInput::Record(u32::try_from(number).unwrap_or(u32::MAX)),
                2 => EventsInput::Count,
                _ => EventsInput::List,
            };
            let is_record = matches!(input, EventsInput::Record(_));
            let ticket = self.recorder.invoke(process, &entity, input.clone());
            loop {
                if let Some(output) = self.ask(node, &entity, &input).await {
                    self.recorder.done(ticket, output);
                    if is_record {
                        self.acknowledged[worker as usize].fetch_add(1, Ordering::Relaxed);
                    }
                    break;
                }
                node = (node + 1) % self.nodes.len();
                self.pause(BACKOFF).await;
                if !(is_record && insists) || self.is_over() {
                    process += 1;
                    break;
                }
            }
        }
    }

    /// The answer; `None` if nobody knows.
    async fn ask(&self, node: usize, entity: &str, input: &EventsInput) -> Option<EventsOutput> {
        let keys = &self.nodes[node];
        let path = format!("/api/v1/profiles/user:{entity}");
        match input {
            EventsInput::Record(number) => {
                let properties = json!({ "number": number });
                let id = format!("m{number}");
                self.track(node, entity, (STEP, &id), properties)
                    .await
                    .then_some(EventsOutput::Recorded)
            }
            EventsInput::Count => {
                let answer = within(keys.secret.get(&path)).await?;
                if answer.status == 404 {
                    return Some(EventsOutput::Total(0));
                }
                let profile = answer.ok().ok()?;
                let counters = profile["counters"].as_array()?;
                let counter = counters.iter().find(|counter| counter["name"] == STEP);
                let count = counter.map_or(Some(0), |counter| counter["count"].as_u64());
                count.map(EventsOutput::Total)
            }
            EventsInput::List => {
                let path = format!("{path}/timeline?limit=500");
                let answer = within(keys.secret.get(&path)).await?;
                if answer.status == 404 {
                    return Some(EventsOutput::listed(&[]));
                }
                let page = answer.ok().ok()?;
                // More than one page is no single operation.
                let is_whole = page["next"].is_null();
                is_whole.then(|| numbers(&page)).flatten().map(|all| EventsOutput::listed(&all))
            }
        }
    }

    /// Whether an event was acknowledged.
    async fn track(&self, node: usize, user: &str, what: (&str, &str), properties: Value) -> bool {
        let (event, id) = what;
        let body = json!({
            "userId": user, "event": event, "messageId": id, "properties": properties,
        });
        let answer = within(self.nodes[node].write.post("/v1/track", &body)).await;
        answer.is_some_and(|answer| {
            answer.status == 200 && !answer.body.to_string().contains("\"error\"")
        })
    }

    /// One person after the other, each with one event that has one effect, or one and a timer.
    async fn cause(self: Arc<Self>) {
        let mut number = 0;
        while !self.is_over() {
            number += 1;
            let (event, user) = if number % 2 == 0 {
                (ALARM, format!("alarm-{number}"))
            } else {
                (ORDER, format!("order-{number}"))
            };
            let began_ms = self.sink.now_ms();
            let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
            let clocks_were_off = self.clocks_are_off();
            let mut is_certain = false;
            let mut node = number % self.nodes.len();
            let mut tries = 0;
            while !is_certain && !self.is_over() {
                let id = format!("c{number}");
                is_certain = self.track(node, &user, (event, &id), json!({})).await;
                tries += 1;
                if !is_certain {
                    node = (node + 1) % self.nodes.len();
                    self.pause(BACKOFF).await;
                }
            }
            if is_certain && let Some(count) = self.acknowledged.last() {
                count.fetch_add(1, Ordering::Relaxed);
            }
            let now_ms = self.sink.now_ms();
            let asked =
                format!("from {began_ms} to {now_ms} ms, {tries} tries, at last node-{}", node + 1);
            // Who is told late, or by a clock that is off, that somebody did something within the
            // last two seconds, may rightly say that it is longer ago.
            let is_late = now_ms - began_ms + TIMER_MARGIN_MS >= TIMER.as_millis() as u64;
            let is_doubtful =
                event == ALARM && (is_late || clocks_were_off || self.clocks_are_off());
            let is_certain = is_certain && !is_doubtful;
            locked(&self.causes).push(Cause { key: format!("entered/{user}"), is_certain, asked });
            if event == ALARM {
                // The clock may have been ahead before or after the event arrived.
                let ahead_ms = ahead_ms.max(self.ahead_ms.load(Ordering::Relaxed));
                let key = format!("left/{user}");
                let due_ms = began_ms as i64 + TIMER.as_millis() as i64;
                let latest_ms = self.sink.now_ms() as i64 + TIMER.as_millis() as i64 + ahead_ms;
                locked(&self.timers).push(Set { key, due_ms, latest_ms, is_certain });
            }
            self.pause(BACKOFF).await;
        }
    }

    /// What the cluster says of somebody, for people who wonder.
    pub async fn look_at(&self, user: &str) -> String {
        let Some(keys) = self.nodes.first() else { return String::new() };
        let path = format!("/api/v1/profiles/user:{user}");
        match within(keys.secret.get(&path)).await {
            Some(answer) => answer.body.to_string(),
            None => "no answer".to_owned(),
        }
    }

    /// What was caused.
    #[must_use]
    pub fn caused(&self) -> (Vec<Cause>, Vec<Set>) {
        (locked(&self.causes).clone(), locked(&self.timers).clone())
    }

    /// Everything that was asked, after reading every profile once more; and the ledgers of what was
    /// sent and what is there.
    ///
    /// # Errors
    /// If a profile cannot be read although everything is healed.
    pub async fn finish(&self) -> Result<(Operations, BTreeMap<String, Ledger>)> {
        let mut operations = self.recorder.take();
        let mut ledgers = BTreeMap::new();
        for (entity, operations) in &mut operations {
            let node = ledgers.len() % self.nodes.len();
            for input in [EventsInput::Count, EventsInput::List] {
                let ticket = self.recorder.invoke(u32::MAX, entity, input.clone());
                let output = self.insist(node, entity, &input).await?;
                self.recorder.done(ticket, output);
            }
            operations.extend(self.recorder.take().into_values().flatten());
            ledgers.insert(entity.clone(), Ledger::of(operations));
        }
        Ok((operations, ledgers))
    }

    async fn insist(&self, node: usize, entity: &str, input: &EventsInput) -> Result<EventsOutput> {
        let mut ticks = tokio::time::interval(BACKOFF);
        for _ in 0..50 {
            ticks.tick().await;
            if let Some(output) = self.ask(node, entity, input).await {
                return Ok(output);
            }
        }
        let mut seen = format!("{entity} cannot be read at node-{} ({input:?})", node + 1);
        for (other, keys) in self.nodes.iter().enumerate() {
            for tail in ["", "/timeline?limit=500"] {
                let path = format!("/api/v1/profiles/user:{entity}{tail}");
                let began = self.sink.now_ms();
                let answer = match timeout(PATIENCE * 4, keys.secret.get(&path)).await {
                    Ok(Ok(answer)) => format!("{} {:.120}", answer.status, answer.body.to_string()),
                    Ok(Err(error)) => format!("{error:#}"),
                    Err(_) => "no answer".to_owned(),
                };
                let took = self.sink.now_ms() - began;
                seen += &format!("; node-{} {tail:?} after {took} ms: {answer}", other + 1);
            }
        }
        Err(anyhow::anyhow!(seen)).context("after healing")
    }
}

fn numbers(page: &Value) -> Option<Vec<u32>> {
    let items = page["items"].as_array()?;
    let number = |item: &Value| u32::try_from(item["properties"]["number"].as_u64()?).ok();
    items.iter().map(number).collect()
}

async fn within(asking: impl Future<Output = Result<Answer>>) -> Option<Answer> {
    timeout(PATIENCE, asking).await.ok()?.ok()
}
