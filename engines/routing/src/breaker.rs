use serde::{Deserialize, Serialize};

use crate::Class;

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Failures in a row, none further from the first than `window_ms`, that open it.
    pub failures_to_open: u32,
    /// How long a failure counts, in milliseconds.
    pub window_ms: i64,
    /// How long it stays open the first time, in milliseconds; doubled each time in a row.
    pub open_ms: i64,
    /// The longest it stays open, in milliseconds.
    pub open_ms_max: i64,
    /// Calls under way at once while it is half open.
    pub probes: u32,
    /// Probes that must succeed to close it.
    pub successes_to_close: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures_to_open: 5,
            window_ms: 60_000,
            open_ms: 15_000,
            open_ms_max: 300_000,
            probes: 1,
            successes_to_close: 2,
        }
    }
}

/// What a breaker says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go.
    Allow,
    /// Go, as one of the few that find out.
    Probe,
    /// Not before this moment, in milliseconds since 1970.
    Refuse {
        /// When a probe may go; while probes are under way, now.
        until_ms: i64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32, first_ms: i64 },
    Open { until_ms: i64 },
    HalfOpen { under_way: u32, successes: u32 },
}

/// The circuit breaker of one provider, as a value: every step takes the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// How often it opened without having been closed in between.
    opened: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0, first_ms: 0 }, opened: 0 }
    }
}

impl Breaker {
    /// What a call would be told at this moment.
    #[must_use]
    pub const fn verdict(&self, settings: &BreakerSettings, now_ms: i64) -> Verdict {
        match self.state {
            State::Closed { .. } => Verdict::Allow,
            State::Open { until_ms } if now_ms < until_ms => Verdict::Refuse { until_ms },
            State::Open { .. } => Verdict::Probe,
            State::HalfOpen { under_way, .. } if under_way < settings.probes => Verdict::Probe,
            State::HalfOpen { .. } => Verdict::Refuse { until_ms: now_ms },
        }
    }

    /// Takes a call up, if the verdict lets it. Each call that was taken up must be reported by
    /// [`Breaker::succeeded`], [`Breaker::failed`] or [`Breaker::abandoned`].
    pub fn begin(&mut self, settings: &BreakerSettings, now_ms: i64) -> Verdict {
        let verdict = self.verdict(settings, now_ms);
        if verdict == Verdict::Probe {
            self.state = match self.state {
                State::HalfOpen { under_way, successes } => {
                    State::HalfOpen { under_way: under_way + 1, successes }
                }
                State::Open { .. } | State::Closed { .. } => {
                    State::HalfOpen { under_way: 1, successes: 0 }
                }
            };
        }
        verdict
    }

    /// The provider answered.
    pub fn succeeded(&mut self, settings: &BreakerSettings) {
        match self.state {
            // A call from before it opened says nothing about now.
            State::Open { .. } => {}
            State::Closed { .. } => *self = Self::default(),
            State::HalfOpen { under_way, successes } => {
                let successes = successes + 1;
                if successes >= settings.successes_to_close {
                    *self = Self::default();
                } else {
                    let under_way = under_way.saturating_sub(1);
                    self.state = State::HalfOpen { under_way, successes };
                }
            }
        }
    }

    /// The call came to this end. Failures that say nothing about the provider's health count as
    /// answers. `retry_after_ms` holds an overloaded provider's wish: it is left alone that long.
    pub fn failed(
        &mut self,
        settings: &BreakerSettings,
        now_ms: i64,
        class: Class,
        retry_after_ms: Option<i64>,
    ) {
        if !class.is_unhealthy() {
            return self.succeeded(settings);
        }
        match self.state {
            State::Open { .. } => {}
            State::HalfOpen { .. } => self.open(settings, now_ms, retry_after_ms),
            State::Closed { failures, first_ms } => {
                let fresh = failures > 0 && now_ms.saturating_sub(first_ms) <= settings.window_ms;
                let (failures, first_ms) =
                    if fresh { (failures.saturating_add(1), first_ms) } else { (1, now_ms) };
                self.state = State::Closed { failures, first_ms };
                if failures >= settings.failures_to_open.max(1) || class.is_lasting() {
                    self.open(settings, now_ms, retry_after_ms);
                }
            }
        }
    }

    /// The caller gave up; nothing was learnt.
    pub fn abandoned(&mut self) {
        if let State::HalfOpen { under_way, successes } = self.state {
            self.state = State::HalfOpen { under_way: under_way.saturating_sub(1), successes };
        }
    }

    /// A word for metrics and listings.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self.state {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half_open",
        }
    }

    fn open(&mut self, settings: &BreakerSettings, now_ms: i64, retry_after_ms: Option<i64>) {
        let doubled = settings.open_ms.saturating_mul(1_i64 << self.opened.min(20));
        let wait = doubled.max(retry_after_ms.unwrap_or(0)).clamp(0, settings.open_ms_max.max(0));
        self.opened = self.opened.saturating_add(1);
        self.state = State::Open { until_ms: now_ms.saturating_add(wait) };
    }
}
