//! How long to wait before an entity is asked again.

use impresario_router::Failure;

use crate::Options;

/// While another node decides, or none does, an entity is asked again after at most this, in
/// milliseconds: a new leader is there within seconds, and being told who it is costs nothing.
const LEADERLESS_MS_MAX: i64 = 2_000;

/// The wait in milliseconds after `tries` tries of which the last ended in this failure.
pub(crate) fn after(failure: &Failure, tries: u32, options: &Options, seed: u64) -> i64 {
    let asked_ms = failure
        .retry_after_ms()
        .map_or(options.backoff_max_ms, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let max_ms = match failure {
        Failure::NotLeader { .. } => options.backoff_max_ms.min(LEADERLESS_MS_MAX),
        Failure::Overloaded { .. }
        | Failure::DeadlineExceeded
        | Failure::UnknownTenant
        | Failure::Restarting { .. }
        | Failure::Crashed
        | Failure::DeadLettered { .. }
        | Failure::KeyReused
        | Failure::OutcomeUnknown(_)
        | Failure::Unavailable(_)
        | Failure::Damaged(_) => options.backoff_max_ms,
    };
    wait_ms(tries, options.backoff_ms, max_ms, seed, asked_ms)
}

/// The wait in milliseconds after `tries` failed tries: `first_ms` doubled for each further one,
/// up to `max_ms`; of that, the upper half is left to chance (`seed`), so that those who failed
/// together do not come back together. Never less than `asked_ms`.
pub(crate) fn wait_ms(tries: u32, first_ms: i64, max_ms: i64, seed: u64, asked_ms: i64) -> i64 {
    let doubled = first_ms.max(1).saturating_mul(1_i64 << tries.saturating_sub(1).min(40));
    let most = doubled.min(max_ms.max(1));
    let half = most / 2;
    let chance = i64::try_from(seed % (u64::try_from(most - half).unwrap_or(0) + 1)).unwrap_or(0);
    (half + chance).max(asked_ms)
}

/// Chance that is the same for the same row and try: enough to spread, and nothing to carry along.
pub(crate) fn seed_of(key: &[u8], tries: u32) -> u64 {
    // FNV-1a, then the finaliser of splitmix64, because neighbouring keys differ in the last bits.
    let hash =
        key.iter().chain(&tries.to_be_bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    impresario_kernel::Rng(hash).next_u64()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_the_bound() {
        let upper: Vec<i64> = (1..8).map(|tries| wait_ms(tries, 100, 2_000, 50, 0)).collect();
        assert_eq!(upper, [100, 150, 250, 450, 850, 1_050, 1_050]);
    }

    #[test]
    fn who_decides_no_more_is_asked_again_soon() {
        let options = Options::default();
        let failure = Failure::NotLeader { leader: None };
        let waits: Vec<i64> = (1..9).map(|tries| after(&failure, tries, &options, 0)).collect();
        assert_eq!(waits, [250, 250, 250, 400, 800, 1_000, 1_000, 1_000]);
        assert_eq!(after(&Failure::Crashed, 40, &options, 0), 30_000);
    }

    proptest! {
        #[test]
        fn a_wait_is_between_half_and_whole(tries in 0_u32..200, seed: u64, asked in 0_i64..100_000) {
            let wait = wait_ms(tries, 100, 60_000, seed, asked);
            let most = 100_i64.saturating_mul(1 << tries.saturating_sub(1).min(40)).min(60_000);
            prop_assert!(wait >= most / 2 && wait <= most.max(asked) && wait >= asked);
        }
    }
}
