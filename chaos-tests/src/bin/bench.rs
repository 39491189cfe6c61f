//! The benches behind `cargo xtask bench`: a load generator on one thread beside a real server, and
//! a report. Numbers of one run on one machine; never an assertion.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use impresario_chaos_tests::put_section;

#[path = "bench/report.rs"]
mod report;
#[path = "bench/runs.rs"]
mod runs;

use report::Report;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Scale {
    lasting: Duration,
    profiles: u64,
    stored_events: u64,
    idle_entities: u64,
}

const FULL: Scale = Scale {
    lasting: Duration::from_secs(15),
    profiles: 10_000,
    stored_events: 1_000_000,
    idle_entities: 50_000,
};
const SMOKE: Scale = Scale {
    lasting: Duration::from_secs(1),
    profiles: 500,
    stored_events: 5_000,
    idle_entities: 500,
};

/// Every bench, in the order in which they run.
const NAMES: [&str; 6] = ["fsync", "single", "hot", "visits", "batch", "idle"];

#[derive(Debug, Parser)]
#[command(about = "Measures a server")]
struct Args {
    /// The program `impresario`
    #[arg(long)]
    server: PathBuf,
    /// A short run that only shows that the benches work
    #[arg(long)]
    smoke: bool,
    /// Where to write the report; only to the terminal if not given
    #[arg(long)]
    report: Option<PathBuf>,
    /// Which benches; all if none is named: fsync, single, hot, visits, batch, idle
    names: Vec<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let unknown: Vec<_> =
        args.names.iter().filter(|name| !NAMES.contains(&name.as_str())).collect();
    ensure!(unknown.is_empty(), "no such benches: {unknown:?}; there are {NAMES:?}");
    let scale = if args.smoke { SMOKE } else { FULL };
    // One thread: the load generator leaves as much of the machine to the server as it can.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    let report = runtime.block_on(run_all(&args, scale))?;
    if let Some(path) = &args.report {
        // The sections behind it are other programs'.
        put_section(path, "", &report.markdown())?;
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
            "fsync" => runs::fsync(&mut report, scale)?,
            "single" => runs::single(&args.server, &mut report, scale).await?,
            "hot" => runs::hot(&args.server, &mut report, scale).await?,
            "visits" => runs::visits(&args.server, &mut report, scale).await?,
            "batch" => runs::batch_and_restart(&args.server, &mut report, scale).await?,
            _ => runs::idle(&args.server, &mut report, scale).await?,
        }
    }
    Ok(report)
}
