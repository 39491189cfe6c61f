//! Chance with a seed, so that a failing run can be had again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Chance(StdRng);

impl Chance {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// From `IMPRESARIO_SEED`, or a fixed seed; said on stderr, so that a failing run shows it.
    #[must_use]
    pub fn from_environment() -> Self {
        use std::io::Write as _;
        let text = std::env::var_os("IMPRESARIO_SEED").and_then(|text| text.into_string().ok());
        let seed = text.and_then(|text| text.parse().ok()).unwrap_or(20_261_120);
        let _ = writeln!(std::io::stderr(), "IMPRESARIO_SEED={seed}");
        Self::new(seed)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// A time from `from_ms` to `to_ms`, both in milliseconds.
    pub fn pause(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.below(to_ms.saturating_sub(from_ms) + 1))
    }

    /// A generator of its own for a part of the run.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.0.next_u64())
    }
}
