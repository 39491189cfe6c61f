//! The whole pipe on one node: on a host, a disk and a clock of its own, killed, held, starved and
//! lied to by its disk, while clients write down what they saw.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use impresario_chaos_tests::chaos::cluster::{Cluster, Effect, LoneNode, start};
use impresario_chaos_tests::chaos::faults::copy_folder;
use impresario_chaos_tests::chaos::invariants::leadership::Claim;
use impresario_chaos_tests::chaos::invariants::replicas::Digest;
use impresario_chaos_tests::chaos::invariants::{Findings, acknowledged, linearizable};
use impresario_chaos_tests::chaos::node::Node;
use impresario_chaos_tests::chaos::plan::{Fault, Kind, Plan, Scope};
use impresario_chaos_tests::chaos::report::Report;
use impresario_chaos_tests::chaos::rig::Rig;
use impresario_chaos_tests::chaos::runner::{plan_from_environment, run};
use impresario_chaos_tests::chaos::say;
use impresario_chaos_tests::chaos::workload::Size;
use impresario_chaos_tests::impresario;
use tokio::task::block_in_place;

const SETTINGS: [&str; 3] =
    ["webhooks.allow_private=true", "webhooks.timeout_ms=2000", "outbox.breaker_open_ms=1000"];

/// Runs a plan; the report must be that of a cluster that keeps its promises.
async fn carry_out(plan: &Plan, mut rig: Rig, test: &str) -> Result<Report> {
    let command = format!(
        "IMPRESARIO_SEED={} cargo test -p impresario-chaos-tests {test} -- --nocapture",
        plan.seed
    );
    say(&format!("{command}\n{plan}"));
    let mut node = LoneNode::new(impresario()?, &SETTINGS, &rig);
    let report = run(plan, Size::default(), &command, &mut rig, &mut node).await?;
    say(&report.to_markdown());
    if !report.has_passed() {
        let log = node.node(0).log_text();
        let skip = log.lines().count().saturating_sub(60);
        log.lines().skip(skip).for_each(say);
    }
    // A machine that must be able to do everything says so.
    let is_strict = std::env::var_os("IMPRESARIO_CHAOS_STRICT").is_some();
    let missing: Vec<_> =
        report.missing.iter().filter(|(_, reason)| !reason.contains("for a test")).collect();
    ensure!(!is_strict || missing.is_empty(), "not permitted: {missing:?}");
    ensure!(report.has_passed(), "{}", report.to_markdown());
    Ok(report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_keeps_its_promises_under_faults() -> Result<()> {
    let scope = Scope {
        nodes: 1,
        safety_ms: 20_000,
        liveness_ms: 5_000,
        gap_max_ms: 1_200,
        lasts_max_ms: 1_500,
        kinds: vec![
            Kind::Kill,
            Kind::Kill,
            Kind::Pause,
            Kind::DiskFull,
            Kind::SlowSync,
            Kind::FailSync,
            Kind::Restart,
            Kind::Lose,
            Kind::OneWay,
            Kind::Slow,
        ],
    };
    let plan = plan_from_environment(&scope, 20_261_120)?;
    let rig = block_in_place(|| Rig::set_up(1, plan.seed))?;
    let report =
        carry_out(&plan, rig, "chaos_single_node::one_node_keeps_its_promises_under_faults")
            .await?;
    ensure!(report.operations[0] > 300, "too little happened: {:?}", report.operations);
    // Where everything is permitted nothing may be skipped but what hit a node that was down.
    if report.missing.is_empty() {
        ensure!(report.injected() * 10 >= report.faults.len() * 8, "too much was skipped");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_a_failing_disk_stops_without_a_panic() -> Result<()> {
    let mut rig = block_in_place(|| Rig::set_up(1, 7))?;
    let mut node = LoneNode::new(impresario()?, &SETTINGS, &rig);
    block_in_place(|| start(&mut node, 0, &rig))?.ready()?;
    if let Effect::Skipped(reason) = rig.begin(&mut node, 0, &Fault::FailSync(0)).await? {
        say(&format!("NOT TESTED: {reason}"));
        return Ok(());
    }
    let has_stopped = block_in_place(|| node.node(0).stop())?;
    ensure!(has_stopped, "it had to be killed");
    ensure!(node.node(0).panic_in_log().is_none(), "{:?}", node.node(0).panic_in_log());
    Ok(())
}

/// A node that loses what it wrote between its second and its third start, as one does whose disk
/// lies about fsync.
struct Forgetful {
    node: LoneNode,
    starts: u32,
}

impl Cluster for Forgetful {
    fn nodes(&self) -> usize {
        1
    }

    fn launch(&mut self, node: usize, rig: &Rig) -> Result<()> {
        self.starts += 1;
        let (data, aside) = (rig.data(node), rig.folder().join("yesterday"));
        match self.starts {
            2 => copy_folder(&data, &aside)?,
            3 => copy_folder(&aside, &data)?,
            _ => {}
        }
        self.node.launch(node, rig)
    }

    fn hurry(&self) -> Duration {
        self.node.hurry()
    }

    fn node(&mut self, node: usize) -> &mut Node {
        self.node.node(node)
    }

    fn url(&self, node: usize, rig: &Rig) -> String {
        self.node.url(node, rig)
    }

    fn log_files(&self, data: &Path) -> Vec<PathBuf> {
        self.node.log_files(data)
    }

    fn peer_ports(&self) -> Vec<u16> {
        self.node.peer_ports()
    }

    async fn drain(&mut self, node: usize, is: bool, rig: &Rig) -> Result<Effect> {
        self.node.drain(node, is, rig).await
    }

    async fn remove(&mut self, node: usize, is: bool, rig: &Rig) -> Result<Effect> {
        self.node.remove(node, is, rig).await
    }

    async fn replace(&mut self, node: usize, is: bool, rig: &Rig) -> Result<Effect> {
        self.node.replace(node, is, rig).await
    }

    async fn settle(&mut self, within: Duration, rig: &Rig) -> Result<()> {
        self.node.settle(within, rig).await
    }

    fn shape(&self) -> (u32, usize) {
        self.node.shape()
    }

    async fn claims(&mut self, at_ms: u64, rig: &Rig) -> Option<Vec<Claim>> {
        self.node.claims(at_ms, rig).await
    }

    async fn digests(&mut self, rig: &Rig) -> Option<Vec<Digest>> {
        self.node.digests(rig).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_node_that_forgets_is_found_out() -> Result<()> {
    let plan: Plan = "run seed 7 nodes 1 safety 5000 liveness 3000\n\
        at 800 for 100: kill node-1\nat 3000 for 100: kill node-1"
        .parse()?;
    let mut rig = block_in_place(|| Rig::set_up(1, plan.seed))?;
    let node = LoneNode::new(impresario()?, &SETTINGS, &rig);
    let mut cluster = Forgetful { node, starts: 0 };
    let size = Size { workers: 3, entities: 2 };
    let report = run(&plan, size, "", &mut rig, &mut cluster).await?;
    let broken = |name: &str| {
        let is_it = |one: &&Findings| one.invariant == name;
        report.findings.iter().find(is_it).is_some_and(|one| !one.violations.is_empty())
    };
    ensure!(!report.has_passed(), "{}", report.to_markdown());
    ensure!(broken(acknowledged::NAME), "{}", report.to_markdown());
    ensure!(broken(linearizable::NAME), "{}", report.to_markdown());
    ensure!(report.to_markdown().contains("no order explains"), "{}", report.to_markdown());
    Ok(())
}

/// A plan that is written down, on the one node.
async fn written(faults: &str, test: &str) -> Result<Report> {
    let text = format!("run seed 7 nodes 1 safety 9000 liveness 4000\n{faults}");
    let plan: Plan = text.parse()?;
    let rig = block_in_place(|| Rig::set_up(1, plan.seed))?;
    carry_out(&plan, rig, &format!("chaos_single_node::{test}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoilt_log_is_refused_or_harmless() -> Result<()> {
    let report = written(
        "at 1500 for 1500: spoil-tail node-1 65536\nat 5000 for 1500: spoil-tail node-1 1000000\n",
        "a_spoilt_log_is_refused_or_harmless",
    )
    .await?;
    ensure!(report.injected() == 2, "{:?}", report.faults);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_loses_nothing() -> Result<()> {
    let report = written(
        "at 1500 for 1000: clock node-1 -5000\nat 5000 for 1000: clock node-1 +4000\n",
        "a_clock_that_jumps_loses_nothing",
    )
    .await?;
    let is_skipped = |(_, effect): &(_, Effect)| matches!(effect, Effect::Skipped(_));
    ensure!(report.faults.iter().any(is_skipped) != report.missing.is_empty(), "{report:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_namespaces_it_says_so_and_does_the_rest() -> Result<()> {
    let plan: Plan = "run seed 7 nodes 1 safety 3000 liveness 3000\n\
        at 600 for 500: lose clients -> node-1 1000\nat 1500 for 500: kill node-1"
        .parse()?;
    let rig = block_in_place(|| Rig::without_hosts(1, plan.seed, "not permitted, for a test"))?;
    let test = "chaos_single_node::without_namespaces_it_says_so_and_does_the_rest";
    let report = carry_out(&plan, rig, test).await?;
    let text = report.to_markdown();
    ensure!(text.contains("**skipped**: not permitted, for a test"), "{text}");
    ensure!(text.contains("Not permitted on this machine: hosts of their own"), "{text}");
    ensure!(report.injected() == 1, "{text}");
    Ok(())
}
