//! `cargo xtask bench`: builds the server and the load generator, and measures.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Parser;

use crate::step::{cargo, run as call, step};
use crate::{cluster, demo};

/// Options of `bench`.
#[derive(Debug, Default, Parser)]
pub(crate) struct Args {
    /// A short run of the debug build that only shows that the benches work; writes no report
    #[arg(long)]
    pub(crate) smoke: bool,
    /// Which benches to run; all of a single node if none is named. `cluster`, and names after it,
    /// are those of clusters; `conversations` is that of customers who are answered
    pub(crate) names: Vec<String>,
}

/// Builds and measures; the full run writes docs/benchmarks.md.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    if args.names.first().is_some_and(|name| name == "cluster") {
        return cluster::bench(root, args.smoke, &args.names[1..]);
    }
    if args.names.first().is_some_and(|name| name == "conversations") {
        return cluster::bench_conversations(root, args.smoke, &args.names[1..]);
    }
    let release = !args.smoke;
    step("build the server", || demo::build(root, release))?;
    step("build the load generator", || {
        let mut command = cargo(
            root,
            &["build", "--package", "impresario-chaos-tests", "--bin", "impresario-bench"],
        );
        if release {
            command.arg("--release");
        }
        call(&mut command)
    })?;
    step("measure", || {
        let program = demo::program(root, release);
        // Beside the build, because the system's folder for temporary files is often in memory.
        let folder = program.with_file_name("bench");
        fs::create_dir_all(&folder).context("make a folder for the stores")?;
        let mut command = Command::new(program.with_file_name("impresario-bench"));
        command.arg("--server").arg(&program).current_dir(root).env("TMPDIR", &folder);
        if args.smoke {
            command.arg("--smoke");
        } else if args.names.is_empty() {
            command.args(["--report", "docs/benchmarks.md"]);
        }
        call(command.args(&args.names))
    })
}
