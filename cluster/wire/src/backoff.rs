use std::time::Duration;

use crate::Options;

/// The pauses between failed dials.
#[derive(Debug)]
pub(crate) struct Backoff {
    first_ms: u64,
    max_ms: u64,
    next_ms: u64,
    failures: u64,
}

impl Backoff {
    pub(crate) fn new(options: &Options) -> Self {
        let first_ms = options.redial_ms.max(1);
        Self {
            first_ms,
            max_ms: options.redial_max_ms.max(first_ms),
            next_ms: first_ms,
            failures: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        (self.next_ms, self.failures) = (self.first_ms, 0);
    }

    /// The pause after one more failure: twice the one before, spread by half at random, so that
    /// the nodes of a cluster do not dial a returning one all at once.
    pub(crate) fn pause(&mut self) -> Duration {
        self.failures += 1;
        let ms = self.next_ms;
        self.next_ms = ms.saturating_mul(2).min(self.max_ms);
        Duration::from_millis(ms / 2 + rand::random_range(0..=ms / 2))
    }

    /// Whether the next failure is worth a line in the log: the first, and then ever more rarely.
    pub(crate) fn is_news(&self) -> bool {
        (self.failures + 1).is_power_of_two()
    }
}
