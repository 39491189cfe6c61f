//! The harness is proved on the product's own parts: with consensus, stores, hosts and routers in this
//! process, every check holds under cuts; with a deliberate bug in front of the journal it fails.

mod liar;
mod list;
mod town;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::Chance;
use impresario_chaos_tests::chaos::history::{Operation, Recorder};
use impresario_chaos_tests::chaos::invariants::acknowledged::{self, Ledger};
use impresario_chaos_tests::chaos::invariants::{Findings, linearizable, replicas};
use impresario_chaos_tests::chaos::linear::{Events, EventsInput, EventsOutput, STEPS_MAX};
use impresario_chaos_tests::chaos::say;

use liar::Bug;
use town::{NODES, PARTITIONS, Town};

/// Clients that write and read, and those that only read, each always at the same node: so that
/// somebody asks a node that was cut off. And the entities that they share.
const CLIENTS: u32 = 4;
const READERS: u32 = NODES as u32;
const ENTITIES: u64 = 3;
/// How long faults come and go.
const SAFETY: Duration = Duration::from_millis(2_500);
/// Seeds within which a bug must be found.
const SEEDS_PER_BUG: u64 = 8;
/// After healing, a read is answered within this time also on a busy machine.
const HEALED_WITHIN: Duration = Duration::from_secs(30);

type History = BTreeMap<String, Vec<Operation<EventsInput, EventsOutput>>>;

struct Scene {
    town: Town,
    recorder: Recorder<EventsInput, EventsOutput>,
    numbers: AtomicU32,
    over: tokio::sync::watch::Sender<bool>,
}

impl Scene {
    async fn ask(&self, at: usize, entity: u64, input: &EventsInput) -> Option<EventsOutput> {
        let entity = u8::try_from(entity).unwrap_or(0);
        match input {
            EventsInput::Record(number) => {
                let is_there = self.town.record(at, entity, *number).await;
                is_there.then_some(EventsOutput::Recorded)
            }
            EventsInput::List | EventsInput::Count => {
                self.town.list(at, entity).await.map(|all| EventsOutput::listed(&all))
            }
        }
    }

    /// Reads at one node, again and again.
    async fn read(self: Arc<Self>, reader: u32, mut chance: Chance) {
        let at = reader as usize % NODES as usize;
        for process in (CLIENTS + reader) * 1_000_000.. {
            if *self.over.borrow() {
                return;
            }
            let entity = chance.below(ENTITIES);
            let ticket = self.recorder.invoke(process, &entity.to_string(), EventsInput::List);
            match self.ask(at, entity, &EventsInput::List).await {
                Some(output) => self.recorder.done(ticket, output),
                None => self.recorder.failed(ticket),
            }
            self.pause(chance.pause(5, 25)).await;
        }
    }

    /// Waits, unless it is over.
    async fn pause(&self, time: Duration) {
        let mut over = self.over.subscribe();
        let _ = tokio::time::timeout(time, over.wait_for(|over| *over)).await;
    }

    /// Asks one thing after the other; half of the clients insist on what they want recorded.
    async fn work(self: Arc<Self>, client: u32, mut chance: Chance) {
        let mut process = client * 1_000_000;
        let mut at = client as usize % NODES as usize;
        while !*self.over.borrow() {
            let entity = chance.below(ENTITIES);
            let input = if chance.once_in(2) {
                EventsInput::Record(self.numbers.fetch_add(1, Ordering::Relaxed))
            } else {
                EventsInput::List
            };
            let insists = client % 2 == 1 && matches!(input, EventsInput::Record(_));
            let ticket = self.recorder.invoke(process, &entity.to_string(), input.clone());
            loop {
                if let Some(output) = self.ask(at, entity, &input).await {
                    self.recorder.done(ticket, output);
                    break;
                }
                at = (at + 1) % NODES as usize;
                if !insists || *self.over.borrow() {
                    process += 1;
                    break;
                }
            }
            self.pause(chance.pause(1, 15)).await;
        }
    }

    /// Leaders are cut off, wholly or so that they can still send, and come back.
    async fn weather(&self, mut chance: Chance) {
        let until = tokio::time::Instant::now() + SAFETY;
        while tokio::time::Instant::now() < until {
            let partition = u16::try_from(chance.below(u64::from(PARTITIONS))).unwrap_or(0);
            let victim = self.town.leader(partition).unwrap_or(1 + chance.below(NODES));
            self.town.isolate(victim, !chance.once_in(4));
            self.pause(chance.pause(250, 900)).await;
            self.town.net.heal();
            self.pause(chance.pause(20, 400)).await;
        }
    }

    /// Reads every entity once more.
    async fn finish(&self) -> Result<(History, BTreeMap<String, Ledger>)> {
        let mut ledgers = BTreeMap::new();
        let mut history: History = self.recorder.take();
        for (entity, operations) in &mut history {
            let number = entity.parse()?;
            let ticket = self.recorder.invoke(u32::MAX, entity, EventsInput::List);
            let began = Instant::now();
            let output = loop {
                if let Some(output) = self.ask(0, number, &EventsInput::List).await {
                    break output;
                }
                ensure!(began.elapsed() < HEALED_WITHIN, "entity {entity} cannot be read");
            };
            self.recorder.done(ticket, output);
            operations.extend(self.recorder.take().into_values().flatten());
            ledgers.insert(entity.clone(), Ledger::of(operations));
        }
        Ok((history, ledgers))
    }
}

/// What a run came to.
struct Outcome {
    operations: usize,
    findings: Vec<Findings>,
}

impl Outcome {
    fn broken(&self) -> Vec<&'static str> {
        self.findings.iter().filter(|one| !one.hold()).map(|one| one.invariant).collect()
    }
}

async fn run(seed: u64, bug: Option<Bug>) -> Result<Outcome> {
    let scene = Arc::new(Scene {
        town: Town::new(bug).await.context("the town")?,
        recorder: Recorder::new(),
        numbers: AtomicU32::new(0),
        over: tokio::sync::watch::channel(false).0,
    });
    let mut chance = Chance::new(seed);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(Arc::clone(&scene).work(client, chance.fork()));
    }
    for reader in 0..READERS {
        clients.spawn(Arc::clone(&scene).read(reader, chance.fork()));
    }
    scene.weather(chance).await;
    scene.over.send_replace(true);
    while let Some(client) = clients.join_next().await {
        client.context("a client")?;
    }
    let (history, ledgers) = scene.finish().await.with_context(|| format!("seed {seed}"))?;
    let mut findings = vec![
        acknowledged::check(&ledgers),
        tokio::task::block_in_place(|| linearizable::check(&Events, &history, STEPS_MAX)),
    ];
    let digests = scene.town.digests().await?;
    findings.push(replicas::check(&digests, u32::from(PARTITIONS), NODES as usize));
    let operations = history.values().map(Vec::len).sum();
    if let Ok(scene) = Arc::try_unwrap(scene).map_err(drop) {
        scene.town.stop().await;
    }
    Ok(Outcome { operations, findings })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_right_cluster_every_check_holds_under_cuts() -> Result<()> {
    for seed in 1..=4 {
        let outcome = run(seed, None).await?;
        let texts: Vec<_> = outcome.findings.iter().flat_map(|one| &one.violations).collect();
        ensure!(outcome.broken().is_empty(), "seed {seed}: {texts:#?}");
        ensure!(outcome.operations > 50, "seed {seed}: only {} operations", outcome.operations);
    }
    Ok(())
}

/// The bug must be found within the first seeds, by one of these checks.
async fn is_found(bug: Bug, by: &[&str]) -> Result<()> {
    for seed in 1..=SEEDS_PER_BUG {
        // A cluster that lies may also fail to come to rest; that is found, too, but proves less.
        let broken = match run(seed, Some(bug)).await {
            Ok(outcome) => outcome.broken(),
            Err(error) => {
                say(&format!("{bug:?}, seed {seed}: {error:#}"));
                continue;
            }
        };
        say(&format!("{bug:?}, seed {seed}: {broken:?}"));
        if by.iter().all(|name| broken.contains(name)) {
            return Ok(());
        }
    }
    anyhow::bail!("{bug:?} was not found by {by:?} within {SEEDS_PER_BUG} seeds")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_acknowledging_before_the_quorum_is_found() -> Result<()> {
    is_found(Bug::AcknowledgesBeforeQuorum, &[acknowledged::NAME, linearizable::NAME]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_skipping_the_deduplication_is_found() -> Result<()> {
    is_found(Bug::SkipsDedupe, &[acknowledged::NAME, linearizable::NAME]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_reading_without_confirmation_is_found() -> Result<()> {
    is_found(Bug::ReadsStale, &[linearizable::NAME]).await
}
