//! `cargo xtask test`: set up, then every test.

use std::path::Path;

use anyhow::Result;
use clap::Parser;

use crate::step::{cargo, run as call, say, step, succeeds};
use crate::{demo, setup};

/// The crate whose tests start, kill and starve whole servers.
const WHOLE_SERVERS: &str = "impresario-chaos-tests";

/// Errors of tests say where they are from; their backtraces would bury that.
const BACKTRACES: (&str, &str) = ("RUST_LIB_BACKTRACE", "0");

/// Options of `test`.
#[derive(Debug, Default, Parser)]
pub(crate) struct Args {
    /// Leave out the tests that kill and starve whole servers
    #[arg(long)]
    quick: bool,
    /// Handed to the test runner: names of tests, or its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Sets up what is missing, builds the server's program, runs every test and every doc test.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    step("set up", || setup::everything(root))?;
    if !args.quick {
        step("build the next release", || demo::build_next(root))?;
    }
    step("build the server", || demo::build(root, false))?;
    step("tests", || tests(root, args))?;
    if args.rest.is_empty() {
        step("doc tests", || call(&mut cargo(root, &["test", "--workspace", "--doc", "--quiet"])))?;
    }
    Ok(())
}

fn tests(root: &Path, args: &Args) -> Result<()> {
    if succeeds("cargo", &["nextest", "--version"]) {
        let mut command = cargo(root, &["nextest", "run", "--workspace", "--no-fail-fast"]);
        if args.quick {
            command.args(["--exclude", WHOLE_SERVERS]);
        }
        return call(command.args(&args.rest).env(BACKTRACES.0, BACKTRACES.1));
    }
    say("   cargo-nextest is not installed; using cargo test");
    let kinds = ["--lib", "--bins", "--tests", "--no-fail-fast"];
    let mut command = cargo(root, &["test", "--workspace", "--exclude", WHOLE_SERVERS]);
    call(command.args(kinds).args(&args.rest).env(BACKTRACES.0, BACKTRACES.1))?;
    if args.quick {
        return Ok(());
    }
    // One whole server at a time; nextest's configuration says the same.
    let mut command = cargo(root, &["test", "--package", WHOLE_SERVERS]);
    call(command.args(kinds).args(&args.rest).args(["--", "--test-threads", "1"]))
}
