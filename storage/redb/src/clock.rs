use std::time::Instant;

/// The one place of this crate that reads a clock: for the age of checkpoints and for metrics,
/// never for anything that is stored.
#[allow(
    clippy::disallowed_methods,
    reason = "ages and durations of the store's own work, nothing stored"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
