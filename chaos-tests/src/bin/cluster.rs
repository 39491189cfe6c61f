//! The cluster behind `cargo xtask cluster` and `cargo xtask demo --cluster`: real nodes on this
//! machine, to be looked at, asked and killed.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use impresario_chaos_tests::chaos::cluster::{Cluster as _, start};
use impresario_chaos_tests::chaos::fleet::{Fleet, Recipe};
use impresario_chaos_tests::chaos::invariants::replicas;
use impresario_chaos_tests::chaos::node::READY_WITHIN;
use impresario_chaos_tests::chaos::rig::Rig;
use tokio::process::Command;
use tokio::task::block_in_place;

/// A cluster on one machine has its replicas in place after this time.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// Replicas that went on without each other are equal after this time.
const EQUAL_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, Parser)]
#[command(about = "Runs a cluster on this machine")]
struct Args {
    /// The program `impresario`
    #[arg(long)]
    server: PathBuf,
    /// How many nodes
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Partitions of the cluster
    #[arg(long, default_value_t = 16)]
    partitions: u16,
    /// Show that it stands, and stop
    #[arg(long)]
    once: bool,
    /// Run the demo against it, and stop
    #[arg(long)]
    demo: bool,
    /// Kill a node in the middle of the demo, and start it again after it
    #[arg(long, requires = "demo")]
    kill: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("a runtime")?;
    let is_right = runtime.block_on(run(&args))?;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(args: &Args) -> Result<bool> {
    let rig = Rig::plain(args.nodes)?;
    let mut recipe = Recipe::of_tests(args.server.clone());
    recipe.partitions = args.partitions;
    let mut fleet = block_in_place(|| Fleet::new(args.nodes, recipe, &rig))?;
    let began = Instant::now();
    for node in 0..args.nodes {
        block_in_place(|| start(&mut fleet, node, &rig))?.ready()?;
        say(&format!("node {} takes requests at {}", node + 1, fleet.url(node, &rig)));
    }
    fleet.settle(SETTLED_WITHIN, &rig).await?;
    let (partitions, replicas) = fleet.shape();
    let took = began.elapsed().as_secs_f64();
    say(&format!("all {partitions} partitions have {replicas} replicas after {took:.1} s\n"));
    if args.demo {
        return demo(args, &mut fleet, &rig).await;
    }
    show(args, &mut fleet, &rig)?;
    if args.once {
        return equal(&mut fleet, &rig).await;
    }
    tokio::signal::ctrl_c().await.context("control-C")?;
    for node in 0..args.nodes {
        if fleet.node(node).is_running() {
            block_in_place(|| fleet.node(node).stop())?;
        }
    }
    Ok(true)
}

/// What to try.
fn show(args: &Args, fleet: &mut Fleet, rig: &Rig) -> Result<()> {
    for node in 0..args.nodes {
        let id = fleet.id(node).map_or("?".to_owned(), |id| id.to_string());
        let pid = fleet.node(node).pid().context("it does not run")?;
        say(&format!("  node-{id}  {}  process {pid}", fleet.url(node, rig)));
    }
    let url = fleet.url(args.nodes - 1, rig);
    let token = rig.data(args.nodes - 1).join("root-token");
    let (program, token) = (args.server.display(), token.display());
    let pid = fleet.node(0).pid().context("it does not run")?;
    say(&format!(
        "\n  The root token of the last node is in {token}\n\n  \
         curl -H \"authorization: Bearer $(cat {token})\" {url}/admin/v1/cluster\n  \
         {program} shell --url {url} --token-file {token}\n  \
         kill -9 {pid}        # and ask again\n\n  \
         Control-C stops all nodes and removes their data.\n"
    ));
    Ok(())
}

/// The node that leads the most.
async fn busiest(fleet: &mut Fleet, rig: &Rig) -> Result<usize> {
    let leaders = fleet.leaders(rig).await?;
    let leads = |node: usize| leaders.iter().filter(|(_, leader)| *leader == Some(node)).count();
    (0..fleet.nodes()).max_by_key(|node| leads(*node)).context("a node")
}

async fn demo(args: &Args, fleet: &mut Fleet, rig: &Rig) -> Result<bool> {
    let victim = busiest(fleet, rig).await?;
    // The token of one that stays.
    let stays = (victim + 1) % args.nodes;
    let mut command = Command::new(&args.server);
    command.args(["demo", "--once", "--token-file"]).arg(rig.data(stays).join("root-token"));
    for node in 0..args.nodes {
        command.args(["--url", &fleet.url(node, rig)]);
    }
    if args.kill {
        let pid = fleet.node(victim).pid().context("it does not run")?;
        command.args(["--halfway", &format!("kill -9 {pid}")]);
    }
    let is_right = command.status().await.context("the demo")?.success();
    if args.kill {
        say("\nthe killed node is started again");
        block_in_place(|| {
            fleet.node(victim).kill9()?;
            fleet.launch(victim, rig)?;
            fleet.node(victim).await_ready(READY_WITHIN)?.ready()
        })?;
    }
    Ok(equal(fleet, rig).await? && is_right)
}

/// Whether all replicas hold the same.
async fn equal(fleet: &mut Fleet, rig: &Rig) -> Result<bool> {
    fleet.settle(SETTLED_WITHIN, rig).await?;
    let (partitions, count) = fleet.shape();
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    loop {
        ticks.tick().await;
        let Some(digests) = fleet.digests(rig).await else {
            say("the nodes do not say what their replicas hold: NOT CHECKED");
            return Ok(true);
        };
        let found = replicas::check(&digests, partitions, count);
        if found.hold() {
            let looked_at = found.looked_at;
            say(&format!(
                "all {looked_at} replicas of {partitions} partitions hold the same bytes"
            ));
            return Ok(true);
        }
        if began.elapsed() > EQUAL_WITHIN {
            found.violations.iter().for_each(|violation| say(&format!("   {violation}")));
            return Ok(false);
        }
    }
}

/// Prints a line.
fn say(line: &str) {
    // A closed pipe on stdout is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{line}");
}
