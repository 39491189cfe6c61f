use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use parking_lot::RwLock;

use crate::OpenError;
use crate::checkpoint::Checkpointer;
use crate::clock::now;
use crate::disk::Disk;
use crate::format::{self, LOG, Role, incoming_name, state_name};
use crate::replica::adopt;
use crate::replica::inner::Inner;
use crate::replica::log::{Changes, Known, ReplicaLog, Step};
use crate::replica::slot::{GroupCell, Slot, Slots};
use crate::replica::stored::Holding;
use crate::replica::view::View;
use crate::replica::writer::{Place, Writer};
use crate::replica::{Mark, ReplicaOptions};
use crate::shared::Shared;
use crate::state::State;
use crate::threads::Threads;

/// An opened store before its threads run.
pub(crate) struct Recovered {
    pub(crate) log: ReplicaLog,
    /// Every group that is here.
    pub(crate) groups: Vec<(GroupCell, Known)>,
}

/// Opens or creates every database and starts the threads.
pub(crate) fn open(options: ReplicaOptions, disk: Disk) -> Result<Inner, OpenError> {
    if options.groups == 0 {
        return Err(OpenError::NoPartitions);
    }
    let started = now();
    let lock = disk.lock()?;
    if let Some(adopt) = &options.adopt
        && is_plain(&disk)?
    {
        adopt::run(&disk, &options, adopt)?;
    }
    let log = ReplicaLog::open(&disk, options.groups, options.log_cache_bytes)?;
    let opened = log.count_opening().map_err(|error| disk.failure(LOG, error))?;
    let cache = options.state_cache_bytes / usize::from(options.groups);
    let Recovered { log, groups } = recover(&disk, log, opened, options.groups, cache)?;
    let held = groups.len();
    let (slots, places) = slots(groups, options.groups);
    let log = Arc::new(log);
    let shared = Arc::new(Shared::new(0, options.dirty_soft_bytes, options.dirty_hard_bytes));
    let tuning = (options.drain_bytes, options.gather);
    let writer = Writer::new(Arc::clone(&shared), Arc::clone(&log), slots.clone(), places, tuning);
    let checkpointer = Checkpointer {
        shared: Arc::clone(&shared),
        cells: slots.clone(),
        age: options.checkpoint_age,
        disk: disk.clone(),
    };
    let threads = Threads::start(lock, move || writer.run(), move || checkpointer.run())
        .map_err(|source| OpenError::Io { path: disk.dir.clone(), source })?;
    tracing::info!(
        groups = held,
        milliseconds = started.elapsed().as_millis(),
        "replica store opened"
    );
    let (log, recent) = (RwLock::new(Some(log)), AtomicUsize::new(0));
    Ok(Inner { shared, slots, log, opened, recent, options, disk, threads })
}

/// Whether the log in the folder, if there is one, is that of a store that is not replicated.
fn is_plain(disk: &Disk) -> Result<bool, OpenError> {
    if !disk.exists(LOG)? {
        return Ok(false);
    }
    let database = disk.open(LOG, 1 << 20)?;
    Ok(matches!(format::identify(disk, LOG, &database)?, Role::Log { .. }))
}

fn slots(groups: Vec<(GroupCell, Known)>, capacity: u16) -> (Slots, Vec<Place>) {
    let mut groups = groups.into_iter().peekable();
    let (mut slots, mut places) = (Vec::new(), Vec::new());
    for number in 0..capacity {
        match groups.next_if(|(cell, _)| cell.number == number) {
            Some((cell, known)) => {
                places.push(Place::of(&known));
                slots.push(Slot::new(View::of(known), Some(cell)));
            }
            None => {
                places.push(Place::default());
                slots.push(Slot::new(View::default(), None));
            }
        }
    }
    (Slots(slots.into()), places)
}

/// Opens the state of every group that is here, and makes an end of those that were going. `opened`
/// is how often the log was opened.
pub(crate) fn recover(
    disk: &Disk,
    log: ReplicaLog,
    opened: u64,
    capacity: u16,
    cache: usize,
) -> Result<Recovered, OpenError> {
    let mut groups = Vec::new();
    for group in 0..capacity {
        let known = log.known(group).map_err(|error| disk.failure(LOG, error))?;
        match known.holding {
            Some(Holding::Held) => {
                groups.push((held(disk, group, &known, opened, cache)?, known));
            }
            Some(Holding::Leaving) => leave(disk, &log, group)?,
            None => clear(disk, group)?,
        }
    }
    Ok(Recovered { log, groups })
}

fn held(
    disk: &Disk,
    group: u16,
    known: &Known,
    opened: u64,
    cache: usize,
) -> Result<GroupCell, OpenError> {
    let name = state_name(group);
    let missing = |name: &str, why| OpenError::Missing { path: disk.path(name), why };
    if !disk.exists(&name)? {
        return Err(missing(&name, "the log says that it is here".to_owned()));
    }
    let mut state = State::open::<Option<Mark>>(disk, group, cache)?;
    let failure = |error| disk.failure(&name, error);
    let at = state.position::<Option<Mark>>().map_err(failure)?;
    let (reached, purged) = (at.as_ref().map(|mark| mark.index), known.purged.as_ref());
    if let Some((purged, _)) = purged
        && reached < Some(*purged)
    {
        let reached = reached.map_or("before its beginning".to_owned(), |index| index.to_string());
        return Err(missing(&name, format!("it ends at {reached}, the log begins after {purged}")));
    }
    let stamp = state.stamp(opened).map_err(failure)?;
    if stamp > opened {
        let why = format!("{name} was written at its opening {stamp}, it knows {opened}");
        return Err(missing(LOG, why));
    }
    GroupCell::new(group, state, at).map_err(failure)
}

/// Goes on with a removal that a crash interrupted.
fn leave(disk: &Disk, log: &ReplicaLog, group: u16) -> Result<(), OpenError> {
    disk.remove(&state_name(group))?;
    disk.remove(&incoming_name(group))?;
    let changes =
        Changes { steps: vec![Step::Forget(group)], forgotten: vec![group], ..Changes::default() };
    log.write(&changes).map_err(|error| disk.failure(LOG, error))
}

/// Of a group that the log does not know there may be an empty state, from before a crash. One with
/// rows says that the log is not the right one.
fn clear(disk: &Disk, group: u16) -> Result<(), OpenError> {
    let name = state_name(group);
    if disk.exists(&name)? {
        let state = State::open::<Option<Mark>>(disk, group, 1 << 20)?;
        let at = state.position::<Option<Mark>>().map_err(|error| disk.failure(&name, error))?;
        if at.is_some() {
            let why = format!("{name} is there, and it knows no such group");
            return Err(OpenError::Missing { path: disk.path(LOG), why });
        }
        drop(state);
        disk.remove(&name)?;
    }
    disk.remove(&incoming_name(group))
}
