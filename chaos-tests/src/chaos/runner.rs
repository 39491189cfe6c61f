//! Carries a plan out: clients work, faults come and go, everything heals, everything is checked.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::{Instant, timeout_at};

use crate::chaos::cluster::{Cluster, Effect, operator, start};
use crate::chaos::history::Outcome;
use crate::chaos::invariants::leadership::Claim;
use crate::chaos::invariants::{
    Findings, Violation, acknowledged, effects, leadership, linearizable, replicas, timers,
};
use crate::chaos::linear::{Events, Outcomes, STEPS_MAX};
use crate::chaos::plan::{Fault, Plan, Planned, Scope, Turn};
use crate::chaos::report::Report;
use crate::chaos::rig::Rig;
use crate::chaos::sink::Sink;
use crate::chaos::workload::{ALARM, Keys, ORDER, Size, TIMER, Workload};
use crate::plan::Chance;
use crate::tenant::Tenant;

/// How often nodes are asked who leads.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Effects and timers that are not there so long after everything was healed are lost.
const EFFECTS_WITHIN: Duration = Duration::from_secs(30);
/// After that time a healed cluster has its replicas where they belong.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
/// And after that time they are equal.
const EQUAL_WITHIN: Duration = Duration::from_secs(20);
/// Clocks of the test and of a node read the same time at slightly different moments.
const EARLY_MS: i64 = 250;
/// The name of this promise.
const HEALS: &str = "the healed cluster serves every client";
/// The name of this promise.
const NO_PANIC: &str = "no node has panicked";

/// The plan to run: the file that `IMPRESARIO_PLAN` names, or drawn from `IMPRESARIO_SEED`, or from
/// `seed`.
///
/// # Errors
/// If the file is not a plan.
pub fn plan_from_environment(scope: &Scope, seed: u64) -> Result<Plan> {
    if let Some(path) = std::env::var_os("IMPRESARIO_PLAN") {
        return fs::read_to_string(path).context("read the plan")?.parse();
    }
    let given = std::env::var_os("IMPRESARIO_SEED").and_then(|text| text.into_string().ok());
    Ok(Plan::draw(given.and_then(|text| text.parse().ok()).unwrap_or(seed), scope))
}

/// A run under way.
struct Run<'a, C> {
    plan: &'a Plan,
    rig: &'a mut Rig,
    cluster: &'a mut C,
    workload: Arc<Workload>,
    began: Instant,
    faults: Vec<(Planned, Effect)>,
    claims: Option<Vec<Claim>>,
    healing: Findings,
}

/// Runs a plan on a cluster that is not started yet. `command` is what runs it again.
///
/// # Errors
/// If the run itself fails; what the cluster does wrong is in the report.
pub async fn run<C: Cluster>(
    plan: &Plan,
    size: Size,
    command: &str,
    rig: &mut Rig,
    cluster: &mut C,
) -> Result<Report> {
    for node in 0..cluster.nodes() {
        block_in_place(|| start(cluster, node, rig))?.ready()?;
    }
    cluster.settle(SETTLED_WITHIN, rig).await.context("the new cluster")?;
    let workload = prepare(size, rig, cluster).await?;
    let mut clients = workload.start(&mut Chance::new(plan.seed));
    let mut run = Run {
        plan,
        rig,
        cluster,
        workload: Arc::clone(&workload),
        began: Instant::now(),
        faults: Vec::new(),
        claims: None,
        healing: Findings { invariant: HEALS, looked_at: 0, violations: Vec::new() },
    };
    run.safety().await;
    let served_after_ms = run.liveness().await;
    workload.stop();
    while let Some(client) = clients.join_next().await {
        client.context("a client")?;
    }
    run.judge(command, served_after_ms).await
}

/// A tenant. A node that has just begun may not know yet what another one has just committed.
///
/// # Errors
/// If it is refused again and again.
pub async fn onboard(root: &crate::api::Api) -> Result<Tenant> {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    let mut tries = 0;
    loop {
        ticks.tick().await;
        tries += 1;
        match Tenant::onboard(root, "chaos").await {
            Err(_) if tries < 10 => {}
            result => return result.context("a tenant"),
        }
    }
}

/// A tenant with a segment whose members have ordered and one that its members leave by a timer,
/// and an endpoint that is told of both.
async fn prepare<C: Cluster>(size: Size, rig: &Rig, cluster: &C) -> Result<Arc<Workload>> {
    let tenant = onboard(&operator(cluster, 0, rig)?).await?;
    for node in 0..cluster.nodes() {
        let api = crate::api::Api::new(&cluster.url(node, rig), tenant.secret.token())?;
        let is_known = async || Ok((api.get("/api/v1/keys").await?.status < 400).then_some(()));
        crate::api::eventually("the keys are known", Duration::from_secs(10), is_known).await?;
    }
    let sink = Sink::start(&rig.control()).await?;
    tenant.add_endpoint(&sink.url()).await.context("an endpoint")?;
    tenant.add_segment("Buyers", &json!({ "event": ORDER, "at_least": 1 })).await?;
    let window = format!("{}s", TIMER.as_secs());
    let rule = json!({ "event": ALARM, "at_least": 1, "within_last": window });
    tenant.add_segment("Alarmed", &rule).await?;
    let keys = |node: usize| {
        let url = cluster.url(node, rig);
        let api = |token: &str| crate::api::Api::new(&url, token);
        anyhow::Ok(Keys { write: api(tenant.write.token())?, secret: api(tenant.secret.token())? })
    };
    let nodes = (0..cluster.nodes()).map(keys).collect::<Result<_>>()?;
    Ok(Workload::new(size, nodes, sink))
}

impl<C: Cluster> Run<'_, C> {
    fn broken(&mut self, what: String) {
        self.healing.violations.push(Violation { invariant: HEALS, what });
    }

    /// Faults come and go, at their times or as soon after as the ones before allow.
    async fn safety(&mut self) {
        for (at_ms, turn) in self.plan.turns() {
            self.watch_until(self.began + Duration::from_millis(at_ms)).await;
            let index = match turn {
                Turn::Begin(index) | Turn::Heal(index) => index,
            };
            let planned = self.plan.faults[index].clone();
            let result = match turn {
                Turn::Begin(index) => {
                    let effect = self.rig.begin(self.cluster, index, &planned.fault).await;
                    effect.map(|effect| self.faults.push((planned.clone(), effect)))
                }
                Turn::Heal(index) => self.rig.heal(self.cluster, index).await,
            };
            if let Err(error) = result {
                self.broken(format!("`{planned}`: {error:#}"));
            }
            self.workload.set_ahead(self.rig.clocks_ahead_ms());
            self.workload.set_clocks_off(self.rig.are_clocks_off());
        }
        self.watch_until(self.began + Duration::from_millis(self.plan.safety_ms)).await;
    }

    /// Asks the nodes who leads, again and again.
    async fn watch_until(&mut self, until: Instant) {
        let mut ticks = tokio::time::interval(ASK_EVERY);
        while timeout_at(until, ticks.tick()).await.is_ok() {
            let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            if let Some(claims) = self.cluster.claims(at_ms, self.rig).await {
                self.claims.get_or_insert_default().extend(claims);
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Heals everything; every client must then have an event acknowledged.
    async fn liveness(&mut self) -> Option<u64> {
        if let Err(error) = self.rig.heal_all(self.cluster).await {
            self.broken(format!("it cannot be healed: {error:#}"));
        }
        let (healed, before) = (Instant::now(), self.workload.progress());
        let until = healed + Duration::from_millis(self.plan.liveness_ms);
        self.healing.looked_at = before.len() as u64;
        let is_served = |after: &[u64]| before.iter().zip(after).all(|(a, b)| b > a);
        let mut served_after_ms = None;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while served_after_ms.is_none() && timeout_at(until, ticks.tick()).await.is_ok() {
            if is_served(&self.workload.progress()) {
                served_after_ms = u64::try_from(healed.elapsed().as_millis()).ok();
            }
        }
        // What healed late shows itself late.
        self.watch_until(until).await;
        if served_after_ms.is_none() {
            let after = self.workload.progress();
            self.broken(format!("events acknowledged per client: {before:?}, then {after:?}"));
        }
        served_after_ms
    }

    async fn judge(mut self, command: &str, served_after_ms: Option<u64>) -> Result<Report> {
        let workload = Arc::clone(&self.workload);
        let mut findings = Vec::new();
        let mut operations = BTreeMap::new();
        // First: a node that could leave only after the healing is replaced by a fresh one.
        if let Err(error) = self.cluster.settle(SETTLED_WITHIN, self.rig).await {
            self.broken(format!("it does not come to rest: {error:#}"));
        }
        match workload.finish().await {
            Ok((asked, ledgers)) => {
                findings.push(acknowledged::check(&ledgers));
                findings.push(block_in_place(|| linearizable::check(&Events, &asked, STEPS_MAX)));
                operations = asked;
            }
            Err(error) => self.broken(format!("{error:#}")),
        }
        findings.extend(self.effects().await);
        let mut not_checked = Vec::new();
        match &self.claims {
            Some(claims) => findings.push(leadership::check(claims)),
            None => not_checked.push((leadership::NAME, "the nodes do not tell".to_owned())),
        }
        let (partitions, count) = self.cluster.shape();
        match self.replicas(partitions, count).await {
            Some(found) => findings.push(found),
            None => not_checked.push((replicas::NAME, "the nodes do not tell".to_owned())),
        }
        findings.push(self.panics());
        findings.push(self.healing.clone());
        let nodes = 0..self.cluster.nodes();
        Ok(Report {
            plan: self.plan.clone(),
            command: command.to_owned(),
            missing: self.rig.missing(),
            faults: self.faults,
            operations: counted(&operations),
            deliveries: workload.sink().arrived().len() as u64,
            syncs: nodes.map(|node| self.rig.syncs(node)).sum(),
            served_after_ms,
            history: operations.iter().fold(String::new(), |text, (entity, operations)| {
                text + entity + "\n" + &crate::chaos::history::text(operations) + "\n"
            }),
            findings,
            not_checked,
        })
    }

    /// What the replicas hold. Nodes are asked one after the other, and clean up behind themselves
    /// meanwhile: so it is looked at again while something differs.
    async fn replicas(&mut self, partitions: u32, count: usize) -> Option<Findings> {
        let until = Instant::now() + EQUAL_WITHIN;
        let mut ticks = tokio::time::interval(ASK_EVERY);
        loop {
            ticks.tick().await;
            let digests = self.cluster.digests(self.rig).await?;
            let found = replicas::check(&digests, partitions, count);
            if found.hold() || Instant::now() >= until {
                return Some(found);
            }
        }
    }

    fn panics(&mut self) -> Findings {
        let mut findings = Findings { invariant: NO_PANIC, looked_at: 0, violations: Vec::new() };
        for node in 0..self.cluster.nodes() {
            findings.looked_at += 1;
            if let Some(line) = self.cluster.node(node).panic_in_log() {
                let what = format!("node-{}: {line}", node + 1);
                findings.violations.push(Violation { invariant: NO_PANIC, what });
            }
        }
        findings
    }

    /// Waits for the effects and timers that must come, and looks at all that came.
    async fn effects(&self) -> [Findings; 2] {
        let (causes, set) = self.workload.caused();
        let sink = self.workload.sink();
        let wanted: Vec<&str> = causes
            .iter()
            .filter(|cause| cause.is_certain)
            .map(|cause| cause.key.as_str())
            .chain(set.iter().filter(|timer| timer.is_certain).map(|timer| timer.key.as_str()))
            .collect();
        let until = Instant::now() + EFFECTS_WITHIN;
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while timeout_at(until, ticks.tick()).await.is_ok() {
            let arrived = delivered(sink);
            let is_there = |key: &&str| arrived.iter().any(|(one, _)| one.key == **key);
            if wanted.iter().all(is_there) {
                break;
            }
        }
        let arrived = delivered(sink);
        let (entered, left): (Vec<_>, Vec<_>) =
            arrived.into_iter().partition(|(delivered, _)| delivered.key.starts_with("entered/"));
        let entered: Vec<_> = entered.into_iter().map(|(delivered, _)| delivered).collect();
        let fired: Vec<_> = left
            .into_iter()
            .map(|(one, at_ms)| timers::Fired { key: one.key, id: one.id, at_ms })
            .collect();
        // A clock that was ahead lets timers fire early; the fault, not the timer, is to blame.
        let jump = |planned: &Planned| match planned.fault {
            Fault::Clock { ms, .. } => ms.abs(),
            _ => 0,
        };
        let jump_ms = self.plan.faults.iter().map(jump).max().unwrap_or(0);
        let patience = timers::Patience {
            until_ms: i64::try_from(sink.now_ms()).unwrap_or(i64::MAX),
            late_ms: EFFECTS_WITHIN.as_millis() as i64 / 2,
            early_ms: EARLY_MS + jump_ms,
        };
        let mut happened = effects::check(&causes, &entered);
        for cause in causes.iter().filter(|cause| cause.is_certain) {
            let is_there = entered.iter().any(|one| one.key == cause.key);
            if let Some(user) = cause.key.strip_prefix("entered/").filter(|_| !is_there) {
                let what = format!("{user} now: {}", self.workload.look_at(user).await);
                happened.violations.push(Violation { invariant: effects::NAME, what });
            }
        }
        [happened, timers::check(&set, &fired, patience)]
    }
}

/// What arrived, with its cause: what happened to whom.
fn delivered(sink: &Sink) -> Vec<(effects::Delivered, i64)> {
    let one = |arrived: crate::chaos::sink::Arrived| {
        let kind = arrived.body["type"].as_str().unwrap_or_default();
        let user = arrived.body["data"]["user_id"].as_str().unwrap_or_default();
        let key = format!("{}/{user}", kind.trim_start_matches("segment."));
        let body = arrived.body.to_string();
        let at_ms = i64::try_from(arrived.at_ms).unwrap_or(i64::MAX);
        (effects::Delivered { id: arrived.id, key, body }, at_ms)
    };
    sink.arrived().into_iter().map(one).collect()
}

/// Operations that were answered, that are unknown, and that failed.
fn counted(entities: &BTreeMap<String, Vec<Outcomes<Events>>>) -> [u64; 3] {
    let mut counts = [0; 3];
    for operation in entities.values().flatten() {
        let at = match operation.outcome {
            Outcome::Done(_) => 0,
            Outcome::Unknown => 1,
            Outcome::Failed => 2,
        };
        counts[at] += 1;
    }
    counts
}
