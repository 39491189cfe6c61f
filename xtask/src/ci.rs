//! `cargo xtask ci`: what must hold before a change is merged, in the order in which a person
//! would look.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::step::{cargo, run as call, say, seconds, step, succeeds};
use crate::{bench, cluster, demo, floorplan, tidy, verify};

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

struct Outcome {
    name: &'static str,
    took: Duration,
    error: Option<anyhow::Error>,
}

/// Runs all steps, also after one failed, and sums up.
pub(crate) fn run(root: &Path) -> Result<()> {
    let began = Instant::now();
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    let once = || demo::Args { once: true, ..demo::Args::default() };
    let killed = || demo::Args { cluster: Some(3), kill: true, ..demo::Args::default() };
    let smoke = || bench::Args { smoke: true, ..bench::Args::default() };
    let outcomes = [
        attempt("fmt", || call(&mut cargo(root, &["fmt", "--all", "--check"]))),
        attempt("tidy", || tidy::run(root)),
        attempt("floorplan", || floorplan::run(root, false)),
        attempt("clippy", || call(&mut cargo(root, &clippy))),
        attempt("test", || verify::run(root, &verify::Args::default())),
        attempt("deny", || deny(root)),
        attempt("demo --once", || demo::run(root, &once())),
        attempt("demo --cluster", || demo::run(root, &killed())),
        attempt("bench --smoke", || bench::run(root, &smoke())),
        attempt("bench cluster", || cluster::bench(root, true, &[])),
    ];
    sum_up(&outcomes, began.elapsed())
}

fn attempt(name: &'static str, work: impl FnOnce() -> Result<()>) -> Outcome {
    let began = Instant::now();
    let error = step(name, work).err();
    Outcome { name, took: began.elapsed(), error }
}

/// Licences, advisories and who may name which outside crate.
fn deny(root: &Path) -> Result<()> {
    let Some(program) = cargo_deny(root) else {
        say("   skipped: cargo-deny is not installed and could not be");
        say("   the outside names it guards are also guarded by `cargo xtask floorplan`");
        return Ok(());
    };
    let deny = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(root).arg("--workspace").args(args);
        command
    };
    call(&mut deny(&["check", "bans", "licenses", "sources"]))?;
    // The advisories are a database on the net: no judgement without it, and none from an old copy.
    if call(&mut deny(&["fetch", "db"])).is_err() {
        say("   skipped: the advisories cannot be fetched from here");
        return Ok(());
    }
    call(&mut deny(&["check", "--disable-fetch", "advisories"]))
}

/// The machine's own cargo-deny, or ours in `target/tools`, built there the first time (two minutes on
/// two cores, unoptimized: it runs for seconds).
fn cargo_deny(root: &Path) -> Option<PathBuf> {
    if succeeds("cargo-deny", &["--version"]) {
        return Some(PathBuf::from("cargo-deny"));
    }
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-deny");
    if !program.exists() {
        say("   cargo-deny is not installed: building it once into target/tools");
        let mut install = cargo(root, &["install", "--locked", "--debug", "--quiet"]);
        install.args(["--version", CARGO_DENY, "--root"]).arg(&tools).arg("cargo-deny");
        // Built in a folder of its own, which cargo removes.
        call(install.env_remove("CARGO_TARGET_DIR")).ok()?;
    }
    Some(program)
}

fn sum_up(outcomes: &[Outcome], total: Duration) -> Result<()> {
    say("── summary");
    for outcome in outcomes {
        let result = outcome
            .error
            .as_ref()
            .map_or_else(|| "ok".to_owned(), |error| format!("FAILED: {error:#}"));
        say(&format!("   {:<14} {:>9}  {result}", outcome.name, seconds(outcome.took)));
    }
    say(&format!("   {:<14} {:>9}", "all", seconds(total)));
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    if failed > 0 {
        bail!("{failed} of {} steps failed", outcomes.len());
    }
    Ok(())
}
