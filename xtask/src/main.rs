//! Every automation of the house, in Rust: `cargo xtask <command>`.
//!
//! - X1: what CI runs is what a person runs; `ci` only calls the other commands in order.
//! - X2: a command that needs something from outside fetches it into `.cache/` or `target/`, says
//!   so while it works, and finds it there the second time.
//! - X3: a rule of the house is in force only if `tidy` or `floorplan` checks it; both also run as
//!   tests of this crate.
//!
//! What it is not: a build system. It calls cargo and looks at its results.

mod bench;
mod ci;
mod cluster;
mod demo;
mod floorplan;
mod setup;
mod source;
mod step;
mod tidy;
mod verify;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Every automation of the house")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start a server, run the seeded shop through it and show what came out
    Demo(demo::Args),
    /// Start a cluster on this machine, say what to try with it, and keep it until Control-C
    Cluster(cluster::Args),
    /// Try to break clusters, from seed to seed, until the time is over
    Chaos(cluster::ChaosArgs),
    /// Set up what the tests need and run every test
    Test(verify::Args),
    /// Check the rules that rustfmt and clippy cannot
    Tidy,
    /// Check who imports whom against xtask/floorplan.toml
    Floorplan {
        /// Rewrite docs/floorplan.txt
        #[arg(long)]
        bless: bool,
    },
    /// Measure the server, or with `cluster` clusters; the full run writes docs/benchmarks.md
    Bench(bench::Args),
    /// Everything that must hold before a change is merged
    Ci,
}

fn main() -> ExitCode {
    match run(&workspace::root(), Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            step::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, task: Task) -> Result<()> {
    match task {
        Task::Demo(args) => demo::run(root, &args),
        Task::Cluster(args) => cluster::run(root, &args),
        Task::Chaos(args) => cluster::chaos(root, &args),
        Task::Test(args) => verify::run(root, &args),
        Task::Tidy => tidy::run(root),
        Task::Floorplan { bless } => floorplan::run(root, bless),
        Task::Bench(args) => bench::run(root, &args),
        Task::Ci => ci::run(root),
    }
}
