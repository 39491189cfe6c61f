//! What the tests need from outside, fetched into `.cache/` (which git ignores). A stamp beside
//! it holds what was asked for, so that the second time costs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{run, say, succeeds};

const CLIENTS: &str = "chaos-tests/clients";
const NODE_MAJOR_MIN: u32 = 20;

/// Python packages in `.cache/venv`, Node packages in `.cache/node`, and the server's program.
pub(crate) fn everything(root: &Path) -> Result<()> {
    python(root)?;
    node(root)?;
    network()
}

/// What the chaos tests make hosts of their own with. Only root may, so for anybody else there is
/// nothing to install, and the tests say what they leave out.
fn network() -> Result<()> {
    for (package, program) in [("iproute2", "ip"), ("iptables", "iptables")] {
        if succeeds(program, &["-V"]) {
            continue;
        }
        if !is_root() {
            say(&format!("   {package}: not here; tests with network faults will say so"));
            continue;
        }
        apt(package, &format!("{program} -V"))?;
    }
    Ok(())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A virtual environment with the pinned packages of `chaos-tests/clients/requirements.txt`.
fn python(root: &Path) -> Result<()> {
    let venv = root.join(".cache/venv");
    let requirements = root.join(CLIENTS).join("requirements.txt");
    let wanted =
        fs::read_to_string(&requirements).context("read chaos-tests/clients/requirements.txt")?;
    if stamped(&venv, &wanted) {
        say("   python packages: already in .cache/venv");
        return Ok(());
    }
    need_venv()?;
    if venv.exists() {
        fs::remove_dir_all(&venv).context("remove the old .cache/venv")?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(pip(&venv).arg("--requirement").arg(&requirements))?;
    stamp(&venv, &wanted)
}

fn pip(venv: &Path) -> Command {
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]);
    command
}

/// Debian and Ubuntu ship Python without its venv.
fn need_venv() -> Result<()> {
    if !succeeds("python3", &["-c", "import ensurepip, venv"]) {
        apt("python3-venv", "python3 -c 'import ensurepip, venv'")?;
    }
    Ok(())
}

/// The packages of `chaos-tests/clients/package-lock.json`, with the machine's own Node if it is
/// new enough, otherwise with one from PyPI inside the virtual environment.
fn node(root: &Path) -> Result<()> {
    let folder = root.join(".cache/node");
    let clients = root.join(CLIENTS);
    let wanted =
        fs::read_to_string(clients.join("package-lock.json")).context("read package-lock.json")?;
    if stamped(&folder, &wanted) {
        say("   node packages: already in .cache/node");
        return Ok(());
    }
    let venv = root.join(".cache/venv");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove the old .cache/node")?;
    }
    fs::create_dir_all(&folder).context("make .cache/node")?;
    let bin = folder.join("bin");
    if node_is_new_enough() {
        say("   node: the machine's own");
    } else {
        say("   node: none here that is new enough, fetching one from PyPI into .cache/venv");
        run(pip(&venv).arg("--requirement").arg(clients.join("requirements-node.txt")))?;
        fs::create_dir_all(&bin).context("make .cache/node/bin")?;
        for name in ["node", "npm"] {
            std::os::unix::fs::symlink(venv.join("bin").join(name), bin.join(name))
                .with_context(|| format!("link {name}"))?;
        }
    }
    for file in ["package.json", "package-lock.json"] {
        fs::copy(clients.join(file), folder.join(file)).with_context(|| format!("copy {file}"))?;
    }
    let mut npm = Command::new(if bin.exists() { bin.join("npm") } else { PathBuf::from("npm") });
    run(npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder))?;
    stamp(&folder, &wanted)
}

fn node_is_new_enough() -> bool {
    let Ok(output) = Command::new("node").arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let major = text
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= NODE_MAJOR_MIN) && succeeds("npm", &["--version"])
}

/// Installs a Debian package if we are root, otherwise says in one line what is missing.
fn apt(package: &str, probe: &str) -> Result<()> {
    if !is_root() || !succeeds("apt-get", &["--version"]) {
        bail!(
            "`{probe}` fails: install the package {package}, for example with `sudo apt-get install {package}`"
        );
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

fn stamped(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join(".stamp")).is_ok_and(|stamp| stamp == wanted)
}

fn stamp(folder: &Path, wanted: &str) -> Result<()> {
    fs::write(folder.join(".stamp"), wanted)
        .with_context(|| format!("write the stamp of {}", folder.display()))
}
