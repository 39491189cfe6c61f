use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::clock::now;

/// What waits for the log's writer.
pub(crate) trait Queued {
    /// What it adds to the log.
    fn bytes(&self) -> usize;

    /// Whose order it keeps.
    fn group(&self) -> u16;

    /// Whether it waits while the overlays are full. What does not may pass what does, except
    /// within a group.
    fn needs_room(&self) -> bool;

    /// Whether it is written only together with something else.
    fn is_lazy(&self) -> bool;
}

/// What the callers and the two threads of a store have in common.
pub(crate) struct Shared<Q> {
    pub(crate) soft_bytes: usize,
    hard_bytes: usize,
    queue: Mutex<Queue<Q>>,
    /// The writer waits here for proposals and for room.
    writer: Condvar,
    checkpointer: Mutex<Signals>,
    checkpoint: Condvar,
    /// Below 0 for a moment when a checkpoint is quicker than the count of what was applied.
    dirty_bytes: AtomicIsize,
    queued_bytes: AtomicUsize,
    /// Rung whenever overlays or queue became smaller, and when the store fails or closes.
    pub(crate) room: Notify,
    closing: AtomicBool,
    failed: AtomicBool,
    failure: Mutex<String>,
    pub(crate) syncs: AtomicU64,
    pub(crate) batches: AtomicU64,
}

struct Queue<Q> {
    items: VecDeque<Q>,
    /// How many of them are not lazy.
    pressing: usize,
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

impl<Q: Queued> Shared<Q> {
    /// `dirty` bytes are in the overlays already.
    pub(crate) fn new(dirty: usize, soft_bytes: usize, hard_bytes: usize) -> Self {
        Self {
            soft_bytes,
            hard_bytes,
            queue: Mutex::new(Queue {
                items: VecDeque::new(),
                pressing: 0,
                closing: false,
                wanted: None,
            }),
            writer: Condvar::new(),
            // What the log's tail brought may be over the limits already.
            checkpointer: Mutex::new(Signals { hurry: true, stop: None }),
            checkpoint: Condvar::new(),
            dirty_bytes: AtomicIsize::new(dirty.cast_signed()),
            queued_bytes: AtomicUsize::new(0),
            room: Notify::new(),
            closing: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            syncs: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        }
    }

    /// Queues a proposal, or gives it back if the store is closing.
    pub(crate) fn propose(&self, item: Q) -> Result<(), Q> {
        let mut queue = self.queue.lock();
        if queue.closing {
            return Err(item);
        }
        let (lazy, passes) = (item.is_lazy(), !item.needs_room() && self.is_full());
        self.queued_bytes.fetch_add(item.bytes(), Ordering::AcqRel);
        queue.items.push_back(item);
        queue.pressing += usize::from(!lazy);
        let wake = !lazy && (passes || queue.pressing == queue.wanted.unwrap_or(1));
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
    pub(crate) fn drain(&self, bytes: usize, gather: Gather) -> Vec<Q> {
        let mut queue = self.queue.lock();
        let drained = loop {
            while !queue.closing && !self.has_work(&queue) {
                self.writer.wait(&mut queue);
            }
            if !self.is_full() {
                self.gather(&mut queue, gather);
            }
            let drained = if queue.closing || !self.is_full() || self.has_failed() {
                queue.take(bytes)
            } else {
                queue.take_passing()
            };
            // Nothing passes if the overlays became full a moment ago.
            if queue.closing || !drained.is_empty() {
                break drained;
            }
        };
        queue.pressing -= drained.iter().filter(|item| !item.is_lazy()).count();
        let taken: usize = drained.iter().map(Queued::bytes).sum();
        drop(queue);
        self.queued_bytes.fetch_sub(taken, Ordering::AcqRel);
        self.room.notify_waiters();
        drained
    }

    fn has_work(&self, queue: &MutexGuard<'_, Queue<Q>>) -> bool {
        // A failed store answers what is queued without waiting for room that will never come.
        queue.pressing > 0 && (!self.is_full() || self.has_failed() || queue.has_passing())
    }

    fn gather(&self, queue: &mut MutexGuard<'_, Queue<Q>>, gather: Gather) {
        if gather.count < GATHER_LEAST || gather.wait.is_zero() {
            return;
        }
        let until = now() + gather.wait;
        queue.wanted = Some(gather.count);
        while !queue.closing && queue.pressing < gather.count {
            if self.writer.wait_until(queue, until).timed_out() {
                break;
            }
        }
        queue.wanted = None;
    }

    fn is_full(&self) -> bool {
        self.dirty_bytes() > self.hard_bytes
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Whether overlays and queue are under their limits. A store that takes nothing any more has
    /// room: nobody should wait for it.
    pub(crate) fn has_room(&self, queue_bytes: usize) -> bool {
        (!self.is_full() && self.queued_bytes() <= queue_bytes)
            || self.has_failed()
            || self.is_closing()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn dirty_bytes(&self) -> usize {
        self.dirty_bytes.load(Ordering::Acquire).max(0).cast_unsigned()
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Acquire)
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
        self.room.notify_waiters();
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
        self.closing.store(true, Ordering::Release);
        self.queue.lock().closing = true;
        self.writer.notify_one();
        self.room.notify_waiters();
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
        self.room.notify_waiters();
        tracing::error!(
            reason = why,
            "store failed, it takes no more commits until it is opened again"
        );
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.has_failed().then(|| self.failure.lock().clone())
    }
}

impl<Q: Queued> Queue<Q> {
    fn take(&mut self, bytes: usize) -> Vec<Q> {
        let mut drained = Vec::with_capacity(self.items.len());
        let mut taken = 0;
        while let Some(next) = self.items.front() {
            taken += next.bytes();
            if taken > bytes && !drained.is_empty() {
                break;
            }
            drained.extend(self.items.pop_front());
        }
        drained
    }

    /// What needs no room and has nothing of its group before it that does.
    fn take_passing(&mut self) -> Vec<Q> {
        let mut waiting = HashSet::new();
        let (mut drained, mut rest) = (Vec::new(), VecDeque::with_capacity(self.items.len()));
        for item in self.items.drain(..) {
            if item.needs_room() || waiting.contains(&item.group()) {
                waiting.insert(item.group());
                rest.push_back(item);
            } else {
                drained.push(item);
            }
        }
        self.items = rest;
        drained
    }

    fn has_passing(&self) -> bool {
        let mut waiting = HashSet::new();
        self.items.iter().any(|item| {
            let waits = item.needs_room() || waiting.contains(&item.group());
            if waits {
                waiting.insert(item.group());
            }
            !waits && !item.is_lazy()
        })
    }
}
