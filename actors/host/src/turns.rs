//! Waiting for turns without holding any of them up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The pause between two looks at turns that are under way.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Counts turns from before their look at the policy until they are submitted, in two phases that take
/// turns: who waits for one phase to end lets new turns count in the other. A lock would do too, if no
/// turn ever waited: one that reads its tenant's state from another node would keep those who wait for
/// the lock on the threads that its answer needs.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    phase: AtomicUsize,
    under_way: [AtomicUsize; 2],
    /// One at a time waits.
    waiting: tokio::sync::Mutex<()>,
}

/// A turn under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a AtomicUsize);

impl Turns {
    pub(crate) fn begin(&self) -> Turn<'_> {
        let phase = self.phase.load(Ordering::SeqCst) % 2;
        self.under_way[phase].fetch_add(1, Ordering::SeqCst);
        Turn(&self.under_way[phase])
    }

    /// Waits until every turn that was counted before this call is over.
    pub(crate) async fn over(&self) {
        let _alone = self.waiting.lock().await;
        // Twice: a turn may have looked at the phase before it changed last, and counted afterwards.
        for _ in 0..2 {
            let ending = self.phase.fetch_add(1, Ordering::SeqCst) % 2;
            while self.under_way[ending].load(Ordering::SeqCst) != 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Long enough for whoever waits to have looked several times.
    async fn looks() {
        for _ in 0..5 {
            tokio::task::yield_now().await;
            tokio::time::advance(LOOK_EVERY).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn earlier_turns_are_waited_for_and_later_ones_are_not() {
        let turns = Arc::new(Turns::default());
        for _ in 0..3 {
            let earlier = turns.begin();
            let waits = Arc::clone(&turns);
            let over = tokio::spawn(async move { waits.over().await });
            looks().await;
            assert!(!over.is_finished());
            let later = turns.begin();
            drop(earlier);
            looks().await;
            let latest = turns.begin();
            drop(later);
            over.await.expect("no panic");
            drop(latest);
        }
    }
}
