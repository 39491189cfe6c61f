use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, StorageBackend};

use crate::OpenError;

/// What redb answers, of all its kinds of error.
pub(crate) type Result<T> = std::result::Result<T, redb::Error>;

/// A disk made by a test: it may lose what was not synced, or refuse.
pub trait SimulatedDisk: Send + Sync + fmt::Debug {
    /// The file of this name, empty if it was never written.
    fn file(&self, name: &str) -> Box<dyn StorageBackend>;

    /// Bytes of the file of this name.
    fn len(&self, name: &str) -> u64;

    /// Gives a file another name, in the place of what had it before: wholly and durably, or not at
    /// all. Who has either file open keeps what is open.
    ///
    /// # Errors
    /// What the operating system would say.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file, durably. One that is not there is no error.
    ///
    /// # Errors
    /// What the operating system would say.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// Where the databases' bytes are.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) dir: PathBuf,
    pub(crate) simulated: Option<Arc<dyn SimulatedDisk>>,
}

impl Disk {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes the folder and takes it for this process until the file is dropped.
    pub(crate) fn lock(&self) -> std::result::Result<Option<File>, OpenError> {
        if self.simulated.is_some() {
            return Ok(None);
        }
        let failed = |path: &Path, source| OpenError::Io { path: path.to_owned(), source };
        std::fs::create_dir_all(&self.dir).map_err(|error| failed(&self.dir, error))?;
        let path = self.path("LOCK");
        let options =
            File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(|error| failed(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: self.dir.clone() }),
            Err(TryLockError::Error(source)) => Err(failed(&path, source)),
        }
    }

    pub(crate) fn exists(&self, name: &str) -> std::result::Result<bool, OpenError> {
        match &self.simulated {
            Some(disk) => Ok(disk.len(name) > 0),
            None => {
                let path = self.path(name);
                path.try_exists().map_err(|source| OpenError::Io { path, source })
            }
        }
    }

    /// Bytes of a file; 0 if it cannot be told.
    pub(crate) fn len(&self, name: &str) -> u64 {
        match &self.simulated {
            Some(disk) => disk.len(name),
            None => std::fs::metadata(self.path(name)).map_or(0, |metadata| metadata.len()),
        }
    }

    /// Makes a database whole before it gets its name: `fill` writes its first rows. A crash leaves
    /// the database, or nothing. In the place of one of the same name, if there is one.
    pub(crate) fn create(
        &self,
        name: &str,
        fill: impl FnOnce(&Database) -> Result<()>,
    ) -> std::result::Result<(), OpenError> {
        let fresh = format!("{name}.new");
        self.remove(&fresh)?;
        let made = guarded(|| {
            let mut builder = redb::Builder::new();
            builder.set_cache_size(1 << 20);
            let database = match &self.simulated {
                Some(disk) => builder.create_with_backend(Simulated(disk.file(&fresh)))?,
                None => builder.create(self.path(&fresh))?,
            };
            fill(&database)
        });
        made.map_err(|error| self.failure(name, error))?;
        self.rename(&fresh, name)
    }

    /// Gives a file another name, durably, in the place of what had it before.
    pub(crate) fn rename(&self, from: &str, to: &str) -> std::result::Result<(), OpenError> {
        let renamed = match &self.simulated {
            Some(disk) => disk.rename(from, to),
            None => std::fs::rename(self.path(from), self.path(to)).and_then(|()| self.sync_dir()),
        };
        renamed.map_err(|source| OpenError::Io { path: self.path(to), source })
    }

    /// Removes a file, durably, if it is there.
    pub(crate) fn remove(&self, name: &str) -> std::result::Result<(), OpenError> {
        let removed = match &self.simulated {
            Some(disk) => disk.remove(name),
            None => match std::fs::remove_file(self.path(name)) {
                Ok(()) => self.sync_dir(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            },
        };
        removed.map_err(|source| OpenError::Io { path: self.path(name), source })
    }

    /// A name is durable only with its folder.
    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Opens a database that exists.
    pub(crate) fn open(
        &self,
        name: &str,
        cache_bytes: usize,
    ) -> std::result::Result<Database, OpenError> {
        let opened = guarded(|| {
            let mut builder = redb::Builder::new();
            builder.set_cache_size(cache_bytes);
            Ok(match &self.simulated {
                Some(disk) => builder.create_with_backend(Simulated(disk.file(name)))?,
                None => builder.open(self.path(name))?,
            })
        });
        opened.map_err(|error| self.failure(name, error))
    }

    /// What an error of redb says about the file `name`.
    pub(crate) fn failure(&self, name: &str, error: redb::Error) -> OpenError {
        let path = self.path(name);
        match error {
            redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path },
            redb::Error::UpgradeRequired(version) => OpenError::Format {
                path,
                stored: u32::from(version),
                known: crate::format::VERSION,
            },
            redb::Error::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                OpenError::Damaged { path, why: error.to_string() }
            }
            redb::Error::Io(source) => OpenError::Io { path, source },
            other => OpenError::Damaged { path, why: other.to_string() },
        }
    }
}

/// Calls into redb. Damaged pages make it panic in places; that too is an error here.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(redb::Error::Corrupted(format!("the storage engine gave up: {text}")))
    })
}

#[derive(Debug)]
struct Simulated(Box<dyn StorageBackend>);

impl StorageBackend for Simulated {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}
