//! Where things are: the root, the member crates, the files of the project.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// What cargo knows of the members of the workspace at `root`, without resolving their
/// dependencies (so it needs no network and no lock file).
pub(crate) fn metadata(root: &Path) -> Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .with_context(|| format!("cargo metadata of {}", root.display()))
}

/// All files under `root` that belong to the project, as paths relative to it, sorted.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_foreign(&name.to_string_lossy()) {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path().strip_prefix(root)?.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Folders that hold what tools made or fetched.
fn is_foreign(folder: &str) -> bool {
    matches!(folder, "target" | ".git" | ".cache" | "node_modules" | "__pycache__")
}

/// `path` with forward slashes, for messages and for the lists in our TOML files.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
