//! Entries, their order of use and their bytes, in sled.
//!
//! Two trees: `entries` by (tenant, kind, key), `order` by a number that grows. A value begins with its
//! number. What goes is the lowest number, unless it was asked for since: then it gets a new one (the
//! "second chance" of caches), so that asking writes nothing.

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use impresario_ids::TenantId;
use parking_lot::Mutex;

use crate::{OpenError, Options};

const NUMBER_BYTES: usize = 8;
/// So many entries are remembered as asked for; then it begins anew.
const ASKED_MAX: usize = 65_536;
/// So many damaged folders are kept for a look.
const ASIDE_MAX: usize = 3;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Embedding = 1,
    Response = 2,
}

#[derive(Debug)]
struct Trees {
    db: sled::Db,
    entries: sled::Tree,
    order: sled::Tree,
}

/// What only the one who writes may touch.
#[derive(Debug, Default)]
struct Writer {
    next: u64,
}

#[derive(Debug)]
pub(crate) struct Store {
    /// There until the store is dropped.
    trees: Option<Trees>,
    /// What sled writes.
    file: PathBuf,
    writer: Mutex<Writer>,
    asked: Mutex<HashSet<u64>>,
    bytes: AtomicU64,
    bytes_max: u64,
    broken: AtomicBool,
    pub(crate) began_anew: bool,
}

impl Store {
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        fs::create_dir_all(folder)?;
        let (opened, began_anew) = match start(folder, options) {
            Ok(opened) => (opened, false),
            // Held by another process: moving it aside would take it from that one.
            Err(error) if error.contains("lock") => return Err(OpenError::Store(error)),
            Err(error) => {
                let aside = aside(folder)?;
                tracing::warn!(error, aside = %aside.display(), "cache damaged, begun anew");
                fs::create_dir_all(folder)?;
                (start(folder, options).map_err(OpenError::Store)?, true)
            }
        };
        let (trees, next, bytes) = opened;
        Ok(Self {
            trees: Some(trees),
            file: folder.join("db"),
            writer: Mutex::new(Writer { next }),
            asked: Mutex::new(HashSet::new()),
            bytes: AtomicU64::new(bytes),
            bytes_max: options.bytes_max,
            broken: AtomicBool::new(false),
            began_anew,
        })
    }

    /// Runs what may fail or, in a damaged file, panic.
    fn guard<T>(&self, work: impl FnOnce(&Trees) -> sled::Result<T>) -> Option<T> {
        let trees = self.trees.as_ref().filter(|_| !self.broken())?;
        let result = catch_unwind(AssertUnwindSafe(|| work(trees)));
        let error = match result {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "sled panicked".to_owned(),
        };
        if !self.broken.swap(true, Ordering::Relaxed) {
            tracing::warn!(error, "cache broken, off until the next start");
        }
        None
    }

    pub(crate) fn get(&self, tenant: TenantId, kind: Kind, key: &[u8; 32]) -> Option<Vec<u8>> {
        let value = self.guard(|trees| trees.entries.get(entry_key(tenant, kind, key)))??;
        let (number, body) = value.split_first_chunk::<NUMBER_BYTES>()?;
        let mut asked = self.asked.lock();
        if asked.len() >= ASKED_MAX {
            asked.clear();
        }
        asked.insert(u64::from_be_bytes(*number));
        Some(body.to_vec())
    }

    pub(crate) fn put(&self, tenant: TenantId, kind: Kind, key: &[u8; 32], body: &[u8]) {
        let key = entry_key(tenant, kind, key);
        let size = size_of_entry(key.len(), body.len());
        if size > self.bytes_max / 4 {
            return;
        }
        let mut writer = self.writer.lock();
        self.guard(|trees| {
            self.evict(trees, &mut writer, self.bytes_max.saturating_sub(size))?;
            self.write(trees, &mut writer, &key, body)
        });
    }

    fn write(
        &self,
        trees: &Trees,
        writer: &mut Writer,
        key: &[u8],
        body: &[u8],
    ) -> sled::Result<()> {
        let number = writer.next;
        writer.next += 1;
        let mut value = number.to_be_bytes().to_vec();
        value.extend_from_slice(body);
        // The order first: an entry without a place in it would never go.
        let size = size_of_entry(key.len(), body.len());
        let mut place = size.to_be_bytes().to_vec();
        place.extend_from_slice(key);
        trees.order.insert(number.to_be_bytes(), place)?;
        self.bytes.fetch_add(size, Ordering::Relaxed);
        if let Some(old) = trees.entries.insert(key, value)? {
            self.forget_place(trees, &old)?;
        }
        Ok(())
    }

    /// Takes the place of an entry that is gone out of the order.
    fn forget_place(&self, trees: &Trees, value: &[u8]) -> sled::Result<()> {
        let Some((number, _)) = value.split_first_chunk::<NUMBER_BYTES>() else { return Ok(()) };
        self.asked.lock().remove(&u64::from_be_bytes(*number));
        if let Some(place) = trees.order.remove(number)? {
            self.bytes.fetch_sub(size_in(&place), Ordering::Relaxed);
        }
        Ok(())
    }

    fn evict(&self, trees: &Trees, writer: &mut Writer, wanted: u64) -> sled::Result<()> {
        while self.bytes() > wanted {
            let Some((number, place)) = trees.order.pop_min()? else {
                self.bytes.store(0, Ordering::Relaxed);
                break;
            };
            self.bytes.fetch_sub(size_in(&place), Ordering::Relaxed);
            let Some((_, key)) = place.split_first_chunk::<NUMBER_BYTES>() else { continue };
            let Some(value) = trees.entries.get(key)? else { continue };
            if !value.starts_with(&number) {
                // Written again since; that entry has a place of its own.
                continue;
            }
            let number = number.first_chunk::<NUMBER_BYTES>().map_or(0, |n| u64::from_be_bytes(*n));
            if self.asked.lock().remove(&number) {
                let body = value.get(NUMBER_BYTES..).unwrap_or_default();
                self.write(trees, writer, key, body)?;
            } else {
                trees.entries.remove(key)?;
            }
        }
        Ok(())
    }

    pub(crate) fn remove(&self, tenant: TenantId, kind: Kind, key: &[u8; 32]) {
        let _writer = self.writer.lock();
        self.guard(|trees| {
            if let Some(old) = trees.entries.remove(entry_key(tenant, kind, key))? {
                self.forget_place(trees, &old)?;
            }
            Ok(())
        });
    }

    pub(crate) fn erase(&self, tenant: TenantId) -> bool {
        let _writer = self.writer.lock();
        let done = self.guard(|trees| {
            for entry in trees.entries.scan_prefix(tenant.as_bytes()) {
                let (key, value) = entry?;
                trees.entries.remove(&key)?;
                self.forget_place(trees, &value)?;
            }
            trees.db.flush().map(|_| ())
        });
        done.is_some()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub(crate) fn flush(&self) {
        self.guard(|trees| trees.db.flush().map(|_| ()));
    }
}

impl Drop for Store {
    /// sled syncs its file as it goes, and panics if the disk refuses. On such a disk it is left where it
    /// is: the process has no use for it any more, and the next start reads what there is.
    fn drop(&mut self) {
        let Some(trees) = self.trees.take() else { return };
        let synced = fs::File::open(&self.file).map_or(Ok(()), |file| file.sync_all());
        if let Err(error) = synced {
            tracing::warn!(%error, "cache not closed, the disk refuses");
            std::mem::forget(trees);
        } else if catch_unwind(AssertUnwindSafe(|| drop(trees))).is_err() {
            tracing::warn!("cache not closed in order");
        }
    }
}

fn entry_key(tenant: TenantId, kind: Kind, key: &[u8; 32]) -> Vec<u8> {
    let mut bytes = tenant.as_bytes().to_vec();
    bytes.push(kind as u8);
    bytes.extend_from_slice(key);
    bytes
}

/// The entry, its place in the order, and what a tree spends on both.
fn size_of_entry(key: usize, body: usize) -> u64 {
    (2 * key + body + 4 * NUMBER_BYTES + 32) as u64
}

fn size_in(place: &[u8]) -> u64 {
    place.first_chunk::<NUMBER_BYTES>().map_or(0, |size| u64::from_be_bytes(*size))
}

/// Opens the trees and adds up the order.
fn start(folder: &Path, options: &Options) -> Result<(Trees, u64, u64), String> {
    let work = || -> sled::Result<(Trees, u64, u64)> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(options.memory_bytes)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(2_000));
        let db = config.open()?;
        let trees = Trees { entries: db.open_tree("entries")?, order: db.open_tree("order")?, db };
        let (mut next, mut bytes) = (0, 0);
        for place in trees.order.iter() {
            let (number, place) = place?;
            bytes += size_in(&place);
            next = number.first_chunk::<NUMBER_BYTES>().map_or(0, |n| u64::from_be_bytes(*n)) + 1;
        }
        Ok((trees, next, bytes))
    };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("sled panicked".to_owned()),
    }
}

/// Moves a damaged folder aside, under the first free name; of many, the last is replaced.
fn aside(folder: &Path) -> Result<PathBuf, OpenError> {
    let name = |number: usize| {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        PathBuf::from(name)
    };
    let free = (1..=ASIDE_MAX).map(name).find(|path| !path.exists());
    let target = free.unwrap_or_else(|| name(ASIDE_MAX));
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    fs::rename(folder, &target)?;
    Ok(target)
}
