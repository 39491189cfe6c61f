//! Slow and failing fsync, and clocks that are off, without the server's help.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::chaos::shell::run;

/// `EIO`, as a disk that lost a write reports it.
const EIO: u64 = 5;

/// Compiles the library into a folder; the reason if that cannot be done here.
///
/// # Errors
/// If its source cannot be written.
pub fn build(folder: &Path) -> Result<Result<PathBuf, String>> {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&source, include_str!("shim.c")).context("write the shim's source")?;
    let (source, target) = (source.to_string_lossy(), library.to_string_lossy());
    let built = run("cc", &["-shared", "-fPIC", "-O2", "-Wall", "-o", &target, &source, "-ldl"]);
    Ok(built.map(|_| library).map_err(|error| format!("no C compiler: {error:#}")))
}

/// What a node's shim is set to. By default as if it were not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dials {
    /// How much longer each fsync takes, in microseconds.
    pub sync_delay_us: u64,
    /// Whether each fsync fails.
    pub sync_fails: bool,
    /// How far the wall clock is off, in milliseconds; ahead if positive.
    pub clock_offset_ms: i64,
}

/// The shim of one node. It can be turned while the node runs, and keeps its setting across
/// restarts of the node.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
    page: PathBuf,
    file: File,
    dials: Dials,
}

impl Shim {
    /// A shim whose page is at `page`, with the library that was built.
    ///
    /// # Errors
    /// If the page cannot be made.
    pub fn new(library: &Path, page: &Path) -> Result<Self> {
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(page)
            .context("make the page of the shim")?;
        file.set_len(4096).context("size the page of the shim")?;
        let (library, page) = (library.to_owned(), page.to_owned());
        Ok(Self { library, page, file, dials: Dials::default() })
    }

    /// What a process is started with.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("IMPRESARIO_TEST_DIALS".to_owned(), text(&self.page)),
        ]
    }

    /// What it is set to.
    #[must_use]
    pub fn dials(&self) -> Dials {
        self.dials
    }

    /// Sets it; effective at the next call of the process.
    ///
    /// # Errors
    /// If the page cannot be written.
    pub fn set(&mut self, dials: Dials) -> Result<()> {
        let error = if dials.sync_fails { EIO } else { 0 };
        let values = [
            dials.sync_delay_us.to_ne_bytes(),
            error.to_ne_bytes(),
            dials.clock_offset_ms.to_ne_bytes(),
        ];
        self.file.write_all_at(&values.concat(), 0).context("turn the shim")?;
        self.dials = dials;
        Ok(())
    }

    /// How often the node has called fsync since the shim was made.
    ///
    /// # Errors
    /// If the page cannot be read.
    pub fn syncs(&self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 24).context("read the shim")?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

/// Whether a process has the shim; a statically linked one has not.
///
/// # Errors
/// If there is no such process.
pub fn is_loaded(pid: u32) -> Result<bool> {
    let maps =
        fs::read_to_string(format!("/proc/{pid}/maps")).context("the process's libraries")?;
    Ok(maps.contains("/shim.so"))
}
