//! Keeps from knocking at a door behind which nobody is.

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Failures in a row that open it.
    pub(crate) failures: u32,
    /// The first pause in milliseconds, doubled with each probe that fails.
    pub(crate) open_ms: i64,
    /// The longest pause in milliseconds.
    pub(crate) open_max_ms: i64,
}

/// How many attempts may be under way now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// As many as the limits say.
    All,
    /// A single one, to see whether the endpoint is back.
    Probe,
    /// None before this time, in milliseconds since 1970.
    None {
        /// When a probe is allowed.
        until_ms: i64,
    },
}

/// The breaker of one endpoint, a pure state machine over the time it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Breaker {
    failures: u32,
    openings: u32,
    open_until_ms: Option<i64>,
}

impl Breaker {
    pub(crate) fn allowance(&self, now_ms: i64) -> Allowance {
        match self.open_until_ms {
            None => Allowance::All,
            Some(until_ms) if now_ms < until_ms => Allowance::None { until_ms },
            Some(_) => Allowance::Probe,
        }
    }

    /// Whether it remembers nothing, so that it can be forgotten.
    pub(crate) fn is_well(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// An attempt failed. Attempts that were under way when it opened do not open it again.
    pub(crate) fn failed(&mut self, now_ms: i64, policy: &Policy) {
        match self.allowance(now_ms) {
            Allowance::None { .. } => {}
            Allowance::Probe => self.open(now_ms, policy),
            Allowance::All => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= policy.failures.max(1) {
                    self.open(now_ms, policy);
                }
            }
        }
    }

    /// The receiver asked for a pause: nobody asks before it is over.
    pub(crate) fn throttled(&mut self, until_ms: i64) {
        self.open_until_ms = Some(self.open_until_ms.map_or(until_ms, |open| open.max(until_ms)));
    }

    fn open(&mut self, now_ms: i64, policy: &Policy) {
        let pause = policy.open_ms.saturating_mul(1_i64 << self.openings.min(30));
        self.openings = self.openings.saturating_add(1);
        self.open_until_ms = Some(now_ms.saturating_add(pause.min(policy.open_max_ms)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy { failures: 3, open_ms: 100, open_max_ms: 350 };

    #[test]
    fn it_opens_after_failures_in_a_row_and_probes_with_growing_pauses() {
        let mut breaker = Breaker::default();
        breaker.failed(0, &POLICY);
        breaker.failed(0, &POLICY);
        breaker.succeeded();
        breaker.failed(0, &POLICY);
        breaker.failed(0, &POLICY);
        assert_eq!(breaker.allowance(0), Allowance::All);
        breaker.failed(0, &POLICY);
        assert_eq!(breaker.allowance(99), Allowance::None { until_ms: 100 });
        breaker.failed(50, &POLICY);
        assert_eq!(breaker.allowance(100), Allowance::Probe);
        breaker.failed(100, &POLICY);
        assert_eq!(breaker.allowance(100), Allowance::None { until_ms: 300 });
        breaker.failed(300, &POLICY);
        assert_eq!(breaker.allowance(300), Allowance::None { until_ms: 650 });
        breaker.succeeded();
        assert!(breaker.is_well());
    }

    #[test]
    fn a_throttled_endpoint_is_left_alone_as_long_as_it_asked() {
        let mut breaker = Breaker::default();
        breaker.throttled(500);
        breaker.throttled(400);
        assert_eq!(breaker.allowance(499), Allowance::None { until_ms: 500 });
        assert_eq!(breaker.allowance(500), Allowance::Probe);
    }

    proptest! {
        #[test]
        fn it_never_stays_shut_longer_than_the_longest_pause(
            steps in proptest::collection::vec((0_i64..500, any::<bool>()), 1..60),
        ) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            for (wait, success) in steps {
                now += wait;
                if success { breaker.succeeded() } else { breaker.failed(now, &POLICY) }
                if let Allowance::None { until_ms } = breaker.allowance(now) {
                    prop_assert!(until_ms - now <= POLICY.open_max_ms);
                }
                prop_assert_ne!(breaker.allowance(now + POLICY.open_max_ms), Allowance::None { until_ms: 0 });
            }
        }
    }
}
