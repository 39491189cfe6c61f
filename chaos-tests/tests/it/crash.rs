//! C1: what was acknowledged is there after any number of `kill -9`, exactly once; what was not is
//! there wholly or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Chance, Options, Tenant, TestServer, eventually};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

/// How often the server is killed.
const KILLS: u32 = 300;
/// How often it is killed while visitors become known.
const KILLS_WHILE_MERGING: u32 = 60;
/// How often an audit is held on the way.
const AUDIT_EVERY: u32 = 50;
const WORKERS: u64 = 8;
const PEOPLE_PER_WORKER: u64 = 6;

/// What a worker sent and what became of it, by person: the number of each event.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: BTreeMap<String, BTreeSet<u64>>,
    /// Sent, but the answer never came or did not say.
    unknown: BTreeMap<String, BTreeSet<u64>>,
}

impl Ledger {
    fn set(&mut self, person: &str, number: u64, acknowledged: bool) {
        let unknown = self.unknown.entry(person.to_owned()).or_default();
        if acknowledged {
            unknown.remove(&number);
            self.acknowledged.entry(person.to_owned()).or_default().insert(number);
        } else {
            unknown.insert(number);
        }
    }

    fn merge(&mut self, other: Self) {
        for (person, numbers) in other.acknowledged {
            self.acknowledged.entry(person).or_default().extend(numbers);
        }
        for (person, numbers) in other.unknown {
            self.unknown.entry(person).or_default().extend(numbers);
        }
    }
}

/// What the workers and the killer know of each other.
struct Scene {
    tenant: Tenant,
    /// Whether the server is there.
    up: watch::Sender<bool>,
    acknowledged: watch::Sender<u64>,
    over: AtomicBool,
}

impl Scene {
    fn new(tenant: &Tenant) -> Arc<Self> {
        Arc::new(Self {
            tenant: tenant.clone(),
            up: watch::channel(true).0,
            acknowledged: watch::channel(0).0,
            over: AtomicBool::new(false),
        })
    }

    /// Sends a message until it is acknowledged.
    async fn insist(&self, message: &Value) -> Result<()> {
        let mut up = self.up.subscribe();
        loop {
            up.wait_for(|up| *up).await.context("the killer is gone")?;
            let answer = self.tenant.write.post("/v1/batch", &json!({ "batch": [message] })).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                self.acknowledged.send_modify(|count| *count += 1);
                return Ok(());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_hundreds_of_kills() -> Result<()> {
    let mut chance = Chance::from_environment();
    let mut server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "crash").await?;
    let scene = Scene::new(&tenant);
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(Arc::clone(&scene), worker, chance.fork()));
    }
    for kill in 1..=KILLS {
        kill_and_restart(&mut server, &scene, &mut chance)
            .await
            .with_context(|| format!("kill {kill}"))?;
        if kill % AUDIT_EVERY == 0 {
            ensure!(server.panic_in_log().is_none(), "a panic after kill {kill}");
        }
    }
    scene.over.store(true, Ordering::Relaxed);
    let mut ledger = Ledger::default();
    while let Some(part) = workers.join_next().await {
        ledger.merge(part.context("a worker")??);
    }
    audit(&tenant, &ledger).await
}

/// Lets some events through, kills the server at whatever it is doing then, and starts it again.
/// Now and then it is killed once more while it starts.
async fn kill_and_restart(
    server: &mut TestServer,
    scene: &Scene,
    chance: &mut Chance,
) -> Result<()> {
    let mut acknowledged = scene.acknowledged.subscribe();
    let target = *acknowledged.borrow() + chance.below(80);
    let patience = Duration::from_secs(20);
    let reached = acknowledged.wait_for(|count| *count >= target);
    tokio::time::timeout(patience, reached)
        .await
        .with_context(|| format!("no progress in {patience:?}"))??;
    block_in_place(|| {
        server.kill9()?;
        scene.up.send_replace(false);
        if chance.once_in(8) {
            server.kill9_while_starting(chance.pause(0, 150))?;
        }
        server.restart()
    })?;
    scene.up.send_replace(true);
    Ok(())
}

/// Sends events one after the other. Odd workers send what is unknown again, under the same
/// message id, until it is acknowledged; even workers leave it.
async fn work(scene: Arc<Scene>, worker: u64, mut chance: Chance) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut up = scene.up.subscribe();
    let insists = worker % 2 == 1;
    let mut number = worker * 1_000_000;
    while !scene.over.load(Ordering::Relaxed) {
        number += 1;
        let person = format!("p{worker}-{}", chance.below(PEOPLE_PER_WORKER));
        loop {
            up.wait_for(|up| *up).await.context("the killer is gone")?;
            let acknowledged = send(&scene.tenant, &person, number, worker == 0).await;
            ledger.set(&person, number, acknowledged);
            if acknowledged {
                scene.acknowledged.send_modify(|count| *count += 1);
            }
            if acknowledged || !insists {
                break;
            }
        }
    }
    Ok(ledger)
}

/// Whether the event was acknowledged. The first worker sends batches of two equal messages, which
/// must count as one.
async fn send(tenant: &Tenant, person: &str, number: u64, twice: bool) -> bool {
    let message = json!({
        "type": "track",
        "userId": person,
        "event": "Step Taken",
        "messageId": format!("m{number}"),
        "properties": { "number": number },
    });
    let answer = if twice {
        tenant.write.post("/v1/batch", &json!({ "batch": [message, message] })).await
    } else {
        tenant.write.post("/v1/track", &message).await
    };
    answer
        .is_ok_and(|answer| answer.status == 200 && !answer.body.to_string().contains("\"error\""))
}

/// Every acknowledged event is there once; nothing is there that was not sent; the counters agree
/// with the history.
async fn audit(tenant: &Tenant, ledger: &Ledger) -> Result<()> {
    let none = BTreeSet::new();
    let mut total = 0;
    for (person, acknowledged) in &ledger.acknowledged {
        let unknown = ledger.unknown.get(person).unwrap_or(&none);
        let history = tenant.history(person).await?;
        let numbers: Vec<u64> =
            history.iter().filter_map(|event| event["properties"]["number"].as_u64()).collect();
        let found: BTreeSet<u64> = numbers.iter().copied().collect();
        ensure!(found.len() == numbers.len(), "{person} has events twice");
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        ensure!(lost.is_empty(), "{person} lost acknowledged events: {lost:?}");
        let strange: Vec<_> =
            found.iter().filter(|n| !acknowledged.contains(n) && !unknown.contains(n)).collect();
        ensure!(strange.is_empty(), "{person} has events that were never sent: {strange:?}");
        let counted = tenant.count(person, "Step Taken").await?;
        ensure!(
            counted == found.len() as u64,
            "{person}: counted {counted}, in the history {}",
            found.len()
        );
        total += counted;
    }
    ensure!(total > u64::from(KILLS), "too few events to mean anything: {total}");
    let metered = eventually("the usage meter agrees", Duration::from_secs(10), || async {
        let events = tenant.usage_events().await?;
        Ok((events == total).then_some(events))
    })
    .await;
    let events = tenant.usage_events().await?;
    metered.map(drop).with_context(|| format!("metered {events}, counted {total}"))
}

/// A visitor that became known: the name, and how many pages it saw before.
type Known = (String, u64);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_that_become_known_survive_kills_whole() -> Result<()> {
    let mut chance = Chance::from_environment();
    let mut server = TestServer::start(Options::default())?;
    let tenant = Tenant::onboard(&server.root()?, "merge").await?;
    let scene = Scene::new(&tenant);
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(become_known(Arc::clone(&scene), worker, chance.fork()));
    }
    for kill in 1..=KILLS_WHILE_MERGING {
        kill_and_restart(&mut server, &scene, &mut chance)
            .await
            .with_context(|| format!("kill {kill}"))?;
    }
    scene.over.store(true, Ordering::Relaxed);
    let mut people = Vec::new();
    while let Some(part) = workers.join_next().await {
        people.extend(part.context("a worker")??);
    }
    ensure!(people.len() > 30, "too few people to mean anything: {}", people.len());
    for (person, pages) in &people {
        let what = format!("{person} has {pages} pages, one identify and one event");
        eventually(&what, Duration::from_secs(20), || async {
            let profile = tenant.profile(person).await?;
            let is_whole = profile["events"] == *pages + 2
                && tenant.count(person, "page").await? == *pages
                && profile["anonymous_ids"] == json!([format!("anon-{person}")]);
            Ok(is_whole.then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Makes up one visitor after the other: some pages without a name, the name, an event.
async fn become_known(scene: Arc<Scene>, worker: u64, mut chance: Chance) -> Result<Vec<Known>> {
    let mut people = Vec::new();
    while !scene.over.load(Ordering::Relaxed) {
        let person = format!("v{worker}-{}", people.len());
        let anonymous = format!("anon-{person}");
        let pages = 1 + chance.below(4);
        for page in 0..pages {
            let id = format!("{person}-page-{page}");
            let message =
                json!({"type": "page", "anonymousId": anonymous, "name": "Home", "messageId": id});
            scene.insist(&message).await?;
        }
        let id = format!("{person}-identify");
        let message = json!({"type": "identify", "anonymousId": anonymous, "userId": person, "messageId": id});
        scene.insist(&message).await?;
        let id = format!("{person}-track");
        let message = json!({"type": "track", "userId": person, "event": "Known", "messageId": id});
        scene.insist(&message).await?;
        people.push((person, pages));
    }
    Ok(people)
}
