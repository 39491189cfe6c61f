//! The read models that profiles write, with the exact layout of every row.
//!
//! All numbers in keys are big-endian, times and hours with the sign bit flipped, so that rows sort
//! by them. "Personal" rows are kept under a keyed hash by the host: exact look-up only.
//!
//! | index | personal | term | value |
//! |---|---|---|---|
//! | [`PROFILES`] | – | profile 16 | first received, time 8 |
//! | [`BY_USER_ID`] | user id | profile 16 | empty |
//! | [`BY_ANONYMOUS_ID`] | anonymous id | profile 16 | empty |
//! | [`BY_EMAIL`] | [`email_key`] | profile 16 | empty |
//! | [`BY_TRAIT`] | [`trait_key`] | profile 16 | empty |
//! | [`BY_EXTERNAL_ID`] | `type:id` | profile 16 | empty |
//! | [`EVENT_COUNTS`] | – | name length 2, name, hour 8 | number (added) |
//! | [`USAGE`] | – | meter 1, grain 1, period 8 | number (added) |
//! | [`MEMBERS`] | – | segment 16, profile 16 | entered, time 8 |
//! | [`PAST_MEMBERS`] | – | segment 16, profile 16, entered 8 | left, time 8 |
//! | [`PROFILE_COUNT`] | – | empty | number (added) |

use impresario_ids::{ProfileId, SegmentId};
use impresario_kernel::{IndexId, Timestamp};
use serde_json::Value;

/// All profiles of the tenant that are neither merged nor deleted.
pub const PROFILES: IndexId = IndexId(10);
/// Profiles by user id.
pub const BY_USER_ID: IndexId = IndexId(11);
/// Profiles by anonymous id (a merged one is found under the profile that stays).
pub const BY_ANONYMOUS_ID: IndexId = IndexId(12);
/// Profiles by the trait `email`, in lower case.
pub const BY_EMAIL: IndexId = IndexId(13);
/// Profiles by the value of a scalar trait.
pub const BY_TRAIT: IndexId = IndexId(14);
/// Profiles by an id of another system.
pub const BY_EXTERNAL_ID: IndexId = IndexId(15);
/// How often each event happened in each hour (UTC, by event time).
pub const EVENT_COUNTS: IndexId = IndexId(16);
/// What the tenant used (by time of receipt).
pub const USAGE: IndexId = IndexId(17);
/// Who is in a segment now.
pub const MEMBERS: IndexId = IndexId(18);
/// Who was in a segment, from when to when.
pub const PAST_MEMBERS: IndexId = IndexId(19);

/// How many rows [`PROFILES`] has in the partition: the plan's limit needs the number without reading
/// them (TEN-08).
pub const PROFILE_COUNT: IndexId = IndexId(20);

/// The longest trait value (bytes) that can be looked up.
pub const TRAIT_KEY_MAX: usize = 256;

/// What is metered per tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Meter {
    /// Messages that became part of a profile.
    Events = 1,
    /// Profiles with at least one message in the period (months only).
    ActiveProfiles = 2,
    /// Webhook messages that were asked for.
    Messages = 3,
}

/// The length of a metered period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Grain {
    /// UTC days since 1970-01-01.
    Day = 1,
    /// UTC calendar months since January 1970.
    Month = 2,
}

/// UTC calendar months since January 1970.
#[must_use]
pub fn month(time: Timestamp) -> i64 {
    // Civil from days (Hinnant), reduced to year and month; years begin in March.
    let days = time.day() + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + march_month + 2 - 1_970 * 12
}

/// The period that `time` is in.
#[must_use]
pub fn period(grain: Grain, time: Timestamp) -> i64 {
    match grain {
        Grain::Day => time.day(),
        Grain::Month => month(time),
    }
}

/// A signed number so that bytes sort as the numbers do.
#[must_use]
pub fn sortable(number: i64) -> [u8; 8] {
    (number ^ i64::MIN).to_be_bytes()
}

/// The inverse of [`sortable`], of the first eight bytes.
#[must_use]
pub fn unsortable(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.get(..8)?.try_into().ok()?;
    Some(i64::from_be_bytes(bytes) ^ i64::MIN)
}

/// A time as a row's value.
#[must_use]
pub fn time_value(time: Timestamp) -> Vec<u8> {
    sortable(time.as_ms()).to_vec()
}

/// The inverse of [`time_value`].
#[must_use]
pub fn decode_time(value: &[u8]) -> Option<Timestamp> {
    unsortable(value).map(Timestamp::from_ms)
}

/// The term of all rows that lead to one profile.
#[must_use]
pub fn profile_term(profile: ProfileId) -> Vec<u8> {
    profile.as_bytes().to_vec()
}

/// The inverse of [`profile_term`].
#[must_use]
pub fn decode_profile(term: &[u8]) -> Option<ProfileId> {
    term.get(..16)?.try_into().ok().map(ProfileId::from_bytes)
}

/// The personal part of a [`BY_EMAIL`] row.
#[must_use]
pub fn email_key(email: &str) -> Vec<u8> {
    email.trim().to_lowercase().into_bytes()
}

/// The personal part of a [`BY_TRAIT`] row: the name, a zero byte, and the text (a string as it is,
/// another scalar as JSON). `None`: this value cannot be looked up.
#[must_use]
pub fn trait_key(name: &str, value: &Value) -> Option<Vec<u8>> {
    let text = match value {
        Value::String(text) => std::borrow::Cow::Borrowed(text.as_str()),
        Value::Bool(_) | Value::Number(_) => std::borrow::Cow::Owned(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    if text.len() > TRAIT_KEY_MAX {
        return None;
    }
    let mut key = Vec::with_capacity(name.len() + 1 + text.len());
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    key.extend_from_slice(text.as_bytes());
    Some(key)
}

/// The terms of all hours of one event name begin with this.
#[must_use]
pub fn event_prefix(name: &str) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    let mut term = Vec::with_capacity(10 + name.len());
    term.extend_from_slice(&length.to_be_bytes());
    term.extend_from_slice(&name.as_bytes()[..usize::from(length)]);
    term
}

/// The term of an [`EVENT_COUNTS`] row; `hour` is UTC hours since 1970.
#[must_use]
pub fn event_term(name: &str, hour: i64) -> Vec<u8> {
    let mut term = event_prefix(name);
    term.extend_from_slice(&sortable(hour));
    term
}

/// The inverse of [`event_term`].
#[must_use]
pub fn decode_event(term: &[u8]) -> Option<(&str, i64)> {
    let length = usize::from(u16::from_be_bytes(term.get(..2)?.try_into().ok()?));
    let name = std::str::from_utf8(term.get(2..2 + length)?).ok()?;
    Some((name, unsortable(&term[2 + length..])?))
}

/// The term of a [`USAGE`] row; `period` as [`period`] gives it.
#[must_use]
pub fn usage_term(meter: Meter, grain: Grain, period: i64) -> Vec<u8> {
    let mut term = vec![meter as u8, grain as u8];
    term.extend_from_slice(&sortable(period));
    term
}

/// The inverse of [`usage_term`].
#[must_use]
pub fn decode_usage(term: &[u8]) -> Option<(Meter, Grain, i64)> {
    let meter = match term.first()? {
        1 => Meter::Events,
        2 => Meter::ActiveProfiles,
        3 => Meter::Messages,
        _ => return None,
    };
    let grain = match term.get(1)? {
        1 => Grain::Day,
        2 => Grain::Month,
        _ => return None,
    };
    Some((meter, grain, unsortable(&term[2..])?))
}

/// The terms of all members of one segment begin with this, in both membership indexes.
#[must_use]
pub fn segment_prefix(segment: SegmentId) -> Vec<u8> {
    segment.as_bytes().to_vec()
}

/// The term of a [`MEMBERS`] row.
#[must_use]
pub fn member_term(segment: SegmentId, profile: ProfileId) -> Vec<u8> {
    let mut term = segment_prefix(segment);
    term.extend_from_slice(profile.as_bytes());
    term
}

/// The inverse of [`member_term`], also for the beginning of a [`PAST_MEMBERS`] term.
#[must_use]
pub fn decode_member(term: &[u8]) -> Option<(SegmentId, ProfileId)> {
    let segment = term.get(..16)?.try_into().ok().map(SegmentId::from_bytes)?;
    Some((segment, decode_profile(&term[16..])?))
}

/// The term of a [`PAST_MEMBERS`] row.
#[must_use]
pub fn past_member_term(segment: SegmentId, profile: ProfileId, entered_at: Timestamp) -> Vec<u8> {
    let mut term = member_term(segment, profile);
    term.extend_from_slice(&sortable(entered_at.as_ms()));
    term
}

/// The inverse of [`past_member_term`].
#[must_use]
pub fn decode_past_member(term: &[u8]) -> Option<(SegmentId, ProfileId, Timestamp)> {
    let (segment, profile) = decode_member(term)?;
    Some((segment, profile, decode_time(term.get(32..)?)?))
}
