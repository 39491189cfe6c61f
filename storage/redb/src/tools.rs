//! What an operator does with a store that is not running: a plain one or a replicated one.

use std::ops::ControlFlow;
use std::path::Path;

use impresario_journal::{KeyRange, ReadError, Table};
use redb::Database;

use crate::cell::Cell;
use crate::disk::{Disk, guarded};
use crate::format::{self, Applied, LOG, Position, Role, state_name};
use crate::log::Cut;
use crate::recovery::{Recovered, recover};
use crate::state::State;
use crate::{OpenError, Options, replica};

/// What is in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// One entry per partition, in order; in a replicated store one per group that is held.
    pub partitions: Vec<PartitionContents>,
    /// Bytes of the log's file.
    pub log_bytes: u64,
    /// Whether this is the store of a [`crate::ReplicaStore`].
    pub replicated: bool,
}

/// What is in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionContents {
    /// Which partition or group.
    pub number: u16,
    /// The index of its last batch; in a replicated store the last that its state database holds.
    pub applied: u64,
    /// The term of its last batch; 0 in a replicated store, where only the consensus knows it.
    pub term: u64,
    /// The index that the state database itself holds; later batches come from the log.
    pub checkpointed: u64,
    /// Entries of its log that count.
    pub entries: u64,
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

/// Reads every row of the store in `dir`, which no process may have open, the log's tail applied
/// unless the store is replicated. Changes nothing that an opening would not change.
///
/// # Errors
/// See [`OpenError`].
pub fn inspect(dir: &Path) -> Result<Contents, OpenError> {
    let disk = find(dir)?;
    let _lock = disk.lock()?;
    match role(&disk)? {
        Kind::Replicated(groups) => replica::inspect(&disk, groups),
        Kind::Plain(options) => contents(&disk, &recover(&disk, &options)?),
    }
}

/// Checks every checksum of every file of the store in `dir`, then reads it as [`inspect`] does.
/// Takes as long as reading the whole store twice.
///
/// # Errors
/// See [`OpenError`]. A database that the engine could only mend by going back to an earlier state
/// of itself counts as [`OpenError::Damaged`].
pub fn verify(dir: &Path) -> Result<Contents, OpenError> {
    let disk = find(dir)?;
    let _lock = disk.lock()?;
    match role(&disk)? {
        Kind::Replicated(groups) => replica::verify(&disk, groups),
        Kind::Plain(options) => {
            let names = (0..options.partitions).map(state_name).chain([LOG.to_owned()]);
            check_integrity(&disk, names)?;
            contents(&disk, &recover(&disk, &options)?)
        }
    }
}

/// Gives the free pages of all files of the store in `dir` back to the file system. Before that,
/// writes everything to the state databases and empties the log; of a replicated store it only
/// removes what was purged. Needs room for a copy of the largest file.
///
/// # Errors
/// See [`OpenError`].
pub fn compact(dir: &Path) -> Result<Compacted, OpenError> {
    let disk = find(dir)?;
    let _lock = disk.lock()?;
    let options = match role(&disk)? {
        Kind::Replicated(groups) => return replica::compact(&disk, groups),
        Kind::Plain(options) => options,
    };
    let Recovered { log, cells, places } = recover(&disk, &options)?;
    let mut cuts = Vec::new();
    for (cell, place) in cells.iter().zip(&places) {
        write_all(&disk, cell)?;
        if place.last.index > place.cut {
            cuts.push(Cut { partition: cell.number, from: place.cut + 1, to: place.last.index });
        }
    }
    log.append(&[], &cuts).map_err(|error| disk.failure(LOG, error))?;
    let names = (0..options.partitions).map(state_name).chain([LOG.to_owned()]);
    let states = cells.into_iter().filter_map(Cell::into_state);
    let databases = states.map(State::into_database).chain([log.into_database()]);
    compact_all(&disk, names.zip(databases).collect())
}

/// Gives the free pages of these databases back to the file system.
pub(crate) fn compact_all(
    disk: &Disk,
    mut databases: Vec<(String, Database)>,
) -> Result<Compacted, OpenError> {
    let names: Vec<_> = databases.iter().map(|(name, _)| name.clone()).collect();
    let size = || names.iter().map(|name| disk.len(name)).sum();
    let before = size();
    for (name, database) in &mut databases {
        let compacted = guarded(|| {
            while database.compact()? {}
            Ok(())
        });
        compacted.map_err(|error| disk.failure(name, error))?;
    }
    drop(databases);
    Ok(Compacted { before, after: size() })
}

/// Checks every checksum of these files, as far as they are there.
pub(crate) fn check_integrity(
    disk: &Disk,
    names: impl Iterator<Item = String>,
) -> Result<(), OpenError> {
    for name in names {
        if disk.exists(&name)? {
            let mut database = disk.open(&name, 32 << 20)?;
            let intact = guarded(|| Ok(database.check_integrity()?))
                .map_err(|error| disk.failure(&name, error))?;
            if !intact {
                let why = "its checksums do not match".to_owned();
                return Err(OpenError::Damaged { path: disk.path(&name), why });
            }
        }
    }
    Ok(())
}

fn write_all(disk: &Disk, cell: &Cell<Applied>) -> Result<(), OpenError> {
    let (state, frozen) = (cell.state(), cell.partition.freeze());
    match (state.as_ref(), frozen) {
        (Some(state), Some(frozen)) => state
            .write(&frozen.overlay, &frozen.at)
            .map_err(|error| disk.failure(&state_name(cell.number), error)),
        (Some(_) | None, _) => Ok(()),
    }
}

fn find(dir: &Path) -> Result<Disk, OpenError> {
    let disk = Disk { dir: dir.to_owned(), simulated: None };
    if !disk.exists(LOG)? {
        let why = "there is no store in this folder, or its log was lost".to_owned();
        return Err(OpenError::Missing { path: disk.path(LOG), why });
    }
    Ok(disk)
}

enum Kind {
    Plain(Options),
    /// With so many groups at most.
    Replicated(u16),
}

/// What the log says that the store is.
fn role(disk: &Disk) -> Result<Kind, OpenError> {
    let database = disk.open(LOG, 1 << 20)?;
    match format::identify(disk, LOG, &database)? {
        Role::Log { partitions } => Ok(Kind::Plain(Options::new(&disk.dir, partitions))),
        Role::ReplicaLog { groups } => Ok(Kind::Replicated(groups)),
        Role::State { .. } | Role::Incoming { .. } => {
            let expected = Role::Log { partitions: 0 };
            format::check(disk, LOG, &database, expected)?;
            Err(OpenError::NoPartitions)
        }
    }
}

fn contents(disk: &Disk, recovered: &Recovered) -> Result<Contents, OpenError> {
    let mut found =
        Contents { partitions: Vec::new(), log_bytes: disk.len(LOG), replicated: false };
    for (cell, place) in recovered.cells.iter().zip(&recovered.places) {
        found.partitions.push(PartitionContents {
            number: cell.number,
            applied: place.last.index,
            term: place.last.term,
            checkpointed: cell.checkpointed(),
            entries: place.last.index - place.cut,
            state_bytes: disk.len(&state_name(cell.number)),
            tables: tables(disk, cell)?,
        });
    }
    Ok(found)
}

/// Each table with its rows and their bytes.
pub(crate) fn tables<P: Position>(
    disk: &Disk,
    cell: &Cell<P>,
) -> Result<Vec<(Table, u64, u64)>, OpenError> {
    let mut found = Vec::new();
    for table in Table::ALL {
        let (mut rows, mut bytes) = (0, 0);
        let scanned = cell.partition.scan(table, &KeyRange::all(), false, &mut |key, value| {
            rows += 1;
            bytes += (key.len() + value.len()) as u64;
            ControlFlow::Continue(())
        });
        scanned.map_err(|error| damaged(disk, &state_name(cell.number), &error))?;
        found.push((table, rows, bytes));
    }
    Ok(found)
}

fn damaged(disk: &Disk, name: &str, error: &ReadError) -> OpenError {
    OpenError::Damaged { path: disk.path(name), why: error.to_string() }
}
