//! What an operator does with a store that is not running.

use std::ops::ControlFlow;
use std::path::Path;

use impresario_journal::{KeyRange, ReadError, Table};

use crate::disk::{Disk, guarded};
use crate::format::{LOG, state_name};
use crate::log::{Cut, Log};
use crate::recovery::{Recovered, recover};
use crate::{OpenError, Options};

/// What is in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// One entry per partition, in order.
    pub partitions: Vec<PartitionContents>,
    /// Bytes of the log's file.
    pub log_bytes: u64,
}

/// What is in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionContents {
    /// The index of its last batch.
    pub applied: u64,
    /// The term of its last batch.
    pub term: u64,
    /// The index that the state database itself holds; later batches come from the log.
    pub checkpointed: u64,
    /// Bytes of the state database's file.
    pub state_bytes: u64,
    /// Each table with its rows and the bytes of their keys and values.
    pub tables: Vec<(Table, u64, u64)>,
}

/// Sizes of all files before and after [`compact`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// In bytes.
    pub before: u64,
    /// In bytes.
    pub after: u64,
}

/// Reads every row of the store in `dir`, which no process may have open, the log's tail applied.
/// Changes nothing that an opening would not change.
///
/// # Errors
/// See [`OpenError`].
pub fn inspect(dir: &Path) -> Result<Contents, OpenError> {
    let (disk, options) = find(dir)?;
    let _lock = disk.lock()?;
    contents(&disk, &recover(&disk, &options)?)
}

/// Checks every checksum of every file of the store in `dir`, then reads it as [`inspect`] does.
/// Takes as long as reading the whole store twice.
///
/// # Errors
/// See [`OpenError`]. A database that the engine could only mend by going back to an earlier state
/// of itself counts as [`OpenError::Damaged`].
pub fn verify(dir: &Path) -> Result<Contents, OpenError> {
    let (disk, options) = find(dir)?;
    let _lock = disk.lock()?;
    let states = (0..options.partitions).map(state_name);
    for name in states.chain([LOG.to_owned()]) {
        if disk.exists(&name)? {
            let mut database = disk.open(&name, options.log_cache_bytes)?;
            let intact = guarded(|| Ok(database.check_integrity()?))
                .map_err(|error| disk.failure(&name, error))?;
            if !intact {
                let why = "its checksums do not match".to_owned();
                return Err(OpenError::Damaged { path: disk.path(&name), why });
            }
        }
    }
    contents(&disk, &recover(&disk, &options)?)
}

/// Writes everything to the state databases of the store in `dir`, empties the log and gives the
/// free pages of all files back to the file system. Needs room for a copy of the largest file.
///
/// # Errors
/// See [`OpenError`].
pub fn compact(dir: &Path) -> Result<Compacted, OpenError> {
    let (disk, options) = find(dir)?;
    let _lock = disk.lock()?;
    let names: Vec<_> = (0..options.partitions).map(state_name).chain([LOG.to_owned()]).collect();
    let size = || names.iter().map(|name| disk.len(name)).sum();
    let before = size();
    let Recovered { log, states, partitions, places, checkpointed } = recover(&disk, &options)?;
    let mut cuts = Vec::new();
    for (number, ((partition, state), place)) in
        (0..).zip(partitions.iter().zip(&states).zip(&places))
    {
        if let Some(frozen) = partition.freeze() {
            let name = state_name(number);
            state
                .write(&frozen.overlay, frozen.applied)
                .map_err(|error| disk.failure(&name, error))?;
        }
        if place.last.index > place.cut {
            cuts.push(Cut { partition: number, from: place.cut + 1, to: place.last.index });
        }
    }
    log.append(&[], &cuts).map_err(|error| disk.failure(LOG, error))?;
    // Snapshots keep old pages alive.
    drop((partitions, checkpointed));
    let databases =
        states.into_iter().map(crate::state::State::into_database).chain([log.into_database()]);
    for (name, mut database) in names.iter().zip(databases) {
        let compacted = guarded(|| {
            while database.compact()? {}
            Ok(())
        });
        compacted.map_err(|error| disk.failure(name, error))?;
    }
    Ok(Compacted { before, after: size() })
}

fn find(dir: &Path) -> Result<(Disk, Options), OpenError> {
    let disk = Disk { dir: dir.to_owned(), simulated: None };
    let partitions = {
        if !disk.exists(LOG)? {
            let why = "there is no store in this folder, or its log was lost".to_owned();
            return Err(OpenError::Missing { path: disk.path(LOG), why });
        }
        let _lock = disk.lock()?;
        Log::stored_partitions(&disk)?
    };
    Ok((disk, Options::new(dir, partitions)))
}

fn contents(disk: &Disk, recovered: &Recovered) -> Result<Contents, OpenError> {
    let mut found = Contents { partitions: Vec::new(), log_bytes: disk.len(LOG) };
    for (number, partition) in (0..).zip(&recovered.partitions) {
        let name = state_name(number);
        let place = recovered.places[usize::from(number)].last;
        let mut tables = Vec::new();
        for table in Table::ALL {
            let (mut rows, mut bytes) = (0, 0);
            let scanned = partition.scan(table, &KeyRange::all(), false, &mut |key, value| {
                rows += 1;
                bytes += (key.len() + value.len()) as u64;
                ControlFlow::Continue(())
            });
            scanned.map_err(|error| damaged(disk, &name, &error))?;
            tables.push((table, rows, bytes));
        }
        found.partitions.push(PartitionContents {
            applied: place.index,
            term: place.term,
            checkpointed: recovered.checkpointed[usize::from(number)],
            state_bytes: disk.len(&name),
            tables,
        });
    }
    Ok(found)
}

fn damaged(disk: &Disk, name: &str, error: &ReadError) -> OpenError {
    OpenError::Damaged { path: disk.path(name), why: error.to_string() }
}
