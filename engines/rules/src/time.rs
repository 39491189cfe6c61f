//! Durations and moments, as written in rules and found in values.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;

use crate::number;

const UNITS: [(char, i64); 5] =
    [('w', 604_800_000), ('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];

/// A length of time in milliseconds, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span(pub(crate) i64);

impl Span {
    pub(crate) const SECOND: Self = Self(1_000);
    pub(crate) const MINUTE: Self = Self(60_000);
    /// Ten years of 366 days.
    pub(crate) const MAX: Self = Self(3_660 * 86_400_000);

    /// A whole number and a unit: `90s`, `15m`, `12h`, `30d`, `2w`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().next_back()?;
        let (_, width) = UNITS.iter().find(|(letter, _)| *letter == unit)?;
        let digits = text.strip_suffix(unit)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse::<i64>().ok()?.checked_mul(*width).map(Self)
    }

    /// The canonical text: the widest unit that divides it, days rather than weeks.
    pub(crate) fn print(self) -> String {
        let unit = UNITS.iter().skip(1).find(|(_, width)| self.0 % width == 0);
        let (letter, width) = unit.copied().unwrap_or(('s', 1_000));
        format!("{}{letter}", self.0 / width)
    }

    /// When something that happened at `at` has been out of a window of this length for the first
    /// time; `None` if that is past the end of time.
    pub(crate) fn end(self, at: i64) -> Option<i64> {
        at.checked_add(self.0)
    }

    /// Whether `at` lies in the window of this length that ends at `now`. Times ahead of the clock
    /// count as now.
    pub(crate) fn holds(self, at: i64, now: i64) -> bool {
        self.end(at).is_none_or(|end| now < end)
    }
}

/// A date (midnight UTC) or a date and time (UTC unless it names an offset), in ISO 8601.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    const LENGTH_MAX: usize = 64;
    if text.len() > LENGTH_MAX {
        return None;
    }
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        text.parse::<DateTime>()
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|at| at.timestamp())
    })?;
    Some(moment.as_microsecond().div_euclid(1_000))
}

/// Unix milliseconds as RFC 3339 in UTC; held at the ends of the years -9999 to 9999.
#[must_use]
pub fn format_time(unix_ms: i64) -> String {
    let end = if unix_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(unix_ms).unwrap_or(end).to_string()
}

/// How numbers stand for moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Always Unix milliseconds (the built-in fields).
    Milliseconds,
    /// Unix seconds below 10^11, Unix milliseconds from there on (what applications send).
    Guess,
}

/// The moment that a value stands for.
pub(crate) fn time_of(value: &Value, clock: Clock) -> Option<i64> {
    const SECONDS_END: i128 = 100_000_000_000;
    match value {
        Value::String(text) => parse_time(text),
        Value::Number(number) => {
            let micros = number::number_micros(number)?;
            let seconds = clock == Clock::Guess && micros.abs() < SECONDS_END * 1_000_000;
            let ms = if seconds { micros.div_euclid(1_000) } else { micros.div_euclid(1_000_000) };
            i64::try_from(ms).ok()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
