//! The tools that `cargo xtask test` fetched into `.cache/`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use tokio::process::Command;

const MISSING: &str = "run `cargo xtask test` once: it fetches what this test needs";

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A program of the Python environment.
///
/// # Errors
/// If it was not set up.
pub fn venv_program(name: &str) -> Result<PathBuf> {
    let program = root().join(".cache/venv/bin").join(name);
    ensure!(program.exists(), "no {}: {MISSING}", program.display());
    Ok(program)
}

/// A Python script of `clients/`, ready to run.
///
/// # Errors
/// If the Python environment was not set up.
pub fn python(script: &str) -> Result<Command> {
    let mut command = Command::new(venv_program("python")?);
    command.arg(root().join("chaos-tests/clients").join(script)).kill_on_drop(true);
    Ok(command)
}

/// A Node script of `clients/`, ready to run.
///
/// # Errors
/// If the Node packages were not fetched.
pub fn node(script: &str) -> Result<Command> {
    let folder = root().join(".cache/node");
    let modules = folder.join("node_modules");
    ensure!(modules.exists(), "no {}: {MISSING}", modules.display());
    let own = folder.join("bin/node");
    let mut command = Command::new(if own.exists() { own } else { PathBuf::from("node") });
    command
        .arg(root().join("chaos-tests/clients").join(script))
        .env("NODE_PATH", modules)
        .kill_on_drop(true);
    Ok(command)
}
