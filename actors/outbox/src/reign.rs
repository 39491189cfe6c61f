//! How long this node carries out what a partition wants done.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use impresario_host::Host;
use impresario_journal::{Term, Write};
use impresario_kernel::PartitionId;
use impresario_router::Failure;
use parking_lot::RwLock;
use tokio::sync::{Notify, OwnedRwLockReadGuard};

/// The pause before a partition that cannot commit yet is tried again.
const BEGIN_RETRY: Duration = Duration::from_millis(250);

/// The time from when the host began to decide for a partition until it ceased. Everything that is
/// carried out for the partition is polled within it, so that nothing goes on after
/// [`Reign::finish`] has returned, whatever was waiting for what.
#[derive(Debug)]
pub(crate) struct Reign {
    partition: PartitionId,
    /// Which one of the partition's reigns on this node.
    number: u64,
    /// The host's term, once [`Reign::begin`] has seen it.
    term: OnceLock<Term>,
    /// Held, shared, while something is polled.
    over: RwLock<bool>,
    end: Notify,
    /// What a pump has begun and its successor in the same reign must not overtake.
    pub(crate) asks: UnderWay,
    /// The same, of the pump for timers.
    pub(crate) fires: UnderWay,
}

/// Counts what is under way, so that one can wait until it is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay(Arc<tokio::sync::RwLock<()>>);

impl UnderWay {
    /// Something is under way until this is dropped. A pump begins only after [`UnderWay::over`], and
    /// nobody waits for that while it runs, so there is always a place.
    pub(crate) fn enter(&self) -> Option<OwnedRwLockReadGuard<()>> {
        Arc::clone(&self.0).try_read_owned().ok()
    }

    async fn over(&self) {
        drop(self.0.write().await);
    }
}

impl Reign {
    pub(crate) fn new(partition: PartitionId, number: u64) -> Arc<Self> {
        Arc::new(Self {
            partition,
            number,
            term: OnceLock::new(),
            over: RwLock::new(false),
            end: Notify::new(),
            asks: UnderWay::default(),
            fires: UnderWay::default(),
        })
    }

    pub(crate) const fn partition(&self) -> PartitionId {
        self.partition
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Whether it is over or ending. Never waits.
    pub(crate) fn is_over(&self) -> bool {
        self.over.try_read().is_none_or(|over| *over)
    }

    /// Waits until nothing is being polled within the reign, a matter of microseconds, and ends it.
    pub(crate) fn finish(&self) {
        *self.over.write() = true;
        self.end.notify_waiters();
    }

    /// Does the work while the reign lasts. `None` if it ended before; the work is dropped then
    /// wherever it was, and what it had sent takes its course.
    pub(crate) async fn carry_out<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut end = pin!(self.end.notified());
        let mut work = pin!(work);
        poll_fn(|context| {
            // Only who ends the reign shuts others out. He may have to wait for a poll, and nobody
            // waits for him: all threads of the runtime could come to wait for that one poll.
            let Some(over) = self.over.try_read() else { return Poll::Ready(None) };
            // The end is asked for first, so that it wakes the work that waits.
            if *over || end.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Waits until a pump may begin: what its predecessor had begun is over, and what this node had
    /// submitted for the partition before is committed or refused. From then on the store tells the
    /// truth, and every notice of a commit is of this reign. `None` if the reign ended before.
    pub(crate) async fn begin(&self, host: &Host, before: &UnderWay) -> Option<()> {
        self.carry_out(async {
            before.over().await;
            while let Err(failure) = host.system_commit(self.partition, Vec::new()).await {
                tracing::debug!(
                    partition = self.partition.0,
                    code = failure.code(),
                    "outbox cannot begin yet"
                );
                tokio::time::sleep(BEGIN_RETRY).await;
            }
            // Still the reign's own: what ends it comes before the next one's term.
            if let Some(term) = host.leads(self.partition) {
                let _ = self.term.set(term);
            }
        })
        .await
    }

    /// Commits rows of the partition, unless the reign is over.
    ///
    /// # Errors
    /// If the commit failed. [`Failure::NotLeader`] says that nothing was written.
    pub(crate) async fn commit(&self, host: &Host, writes: Vec<Write>) -> Result<(), Failure> {
        let committed = self.carry_out(async {
            // The host commits under the term it has when its turn comes, which after a long wait
            // could be that of a later reign, whose rows these writes know nothing of. The journal
            // knows of a change before the host is told.
            let now = host.journal().leadership(self.partition);
            if !now.is_leader() || self.term.get().is_some_and(|term| *term != now.term) {
                return Err(Failure::NotLeader { leader: now.leader() });
            }
            host.system_commit(self.partition, writes).await
        });
        committed.await.unwrap_or(Err(Failure::NotLeader { leader: None }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_that_waits_is_dropped_when_the_reign_ends() {
        let reign = Reign::new(PartitionId(3), 1);
        let (_never, waits) = tokio::sync::oneshot::channel::<()>();
        let worker = Arc::clone(&reign);
        let work = tokio::spawn(async move { worker.carry_out(waits).await });
        assert_eq!(reign.carry_out(std::future::ready(5)).await, Some(5));
        reign.finish();
        assert!(work.await.unwrap().is_none());
        assert_eq!(reign.carry_out(std::future::ready(5)).await, None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nothing_is_polled_after_the_end_has_returned() {
        for _ in 0..200 {
            let reign = Reign::new(PartitionId(0), 1);
            let steps = Arc::new(AtomicU64::new(0));
            let workers: Vec<_> = (0..8)
                .map(|_| {
                    let (reign, steps) = (Arc::clone(&reign), Arc::clone(&steps));
                    tokio::spawn(async move {
                        reign
                            .carry_out(async {
                                loop {
                                    steps.fetch_add(1, Ordering::SeqCst);
                                    tokio::task::yield_now().await;
                                }
                            })
                            .await
                    })
                })
                .collect();
            while steps.load(Ordering::SeqCst) < 20 {
                tokio::task::yield_now().await;
            }
            reign.finish();
            let seen = steps.load(Ordering::SeqCst);
            for worker in workers {
                let ended: Option<()> = worker.await.unwrap();
                assert!(ended.is_none());
            }
            assert_eq!(steps.load(Ordering::SeqCst), seen);
        }
    }

    /// One poll takes long; who ends the reign waits for it, and nobody waits for him.
    #[test]
    fn a_long_poll_holds_up_the_end_and_nothing_else() {
        fn poll_once<T>(reign: &Reign, work: impl Future<Output = T>) -> Poll<Option<T>> {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            pin!(reign.carry_out(work)).poll(&mut context)
        }
        let reign = Reign::new(PartitionId(0), 1);
        let (begun, has_begun) = std::sync::mpsc::sync_channel(1);
        let (go_on, may_go_on) = std::sync::mpsc::sync_channel::<()>(1);
        let polled = Arc::clone(&reign);
        let long = std::thread::spawn(move || {
            poll_once(&polled, async move {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
            })
        });
        has_begun.recv().unwrap();
        let ended = Arc::clone(&reign);
        let end = std::thread::spawn(move || ended.finish());
        while !reign.over.is_locked_exclusive() {
            std::thread::yield_now();
        }
        let (told, tells) = std::sync::mpsc::sync_channel(1);
        let late = Arc::clone(&reign);
        std::thread::spawn(move || {
            told.send((poll_once(&late, std::future::ready(5)), late.is_over()))
        });
        let seen = tells.recv_timeout(Duration::from_secs(30)).expect("it does not wait");
        assert_eq!(seen, (Poll::Ready(None), true));
        assert!(!end.is_finished());
        go_on.send(()).unwrap();
        assert_eq!(long.join().unwrap(), Poll::Ready(Some(())));
        end.join().unwrap();
        assert_eq!(poll_once(&reign, std::future::ready(5)), Poll::Ready(None));
    }

    #[tokio::test]
    async fn a_successor_waits_for_what_is_under_way() {
        let under_way = UnderWay::default();
        let (first, second) = (under_way.enter().unwrap(), under_way.enter().unwrap());
        let waiting = under_way.clone();
        let over = tokio::spawn(async move { waiting.over().await });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!over.is_finished());
        drop(second);
        over.await.unwrap();
        assert!(under_way.enter().is_some());
    }
}
