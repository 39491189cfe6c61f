//! The benches behind `cargo xtask bench cluster`: clusters of real nodes on this one machine. Numbers
//! of one run; compare them within a run only.

#[path = "bench_cluster/failover.rs"]
mod failover;
#[path = "bench_cluster/report.rs"]
mod report;
#[path = "bench_cluster/runs.rs"]
mod runs;
#[path = "bench_cluster/scene.rs"]
mod scene;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use report::Report;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Scale {
    lasting: Duration,
    profiles: u64,
    kills: usize,
    idle_partitions: u16,
}

const FULL: Scale =
    Scale { lasting: Duration::from_secs(12), profiles: 10_000, kills: 20, idle_partitions: 256 };
const SMOKE: Scale =
    Scale { lasting: Duration::from_secs(2), profiles: 300, kills: 1, idle_partitions: 16 };

/// Every bench, in the order in which they run.
const NAMES: [&str; 4] = ["asks", "failover", "moving", "idle"];

#[derive(Debug, Parser)]
#[command(about = "Measures clusters")]
struct Args {
    /// The program `impresario`
    #[arg(long)]
    server: PathBuf,
    /// A short run that only shows that the benches work
    #[arg(long)]
    smoke: bool,
    /// The file whose part about clusters is rewritten
    #[arg(long)]
    report: Option<PathBuf>,
    /// Which benches; all if none is named: asks, failover, moving, idle
    names: Vec<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let unknown: Vec<_> =
        args.names.iter().filter(|name| !NAMES.contains(&name.as_str())).collect();
    ensure!(unknown.is_empty(), "no such benches: {unknown:?}; there are {NAMES:?}");
    let scale = if args.smoke { SMOKE } else { FULL };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("a runtime")?;
    let report = runtime.block_on(run_all(&args, scale))?;
    if let Some(path) = &args.report {
        report.put_into(path)?;
    }
    Ok(())
}

async fn run_all(args: &Args, scale: Scale) -> Result<Report> {
    let mut report = Report::new(args.smoke);
    for name in NAMES {
        if !args.names.is_empty() && !args.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        match name {
            "asks" => runs::asks(&args.server, &mut report, scale).await?,
            "failover" => failover::failover(&args.server, &mut report, scale).await?,
            "moving" => runs::moving(&args.server, &mut report, scale).await?,
            _ => runs::idle(&args.server, &mut report, scale).await?,
        }
    }
    Ok(report)
}
