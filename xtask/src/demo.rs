//! `cargo xtask demo`: the server's own demo, built first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Parser;

use crate::cluster;
use crate::setup;
use crate::step::{cargo, run as call, say, step};

/// Options of `demo`.
#[derive(Debug, Default, Parser)]
pub(crate) struct Args {
    /// Run the scripted tour and stop; otherwise the server stays up
    #[arg(long)]
    pub(crate) once: bool,
    /// Build with optimisation (takes minutes the first time)
    #[arg(long)]
    pub(crate) release: bool,
    /// Against a cluster of so many nodes on this machine; stops after the tour
    #[arg(long)]
    pub(crate) cluster: Option<usize>,
    /// Kill one of its nodes in the middle
    #[arg(long, requires = "cluster")]
    pub(crate) kill: bool,
}

/// Builds the server and runs its demo.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    if let Some(nodes) = args.cluster {
        return cluster::demo(root, nodes, args.kill, args.release);
    }
    step("build the server", || build(root, args.release))?;
    step("demo", || tour(root, args))
}

/// Builds the program `impresario`.
pub(crate) fn build(root: &Path, release: bool) -> Result<()> {
    say(
        "   the first build compiles about 400 crates: some minutes on two cores, seconds after that",
    );
    let mut command =
        cargo(root, &["build", "--package", "impresario-server", "--bin", "impresario"]);
    if release {
        command.arg("--release");
    }
    call(&mut command)
}

/// Builds the program as its next release will be, as `impresario-next` beside the present one: what
/// the rolling upgrade is tried with. Only what differs is compiled twice.
pub(crate) fn build_next(root: &Path) -> Result<()> {
    let args = ["build", "--package", "impresario-server", "--bin", "impresario"];
    call(cargo(root, &args).args(["--features", "next-release"]))?;
    let built = program(root, false);
    let kept = built.with_file_name("impresario-next");
    std::fs::copy(&built, &kept).with_context(|| format!("keep {}", kept.display()))?;
    Ok(())
}

/// Where cargo puts the program.
pub(crate) fn program(root: &Path, release: bool) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join(if release { "release" } else { "debug" }).join("impresario")
}

fn tour(root: &Path, args: &Args) -> Result<()> {
    let mut command = Command::new(program(root, args.release));
    command.arg("demo").current_dir(root);
    if setup::model(root) {
        command.env("IMPRESARIO_MODEL_DIR", root.join(setup::MODEL_FOLDER));
    }
    if args.once {
        command.arg("--once");
    }
    call(&mut command)
}
