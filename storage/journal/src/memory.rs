use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::ops::{Bound, ControlFlow};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use impresario_kernel::PartitionId;

use crate::{
    Batch, CommitError, CommitFuture, CommitIndex, ConfirmFuture, Journal, JournalStats, KeyRange,
    Leadership, LeadershipObserver, PartitionStats, ReadError, Table, Term, Visitor, Write,
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A journal in memory, for tests of what stands on the port: real semantics, no disk, and faults
/// on demand.
///
/// Commits are immediate unless held. [`MemoryJournal::reopen`] gives another journal over the same
/// rows, as opening a store again does.
pub struct MemoryJournal {
    disk: Arc<Mutex<Disk>>,
    session: Mutex<Session>,
    observers: Mutex<Vec<LeadershipObserver>>,
}

/// What happens to the next commit of a partition instead of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The outcome is unknown, and the batch was in fact written.
    UnknownWritten,
    /// The outcome is unknown, and the batch was in fact lost.
    UnknownLost,
}

#[derive(Default)]
struct Disk {
    partitions: Vec<Partition>,
}

#[derive(Default)]
struct Partition {
    tables: [Rows; Table::ALL.len()],
    applied: u64,
    term: Term,
}

#[derive(Default)]
struct Session {
    closed: bool,
    held: bool,
    waiting: VecDeque<(Batch, Arc<Mutex<Answer>>)>,
    faults: BTreeMap<PartitionId, VecDeque<Fault>>,
    failed: BTreeMap<PartitionId, String>,
    fail_reads: Option<String>,
    leadership: BTreeMap<PartitionId, Leadership>,
    /// Whether reads must be confirmed.
    in_doubt: bool,
    batches: u64,
}

impl Session {
    fn leadership(&self, partition: PartitionId) -> Leadership {
        self.leadership.get(&partition).copied().unwrap_or(Leadership::ALONE)
    }
}

#[derive(Default)]
struct Answer {
    outcome: Option<Result<CommitIndex, CommitError>>,
    waker: Option<Waker>,
}

impl MemoryJournal {
    /// An empty journal with this many partitions.
    #[must_use]
    pub fn new(partitions: u16) -> Self {
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        Self::over(Arc::new(Mutex::new(Disk { partitions })))
    }

    fn over(disk: Arc<Mutex<Disk>>) -> Self {
        Self { disk, session: Mutex::default(), observers: Mutex::default() }
    }

    /// Another journal over the same rows, without the faults and failures of this one. This one
    /// is closed; commits held in it are lost, as by a crash.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut session = lock(&self.session);
        session.closed = true;
        for (_, answer) in session.waiting.drain(..) {
            settle(&answer, Err(CommitError::Unknown("the store was opened again".to_owned())));
        }
        Self::over(Arc::clone(&self.disk))
    }

    /// A second journal over the same rows while this one goes on: what two nodes of a cluster see
    /// of a partition, if replication took no time. [`MemoryJournal::lead`] says which of them
    /// decides.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::over(Arc::clone(&self.disk))
    }

    /// Tells this node what it is for a partition. A leader's reign begins with an entry of its
    /// own, so that earlier ones can write no more, whether they have heard of it or not.
    pub fn lead(&self, partition: PartitionId, leadership: Leadership) {
        if leadership.is_leader()
            && let Some(held) = lock(&self.disk).partitions.get_mut(usize::from(partition.0))
        {
            held.term = held.term.max(leadership.term);
        }
        lock(&self.session).leadership.insert(partition, leadership);
        lock(&self.observers).iter().for_each(|observe| observe(partition, leadership));
    }

    /// From now on (or no longer) reads must be confirmed.
    pub fn doubt(&self, in_doubt: bool) {
        lock(&self.session).in_doubt = in_doubt;
    }

    /// The next commit of `partition` meets this fault, then the partition is failed. Further calls
    /// queue further faults, for after a reopening by [`MemoryJournal::heal`].
    pub fn fail_next(&self, partition: PartitionId, fault: Fault) {
        lock(&self.session).faults.entry(partition).or_default().push_back(fault);
    }

    /// Takes back the failure of every partition, as opening the store again does.
    pub fn heal(&self) {
        let mut session = lock(&self.session);
        session.failed.clear();
        session.fail_reads = None;
    }

    /// From now on every read fails with this text, until [`MemoryJournal::heal`].
    pub fn fail_reads(&self, why: &str) {
        lock(&self.session).fail_reads = Some(why.to_owned());
    }

    /// From now on commits wait, in order, until [`MemoryJournal::release`].
    pub fn hold(&self) {
        lock(&self.session).held = true;
    }

    /// How many commits wait because of [`MemoryJournal::hold`].
    #[must_use]
    pub fn held(&self) -> usize {
        lock(&self.session).waiting.len()
    }

    /// Carries out the commits that wait, in order, and ends the holding.
    pub fn release(&self) {
        self.release_some(usize::MAX);
        lock(&self.session).held = false;
    }

    /// Carries out at most `count` of the commits that wait, in order; later ones still wait.
    pub fn release_some(&self, count: usize) {
        let mut session = lock(&self.session);
        for _ in 0..count {
            let Some((batch, answer)) = session.waiting.pop_front() else { break };
            let outcome = self.carry_out(&mut session, batch);
            settle(&answer, outcome);
        }
    }

    fn carry_out(&self, session: &mut Session, batch: Batch) -> Result<CommitIndex, CommitError> {
        let id = batch.partition;
        if session.closed {
            return Err(CommitError::Closed);
        }
        if let Some(why) = session.failed.get(&id) {
            return Err(CommitError::Failed(why.clone()));
        }
        let leadership = session.leadership(id);
        if !leadership.is_leader() {
            return Err(CommitError::NotLeader { leader: leadership.leader() });
        }
        let mut disk = lock(&self.disk);
        let partition =
            disk.partitions.get_mut(usize::from(id.0)).ok_or(CommitError::NoPartition(id.0))?;
        if batch.term < partition.term {
            return Err(CommitError::StaleTerm { batch: batch.term.0, current: partition.term.0 });
        }
        let fault = session.faults.get_mut(&id).and_then(VecDeque::pop_front);
        if let Some(fault) = fault {
            if fault == Fault::UnknownWritten {
                partition.apply(batch);
            }
            session.failed.insert(id, "injected fault".to_owned());
            return Err(CommitError::Unknown("injected fault".to_owned()));
        }
        session.batches += 1;
        Ok(partition.apply(batch))
    }

    fn read<T>(
        &self,
        partition: PartitionId,
        table: Table,
        read: impl FnOnce(&Rows) -> T,
    ) -> Result<T, ReadError> {
        let session = lock(&self.session);
        if session.closed {
            return Err(ReadError::Closed);
        }
        if let Some(why) = &session.fail_reads {
            return Err(ReadError::Store(why.clone()));
        }
        drop(session);
        let disk = lock(&self.disk);
        let found = disk
            .partitions
            .get(usize::from(partition.0))
            .ok_or(ReadError::NoPartition(partition.0))?;
        Ok(read(&found.tables[usize::from(table.code())]))
    }
}

impl Partition {
    fn apply(&mut self, batch: Batch) -> CommitIndex {
        self.term = batch.term;
        self.applied += 1;
        for write in batch.writes {
            self.write(write);
        }
        CommitIndex(self.applied)
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Put { table, key, value } => {
                self.rows(table).insert(key, value);
            }
            Write::Delete { table, key } => {
                self.rows(table).remove(&key);
            }
            Write::DeleteIf { table, key, value } => {
                if self.rows(table).get(&key) == Some(&value) {
                    self.rows(table).remove(&key);
                }
            }
            Write::Add { table, key, delta } => {
                let row = self.rows(table).entry(key).or_default();
                let before = <[u8; 8]>::try_from(row.as_slice()).map_or(0, i64::from_be_bytes);
                *row = before.wrapping_add(delta).to_be_bytes().to_vec();
            }
            Write::DeleteRange { table, from, to } => {
                self.rows(table).retain(|key, _| *key < from || (!to.is_empty() && *key >= to));
            }
        }
    }

    fn rows(&mut self, table: Table) -> &mut Rows {
        &mut self.tables[usize::from(table.code())]
    }
}

impl Journal for MemoryJournal {
    fn partitions(&self) -> u16 {
        u16::try_from(lock(&self.disk).partitions.len()).unwrap_or(u16::MAX)
    }

    fn commit(&self, batch: Batch) -> CommitFuture {
        let mut session = lock(&self.session);
        let answer = Arc::new(Mutex::new(Answer::default()));
        if session.held && !session.closed {
            session.waiting.push_back((batch, Arc::clone(&answer)));
        } else {
            let outcome = self.carry_out(&mut session, batch);
            settle(&answer, outcome);
        }
        Box::pin(Settled(answer))
    }

    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError> {
        self.read(partition, table, |rows| rows.get(key).cloned())
    }

    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        if !range.to.is_empty() && range.from >= range.to {
            return self.read(partition, table, |_| ());
        }
        let to = if range.to.is_empty() {
            Bound::Unbounded
        } else {
            Bound::Excluded(range.to.as_slice())
        };
        // Copied out, so that the visitor may use the journal.
        let mut found = self.read(partition, table, |rows| {
            let rows = rows.range::<[u8], _>((Bound::Included(range.from.as_slice()), to));
            rows.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
        })?;
        if reverse {
            found.reverse();
        }
        for (key, value) in &found {
            if let ControlFlow::Break(()) = visit(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn leadership(&self, partition: PartitionId) -> Leadership {
        lock(&self.session).leadership(partition)
    }

    fn watch_leadership(&self, observer: LeadershipObserver) {
        lock(&self.observers).push(observer);
    }

    fn is_certain(&self, _partition: PartitionId, _term: Term) -> bool {
        !lock(&self.session).in_doubt
    }

    fn confirm(&self, partition: PartitionId, term: Term) -> ConfirmFuture {
        let leadership = lock(&self.session).leadership(partition);
        let disk = lock(&self.disk);
        let current = disk.partitions.get(usize::from(partition.0)).map(|held| held.term);
        let outcome = match current {
            None => Err(CommitError::NoPartition(partition.0)),
            Some(current) if current > term => {
                Err(CommitError::StaleTerm { batch: term.0, current: current.0 })
            }
            Some(_) if leadership.is_leader() => Ok(()),
            Some(_) => Err(CommitError::NotLeader { leader: leadership.leader() }),
        };
        Box::pin(std::future::ready(outcome))
    }

    fn stats(&self) -> JournalStats {
        let batches = lock(&self.session).batches;
        let disk = lock(&self.disk);
        let partitions = disk.partitions.iter().map(|partition| PartitionStats {
            applied: partition.applied,
            checkpointed: partition.applied,
            state_bytes: 0,
            dirty_rows: 0,
        });
        JournalStats { partitions: partitions.collect(), log_bytes: 0, log_syncs: batches, batches }
    }

    fn close(&self) {
        self.release();
        lock(&self.session).closed = true;
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryJournal")
            .field("partitions", &self.partitions())
            .finish_non_exhaustive()
    }
}

/// Resolves when somebody settles the answer.
struct Settled(Arc<Mutex<Answer>>);

impl Future for Settled {
    type Output = Result<CommitIndex, CommitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = lock(&self.0);
        match answer.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                answer.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn settle(answer: &Mutex<Answer>, outcome: Result<CommitIndex, CommitError>) {
    let mut answer = lock(answer);
    answer.outcome = Some(outcome);
    if let Some(waker) = answer.waker.take() {
        waker.wake();
    }
}

/// A test that panicked while it held the lock must not hide its message behind a poisoning.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
