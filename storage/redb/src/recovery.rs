use bytes::Bytes;

use crate::cell::Cell;
use crate::clock::now;
use crate::disk::Disk;
use crate::entry::{self, EntryError};
use crate::format::{Applied, LOG, state_name};
use crate::log::Log;
use crate::partition::Partition;
use crate::state::State;
use crate::writer::Place;
use crate::{OpenError, Options};

/// An opened store before its threads run.
pub(crate) struct Recovered {
    pub(crate) log: Log,
    pub(crate) cells: Vec<Cell<Applied>>,
    pub(crate) places: Vec<Place>,
}

/// Opens or creates every database and applies the log's tail.
pub(crate) fn recover(disk: &Disk, options: &Options) -> Result<Recovered, OpenError> {
    if options.partitions == 0 {
        return Err(OpenError::NoPartitions);
    }
    let started = now();
    let log = Log::open(disk, options.partitions, options.log_cache_bytes)?;
    let mut recovered = Recovered { log, cells: Vec::new(), places: Vec::new() };
    let cache = options.state_cache_bytes / usize::from(options.partitions);
    let mut replayed = 0;
    for number in 0..options.partitions {
        let cut = recovered.log.cut(number).map_err(|error| disk.failure(LOG, error))?;
        let name = state_name(number);
        if cut > 0 && !disk.exists(&name)? {
            let why = format!("the log was cut at {cut}, what came before is only there");
            return Err(OpenError::Missing { path: disk.path(&name), why });
        }
        let state = State::open::<Applied>(disk, number, cache)?;
        let applied = state.position().map_err(|error| disk.failure(&name, error))?;
        let cell = Cell::new(number, state, applied).map_err(|error| disk.failure(&name, error))?;
        let last = replay(disk, &recovered.log, &cell.partition, number, applied, cut)?;
        replayed += last.index - applied.index;
        recovered.cells.push(cell);
        recovered.places.push(Place { last, cut });
    }
    tracing::info!(
        partitions = options.partitions,
        replayed,
        milliseconds = started.elapsed().as_millis(),
        "store opened"
    );
    Ok(recovered)
}

/// Applies the entries after `applied`. Gives the last of the partition.
fn replay(
    disk: &Disk,
    log: &Log,
    partition: &Partition<Applied>,
    number: u16,
    applied: Applied,
    cut: u64,
) -> Result<Applied, OpenError> {
    let name = state_name(number);
    let damaged = |why: String| OpenError::Damaged { path: disk.path(LOG), why };
    if applied.index < cut {
        let why = format!("it ends at {}, the log was cut at {cut}", applied.index);
        return Err(OpenError::Missing { path: disk.path(&name), why });
    }
    let last = log.last(number).map_err(|error| disk.failure(LOG, error))?.unwrap_or(cut);
    if last < applied.index {
        let why =
            format!("it ends at {last} of partition {number}, {name} is at {}", applied.index);
        return Err(OpenError::Missing { path: disk.path(LOG), why });
    }
    let now = now();
    let mut at = applied;
    log.replay(number, applied.index, |index, bytes| {
        if index != at.index + 1 {
            return Err(Replay::Open(damaged(format!(
                "partition {number} has a gap after {}",
                at.index
            ))));
        }
        let bytes = Bytes::copy_from_slice(bytes);
        let (term, changes) = entry::decode(&bytes).map_err(|error| match error {
            EntryError::Version(version) => OpenError::Format {
                path: disk.path(LOG),
                stored: u32::from(version),
                known: u32::from(entry::VERSION),
            },
            EntryError::Damaged(why) => {
                damaged(format!("entry {index} of partition {number}: {why}"))
            }
        })?;
        at = Applied { index, term };
        let applied = partition.apply(at, bytes.len(), changes, now);
        applied.map_err(|error| disk.failure(&name, error))?;
        Ok(())
    })
    .map_err(|error| match error {
        Replay::Open(error) => error,
        Replay::Log(error) => disk.failure(LOG, error),
    })?;
    Ok(at)
}

/// Either kind of failure while the log is read.
enum Replay {
    Open(OpenError),
    Log(redb::Error),
}

impl From<redb::Error> for Replay {
    fn from(error: redb::Error) -> Self {
        Self::Log(error)
    }
}

impl From<OpenError> for Replay {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
