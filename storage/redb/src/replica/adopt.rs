use crate::cell::Cell;
use crate::disk::Disk;
use crate::format::{Applied, Position, state_name};
use crate::overlay::Overlay;
use crate::recovery::{Recovered, recover};
use crate::replica::log::{Founding, ReplicaLog};
use crate::replica::{Adopt, Mark, ReplicaOptions};
use crate::{OpenError, Options};

/// Makes a replicated store out of a plain one.
///
/// Each state database gets all that the log held for it, then its mark beside the row by which the
/// plain store knows how far it is; only then a new log takes the place of the old one. So before
/// that last step, which is one renaming, the store is still the plain one, for whom nothing
/// changed.
pub(crate) fn run(disk: &Disk, options: &ReplicaOptions, adopt: &Adopt) -> Result<(), OpenError> {
    if adopt.partitions > options.groups {
        let (stored, wanted) = (adopt.partitions, options.groups);
        return Err(OpenError::Partitions { path: disk.dir.clone(), stored, wanted });
    }
    let plain = Options {
        state_cache_bytes: options.state_cache_bytes,
        log_cache_bytes: options.log_cache_bytes,
        ..Options::new(&disk.dir, adopt.partitions)
    };
    let Recovered { log, cells, places } = recover(disk, &plain)?;
    let mut founding = Vec::with_capacity(cells.len());
    for (cell, place) in cells.iter().zip(&places) {
        let begin = (adopt.begin)(cell.number, place.last.index, place.last.term);
        convert(disk, cell, begin.mark.clone())?;
        let purged = (begin.mark.index, begin.id);
        founding.push(Founding { group: cell.number, purged, vote: begin.vote });
    }
    let partitions = cells.len();
    for cell in &cells {
        cell.close();
    }
    drop((cells, log));
    ReplicaLog::create(disk, options.groups, &founding)?;
    tracing::info!(partitions, "store of an earlier release taken over");
    Ok(())
}

fn convert(disk: &Disk, cell: &Cell<Applied>, mark: Mark) -> Result<(), OpenError> {
    let failure = |error| disk.failure(&state_name(cell.number), error);
    let (state, frozen) = (cell.state(), cell.partition.freeze());
    let state = state.as_ref().ok_or(redb::Error::DatabaseClosed).map_err(failure)?;
    if let Some(frozen) = frozen {
        state.write(&frozen.overlay, &frozen.at).map_err(failure)?;
    }
    let at = Some(mark);
    debug_assert_eq!(at.index(), cell.partition.applied().index, "the mark of another index");
    state.write(&Overlay::default(), &at).map_err(failure)
}
