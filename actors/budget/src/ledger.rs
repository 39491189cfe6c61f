use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};

use crate::Period;

/// What a scope has committed (spent, or held for calls under way) over each period, and which
/// thresholds of its limits were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Ledger {
    /// The newest day since 1970 that anything was reserved on.
    #[n(0)]
    pub day: i64,
    /// Micro-units of that day.
    #[n(1)]
    pub day_micros: i64,
    /// The newest month, counted from January 1970.
    #[n(2)]
    pub month: i64,
    /// Micro-units of that month.
    #[n(3)]
    pub month_micros: i64,
    /// Micro-units for ever.
    #[n(4)]
    pub total_micros: i64,
    /// The highest percentage told for the day's, the month's and the total limit.
    #[n(5)]
    pub told: [u8; 3],
}

impl Ledger {
    /// What counts against a limit over `period` at a moment. A clock that went back counts into
    /// the newest day that it has seen.
    #[must_use]
    pub fn committed(&self, period: Period, now: Timestamp) -> i64 {
        match period {
            Period::Day if self.day >= now.day() => self.day_micros,
            Period::Month if self.month >= month(now) => self.month_micros,
            Period::Day | Period::Month => 0,
            Period::Total => self.total_micros,
        }
    }

    /// The highest percentage told for a limit over `period` at a moment.
    #[must_use]
    pub fn told(&self, period: Period, now: Timestamp) -> u8 {
        match period {
            Period::Day if self.day >= now.day() => self.told[0],
            Period::Month if self.month >= month(now) => self.told[1],
            Period::Day | Period::Month => 0,
            Period::Total => self.told[2],
        }
    }

    /// Begins the day and the month of `at`, if they are newer.
    pub(crate) fn turn(&mut self, at: Timestamp) {
        if at.day() > self.day {
            self.day = at.day();
            self.day_micros = 0;
            self.told[0] = 0;
        }
        if month(at) > self.month {
            self.month = month(at);
            self.month_micros = 0;
            self.told[1] = 0;
        }
    }

    /// Adds what was reserved at `at`, or corrects it: periods that have passed stay as they are.
    pub(crate) fn add(&mut self, micros: i64, reserved: Booked) {
        if reserved.day == self.day {
            self.day_micros = self.day_micros.saturating_add(micros);
        }
        if reserved.month == self.month {
            self.month_micros = self.month_micros.saturating_add(micros);
        }
        self.total_micros = self.total_micros.saturating_add(micros);
    }

    pub(crate) fn tell(&mut self, period: Period, percent: u8) {
        self.told[period as usize] = percent;
    }

    /// Thresholds under this percentage may be told again, after a limit has changed.
    pub(crate) fn forget(&mut self, period: Period) {
        self.told[period as usize] = 0;
    }
}

/// The day and the month that a reservation counts into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Booked {
    /// Days since 1970.
    #[n(0)]
    pub(crate) day: i64,
    /// Months since January 1970.
    #[n(1)]
    pub(crate) month: i64,
}

/// The month of a moment, counted from January 1970, in UTC (days to civil, after Howard Hinnant).
#[must_use]
pub(crate) fn month(at: Timestamp) -> i64 {
    let shifted = at.day() + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let year_from_march = year_of_era + era * 400;
    // March is month 2 when January is 0; what passes December belongs to the next year.
    (year_from_march - 1_970) * 12 + month_from_march + 2
}
