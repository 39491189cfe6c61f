//! What is remembered of an entity's crashes.

use std::any::Any;

use impresario_kernel::Timestamp;

use crate::Options;

/// An activation ended because its state can no longer be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Crash {
    pub(crate) reason: String,
}

impl Crash {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    /// The reason in a caught panic.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Self::new(text.unwrap_or_else(|| "a panic without a message".to_owned()))
    }
}

/// The crashes of one entity since it was last well.
#[derive(Debug, Default)]
pub(crate) struct History {
    crashes: u32,
    kills: Vec<([u8; 16], u32)>,
}

/// After this long without a crash the history is forgotten, in milliseconds.
const WELL_AGAIN_MS: i64 = 600_000;
/// At most this many different commands are remembered as killers.
const KILLERS_MAX: usize = 16;

impl History {
    /// Counts a crash and says how long to hold the entity back.
    pub(crate) fn crashed(&mut self, options: &Options) -> i64 {
        let doubled = options.restart_backoff_ms.saturating_mul(1_i64 << self.crashes.min(20));
        self.crashes = self.crashes.saturating_add(1);
        doubled.min(options.restart_backoff_max_ms)
    }

    /// Counts a kill by the command of this hash and says how often it killed so far.
    pub(crate) fn killed_by(&mut self, hash: [u8; 16]) -> u32 {
        if let Some((_, kills)) = self.kills.iter_mut().find(|(killer, _)| *killer == hash) {
            *kills += 1;
            return *kills;
        }
        if self.kills.len() == KILLERS_MAX {
            self.kills.remove(0);
        }
        self.kills.push((hash, 1));
        1
    }

    /// Whether this command was set aside before.
    pub(crate) fn is_set_aside(&self, hash: [u8; 16], kills_max: u32) -> bool {
        self.kills.iter().any(|(killer, kills)| *killer == hash && *kills >= kills_max)
    }

    /// Whether an entity that was last held back until `until` may be taken for well.
    pub(crate) fn is_well_again(until: Timestamp, now: Timestamp) -> bool {
        now.since_ms(until) > WELL_AGAIN_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_its_bound() {
        let options = Options::default();
        let mut history = History::default();
        let pauses: Vec<i64> = (0..12).map(|_| history.crashed(&options)).collect();
        assert_eq!(
            pauses,
            [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000]
        );
    }

    #[test]
    fn kills_are_counted_per_command() {
        let mut history = History::default();
        assert_eq!(
            [history.killed_by([1; 16]), history.killed_by([2; 16]), history.killed_by([1; 16])],
            [1, 1, 2]
        );
        assert!(history.is_set_aside([1; 16], 2));
        assert!(!history.is_set_aside([2; 16], 2));
    }
}
