use std::ops::ControlFlow;

use crate::OpenError;
use crate::disk::Disk;
use crate::format::{LOG, state_name};
use crate::replica::Mark;
use crate::replica::inner::follow;
use crate::replica::log::{Known, ReplicaLog};
use crate::replica::open::{Recovered, recover};
use crate::replica::slot::GroupCell;
use crate::state::State;
use crate::tools::{Compacted, Contents, PartitionContents, check_integrity, compact_all, tables};

/// Memory for the pages of each database, in bytes.
const CACHE: usize = 8 << 20;

/// So many bytes of entries are looked at together.
const READ_BYTES: usize = 8 << 20;

/// What a replicated store holds. The log's tail is not applied, as only a consensus knows what of
/// it is committed.
pub(crate) fn inspect(disk: &Disk, groups: u16) -> Result<Contents, OpenError> {
    contents(disk, &load(disk, groups)?)
}

/// As [`inspect`], with every checksum of every file and every entry of the log checked.
pub(crate) fn verify(disk: &Disk, groups: u16) -> Result<Contents, OpenError> {
    check_integrity(disk, (0..groups).map(state_name).chain([LOG.to_owned()]))?;
    let recovered = load(disk, groups)?;
    for (cell, known) in &recovered.groups {
        entries(disk, &recovered.log, cell.number, known)?;
    }
    contents(disk, &recovered)
}

/// Gives free pages back.
pub(crate) fn compact(disk: &Disk, groups: u16) -> Result<Compacted, OpenError> {
    let Recovered { log, groups } = load(disk, groups)?;
    let names: Vec<_> = groups.iter().map(|(cell, _)| state_name(cell.number)).collect();
    let states = groups.into_iter().filter_map(|(cell, _)| GroupCell::into_state(cell));
    let databases = states.map(State::into_database).chain([log.into_database()]);
    compact_all(disk, names.into_iter().chain([LOG.to_owned()]).zip(databases).collect())
}

fn load(disk: &Disk, groups: u16) -> Result<Recovered, OpenError> {
    let log = ReplicaLog::open(disk, groups, CACHE)?;
    let opened = log.opened().map_err(|error| disk.failure(LOG, error))?;
    recover(disk, log, opened, groups, CACHE)
}

fn contents(disk: &Disk, recovered: &Recovered) -> Result<Contents, OpenError> {
    let mut found = Contents { partitions: Vec::new(), log_bytes: disk.len(LOG), replicated: true };
    for (cell, known) in &recovered.groups {
        let mark: Option<Mark> = cell.partition.applied();
        let applied = mark.map_or(0, |mark| mark.index);
        found.partitions.push(PartitionContents {
            number: cell.number,
            applied,
            term: 0,
            checkpointed: cell.checkpointed(),
            entries: known.live.end - known.live.start,
            state_bytes: disk.len(&state_name(cell.number)),
            tables: tables(disk, cell)?,
        });
    }
    Ok(found)
}

/// Reads every entry of a group.
fn entries(disk: &Disk, log: &ReplicaLog, group: u16, known: &Known) -> Result<(), OpenError> {
    let damaged = |why: String| OpenError::Damaged { path: disk.path(LOG), why };
    let mut next = known.live.start;
    while next < known.live.end {
        let read = log
            .read(group, next..known.live.end, READ_BYTES)
            .map_err(|error| disk.failure(LOG, error))?;
        if !follow(next, &read) {
            return Err(damaged(format!("the log of group {group} has a gap after {next}")));
        }
        next += read.len() as u64;
        let bad = read.iter().try_for_each(|entry| match entry.payload.writes() {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                ControlFlow::Break(format!("entry {} of group {group}: {error}", entry.index))
            }
        });
        if let ControlFlow::Break(why) = bad {
            return Err(damaged(why));
        }
    }
    Ok(())
}
