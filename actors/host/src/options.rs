use impresario_kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// How the host runs its entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A snapshot is written after this many events since the last one.
    pub snapshot_events: u64,
    /// An entity without messages for this long is passivated, in milliseconds.
    pub idle_ms: i64,
    /// At most this many entities stay active; past it the least recently used are passivated.
    pub active_max: usize,
    /// The memory of active entities is held to about this many bytes; past it the least recently
    /// used are passivated. An entity counts for its actor and three times its stored state.
    pub active_bytes_max: usize,
    /// How often idle entities are looked for, in milliseconds.
    pub sweep_ms: u64,
    /// Idempotency keys are remembered for this many whole days, and the day under way. At least 1.
    pub seen_days: u16,
    /// A command is set aside after it killed its entity this often.
    pub kills_max: u32,
    /// The first pause after a crash, in milliseconds; doubled with each further one.
    pub restart_backoff_ms: i64,
    /// The longest pause after a crash, in milliseconds.
    pub restart_backoff_max_ms: i64,
    /// Commands that become ready during a commit are committed together, at most this many bytes
    /// of rows in one batch.
    pub batch_bytes_max: usize,
    /// The newest events that a command may ask to see ([`impresario_kernel::Needs::History`]).
    pub history_events_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            snapshot_events: 128,
            idle_ms: 300_000,
            active_max: 100_000,
            active_bytes_max: 1 << 30,
            sweep_ms: 1_000,
            seen_days: 1,
            kills_max: 3,
            restart_backoff_ms: 100,
            restart_backoff_max_ms: 30_000,
            batch_bytes_max: 8 << 20,
            history_events_max: 100_000,
        }
    }
}

impl Options {
    /// The days whose idempotency keys count, from the oldest to the one under way.
    pub(crate) fn seen_horizon(&self, now: Timestamp) -> std::ops::RangeInclusive<i64> {
        let today = now.day();
        today - i64::from(self.seen_days.max(1))..=today
    }
}
