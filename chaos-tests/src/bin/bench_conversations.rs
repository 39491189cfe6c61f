//! The benches behind `cargo xtask bench conversations`: a thousand customers of one node, with a model
//! whose answers always take the same time and a platform that notes when a reply comes.

#[path = "bench_conversations/idle.rs"]
mod idle;
#[path = "bench_conversations/platform.rs"]
mod platform;
#[path = "bench_conversations/report.rs"]
mod report;
#[path = "bench_conversations/scene.rs"]
mod scene;
#[path = "bench_conversations/talks.rs"]
mod talks;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use impresario_chaos_tests::put_section;

use report::{HEADING, Report};
use scene::Scene;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Conversations under way at once.
    talks: usize,
    /// Bursts of each; the first is not counted.
    rounds: usize,
    /// From one burst of a customer to the next.
    period: Duration,
    /// What the model takes for an answer.
    model: Duration,
    /// Silence that ends a burst.
    quiet: Duration,
    /// An entity without messages for this long is put to sleep, when memory is looked at.
    idle: Duration,
}

const FULL: Scale = Scale {
    talks: 1_000,
    rounds: 4,
    period: Duration::from_secs(60),
    model: Duration::from_millis(500),
    quiet: Duration::from_millis(1_500),
    idle: Duration::from_secs(30),
};
const SMOKE: Scale = Scale {
    talks: 40,
    rounds: 2,
    period: Duration::from_secs(12),
    idle: Duration::from_secs(10),
    ..FULL
};

#[derive(Debug, Parser)]
#[command(about = "Measures conversations")]
struct Args {
    /// The program `impresario`
    #[arg(long)]
    server: PathBuf,
    /// A short run that only shows that the benches work
    #[arg(long)]
    smoke: bool,
    /// How often each customer writes, in seconds, instead of once a minute
    #[arg(long)]
    every: Option<u64>,
    /// The file whose part about conversations is rewritten
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut scale = if args.smoke { SMOKE } else { FULL };
    if let Some(seconds) = args.every {
        scale.period = Duration::from_secs(seconds);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("a runtime")?;
    let report = runtime.block_on(async {
        let mut report = Report::new(scale, args.smoke);
        let mut scene = Scene::open(&args.server, scale).await?;
        talks::talks(&scene, scale, &mut report).await?;
        idle::idle(&mut scene, scale, &mut report).await?;
        anyhow::Ok(report)
    })?;
    if let Some(path) = &args.report {
        put_section(path, HEADING, &report.markdown())?;
    }
    Ok(())
}
