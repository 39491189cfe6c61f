use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use impresario_journal::Table;
use redb::{Database, Durability, WriteTransaction};

use crate::disk::{Disk, Result as DiskResult, guarded};
use crate::format::{self, ABOUT, Position, Role, incoming_name, state_name};
use crate::replica::chunk::{self, Checksum, Chunk};
use crate::replica::inner::{Inner, held, unreadable};
use crate::replica::{Mark, ReplicaError};
use crate::state::{State, definition, fill};
use crate::{OpenError, disk};

/// So many bytes are taken between two durable writes. A crash goes back to the last of them.
const DURABLE_EVERY: usize = 4 << 20;

/// Takes the chunks of a snapshot into a state database of its own, which takes the place of the
/// group's at the end.
///
/// Dropping it keeps what it has: [`crate::ReplicaStore::install`] with the same mark goes on
/// there, also after a crash.
pub struct SnapshotInstall {
    inner: Arc<Inner>,
    group: u16,
    mark: Mark,
    database: Database,
    progress: Progress,
    /// The last row, while parts of its value are missing.
    partial: Option<Partial>,
    /// Bytes since the last durable write.
    undurable: usize,
    _only: Only,
}

/// How far an unfinished state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The number of the chunk that comes next.
    pub(crate) next: u64,
    /// The checksum of the one before.
    pub(crate) before: Checksum,
    pub(crate) complete: bool,
}

struct Partial {
    table: Table,
    key: Vec<u8>,
    total: usize,
    value: Vec<u8>,
}

/// Allows the next installation when it is dropped.
struct Only(Arc<Inner>, u16);

impl Drop for Only {
    fn drop(&mut self) {
        if let Ok(slot) = self.0.slots.get(self.1) {
            slot.installing.store(false, Ordering::Release);
        }
    }
}

impl Progress {
    /// The row of [`ABOUT`] that holds it.
    const ROW: &str = "install";

    /// Version, whether the last chunk is there, the next number, checksum, then the mark.
    pub(crate) fn to_bytes(self, mark: &Mark) -> Vec<u8> {
        let mark = Some(mark.clone()).to_bytes();
        let head = [1, u8::from(self.complete)];
        [&head[..], &self.next.to_be_bytes(), &self.before, &mark].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<(Self, Mark)> {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let complete = match head {
            [1, 0] => false,
            [1, 1] => true,
            _ => return None,
        };
        let (next, rest) = rest.split_first_chunk::<8>()?;
        let (before, mark) = rest.split_first_chunk()?;
        let progress = Self { next: u64::from_be_bytes(*next), before: *before, complete };
        Some((progress, <Option<Mark>>::from_bytes(mark)??))
    }
}

impl SnapshotInstall {
    pub(crate) fn begin(inner: &Arc<Inner>, group: u16, mark: &Mark) -> Result<Self, ReplicaError> {
        let slot = inner.slots.get(group)?;
        inner.alive()?;
        drop(held(slot, group)?);
        let refused = |why: String| ReplicaError::OutOfOrder { group, why };
        if slot.installing.swap(true, Ordering::AcqRel) {
            return Err(refused("a snapshot is being installed already".to_owned()));
        }
        let only = Only(Arc::clone(inner), group);
        let applied = inner.cell(group)?.partition.applied();
        if let Some(applied) = applied
            && applied.index > mark.index
        {
            let why = format!("a snapshot at {}, {} is applied", mark.index, applied.index);
            return Err(refused(why));
        }
        let failed = |error: OpenError| ReplicaError::Store(error.to_string());
        let (database, progress) = match resume(&inner.disk, group, mark).map_err(failed)? {
            Some(resumed) => resumed,
            None => start(&inner.disk, group, mark).map_err(failed)?,
        };
        Ok(Self {
            inner: Arc::clone(inner),
            group,
            mark: mark.clone(),
            database,
            progress,
            partial: None,
            undurable: 0,
            _only: only,
        })
    }

    /// The number of the chunk that is wanted next.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.progress.next
    }

    /// Whether the last chunk is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.progress.complete
    }

    /// Takes the next chunk. Writes to the disk.
    ///
    /// # Errors
    /// [`ReplicaError::Chunk`] if it is not the next one or damaged: then nothing changed. Others
    /// if the disk refuses: then drop this and install again.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), ReplicaError> {
        if self.progress.complete {
            return Err(ReplicaError::Chunk("the last one is there already".to_owned()));
        }
        let read = chunk::read(chunk, self.progress.next, &self.progress.before)
            .map_err(ReplicaError::Chunk)?;
        self.check(&read)?;
        self.undurable += chunk.len();
        let (next, before) = (self.progress.next + 1, read.sum);
        let progress = Progress { next, before, complete: read.last };
        let (database, mark) = (&self.database, &self.mark);
        let partial = &mut self.partial;
        let durable = read.last || self.undurable >= DURABLE_EVERY;
        let written = guarded(|| {
            let mut transaction = database.begin_write()?;
            insert(&transaction, &read, partial)?;
            // In the middle of a row nothing may be resumed: a crash goes back to where it began.
            let between = partial.is_none();
            let durability =
                if durable && between { Durability::Immediate } else { Durability::None };
            transaction.set_durability(durability)?;
            if between {
                let row = progress.to_bytes(mark);
                transaction.open_table(ABOUT)?.insert(Progress::ROW, row.as_slice())?;
            }
            transaction.set_quick_repair(durable && between);
            transaction.commit()?;
            Ok(between)
        });
        if written.map_err(unreadable)? && durable {
            self.undurable = 0;
        }
        self.progress = progress;
        Ok(())
    }

    /// Whether the parts of a chunk go on where the one before ended.
    fn check(&self, chunk: &Chunk<'_>) -> Result<(), ReplicaError> {
        let broken = || Err(ReplicaError::Chunk("a part of a row is missing".to_owned()));
        let partial = self.partial.as_ref();
        let mut open = partial.map(|row| (row.table, row.key.as_slice(), row.value.len()));
        for part in &chunk.parts {
            let fits = match open {
                Some(end) => end == (part.table, part.key, part.offset),
                None => part.offset == 0,
            };
            if !fits {
                return broken();
            }
            let end = part.offset + part.bytes.len();
            open = (end < part.total).then_some((part.table, part.key, end));
        }
        if chunk.last && open.is_some() { broken() } else { Ok(()) }
    }

    /// Puts the new state in the place of the group's: all of it, or, after a crash, nothing. What
    /// was applied before and is not in the snapshot is gone. The caller purges the log up to the
    /// mark.
    ///
    /// # Errors
    /// [`ReplicaError::Chunk`] if chunks are missing. Others if the disk refuses; the group then
    /// has its old state, unless the store has failed.
    pub fn finish(self) -> Result<(), ReplicaError> {
        if !self.progress.complete {
            return Err(ReplicaError::Chunk("the last one is not there".to_owned()));
        }
        let Self { inner, group, mark, database, _only: only, .. } = self;
        let slot = inner.slots.get(group)?;
        let _life = slot.life.lock();
        inner.alive()?;
        drop(held(slot, group)?);
        guarded(|| complete(&database, group, mark)).map_err(unreadable)?;
        let (from, to) = (incoming_name(group), state_name(group));
        inner.disk.rename(&from, &to).map_err(|error| ReplicaError::Store(error.to_string()))?;
        let cell = State::checked(&inner.disk, &to, database, Role::State { partition: group })
            .map_err(|error| error.to_string())
            .and_then(|state| inner.new_cell(group, state).map_err(|error| error.to_string()));
        match cell {
            Ok(cell) => {
                if let Some(before) = slot.replace(Some(cell)) {
                    inner.shared.freed(before.close());
                }
                drop(only);
                Ok(())
            }
            // The disk has the new state, memory the old one: only opening again joins them.
            Err(why) => {
                inner.shared.fail(&why);
                Err(ReplicaError::Failed(why))
            }
        }
    }
}

/// The unfinished state of a group, if it is of this snapshot.
fn resume(disk: &Disk, group: u16, mark: &Mark) -> Result<Option<(Database, Progress)>, OpenError> {
    let name = incoming_name(group);
    if !disk.exists(&name)? {
        return Ok(None);
    }
    let found = (|| {
        let database = disk.open(&name, CACHE)?;
        format::check(disk, &name, &database, Role::Incoming { group })?;
        let row = guarded(|| format::about(&database, Progress::ROW));
        Ok::<_, OpenError>((database, row.map_err(|error| disk.failure(&name, error))?))
    })();
    match found {
        Ok((database, row)) => {
            let progress = row.and_then(|bytes| Progress::from_bytes(&bytes));
            Ok(progress.filter(|(_, of)| of == mark).map(|(progress, _)| (database, progress)))
        }
        // Whatever it is, it holds nothing that the sender does not have.
        Err(error) => {
            tracing::warn!(%error, group, "unfinished snapshot is thrown away");
            Ok(None)
        }
    }
}

/// Memory for the pages of an unfinished state, in bytes.
const CACHE: usize = 16 << 20;

fn start(disk: &Disk, group: u16, mark: &Mark) -> Result<(Database, Progress), OpenError> {
    let name = incoming_name(group);
    let before = chunk::seed(&Some(mark.clone()));
    let progress = Progress { next: 0, before, complete: false };
    disk.remove(&name)?;
    disk.create(&name, |database| {
        fill::<Option<Mark>>(database, Role::Incoming { group })?;
        let transaction = database.begin_write()?;
        let row = progress.to_bytes(mark);
        transaction.open_table(ABOUT)?.insert(Progress::ROW, row.as_slice())?;
        Ok(transaction.commit()?)
    })?;
    Ok((disk.open(&name, CACHE)?, progress))
}

fn insert(
    transaction: &WriteTransaction,
    chunk: &Chunk<'_>,
    partial: &mut Option<Partial>,
) -> disk::Result<()> {
    let mut parts = chunk.parts.as_slice();
    while let Some(first) = parts.first() {
        let same = parts.iter().take_while(|part| part.table == first.table).count();
        let mut rows = transaction.open_table(definition(first.table))?;
        for part in &parts[..same] {
            if part.bytes.len() == part.total {
                rows.insert(part.key, part.bytes)?;
                continue;
            }
            let row = partial.get_or_insert_with(|| Partial {
                table: part.table,
                key: part.key.to_vec(),
                total: part.total,
                value: Vec::new(),
            });
            row.value.extend_from_slice(part.bytes);
            if row.value.len() == row.total {
                rows.insert(row.key.as_slice(), row.value.as_slice())?;
                *partial = None;
            }
        }
        parts = &parts[same..];
    }
    Ok(())
}

/// Makes a group's state of an unfinished one.
fn complete(database: &Database, group: u16, mark: Mark) -> DiskResult<()> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    {
        let mut about = transaction.open_table(ABOUT)?;
        for (row, value) in (Role::State { partition: group }).rows() {
            about.insert(row, value.as_slice())?;
        }
        about.insert(<Option<Mark>>::ROW, Some(mark).to_bytes().as_slice())?;
        about.remove(Progress::ROW)?;
    }
    Ok(transaction.commit()?)
}

impl fmt::Debug for SnapshotInstall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotInstall")
            .field("group", &self.group)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
