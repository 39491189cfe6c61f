//! When humans are there, on the wall clocks of their place.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan, Zoned};

use crate::{BusinessHours, Day, Opening};

/// How many days ahead the next opening is looked for.
const DAYS_AHEAD: i64 = 400;

impl BusinessHours {
    /// Whether somebody is there at `now_ms` (Unix milliseconds). Hours that cannot be read count as
    /// open, so that a mistake never keeps customers away from humans.
    #[must_use]
    pub fn is_open(&self, now_ms: i64) -> bool {
        let Some(now) = self.local(now_ms) else { return true };
        let date = now.date();
        if self.is_closed(date) {
            return false;
        }
        let second = seconds(now.time());
        self.on(date).any(|(from, to)| (from..to).contains(&second))
    }

    /// When somebody is there next: `now_ms` itself if that is now, `None` if never within a year.
    #[must_use]
    pub fn next_opening(&self, now_ms: i64) -> Option<i64> {
        if self.is_open(now_ms) {
            return Some(now_ms);
        }
        let now = self.local(now_ms)?;
        let mut date = now.date();
        for _ in 0..DAYS_AHEAD {
            if !self.is_closed(date) {
                let opening = self
                    .on(date)
                    .filter_map(|(from, _)| moment(date, from, now.time_zone()))
                    .filter(|opening| *opening > now_ms)
                    .min();
                if opening.is_some() {
                    return opening;
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// `now_ms` moved by so many minutes in which somebody is there.
    #[must_use]
    pub fn after_minutes(&self, now_ms: i64, minutes: u32) -> i64 {
        let mut left = i64::from(minutes) * 60_000;
        let mut at = now_ms;
        // Each round eats one opening; a year of them is enough for any limit that makes sense.
        for _ in 0..DAYS_AHEAD {
            let Some(from) = self.next_opening(at) else { return at.saturating_add(left) };
            let Some(end) = self.closing(from) else { return from.saturating_add(left) };
            if end.saturating_sub(from) >= left {
                return from.saturating_add(left);
            }
            left -= end.saturating_sub(from);
            at = end;
        }
        at.saturating_add(left)
    }

    /// When the opening around `now_ms` ends.
    fn closing(&self, now_ms: i64) -> Option<i64> {
        let now = self.local(now_ms)?;
        let (date, second) = (now.date(), seconds(now.time()));
        let (_, to) = self
            .on(date)
            .filter(|(from, to)| (from..to).contains(&&second))
            .max_by_key(|(_, to)| *to)?;
        moment(date, to, now.time_zone()).filter(|end| *end > now_ms)
    }

    fn local(&self, now_ms: i64) -> Option<Zoned> {
        Some(Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone(&self.zone)?))
    }

    fn is_closed(&self, date: Date) -> bool {
        self.closed.iter().filter_map(|text| text.parse::<Date>().ok()).any(|closed| closed == date)
    }

    /// The openings of a day, in seconds since its beginning.
    fn on(&self, date: Date) -> impl Iterator<Item = (i32, i32)> {
        let day = day(date.weekday());
        self.weekly
            .iter()
            .filter(move |opening| opening.days.contains(&day))
            .filter_map(Opening::span)
    }
}

impl Opening {
    /// From and to in seconds since the beginning of the day, if they can be read and are in order.
    pub(crate) fn span(&self) -> Option<(i32, i32)> {
        let (from, to) = (clock(&self.from)?, clock(&self.to)?);
        (from < to).then_some((from, to))
    }
}

/// The zone of a name, from the compiled-in database.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// `09:30` in seconds since midnight; `24:00` is the end of the day.
fn clock(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    let sound = hours < 24 && minutes < 60 || (hours, minutes) == (24, 0);
    sound.then(|| i32::from(hours) * 3_600 + i32::from(minutes) * 60)
}

fn seconds(time: Time) -> i32 {
    i32::from(time.hour()) * 3_600 + i32::from(time.minute()) * 60 + i32::from(time.second())
}

/// The moment of a wall clock; one that is skipped in spring is the moment after the gap.
fn moment(date: Date, second: i32, zone: &TimeZone) -> Option<i64> {
    let midnight = date.to_datetime(Time::midnight());
    let local = midnight.checked_add(i64::from(second).seconds()).ok()?;
    Some(zone.to_zoned(local).ok()?.timestamp().as_millisecond())
}

const fn day(weekday: Weekday) -> Day {
    match weekday {
        Weekday::Monday => Day::Monday,
        Weekday::Tuesday => Day::Tuesday,
        Weekday::Wednesday => Day::Wednesday,
        Weekday::Thursday => Day::Thursday,
        Weekday::Friday => Day::Friday,
        Weekday::Saturday => Day::Saturday,
        Weekday::Sunday => Day::Sunday,
    }
}
