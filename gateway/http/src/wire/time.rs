//! When an event happened: what the client says, corrected by what its clock says now.

use impresario_api::codes::{self, Code};
use impresario_kernel::Timestamp;

/// A client clock that is off by less than this is left alone: so small a difference is the
/// network's delay, and correcting it would move imported history.
pub(crate) const SKEW_TOLERATED_MS: i64 = 2_000;
/// A time further ahead of the server than this cannot be true.
pub(crate) const FUTURE_MAX_MS: i64 = 24 * 3_600_000;

/// A client's time, in milliseconds since the epoch: ISO 8601 with or without offset (without means
/// UTC), a date alone, or a number (seconds, or milliseconds from 10^11 on).
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    if let Ok(time) = text.parse::<jiff::civil::DateTime>() {
        return time
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|time| time.timestamp().as_millisecond());
    }
    number(text.parse::<f64>().ok()?)
}

fn number(value: f64) -> Option<i64> {
    if !value.is_finite() || value.abs() > 1e15 {
        return None;
    }
    let ms = if value.abs() < 1e11 { value * 1_000.0 } else { value };
    #[expect(clippy::cast_possible_truncation, reason = "bounded to 10^15 above")]
    Some(ms.round() as i64)
}

/// `received − (sent − original)`: what the client's clock says between the event and the sending
/// is kept, its offset is not. A time after `received` is held at `received`.
///
/// # Errors
/// [`codes::TIMESTAMP_ABSURD`] for a time before 1970 or more than a day ahead.
pub(crate) fn correct(
    received: Timestamp,
    sent: Option<i64>,
    original: Option<i64>,
) -> Result<Timestamp, &'static Code> {
    let received_ms = received.as_ms();
    let Some(original) = original else { return Ok(received) };
    let skew = sent.map_or(0, |sent| received_ms.saturating_sub(sent));
    let skew = if skew.saturating_abs() <= SKEW_TOLERATED_MS { 0 } else { skew };
    let at = original.saturating_add(skew);
    if at < 0 || at > received_ms.saturating_add(FUTURE_MAX_MS) {
        return Err(&codes::TIMESTAMP_ABSURD);
    }
    Ok(Timestamp::from_ms(at.min(received_ms)))
}

/// ISO 8601 in UTC with milliseconds, as every answer prints times.
pub(crate) fn print(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_ms())
        .map_or_else(|_| at.to_string(), |time| format!("{time:.3}"))
}
