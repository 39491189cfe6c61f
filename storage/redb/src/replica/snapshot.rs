use std::fmt;
use std::ops::Bound;

use impresario_journal::Table;
use redb::ReadableDatabase as _;

use crate::cell::Cells as _;
use crate::disk::{Result as DiskResult, guarded};
use crate::format::{Position, about_in};
use crate::replica::chunk::{self, Checksum, Filling, Part};
use crate::replica::inner::{Inner, unreadable};
use crate::replica::{Mark, ReplicaError};
use crate::state::Base;

/// The rows of a group as of one moment, in chunks of at most 1 MiB, while writes go on.
///
/// Two snapshots of a group at the same mark give the same chunks, on every node: an installation
/// may go on with another reader. While it lives it keeps old pages of the state database from
/// being used again, and the file locked.
pub struct SnapshotReader {
    base: Base,
    mark: Option<Mark>,
    /// Where each chunk begins that is known, and the checksum before it.
    starts: Vec<(Cursor, Checksum)>,
    /// How many chunks there are, once that is known.
    count: Option<u64>,
}

/// The row and the byte of its value that come next.
#[derive(Clone, Debug, Default)]
struct Cursor {
    table: usize,
    key: Vec<u8>,
    offset: usize,
}

impl SnapshotReader {
    pub(crate) fn open(inner: &Inner, group: u16) -> Result<Self, ReplicaError> {
        let (base, mark) = moment(inner, group)?;
        let starts = vec![(Cursor::default(), chunk::seed(&mark))];
        Ok(Self { base, mark, starts, count: None })
    }

    /// Of which moment this is; `None` if the group had never applied anything.
    #[must_use]
    pub fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// Chunk `number`, from 0 on; `None` behind the last. In any order, though one further on than
    /// was ever asked for reads all chunks in between. Reads the disk.
    ///
    /// # Errors
    /// If the state database cannot be read.
    pub fn chunk(&mut self, number: u64) -> Result<Option<Vec<u8>>, ReplicaError> {
        loop {
            if self.count.is_some_and(|count| number >= count) {
                return Ok(None);
            }
            let known = self.starts.len() as u64 - 1;
            let wanted = number.min(known);
            let (bytes, next, sum) = self.build(wanted).map_err(unreadable)?;
            if wanted == known && self.count.is_none() {
                match next {
                    Some(cursor) => self.starts.push((cursor, sum)),
                    None => self.count = Some(known + 1),
                }
            }
            if wanted == number {
                return Ok(Some(bytes));
            }
        }
    }

    /// Whether these bytes of a chunk say that it is the last one.
    #[must_use]
    pub fn is_last(chunk: &[u8]) -> bool {
        chunk::is_last(chunk)
    }

    /// A chunk whose start is known, where the next one begins, and its checksum.
    fn build(&self, number: u64) -> DiskResult<(Vec<u8>, Option<Cursor>, Checksum)> {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let (start, before) = self.starts.get(at).ok_or(redb::Error::DatabaseClosed)?;
        let mut filling = Filling::new(number, before);
        let mut next = None;
        for (table, code) in Table::ALL.into_iter().zip(0..).skip(start.table) {
            let begin = if code == start.table { start.key.as_slice() } else { &[] };
            let range = (Bound::Included(begin), Bound::Unbounded);
            let mut rows = self.base.range(table, range, false)?;
            while let Some((key, value)) = rows.next()? {
                let (key, value) = (key.value(), value.value());
                let resumed = code == start.table && key == begin;
                let offset = if resumed { start.offset } else { 0 };
                if let Some(offset) = fill(&mut filling, table, key, value, offset) {
                    next = Some(Cursor { table: code, key: key.to_vec(), offset });
                    break;
                }
            }
            if next.is_some() {
                break;
            }
        }
        let (bytes, sum) = filling.seal(next.is_none());
        Ok((bytes, next, sum))
    }
}

/// The rows of a group as of now, and the mark that goes with them. Makes a checkpoint first.
pub(crate) fn moment(inner: &Inner, group: u16) -> Result<(Base, Option<Mark>), ReplicaError> {
    let cell = inner.cell(group)?;
    let mut state = cell.state();
    if !cell.checkpoint_locked(&mut state, &inner.shared) {
        inner.alive()?;
    }
    let database = state.as_ref().ok_or(ReplicaError::Closed)?.database();
    let (base, mark) = guarded(|| {
        // One transaction, so that rows and mark are of one moment.
        let transaction = database.begin_read()?;
        let mark = about_in(&transaction, <Option<Mark>>::ROW)?;
        Ok((Base::of(&transaction)?, mark))
    })
    .map_err(unreadable)?;
    drop(state);
    inner.slots.checkpointed(&cell);
    let mark = mark.and_then(|bytes| <Option<Mark>>::from_bytes(&bytes));
    Ok((base, mark.ok_or_else(|| ReplicaError::Store("it has no mark".to_owned()))?))
}

/// Puts a row into a chunk, from `offset` of its value on. Where it must go on if it does not fit.
fn fill(
    filling: &mut Filling,
    table: Table,
    key: &[u8],
    value: &[u8],
    offset: usize,
) -> Option<usize> {
    let rest = value.len() - offset;
    let fits = filling.fits(key.len());
    if fits.is_none_or(|fits| fits < rest) && !filling.is_empty() {
        // A long row may begin here; a short one goes to the next chunk whole.
        let whole = offset == 0 && Filling::could_fit(key.len(), value.len());
        if whole || fits.is_none_or(|fits| fits == 0) {
            return Some(offset);
        }
    }
    // A key that fills a chunk by itself must not stop everything.
    let length = rest.min(fits.unwrap_or(0).max(1));
    let bytes = &value[offset..offset + length];
    filling.push(&Part { table, key, total: value.len(), offset, bytes });
    (length < rest).then_some(offset + length)
}

impl fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotReader").field("mark", &self.mark).finish_non_exhaustive()
    }
}
