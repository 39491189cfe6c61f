const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The published waits before each attempt, in milliseconds; 75 h 35 min in all.
pub const SCHEDULE_MS: [i64; 10] = [
    0,
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// The longest wait that a receiver can ask for with `Retry-After`: the longest of the schedule.
pub const RETRY_AFTER_MS_MAX: i64 = 24 * HOUR;

/// Jitter is up to one part in this many of the wait, added and never taken away.
const JITTER_PART: i64 = 10;

/// When to make the next attempt, in milliseconds since 1970, after `attempts` were made; `None`
/// when the schedule is exhausted. `seed` decides the jitter: the same seed, the same time.
/// `retry_after_ms` is what the receiver asked for: never earlier, at most [`RETRY_AFTER_MS_MAX`].
#[must_use]
pub fn next_attempt(
    attempts: u32,
    now_ms: i64,
    seed: u64,
    retry_after_ms: Option<i64>,
) -> Option<i64> {
    let place = usize::try_from(attempts).ok()?;
    let scheduled = *SCHEDULE_MS.get(place)?;
    let asked = retry_after_ms.unwrap_or(0).clamp(0, RETRY_AFTER_MS_MAX);
    let wait = scheduled.max(asked);
    let most = u64::try_from(wait / JITTER_PART).unwrap_or(0);
    let jitter = i64::try_from(seed % (most + 1)).unwrap_or(0);
    Some(now_ms.saturating_add(wait).saturating_add(jitter))
}

/// Reads a `Retry-After` header, seconds or an HTTP date, as milliseconds from `now_ms` on.
/// `None` if it is neither; 0 if the date is past; at most [`RETRY_AFTER_MS_MAX`].
#[must_use]
pub fn parse_retry_after(value: &str, now_ms: i64) -> Option<i64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too long for 64 bits is only a very long wait.
        let seconds = value.parse::<i64>().unwrap_or(i64::MAX);
        return Some(seconds.saturating_mul(SECOND).min(RETRY_AFTER_MS_MAX));
    }
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let date = parser.parse_timestamp(value).ok()?;
    Some(date.as_millisecond().saturating_sub(now_ms).clamp(0, RETRY_AFTER_MS_MAX))
}
