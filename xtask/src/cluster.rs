//! `cargo xtask cluster`, `cargo xtask chaos`, `cargo xtask bench cluster` and `cargo xtask bench
//! conversations`: real nodes on this machine, to be shown, broken and measured. The programs that do
//! it are those of `chaos-tests`; here they are built and called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Parser;

use crate::demo;
use crate::setup;
use crate::step::{cargo, run as call, step};

const PACKAGE: &str = "impresario-chaos-tests";

/// Options of `cluster`.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// How many nodes
    #[arg(default_value_t = 3)]
    pub(crate) nodes: usize,
    /// Show that it stands, and stop; otherwise it runs until Control-C
    #[arg(long)]
    pub(crate) once: bool,
    /// Build with optimisation (takes minutes the first time)
    #[arg(long)]
    pub(crate) release: bool,
}

/// Options of `chaos`.
#[derive(Debug, Default, Parser)]
pub(crate) struct ChaosArgs {
    /// How long, in minutes; one run if not given
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// The first seed; the following runs take the following ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many nodes; 3, and 5 in every third run, if not given
    #[arg(long)]
    nodes: Option<usize>,
    /// How long faults come and go in each run, in seconds
    #[arg(long, default_value_t = 45)]
    seconds: u64,
    /// Only these kinds of faults, by name: kill,cut,pause,…
    #[arg(long)]
    only: Option<String>,
    /// A plan in a file instead of one from the seed
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Instead of a cluster: so many customers of one node, each writing ten messages
    #[arg(long)]
    conversations: Option<usize>,
    /// How often that node is killed
    #[arg(long, default_value_t = 20, requires = "conversations")]
    kills: usize,
    /// Keep the reports of runs that passed, too
    #[arg(long)]
    verbose: bool,
    /// Add a row for each run to the table in docs/chaos.md
    #[arg(long)]
    log: bool,
    /// Build with optimisation
    #[arg(long)]
    release: bool,
}

/// Builds a program of `chaos-tests`; where it is.
fn build(root: &Path, name: &str, release: bool) -> Result<PathBuf> {
    let mut command = cargo(root, &["build", "--package", PACKAGE, "--bin", name]);
    if release {
        command.arg("--release");
    }
    call(&mut command)?;
    Ok(demo::program(root, release).with_file_name(name))
}

/// The server, and a program of `chaos-tests` that is told where it is and works beside the build.
fn tool(root: &Path, name: &str, release: bool) -> Result<Command> {
    step("build the server", || demo::build(root, release))?;
    let program = step("build the tools", || build(root, name, release))?;
    let server = demo::program(root, release);
    // Beside the build, because the system's folder for temporary files is often in memory.
    let folder = server.with_file_name("clusters");
    fs::create_dir_all(&folder).context("make a folder for the nodes")?;
    let mut command = Command::new(program);
    command.arg("--server").arg(&server).current_dir(root).env("TMPDIR", &folder);
    Ok(command)
}

/// Runs a cluster.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let mut command = tool(root, "impresario-cluster", args.release)?;
    command.args(["--nodes", &args.nodes.to_string()]);
    if args.once {
        command.arg("--once");
    }
    step("a cluster", || call(&mut command))
}

/// Runs the demo against a cluster.
pub(crate) fn demo(root: &Path, nodes: usize, kill: bool, release: bool) -> Result<()> {
    let mut command = tool(root, "impresario-cluster", release)?;
    command.args(["--demo", "--nodes", &nodes.to_string()]);
    if kill {
        command.arg("--kill");
    }
    if setup::model(root) {
        // The nodes inherit it.
        command.env("IMPRESARIO__ANSWERS__MODEL_FOLDER", root.join(setup::MODEL_FOLDER));
    }
    step("demo on a cluster", || call(&mut command))
}

/// Tries to break clusters.
pub(crate) fn chaos(root: &Path, args: &ChaosArgs) -> Result<()> {
    let mut command = tool(root, "impresario-chaos", args.release)?;
    let keep = demo::program(root, args.release).with_file_name("chaos");
    command.arg("--keep").arg(&keep);
    command.args(["--minutes", &args.minutes.to_string(), "--seed", &args.seed.to_string()]);
    command.args(["--seconds", &args.seconds.to_string()]);
    if let Some(nodes) = args.nodes {
        command.args(["--nodes", &nodes.to_string()]);
    }
    if let Some(only) = &args.only {
        command.args(["--only", only]);
    }
    if let Some(plan) = &args.plan {
        command.arg("--plan").arg(plan);
    }
    if let Some(talks) = args.conversations {
        command.args(["--conversations", &talks.to_string(), "--kills", &args.kills.to_string()]);
    }
    if args.verbose {
        command.arg("--verbose");
    }
    if args.log {
        command.args(["--log", "docs/chaos.md"]);
    }
    step("chaos", || call(&mut command))
}

/// Measures clusters; the full run rewrites their part of docs/benchmarks.md.
pub(crate) fn bench(root: &Path, smoke: bool, names: &[String]) -> Result<()> {
    let mut command = tool(root, "impresario-bench-cluster", !smoke)?;
    if smoke {
        command.arg("--smoke");
    } else if names.is_empty() {
        command.args(["--report", "docs/benchmarks.md"]);
    }
    step("measure clusters", || call(command.args(names)))
}

/// Measures conversations; the full run rewrites their part of docs/benchmarks.md.
pub(crate) fn bench_conversations(root: &Path, smoke: bool, more: &[String]) -> Result<()> {
    let mut command = tool(root, "impresario-bench-conversations", !smoke)?;
    if setup::model(root) {
        // The server inherits it.
        command.env("IMPRESARIO__ANSWERS__MODEL_FOLDER", root.join(setup::MODEL_FOLDER));
    }
    if smoke {
        command.arg("--smoke");
    } else if more.is_empty() {
        command.args(["--report", "docs/benchmarks.md"]);
    }
    step("measure conversations", || call(command.args(more)))
}
