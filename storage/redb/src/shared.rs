use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use impresario_journal::{CommitError, CommitIndex, Term, Write};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::clock::now;
use crate::partition::Partition;

/// What the callers and the two threads of a store have in common.
pub(crate) struct Shared {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) soft_bytes: usize,
    pub(crate) hard_bytes: usize,
    queue: Mutex<Queue>,
    /// The writer waits here for proposals and for room.
    writer: Condvar,
    checkpointer: Mutex<Signals>,
    checkpoint: Condvar,
    /// Below 0 for a moment when a checkpoint is quicker than the writer's own count.
    dirty_bytes: AtomicIsize,
    failed: AtomicBool,
    failure: Mutex<String>,
    pub(crate) syncs: AtomicU64,
    pub(crate) batches: AtomicU64,
}

/// A batch on its way: encoded, because that needs no index and can be done by the caller.
pub(crate) struct Proposal {
    pub(crate) partition: u16,
    pub(crate) term: Term,
    pub(crate) writes: Vec<Write>,
    pub(crate) entry: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<CommitIndex, CommitError>>,
}

#[derive(Default)]
struct Queue {
    proposals: VecDeque<Proposal>,
    closing: bool,
    /// The writer gathers: it wants to be woken by this many proposals, not by the first.
    wanted: Option<usize>,
}

/// How long the writer waits for how many proposals before it writes fewer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gather {
    pub(crate) count: usize,
    pub(crate) wait: Duration,
}

struct Signals {
    hurry: bool,
    stop: Option<Stop>,
}

/// How the checkpointer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// After writing everything to the state databases.
    Flushed,
    /// At once; the log has it all.
    AtOnce,
}

/// With fewer partitions busy than this a durable write does not wait for others.
const GATHER_LEAST: usize = 3;

impl Shared {
    pub(crate) fn new(partitions: Vec<Partition>, soft_bytes: usize, hard_bytes: usize) -> Self {
        let dirty = partitions.iter().map(|partition| partition.dirty().bytes.cast_signed()).sum();
        Self {
            partitions,
            soft_bytes,
            hard_bytes,
            queue: Mutex::default(),
            writer: Condvar::new(),
            // What the log's tail brought may be over the limits already.
            checkpointer: Mutex::new(Signals { hurry: true, stop: None }),
            checkpoint: Condvar::new(),
            dirty_bytes: AtomicIsize::new(dirty),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            syncs: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        }
    }

    /// Queues a proposal, or gives it back if the store is closing.
    pub(crate) fn propose(&self, proposal: Proposal) -> Result<(), Proposal> {
        let mut queue = self.queue.lock();
        if queue.closing {
            return Err(proposal);
        }
        queue.proposals.push_back(proposal);
        let wake = queue.proposals.len() == queue.wanted.unwrap_or(1);
        drop(queue);
        if wake {
            self.writer.notify_one();
        }
        Ok(())
    }

    /// The next proposals, at most `bytes` of them together (one may be larger); none when the
    /// store is closing and the queue is empty. Waits for proposals, and for room in the overlays;
    /// then a moment for as many proposals as were taken last, so that those who were just answered
    /// can be part of the next durable write.
    pub(crate) fn drain(&self, bytes: usize, gather: Gather) -> Vec<Proposal> {
        let mut queue = self.queue.lock();
        while !queue.closing
            && (queue.proposals.is_empty() || self.is_full())
            && !self.may_refuse(&queue)
        {
            self.writer.wait(&mut queue);
        }
        self.gather(&mut queue, gather);
        let mut drained = Vec::with_capacity(queue.proposals.len());
        let mut taken = 0;
        while let Some(next) = queue.proposals.front() {
            taken += next.entry.len();
            if taken > bytes && !drained.is_empty() {
                break;
            }
            drained.extend(queue.proposals.pop_front());
        }
        drained
    }

    fn gather(&self, queue: &mut MutexGuard<'_, Queue>, gather: Gather) {
        if gather.count < GATHER_LEAST || gather.wait.is_zero() {
            return;
        }
        let until = now() + gather.wait;
        queue.wanted = Some(gather.count);
        while !queue.closing && queue.proposals.len() < gather.count {
            if self.writer.wait_until(queue, until).timed_out() {
                break;
            }
        }
        queue.wanted = None;
    }

    /// A failed store answers what is queued without waiting for room that will never come.
    fn may_refuse(&self, queue: &MutexGuard<'_, Queue>) -> bool {
        self.failed.load(Ordering::Acquire) && !queue.proposals.is_empty()
    }

    fn is_full(&self) -> bool {
        self.dirty_bytes() > self.hard_bytes
    }

    pub(crate) fn dirty_bytes(&self) -> usize {
        self.dirty_bytes.load(Ordering::Acquire).max(0).cast_unsigned()
    }

    /// The overlays grew (or, when rows were overwritten by shorter ones, shrank).
    pub(crate) fn grew(&self, bytes: isize) {
        let before = self.dirty_bytes.fetch_add(bytes, Ordering::AcqRel);
        let limit = self.soft_bytes.cast_signed();
        if before <= limit && before + bytes > limit {
            self.hurry();
        }
    }

    /// A checkpoint made room.
    pub(crate) fn freed(&self, bytes: usize) {
        // Under the queue's lock, or the writer could miss it between looking and waiting.
        let queue = self.queue.lock();
        self.dirty_bytes.fetch_sub(bytes.cast_signed(), Ordering::AcqRel);
        drop(queue);
        self.writer.notify_one();
    }

    fn hurry(&self) {
        self.checkpointer.lock().hurry = true;
        self.checkpoint.notify_one();
    }

    /// Waits until a checkpoint may be due, at most until `until`. How to stop, if so.
    pub(crate) fn await_checkpoint(&self, until: Instant) -> Option<Stop> {
        let mut signals = self.checkpointer.lock();
        if !signals.hurry && signals.stop.is_none() {
            self.checkpoint.wait_until(&mut signals, until);
        }
        signals.hurry = false;
        signals.stop
    }

    /// Whether the checkpointer was told to end at once.
    pub(crate) fn stops_at_once(&self) -> bool {
        self.checkpointer.lock().stop == Some(Stop::AtOnce)
    }

    /// No more proposals; the writer ends when it has answered those that are queued.
    pub(crate) fn stop_writer(&self) {
        self.queue.lock().closing = true;
        self.writer.notify_one();
    }

    pub(crate) fn stop_checkpointer(&self, stop: Stop) {
        self.checkpointer.lock().stop = Some(stop);
        self.checkpoint.notify_one();
    }

    /// From now on no commit is taken (invariant R3). The first reason is kept.
    pub(crate) fn fail(&self, why: &str) {
        let mut failure = self.failure.lock();
        if failure.is_empty() {
            why.clone_into(&mut failure);
        }
        drop(failure);
        let queue = self.queue.lock();
        self.failed.store(true, Ordering::Release);
        drop(queue);
        self.writer.notify_one();
        tracing::error!(
            reason = why,
            "store failed, it takes no more commits until it is opened again"
        );
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.load(Ordering::Acquire).then(|| self.failure.lock().clone())
    }
}
