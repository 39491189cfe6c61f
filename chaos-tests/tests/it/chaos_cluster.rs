//! Clusters of real processes, each on a host of its own: partitioned, killed, held, starved, grown
//! and shrunk, while clients write down what they saw. `cargo xtask chaos` does this for hours; here
//! are a few fixed runs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::chaos::cluster::{Cluster as _, operator, start};
use impresario_chaos_tests::chaos::fleet::{Fleet, Recipe};
use impresario_chaos_tests::chaos::plan::{Kind, Plan, Scope};
use impresario_chaos_tests::chaos::report::Report;
use impresario_chaos_tests::chaos::rig::Rig;
use impresario_chaos_tests::chaos::runner::{onboard, plan_from_environment, run};
use impresario_chaos_tests::chaos::say;
use impresario_chaos_tests::chaos::workload::Size;
use impresario_chaos_tests::impresario;
use serde_json::json;
use tokio::task::{JoinSet, block_in_place};

/// Runs a plan; the report must be that of a cluster that keeps its promises.
async fn carry_out(plan: &Plan, mut rig: Rig, recipe: Recipe, test: &str) -> Result<Report> {
    let command = format!(
        "IMPRESARIO_SEED={} cargo test -p impresario-chaos-tests chaos_cluster::{test} -- --nocapture",
        plan.seed
    );
    say(&format!("{command}\n{plan}"));
    let mut fleet = block_in_place(|| Fleet::new(plan.nodes, recipe, &rig))?;
    let size = Size { workers: 4, entities: 6 };
    let report = run(plan, size, &command, &mut rig, &mut fleet).await;
    if !report.as_ref().is_ok_and(Report::has_passed) {
        for node in 0..plan.nodes {
            let log = fleet.node(node).log_text();
            let skip = log.lines().count().saturating_sub(30);
            say(&format!("── the last lines of node {}", node + 1));
            log.lines().skip(skip).for_each(say);
        }
    }
    let report = report?;
    say(&report.to_markdown());
    // A machine that must be able to do everything says so.
    let is_strict = std::env::var_os("IMPRESARIO_CHAOS_STRICT").is_some();
    let missing: Vec<_> =
        report.missing.iter().filter(|(_, reason)| !reason.contains("for a test")).collect();
    ensure!(!is_strict || missing.is_empty(), "not permitted: {missing:?}");
    ensure!(report.has_passed(), "{}", report.to_markdown());
    ensure!(report.not_checked.is_empty(), "{}", report.to_markdown());
    Ok(report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_keep_their_promises_under_faults() -> Result<()> {
    let scope = Scope {
        nodes: 3,
        safety_ms: 25_000,
        liveness_ms: 8_000,
        gap_max_ms: 2_500,
        lasts_max_ms: 5_000,
        kinds: vec![
            Kind::Kill,
            Kind::Kill,
            Kind::Cut,
            Kind::Cut,
            Kind::OneWay,
            Kind::Bridge,
            Kind::Pause,
            Kind::SlowSync,
            Kind::FailSync,
            Kind::Delay,
            Kind::Disorder,
            Kind::Disorder,
            Kind::Restart,
            Kind::Clock,
        ],
    };
    let plan = plan_from_environment(&scope, 20_261_120)?;
    let rig = block_in_place(|| Rig::set_up(plan.nodes, plan.seed))?;
    let recipe = Recipe::of_tests(impresario()?);
    let test = "three_nodes_keep_their_promises_under_faults";
    let report = carry_out(&plan, rig, recipe, test).await?;
    ensure!(report.operations[0] > 200, "too little happened: {:?}", report.operations);
    Ok(())
}

/// A plan that is written down.
async fn written(nodes: usize, seconds: u64, faults: &str, test: &str) -> Result<Report> {
    let ms = seconds * 1_000;
    let plan: Plan =
        format!("run seed 7 nodes {nodes} safety {ms} liveness 8000\n{faults}").parse()?;
    let rig = block_in_place(|| Rig::set_up(nodes, plan.seed))?;
    carry_out(&plan, rig, Recipe::of_tests(impresario()?), test).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go() -> Result<()> {
    let faults = "at 1000 for 3000: drain node-2\n\
        at 5000 for 8000: remove node-3\n\
        at 21000 for 3000: replace node-1\n\
        at 26000 for 1500: kill node-2\n";
    let report = written(3, 34, faults, "members_come_and_go").await?;
    ensure!(report.injected() >= 3, "{}", report.to_markdown());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_namespaces_a_cluster_says_so_and_does_the_rest() -> Result<()> {
    let plan: Plan = "run seed 7 nodes 3 safety 9000 liveness 6000\n\
        at 600 for 2000: cut node-1 | node-2 node-3\n\
        at 2000 for 3000: kill node-1\nat 6000 for 2500: pause node-2"
        .parse()?;
    let rig = block_in_place(|| Rig::without_hosts(3, plan.seed, "not permitted, for a test"))?;
    let test = "without_namespaces_a_cluster_says_so_and_does_the_rest";
    let report = carry_out(&plan, rig, Recipe::of_tests(impresario()?), test).await?;
    let text = report.to_markdown();
    ensure!(text.contains("**skipped**: not permitted, for a test"), "{text}");
    ensure!(text.contains("Not permitted on this machine: hosts of their own"), "{text}");
    ensure!(report.injected() == 2, "{text}");
    Ok(())
}

/// The next release of the program, which `cargo xtask test` builds beside this one.
fn next_release() -> Result<Option<PathBuf>> {
    let next = impresario()?.with_file_name("impresario-next");
    if next.is_file() {
        return Ok(Some(next));
    }
    say("NOT TESTED: there is no next release: `cargo xtask test` builds it");
    let is_strict = std::env::var_os("IMPRESARIO_CHAOS_STRICT").is_some();
    ensure!(!is_strict, "there is no next release");
    Ok(None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_rolls_over_nodes_that_serve() -> Result<()> {
    let Some(next) = next_release()? else { return Ok(()) };
    // The two releases also have to get along while one of them is cut off.
    let plan: Plan = "run seed 7 nodes 3 safety 30000 liveness 8000\n\
        at 500 for 2000: restart node-1\nat 4000 for 3000: cut node-1 | node-2 node-3\n\
        at 9000 for 2000: kill node-2\nat 14000 for 2000: restart node-3\n\
        at 18000 for 100: rolling"
        .parse()?;
    let rig = block_in_place(|| Rig::set_up(3, plan.seed))?;
    let recipe = Recipe { next: Some(next), ..Recipe::of_tests(impresario()?) };
    let test = "an_upgrade_rolls_over_nodes_that_serve";
    let report = carry_out(&plan, rig, recipe, test).await?;
    ensure!(report.injected() == 5, "{}", report.to_markdown());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_costs_no_request() -> Result<()> {
    let rig = Rig::plain(3)?;
    let mut fleet = block_in_place(|| Fleet::new(3, Recipe::of_tests(impresario()?), &rig))?;
    for node in 0..3 {
        block_in_place(|| start(&mut fleet, node, &rig))?.ready()?;
    }
    fleet.settle(Duration::from_secs(90), &rig).await?;
    let tenant = onboard(&operator(&fleet, 0, &rig)?).await?;
    let (over, _) = tokio::sync::watch::channel(false);
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        let url = fleet.url(writer % 3, &rig);
        let api = impresario_chaos_tests::Api::new(&url, tenant.write.token())?;
        let over = over.subscribe();
        writers.spawn(async move {
            let mut number = 0_u64;
            while !*over.borrow() {
                let (user, id) =
                    (format!("w{writer}-{}", number % 40), format!("{writer}-{number}"));
                let body = json!({ "userId": user, "event": "Beat", "messageId": id });
                let answer = api.post("/v1/track", &body).await?;
                ensure!(answer.status == 200, "request {id}: {} {}", answer.status, answer.body);
                number += 1;
            }
            Ok(number)
        });
    }
    for node in [1, 2] {
        let effect = fleet.drain(node, true, &rig).await?;
        say(&format!("{effect:?}"));
        led_elsewhere(&mut fleet, node, &rig).await?;
        fleet.drain(node, false, &rig).await?;
    }
    over.send_replace(true);
    let mut requests = 0;
    while let Some(writer) = writers.join_next().await {
        requests += writer.context("a writer")??;
    }
    ensure!(requests > 50, "only {requests} requests");
    Ok(())
}

/// Waits until a node leads no partition.
async fn led_elsewhere(fleet: &mut Fleet, node: usize, rig: &Rig) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..150 {
        ticks.tick().await;
        let leaders = fleet.leaders(rig).await?;
        if leaders.iter().all(|(_, leader)| leader.is_some() && *leader != Some(node)) {
            return Ok(());
        }
    }
    anyhow::bail!("node {} still leads", node + 1)
}
