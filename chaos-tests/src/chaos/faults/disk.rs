//! A small disk of a node's own.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::chaos::shell::{is_alive, pid_in, run};

/// Begins the names of the folders that disks are mounted on; the process id follows.
const PREFIX: &str = "impresario-disk-";

/// A tmpfs that is mounted on a folder. Unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    is_mounted: bool,
}

impl Disk {
    /// A disk of `mib` MiB, or, if this machine does not permit mounts, the reason.
    ///
    /// # Errors
    /// If its folder cannot be made.
    pub fn mount(mib: u32) -> Result<Result<Self, String>> {
        unmount_stale();
        let prefix = format!("{PREFIX}{:06x}-", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir()
            .context("make a folder for a disk")?
            .keep();
        // From here on dropping it removes the folder.
        let mut disk = Self { folder, is_mounted: false };
        let size = format!("size={mib}m,mode=700");
        let target = disk.folder.to_string_lossy().into_owned();
        match run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &target]) {
            Ok(_) => {
                disk.is_mounted = true;
                Ok(Ok(disk))
            }
            Err(error) => Ok(Err(format!("{error:#}"))),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Takes all the room that is left, to the last page.
    ///
    /// # Errors
    /// If writing fails for another reason than a full disk.
    pub fn fill(&self) -> Result<u64> {
        let mut file = File::create(self.filler()).context("make the filler")?;
        let mut filled = 0;
        for size in [1 << 20, 4096, 1] {
            let block = vec![0_u8; size];
            loop {
                match file.write(&block) {
                    Ok(0) => break,
                    Ok(count) => filled += count as u64,
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("fill the disk"),
                }
            }
        }
        Ok(filled)
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// If the filler cannot be removed.
    pub fn free(&self) -> Result<()> {
        match fs::remove_file(self.filler()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).context("remove the filler")
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            unmount(&self.folder);
        }
        // Not empty only if unmounting failed; then it is stale to the next run.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Lazily: also if a dying process has files open on it.
fn unmount(folder: &Path) {
    let _ = run("umount", &["--lazy", &folder.to_string_lossy()]);
}

/// Unmounts what killed test processes left behind.
fn unmount_stale() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for folder in mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if pid_in(&name, PREFIX).is_some_and(|pid| !is_alive(pid)) {
            unmount(folder);
            let _ = fs::remove_dir(folder);
        }
    }
}
