//! What is read out of a group's replica as a whole: digests, rows for backups, and the log as
//! batches.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use impresario_journal::Write;
use impresario_redb::{LogEntry, Mark, Payload, ReplicaError, Row, RowReader};
use parking_lot::Mutex;

use crate::consensus::Consensus;
use crate::error::ConsensusError;
use crate::group::Group;
use crate::stored::{self, Applied};

/// How many bytes of entries are read together when batches are counted.
const COUNT_BYTES: usize = 4 << 20;
/// Places in the log that are remembered by their batch numbers.
const POINTS_MAX: usize = 64;

/// A hash over all rows of a group. On all replicas equal `applied` mean equal `digest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How many batches are in it: the number of the last one.
    pub applied: u64,
    /// The last applied entry of the log.
    pub index: Option<u64>,
    /// BLAKE3 over all rows of all tables.
    pub digest: [u8; 32],
}

/// One committed batch, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBatch {
    /// Its number among the group's batches, as its commit index said.
    pub number: u64,
    /// The entry that carries it.
    pub index: u64,
    /// The term under which it was proposed.
    pub term: u64,
    /// The writes in their stored form; see [`decode_writes`].
    pub writes: Bytes,
}

impl LogBatch {
    /// The writes.
    ///
    /// # Errors
    /// If the bytes are damaged or of a later release.
    pub fn decode(&self) -> Result<Vec<Write>, ConsensusError> {
        decode_writes(self.writes.clone())
    }
}

/// The writes of a batch from their stored form.
///
/// # Errors
/// If the bytes are damaged or of a later release.
pub fn decode_writes(bytes: Bytes) -> Result<Vec<Write>, ConsensusError> {
    Ok(Payload::of_encoded_writes(bytes).writes()?)
}

/// The rows of one group as of one moment. See [`RowReader`].
pub struct GroupSnapshot {
    group: u16,
    applied: Applied,
    /// `None` only while rows are read, and after that failed.
    reader: Option<Box<RowReader>>,
}

impl GroupSnapshot {
    /// The number of the last batch in it; 0 if there was none.
    #[must_use]
    pub fn batch(&self) -> u64 {
        self.applied.batches
    }

    /// The last entry of the log in it.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.applied.last.map_or(0, |last| last.index())
    }

    /// The term of that entry.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.applied.last.map_or(0, |last| last.committed_leader_id().term)
    }

    /// The next rows, up to `max_bytes` but at least one; none behind the last. Table by table in
    /// the order of [`impresario_journal::Table::ALL`], by ascending keys.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub async fn next(&mut self, max_bytes: usize) -> Result<Vec<Row>, ConsensusError> {
        let group = self.group;
        let gone = || ConsensusError::Stopped { group, why: "its reader has failed".to_owned() };
        let mut reader = self.reader.take().ok_or_else(gone)?;
        let (reader, rows) = off_thread(move || {
            let rows = reader.next(max_bytes);
            Ok((reader, rows))
        })
        .await?;
        let rows = rows?;
        self.reader = Some(reader);
        Ok(rows)
    }
}

impl fmt::Debug for GroupSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupSnapshot").field("applied", &self.applied).finish_non_exhaustive()
    }
}

impl Consensus {
    /// A hash over all rows of a group as of one moment. Makes a checkpoint and walks over all
    /// rows.
    ///
    /// # Errors
    /// If there is no replica of the group here or it cannot be read.
    pub async fn digest(&self, group: u16) -> Result<Digest, ConsensusError> {
        self.0.group(group)?;
        let store = self.0.store.clone();
        off_thread(move || {
            let reader = store.rows(group)?;
            let applied = applied_of(reader.mark())?;
            let index = applied.last.map(|last| last.index());
            Ok(Digest { applied: applied.batches, index, digest: reader.digest()? })
        })
        .await
    }

    /// The rows of a group as of now, on any replica, while it goes on. Old pages of the state
    /// database are kept while the snapshot lives.
    ///
    /// # Errors
    /// If there is no replica of the group here or it cannot be read.
    pub async fn snapshot_of(&self, group: u16) -> Result<GroupSnapshot, ConsensusError> {
        self.0.group(group)?;
        let store = self.0.store.clone();
        off_thread(move || {
            let reader = store.rows(group)?;
            let applied = applied_of(reader.mark())?;
            Ok(GroupSnapshot { group, applied, reader: Some(Box::new(reader)) })
        })
        .await
    }

    /// The batches of a group from number `from` on, as far as they are applied here and up to
    /// `max_bytes` but at least one; none if there is nothing new. On any replica.
    ///
    /// # Errors
    /// [`ConsensusError::LogGap`] if the log here begins later: then only a snapshot helps.
    pub async fn log_batches(
        &self,
        group: u16,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogBatch>, ConsensusError> {
        let group = self.0.group(group)?;
        off_thread(move || group.batches(from.max(1), max_bytes)).await
    }

    /// Says that the batches of a group up to this number are archived. Later ones now stay in the
    /// log of this node until they are archived too, or there are too many
    /// ([`crate::Options::archive_bytes`]). `None`: nothing is archived any more.
    ///
    /// # Errors
    /// [`ConsensusError::NoGroup`].
    pub fn archived(&self, group: u16, archived: Option<u64>) -> Result<(), ConsensusError> {
        self.0.group(group)?.archive.archived(archived);
        Ok(())
    }

    /// Waits until at least so many batches of a group are applied here, and says how many are.
    ///
    /// # Errors
    /// [`ConsensusError::NoGroup`] if there is no replica here, or no longer.
    pub async fn await_batches(&self, group: u16, batches: u64) -> Result<u64, ConsensusError> {
        self.system(group).await_applied(batches).await
    }
}

/// Where batches are in the log of a group, and which of them must stay there.
#[derive(Debug)]
pub(crate) struct Archive {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether anybody said anything yet.
    told: bool,
    archived: Option<u64>,
    /// Batches up to an entry → that entry. What is applied never moves.
    points: BTreeMap<u64, u64>,
}

impl Archive {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), state: Mutex::default() }
    }

    fn archived(&self, archived: Option<u64>) {
        let mut state = self.state.lock();
        state.told = true;
        // One that was told late says nothing new.
        state.archived = archived.map(|now| now.max(state.archived.unwrap_or(0)));
    }

    /// The entry up to which the log may go; everything if nothing is archived. For a while after
    /// the start it is not known yet whether anything will be.
    pub(crate) fn lets_go(&self, grace: std::time::Duration) -> Option<u64> {
        let state = self.state.lock();
        match state.archived {
            Some(archived) => {
                let point = state.points.range(..=archived).next_back();
                Some(point.map_or(0, |(_, index)| *index))
            }
            None if !state.told && self.began.elapsed() < grace => Some(0),
            None => None,
        }
    }

    fn remember(&self, batches: u64, index: u64) {
        let mut state = self.state.lock();
        state.points.insert(batches, index);
        while state.points.len() > POINTS_MAX {
            // The oldest are the first to be purged.
            state.points.pop_first();
        }
    }

    /// The last entry known to be before batch `number`, and how many batches there are up to it.
    fn before(&self, number: u64) -> Option<(u64, u64)> {
        let state = self.state.lock();
        state.points.range(..number).next_back().map(|(batches, index)| (*batches, *index))
    }
}

impl Group {
    fn batches(&self, from: u64, max_bytes: usize) -> Result<Vec<LogBatch>, ConsensusError> {
        let place = self.reached.place();
        let (Some(last), true) = (place.last, from <= place.batches) else { return Ok(Vec::new()) };
        let end = last.index() + 1;
        // What is purged meanwhile is found out and looked for again.
        for _ in 0..4 {
            let known = self.archive.before(from);
            let purged = self.store.log_state(self.id)?.purged.map(|(index, _)| index);
            let known = known.filter(|(_, index)| purged.is_none_or(|purged| *index >= purged));
            let (before, index) = match known {
                Some(known) => known,
                None => match self.count(purged, end, place.batches)? {
                    Some(counted) => counted,
                    None => continue,
                },
            };
            if before >= from {
                let first = before + 1;
                return Err(ConsensusError::LogGap { group: self.id, from, first });
            }
            let start = if index == 0 && purged.is_none() { 0 } else { index + 1 };
            if let Some(found) = self.collect(start, end, before, (from, max_bytes))? {
                return Ok(found);
            }
        }
        let why = "its log is cut faster than it is read".to_owned();
        Err(ConsensusError::Stopped { group: self.id, why })
    }

    /// How many batches come before the first entry of the log, and the entry before that one.
    /// `None` if the log was cut meanwhile.
    fn count(
        &self,
        purged: Option<u64>,
        end: u64,
        batches: u64,
    ) -> Result<Option<(u64, u64)>, ConsensusError> {
        let first = purged.map_or(0, |purged| purged + 1);
        let (mut next, mut counted) = (first, 0);
        while next < end {
            let entries = self.store.read(self.id, next..end, COUNT_BYTES)?;
            match entries.first() {
                Some(entry) if entry.index == next => {}
                // A replica that was adopted has no entry 0.
                Some(entry) if purged.is_none() && next == 0 => next = entry.index,
                Some(_) | None => return Ok(None),
            }
            counted += entries.iter().filter(|entry| entry.payload.is_writes()).count() as u64;
            next += entries.len() as u64;
        }
        let before = batches.saturating_sub(counted);
        let index = purged.unwrap_or(0);
        self.archive.remember(before, index);
        Ok(Some((before, index)))
    }

    /// Batches from number `from` on, out of the entries from `next` on, of which the first is
    /// batch `before + 1`. `None` if the log was cut meanwhile.
    fn collect(
        &self,
        mut next: u64,
        end: u64,
        mut before: u64,
        (from, max_bytes): (u64, usize),
    ) -> Result<Option<Vec<LogBatch>>, ConsensusError> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        while next < end {
            let entries = self.store.read(self.id, next..end, max_bytes.min(COUNT_BYTES))?;
            let Some(first) = entries.first() else { return Ok(None) };
            if first.index != next && next != 0 {
                return Ok(None);
            }
            for entry in entries {
                next = entry.index + 1;
                if !entry.payload.is_writes() {
                    continue;
                }
                let length = entry.payload.encoded().len();
                if before + 1 >= from {
                    if bytes + length > max_bytes && !found.is_empty() {
                        self.archive.remember(before, entry.index - 1);
                        return Ok(Some(found));
                    }
                    bytes += length;
                    found.push(self.batch(before + 1, &entry)?);
                }
                before += 1;
            }
        }
        if next > 0 {
            self.archive.remember(before, next - 1);
        }
        Ok(Some(found))
    }

    fn batch(&self, number: u64, entry: &LogEntry) -> Result<LogBatch, ConsensusError> {
        let id = stored::log_id(entry.index, &entry.id);
        let id = id.map_err(|error| ReplicaError::Store(error.to_string()))?;
        let term = id.committed_leader_id().term;
        Ok(LogBatch { number, index: entry.index, term, writes: entry.payload.encoded().clone() })
    }
}

fn applied_of(mark: Option<&Mark>) -> Result<Applied, ConsensusError> {
    let applied = Applied::of(mark).map_err(|error| ReplicaError::Store(error.to_string()))?;
    Ok(applied)
}

/// Runs what reads the disk where it holds up nobody else.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConsensusError> + Send + 'static,
) -> Result<T, ConsensusError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ReplicaError::Store(error.to_string()))?
}
