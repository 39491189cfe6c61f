//! A disk in memory that loses power: each 512-byte sector that was written and not synced is then
//! kept or lost by the toss of a coin. It may also refuse syncs, or be
//! full.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use impresario_redb::SimulatedDisk;
use redb::StorageBackend;

const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    names: BTreeMap<String, usize>,
    /// Never reused: who has a file open keeps it when its name goes.
    files: Vec<Bytes>,
    /// Operations until the power goes.
    left: Option<u64>,
    /// Syncs until one fails.
    syncs_left: Option<u64>,
    /// No file may grow.
    full: bool,
}

#[derive(Debug, Default)]
struct Bytes {
    /// What survives for certain.
    durable: Vec<u8>,
    /// What is read while the power is on.
    current: Vec<u8>,
    /// Sectors in which the two may differ.
    dirty: BTreeSet<usize>,
}

impl Bytes {
    fn touch(&mut self, from: usize, to: usize) {
        self.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
    }

    /// Copies one sector from what is read to what survives.
    fn settle(&mut self, sector: usize) {
        let start = sector * SECTOR;
        let end = (start + SECTOR).min(self.current.len()).min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.current[start..end]);
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.current.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.settle(sector);
        }
    }

    fn lose_power(&mut self, dice: &mut Dice) {
        let length = if dice.coin() { self.current.len() } else { self.durable.len() };
        self.durable.resize(self.current.len().max(self.durable.len()), 0);
        for sector in std::mem::take(&mut self.dirty) {
            if dice.coin() {
                self.settle(sector);
            }
        }
        self.durable.truncate(length);
        self.current.clone_from(&self.durable);
    }
}

impl Platter {
    fn spend(&mut self, write: bool) -> io::Result<()> {
        if write && let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        if self.left == Some(0) { Err(io::Error::other("no power")) } else { Ok(()) }
    }
}

impl Disk {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cut_power_after(&self, operations: u64) {
        self.platter().left = Some(operations);
    }

    /// The sync after so many others fails, and what it was for may be written or not.
    pub(crate) fn fail_sync_after(&self, syncs: u64) {
        self.platter().syncs_left = Some(syncs);
    }

    /// From now on there is no room for any file to grow.
    pub(crate) fn fill_up(&self) {
        self.platter().full = true;
    }

    /// Takes the power away if it is still there, and gives it back, with room to write.
    pub(crate) fn power_on(&self, dice: &mut Dice) {
        let mut platter = self.platter();
        platter.full = false;
        platter.left = None;
        platter.syncs_left = None;
        for file in &mut platter.files {
            file.lose_power(dice);
        }
    }

    /// The names of all files.
    pub(crate) fn names(&self) -> Vec<String> {
        self.platter().names.keys().cloned().collect()
    }
}

impl SimulatedDisk for Disk {
    fn file(&self, name: &str) -> Box<dyn StorageBackend> {
        let mut platter = self.platter();
        let next = platter.files.len();
        let inode = *platter.names.entry(name.to_owned()).or_insert(next);
        if inode == next {
            platter.files.push(Bytes::default());
        }
        Box::new(File { disk: self.clone(), inode })
    }

    fn len(&self, name: &str) -> u64 {
        let platter = self.platter();
        platter.names.get(name).map_or(0, |inode| platter.files[*inode].current.len() as u64)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.spend(true)?;
        let inode = platter.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        platter.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.spend(true)?;
        platter.names.remove(name);
        Ok(())
    }
}

#[derive(Debug)]
struct File {
    disk: Disk,
    inode: usize,
}

impl File {
    fn with<T>(&self, write: bool, act: impl FnOnce(&mut Bytes) -> T) -> io::Result<T> {
        let mut platter = self.disk.platter();
        platter.spend(write)?;
        Ok(act(&mut platter.files[self.inode]))
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.with(false, |file| file.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        self.with(false, |file| {
            let bytes =
                file.current.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            Ok(())
        })?
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let full = self.disk.platter().full;
        self.with(true, |file| {
            let before = file.current.len();
            if full && len as usize > before {
                return Err(io::ErrorKind::StorageFull.into());
            }
            file.current.resize(len as usize, 0);
            // What comes back after it was cut off is new.
            file.touch(before.min(len as usize), before.max(len as usize));
            Ok(())
        })?
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.disk.platter();
        if platter.syncs_left == Some(0) {
            return Err(io::Error::other("the sync failed"));
        }
        if let Some(left) = &mut platter.syncs_left {
            *left -= 1;
        }
        drop(platter);
        self.with(true, Bytes::sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = offset as usize;
        self.with(true, |file| {
            file.current[start..start + data.len()].copy_from_slice(data);
            file.touch(start, start + data.len());
        })
    }
}

/// Random words, the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}

/// How many rounds a test of power loss has, and its seed: a chaos run asks for many by
/// `IMPRESARIO_POWER_ROUNDS` and `IMPRESARIO_POWER_SEED`.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment is how a chaos run asks a test for more rounds"
)]
pub(crate) fn rounds(usually: u64) -> (u64, Dice) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("IMPRESARIO_POWER_SEED").unwrap_or(7);
    (number("IMPRESARIO_POWER_ROUNDS").unwrap_or(usually), Dice(seed))
}
