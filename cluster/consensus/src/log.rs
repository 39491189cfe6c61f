use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{self, BoxStream, StreamExt};
use impresario_redb::{Done, LogEntry, ReplicaError, ReplicaStore};
use openraft::errors::LeaderChanged;
use openraft::storage::{
    IOFlushed, LeaderBoundedStreamError, LogState, RaftLogReader, RaftLogStorage,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::ballot::Ballot;
use crate::stored;
use crate::types::{Entry, LeaderId, LogId, Types, Vote};

/// How many bytes of entries are read together, for the state machine.
const READ_BYTES: usize = 4 << 20;

/// The log and the vote of one group. Clones share them.
#[derive(Clone)]
pub(crate) struct GroupLog {
    store: ReplicaStore,
    group: u16,
    /// How many bytes of entries go to a follower in one request.
    append_bytes: usize,
    ballot: Arc<Mutex<Ballot>>,
    /// A moving average over the entries appended here.
    average_bytes: Arc<AtomicU64>,
}

/// How many entries the average looks back, about.
const AVERAGE_OVER: u64 = 16;

impl GroupLog {
    /// # Errors
    /// If the stored vote cannot be read.
    pub(crate) fn open(
        store: ReplicaStore,
        group: u16,
        append_bytes: usize,
    ) -> Result<Self, io::Error> {
        let stored = store.read_vote(group).map_err(io::Error::other)?;
        let ballot = stored.as_deref().map(Ballot::decode).transpose().map_err(io::Error::other)?;
        let ballot = Arc::new(Mutex::new(ballot.unwrap_or_default()));
        Ok(Self { store, group, append_bytes, ballot, average_bytes: Arc::default() })
    }

    /// The last entry here, in the log or in the state.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn last(&self) -> Result<Option<LogId>, io::Error> {
        let last = self.store.log_state(self.group).map_err(io::Error::other)?.last;
        last.map(|(index, id)| stored::log_id(index, &id)).transpose().map_err(io::Error::other)
    }

    /// Whether this replica may vote and stand: not before its log is as long as it once was, or
    /// what it acknowledged in an earlier life could be voted away.
    pub(crate) fn may_vote(&self) -> bool {
        let floor = self.ballot.lock().floor;
        floor.is_none_or(|floor| self.last().is_ok_and(|last| last >= Some(floor)))
    }

    /// Whether it is not known yet that this replica may vote.
    pub(crate) fn is_below_floor(&self) -> bool {
        self.ballot.lock().floor.is_some()
    }

    /// Whether only the ballot of a removed replica is left.
    pub(crate) fn is_farewell(&self) -> bool {
        self.is_below_floor() && self.last().is_ok_and(|last| last.is_none())
    }

    /// What is kept of this replica when it is removed.
    pub(crate) fn farewell(&self) -> Ballot {
        let Ballot { vote, floor } = *self.ballot.lock();
        // An empty replica promised no entry, but it must not look as if it were to be opened.
        let last = self.last().ok().flatten().max(floor);
        Ballot { vote, floor: last.or(Some(LogId::new_term_index(0, 0))) }
    }

    /// About how large an entry is.
    pub(crate) fn average_bytes(&self) -> u64 {
        self.average_bytes.load(Ordering::Relaxed)
    }

    fn weigh(&self, entries: &[LogEntry]) {
        let before = self.average_bytes();
        let average = entries.iter().fold(before, |average, entry| {
            let bytes = entry.payload.encoded().len() as u64;
            (average * (AVERAGE_OVER - 1) + bytes) / AVERAGE_OVER
        });
        self.average_bytes.store(average, Ordering::Relaxed);
    }

    /// The vote that was given last.
    pub(crate) fn vote(&self) -> Option<Vote> {
        self.ballot.lock().vote
    }

    fn read(&self, range: Range<u64>, bytes: usize) -> Result<Vec<Entry>, io::Error> {
        let entries = self.store.read(self.group, range, bytes).map_err(io::Error::other)?;
        entries.into_iter().map(|entry| stored::from_log(entry).map_err(io::Error::other)).collect()
    }

    /// Entries piece by piece, so that a long way to catch up needs little memory.
    fn pieces(&self, range: Range<u64>) -> BoxStream<'static, Result<Entry, io::Error>> {
        let log = self.clone();
        let pieces = stream::unfold(Some(range), move |left| {
            let log = log.clone();
            async move {
                let range = left?;
                if range.is_empty() {
                    return None;
                }
                let (items, left) = match log.read(range.clone(), READ_BYTES) {
                    Ok(entries) => {
                        let left = entries.last().map(|last| last.log_id.index() + 1..range.end);
                        (entries.into_iter().map(Ok).collect(), left)
                    }
                    Err(error) => (vec![Err(error)], None),
                };
                Some((stream::iter(items), left))
            }
        });
        Box::pin(pieces.flatten())
    }

    fn changed(&self, leader: &LeaderId) -> Option<LeaderChanged<Types>> {
        let vote = self.ballot.lock().vote;
        let leads = vote.is_some_and(|vote| vote.leader_id == *leader && vote.committed);
        (!leads).then(|| LeaderChanged::new(*leader, vote))
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

/// A `Done` that wakes a waiter.
pub(crate) fn awaited() -> (Done, impl Future<Output = Result<(), io::Error>>) {
    let (answer, outcome) = oneshot::channel();
    let done: Done = Box::new(move |result: Result<(), String>| {
        // Whoever waited is gone with its group.
        let _ = answer.send(result);
    });
    let outcome = async move {
        match outcome.await {
            Ok(result) => result.map_err(io::Error::other),
            Err(_) => Err(io::Error::other(ReplicaError::Closed)),
        }
    };
    (done, outcome)
}

/// A `Done` for what needs not be awaited: a failure fails the store, so that the next write says
/// so.
fn unawaited(group: u16, what: &'static str) -> Done {
    Box::new(move |result| {
        if let Err(error) = result {
            tracing::error!(group, what, error, "the log cannot be written");
        }
    })
}

impl RaftLogReader<Types> for GroupLog {
    async fn leader_bounded_stream<RB>(
        &mut self,
        leader: LeaderId,
        range: RB,
    ) -> impl futures_util::Stream<Item = Result<Entry, LeaderBoundedStreamError<Types>>>
    + openraft::OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + openraft::OptionalSend,
    {
        let log = self.clone();
        let pieces = self.pieces(bounds(&range));
        stream::unfold(Some(pieces), move |left| {
            let log = log.clone();
            async move {
                let mut pieces = left?;
                if let Some(changed) = log.changed(&leader) {
                    return Some((Err(changed.into()), None));
                }
                let entry = pieces.next().await?;
                // The entry may be of another leader if the vote changed while it was read.
                match log.changed(&leader) {
                    Some(changed) => Some((Err(changed.into()), None)),
                    None => Some((entry.map_err(Into::into), Some(pieces))),
                }
            }
        })
        .boxed()
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl futures_util::Stream<Item = Result<Entry, io::Error>> + openraft::OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + openraft::OptionalSend,
    {
        self.pieces(bounds(&range))
    }

    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + openraft::OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(bounds(&range), usize::MAX)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(start..end, self.append_bytes)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.ballot.lock().vote)
    }
}

impl RaftLogStorage<Types> for GroupLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let state = self.store.log_state(self.group).map_err(io::Error::other)?;
        let id = |place: Option<(u64, Vec<u8>)>| {
            let id = place.map(|(index, id)| stored::log_id(index, &id));
            id.transpose().map_err(io::Error::other)
        };
        Ok(LogState { last_purged_log_id: id(state.purged)?, last_log_id: id(state.last)? })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let floor = if self.may_vote() { None } else { self.ballot.lock().floor };
        let ballot = Ballot { vote: Some(*vote), floor };
        let (done, outcome) = awaited();
        self.store.save_vote(self.group, ballot.encode(), done);
        outcome.await?;
        *self.ballot.lock() = ballot;
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let bytes = stored::committed_bytes(committed.as_ref());
        self.store.save_committed(self.group, bytes).map_err(io::Error::other)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        let bytes = self.store.read_committed(self.group).map_err(io::Error::other)?;
        let committed = bytes.as_deref().map(stored::committed).transpose();
        Ok(committed.map_err(io::Error::other)?.flatten())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + openraft::OptionalSend,
        I::IntoIter: openraft::OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().map(|entry| stored::to_log(&entry)).collect();
        self.weigh(&entries);
        let done = move |result: Result<(), String>| {
            callback.io_completed(result.map_err(io::Error::other));
        };
        self.store.append(self.group, entries, Box::new(done));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let from = last.map_or(0, |last| last.index() + 1);
        // Not awaited: the store keeps the order, so nothing later is durable without it.
        self.store.truncate_from(self.group, from, unawaited(self.group, "truncate"));
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        let id = stored::id_bytes(&log_id);
        self.store.purge_to(self.group, log_id.index(), id, unawaited(self.group, "purge"));
        Ok(())
    }
}
