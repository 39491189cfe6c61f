//! Reading partitions that other nodes lead.
//!
//! - RD1: rows come from whoever leads the partition when they are read, this node or another, after
//!   it has confirmed that it leads: an answer holds everything that was committed before the
//!   question. Where no other node could lead there is nothing to confirm.
//! - RD2: a range is read page by page, each page by whoever leads then. Every row that is there all
//!   the time is met exactly once, whoever leads meanwhile.
//! - RD3: a page has at most [`ReadOptions::page_rows`] rows and [`ReadOptions::page_bytes`] bytes,
//!   the answers of one call together [`ReadOptions::answer_bytes`], except that one row comes in
//!   any case.
//! - RD4: a read that nobody answers fails after [`ReadOptions::patience_ms`] with
//!   [`ReadError::Unreachable`], and so does at once one that comes while
//!   [`ReadOptions::waiting_max`] others wait.
//! - RD5: it fails, a moment later, even if every thread of the runtime is blocked: whoever holds a
//!   lock over a read that all the others want holds the node up for that long, not for ever.

mod bounded;
mod fetch;
mod form;
mod here;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use impresario_journal::{
    Batch, CommitFuture, ConfirmFuture, Get, Journal, JournalStats, KeyRange, Leadership,
    LeadershipObserver, ManyVisitor, ReadError, Scan, Table, Term, Visitor,
};
use impresario_kernel::PartitionId;
use impresario_wire::CallTransport;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use self::here::ReadsHere;
use crate::Directions;

/// How often it is looked whether threads still wait, at the end.
const STOP_LOOK: Duration = Duration::from_millis(2);

/// How much longer than its patience a read may take. One that does was not given up by the
/// runtime's clock: nobody is left to drive it.
const STALL: Duration = Duration::from_millis(500);

/// Bounds of reads that cross nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// How long a read waits at the longest until somebody who leads has answered, in milliseconds.
    pub patience_ms: u64,
    /// How long one call may take at the longest, in milliseconds.
    pub call_ms: u64,
    /// The pause before nodes are asked again, in milliseconds; it doubles each time.
    pub pause_ms: u64,
    /// The longest such pause, in milliseconds.
    pub pause_ms_max: u64,
    /// Rows of one page, at most.
    pub page_rows: usize,
    /// Bytes of one page, at most.
    pub page_bytes: usize,
    /// Bytes of all answers to one call, at most.
    pub answer_bytes: usize,
    /// Threads of this node that may wait for other nodes at the same time; past it a read fails at
    /// once. Well below what the runtime may have (512), or nobody would be left to take the answers.
    pub waiting_max: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            patience_ms: 5_000,
            call_ms: 2_000,
            pause_ms: 10,
            pause_ms_max: 250,
            page_rows: 4_096,
            page_bytes: 256 << 10,
            answer_bytes: 1 << 20,
            waiting_max: 256,
        }
    }
}

/// A journal whose reads go to whoever leads the partition: to this node's own journal or to another
/// node. Everything else is its own journal's.
///
/// A read holds its thread until the leadership is confirmed and the answer is there. On a thread of the
/// runtime it gives its other tasks away first (`block_in_place`), so it needs a runtime of several
/// threads. It must not be called where a lock is held that other tasks wait for: they would keep the
/// threads that have to take the answer in (RD5). Nor in a poll that somebody waits for.
pub struct ClusterReads {
    fetch: fetch::Fetch,
    runtime: Handle,
    waiting: AtomicUsize,
    stopping: watch::Sender<bool>,
}

impl ClusterReads {
    /// Reads through `local` and `calls`. The runtime must have several threads.
    #[must_use]
    pub fn new(
        local: Arc<dyn Journal>,
        calls: Arc<dyn CallTransport>,
        directions: Arc<dyn Directions>,
        options: ReadOptions,
        runtime: Handle,
    ) -> Self {
        let applied = (0..local.partitions()).map(|_| AtomicU64::default()).collect();
        let fetch = fetch::Fetch { local, calls, directions, options, applied };
        let stopping = watch::Sender::new(false);
        Self { fetch, runtime, waiting: AtomicUsize::new(0), stopping }
    }

    /// Ends the reads that wait for other nodes, and lets none begin: a thread that waits would be
    /// left behind by a runtime that goes. Returns when no thread waits any more.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        while self.waiting.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(STOP_LOOK).await;
        }
    }

    /// Whether the partition can be read here without asking anybody.
    fn leads(&self, partition: PartitionId) -> bool {
        let now = self.fetch.local.leadership(partition);
        now.is_leader() && self.fetch.local.is_certain(partition, now.term)
    }

    /// Fetches while this thread waits.
    fn fetch(&self, asks: &[form::Ask]) -> Result<Vec<fetch::Got>, ReadError> {
        let _place = Place::take(&self.waiting);
        if self.waiting.load(Ordering::Relaxed) > self.fetch.options.waiting_max {
            metrics::counter!("impresario_router_reads_refused_total").increment(1);
            let partition = asks.first().map_or(0, |ask| ask.partition().0);
            let why = "too many reads wait for other nodes".to_owned();
            return Err(ReadError::Unreachable { partition, why });
        }
        let mut stopping = self.stopping.subscribe();
        if *stopping.borrow() {
            return Err(ReadError::Closed);
        }
        let fetched = async {
            tokio::select! {
                fetched = self.fetch.fetch(asks) => fetched,
                // Nobody else sends.
                _ = stopping.wait_for(|stopping| *stopping) => Err(ReadError::Closed),
            }
        };
        let patience = Duration::from_millis(self.fetch.options.patience_ms);
        let until = Instant::now() + patience + STALL;
        // For the clock and the tasks of what is polled here.
        let _entered = self.runtime.enter();
        let fetched = tokio::task::block_in_place(|| bounded::wait(fetched, until));
        fetched.unwrap_or_else(|| Err(stalled(asks)))
    }

    /// Rows that are elsewhere, in their order.
    fn fetch_rows(&self, gets: &[&Get]) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        let asks: Vec<_> = gets.iter().map(|get| ask(get)).collect();
        let answers = self.fetch(&asks)?;
        let value = |(get, got): (&&Get, fetch::Got)| match got {
            fetch::Got::Here => self.fetch.local.get(get.partition, get.table, &get.key),
            fetch::Got::Value(value) => Ok(value),
            fetch::Got::Rows { .. } => Err(ReadError::Unreachable {
                partition: get.partition.0,
                why: "rows for a key".to_owned(),
            }),
        };
        gets.iter().zip(answers).map(value).collect()
    }
}

/// A thread that waits is counted until this is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// This node was held for a while, or somebody reads under a lock that all its threads wait for: a
/// mistake, which shows here.
fn stalled(asks: &[form::Ask]) -> ReadError {
    let partition = asks.first().map_or(0, |ask| ask.partition().0);
    tracing::error!(partition, "a read was given up late, all threads were held or blocked");
    ReadError::Unreachable { partition, why: "this node stands still".to_owned() }
}

fn ask(get: &Get) -> form::Ask {
    let Get { partition, table, key } = get;
    form::Ask::Get { partition: partition.0, table: table.code(), key: key.clone() }
}

impl Journal for ClusterReads {
    fn partitions(&self) -> u16 {
        self.fetch.local.partitions()
    }

    fn commit(&self, batch: Batch) -> CommitFuture {
        self.fetch.local.commit(batch)
    }

    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError> {
        if self.leads(partition) {
            match self.fetch.local.get(partition, table, key) {
                // It was moved away this moment.
                Err(ReadError::NoPartition(_)) => {}
                read => return read,
            }
        }
        let get = Get { partition, table, key: key.to_vec() };
        self.fetch_rows(&[&get]).map(|mut values| values.pop().flatten())
    }

    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        let scan = Scan { partition, table, range: range.clone(), reverse, rows_hint: 0 };
        walk::walk(self, &[scan], &mut |_, key, value| visit(key, value))
    }

    fn scan_many(&self, scans: &[Scan], visit: &mut ManyVisitor<'_>) -> Result<(), ReadError> {
        walk::walk(self, scans, visit)
    }

    fn get_many(&self, gets: &[Get]) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        let is_here: Vec<_> = gets.iter().map(|get| self.leads(get.partition)).collect();
        let elsewhere = gets.iter().zip(&is_here).filter(|(_, is_here)| !**is_here);
        let elsewhere: Vec<_> = elsewhere.map(|(get, _)| get).collect();
        let fetched = if elsewhere.is_empty() { vec![] } else { self.fetch_rows(&elsewhere)? };
        let mut fetched = fetched.into_iter();
        let value = |(get, is_here): (&Get, &bool)| {
            if *is_here {
                self.get(get.partition, get.table, &get.key)
            } else {
                Ok(fetched.next().flatten())
            }
        };
        gets.iter().zip(&is_here).map(value).collect()
    }

    fn leadership(&self, partition: PartitionId) -> Leadership {
        self.fetch.local.leadership(partition)
    }

    fn watch_leadership(&self, observer: LeadershipObserver) {
        self.fetch.local.watch_leadership(observer);
    }

    fn is_certain(&self, partition: PartitionId, term: Term) -> bool {
        self.fetch.local.is_certain(partition, term)
    }

    fn confirm(&self, partition: PartitionId, term: Term) -> ConfirmFuture {
        self.fetch.local.confirm(partition, term)
    }

    /// This node's figures; what is applied is the latest that it has heard of.
    fn stats(&self) -> JournalStats {
        let mut stats = self.fetch.local.stats();
        for (number, partition) in (0_u16..).zip(&mut stats.partitions) {
            partition.applied = partition.applied.max(walk::applied(self, PartitionId(number)));
        }
        stats
    }

    fn close(&self) {
        self.fetch.local.close();
    }
}

impl fmt::Debug for ClusterReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterReads")
            .field("me", &self.fetch.directions.me())
            .field("options", &self.fetch.options)
            .finish_non_exhaustive()
    }
}
