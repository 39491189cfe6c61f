//! `cargo xtask bench`: builds the server and the load generator, and measures.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Parser;

use crate::demo;
use crate::step::{cargo, run as call, step};

/// Options of `bench`.
#[derive(Debug, Default, Parser)]
pub(crate) struct Args {
    /// A short run of the debug build that only shows that the benches work; writes no report
    #[arg(long)]
    pub(crate) smoke: bool,
    /// Which benches to run; all if none is named
    pub(crate) names: Vec<String>,
}

/// Builds and measures; the full run writes docs/benchmarks.md.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
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
