//! The long chaos runs behind `cargo xtask chaos`: one cluster of real processes after the other, each
//! from the next seed, until the time is over.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use impresario_chaos_tests::chaos::cluster::Cluster as _;
use impresario_chaos_tests::chaos::fleet::{Fleet, Recipe};
use impresario_chaos_tests::chaos::plan::{Kind, Plan, Scope};
use impresario_chaos_tests::chaos::report::Report;
use impresario_chaos_tests::chaos::rig::Rig;
use impresario_chaos_tests::chaos::runner::run;
use impresario_chaos_tests::chaos::workload;
use impresario_chaos_tests::conversations::run::{self as conversations, Size};
use impresario_chaos_tests::today;
use tokio::task::block_in_place;

#[derive(Debug, Parser)]
#[command(about = "Tries to break clusters")]
struct Args {
    /// The program `impresario`
    #[arg(long)]
    server: PathBuf,
    /// How long, in minutes; a run that has begun is finished
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
    /// Only these kinds of faults, by name
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A plan in a file instead of one from the seed
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Where a table row for each run is added
    #[arg(long)]
    log: Option<PathBuf>,
    /// Where reports and the nodes' logs are kept
    #[arg(long)]
    keep: PathBuf,
    /// Instead of a cluster: so many customers of one node, each writing ten messages
    #[arg(long)]
    conversations: Option<usize>,
    /// How often that node is killed
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// Keeps reports of runs that passed, too
    #[arg(long)]
    verbose: bool,
}

/// What goes wrong in long runs, the more often the more often it is named.
const KINDS: [Kind; 28] = [
    Kind::Kill,
    Kind::Kill,
    Kind::Kill,
    Kind::Cut,
    Kind::Cut,
    Kind::Bridge,
    Kind::OneWay,
    Kind::Lose,
    Kind::Slow,
    Kind::Delay,
    Kind::Delay,
    Kind::Disorder,
    Kind::Disorder,
    Kind::Restart,
    Kind::Rolling,
    Kind::Pause,
    Kind::Pause,
    Kind::DiskFull,
    Kind::SlowSync,
    Kind::SlowSync,
    Kind::FailSync,
    Kind::Clock,
    Kind::SpoilTail,
    Kind::Drain,
    Kind::Drain,
    Kind::Remove,
    Kind::Replace,
    Kind::Replace,
];

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    fs::create_dir_all(&args.keep).context("make the folder for reports")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("a runtime")?;
    if let Some(talks) = args.conversations {
        return runtime.block_on(converse(&args, talks));
    }
    let began = Instant::now();
    let mut sum = Sum::default();
    let mut seed = args.seed;
    loop {
        let plan = plan(&args, seed)?;
        let outcome = runtime.block_on(one(&args, &plan));
        sum.add(seed, &outcome);
        record(&args, &plan, &outcome)?;
        seed += 1;
        if args.plan.is_some() || began.elapsed() >= Duration::from_secs(args.minutes * 60) {
            break;
        }
    }
    say(&sum.text(began.elapsed()));
    Ok(if sum.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One run of conversations against one node.
async fn converse(args: &Args, talks: usize) -> Result<ExitCode> {
    say(&format!("── seed {}: {talks} conversations, {} kills", args.seed, args.kills));
    let outcome = conversations::run(&args.server, &Size::of(talks, args.kills), args.seed).await?;
    for line in outcome.text().lines() {
        say(&format!("   {line}"));
    }
    let broken = &outcome.verdict.broken;
    fs::write(args.keep.join(format!("conversations-{}.txt", args.seed)), broken.join("\n"))
        .context("keep what is broken")?;
    let has_passed = outcome.verdict.has_passed();
    Ok(if has_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plan(args: &Args, seed: u64) -> Result<Plan> {
    if let Some(path) = &args.plan {
        return fs::read_to_string(path).context("read the plan")?.parse();
    }
    let nodes = args.nodes.unwrap_or(if seed.is_multiple_of(3) { 5 } else { 3 });
    let name = |kind: &Kind| format!("{kind:?}").to_lowercase();
    let is_wanted = |kind: &Kind| args.only.is_empty() || args.only.contains(&name(kind));
    let scope = Scope {
        nodes,
        safety_ms: args.seconds * 1_000,
        liveness_ms: 12_000,
        gap_max_ms: 3_500,
        lasts_max_ms: 6_000,
        kinds: KINDS.iter().copied().filter(is_wanted).collect(),
    };
    Ok(Plan::draw(seed, &scope))
}

fn command(args: &Args, plan: &Plan) -> String {
    let only = if args.only.is_empty() {
        String::new()
    } else {
        format!(" --only {}", args.only.join(","))
    };
    format!(
        "cargo xtask chaos --seed {} --nodes {} --seconds {}{only}",
        plan.seed,
        plan.nodes,
        plan.safety_ms / 1_000
    )
}

async fn one(args: &Args, plan: &Plan) -> Result<Report> {
    let again = command(args, plan);
    say(&format!("── seed {}: {} faults on {} nodes", plan.seed, plan.faults.len(), plan.nodes));
    let mut rig = block_in_place(|| Rig::set_up(plan.nodes, plan.seed))?;
    for (what, why) in rig.missing() {
        say(&format!("   NOT POSSIBLE HERE: {what}: {why}"));
    }
    let recipe = Recipe::of_tests(args.server.clone());
    let mut fleet = block_in_place(|| Fleet::new(plan.nodes, recipe, &rig))?;
    let size = workload::Size { workers: 6, entities: 6 };
    let report = run(plan, size, &again, &mut rig, &mut fleet).await;
    if args.verbose || !report.as_ref().is_ok_and(Report::has_passed) {
        for node in 0..plan.nodes {
            let to = args.keep.join(format!("seed-{}-node-{}.log", plan.seed, node + 1));
            fs::write(to, fleet.node(node).log_text()).context("keep a node's log")?;
        }
        let to = args.keep.join(format!("seed-{}-history.txt", plan.seed));
        let history = report.as_ref().map_or("", |report| report.history.as_str());
        fs::write(to, history).context("keep the history")?;
    }
    report
}

/// What all runs come to.
#[derive(Default)]
struct Sum {
    runs: u64,
    faults: usize,
    answered: u64,
    unknown: u64,
    webhooks: u64,
    failed: Vec<u64>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: &Result<Report>) {
        self.runs += 1;
        if let Ok(report) = outcome {
            self.faults += report.injected();
            self.answered += report.operations[0];
            self.unknown += report.operations[1];
            self.webhooks += report.deliveries;
        }
        if !outcome.as_ref().is_ok_and(Report::has_passed) {
            self.failed.push(seed);
        }
    }

    fn text(&self, took: Duration) -> String {
        let Self { runs, faults, answered, unknown, webhooks, failed } = self;
        let minutes = took.as_secs_f64() / 60.0;
        let verdict = match &failed[..] {
            [] => "all passed".to_owned(),
            failed => format!("FAILED: seeds {failed:?}"),
        };
        format!(
            "── {runs} runs in {minutes:.1} minutes: {faults} faults, {answered} operations \
             answered and {unknown} unknown, {webhooks} webhooks; {verdict}"
        )
    }
}

fn record(args: &Args, plan: &Plan, outcome: &Result<Report>) -> Result<()> {
    let path = args.keep.join(format!("seed-{}.md", plan.seed));
    let (row, text) = match outcome {
        Ok(report) => (report.row(&today()), report.to_markdown()),
        Err(error) => (
            format!(
                "| {} | {} | {} | – | – | – | – | NOT RUN: {error:#} |",
                today(),
                plan.seed,
                plan.nodes
            ),
            format!("### Seed {}: not run\n\n{error:#}\n\n```text\n{plan}```\n", plan.seed),
        ),
    };
    say(&format!("   {row}"));
    if !outcome.as_ref().is_ok_and(Report::has_passed) {
        for line in text.lines().filter(|line| line.starts_with("- ")).take(6) {
            say(&format!("   {}", line.chars().take(400).collect::<String>()));
        }
        say(&format!("   {}\n   report: {}", command(args, plan), path.display()));
    }
    if args.verbose || !outcome.as_ref().is_ok_and(Report::has_passed) {
        fs::write(&path, text).context("keep a report")?;
    }
    if let Some(log) = &args.log {
        append(log, &row)?;
    }
    Ok(())
}

fn append(path: &Path, row: &str) -> Result<()> {
    let mut line = String::new();
    writeln!(line, "{row}").context("a row")?;
    let mut file = fs::File::options().create(true).append(true).open(path).context("the log")?;
    file.write_all(line.as_bytes()).context("add to the log")
}

/// Prints a line.
fn say(line: &str) {
    // A closed pipe on stdout is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{line}");
}
