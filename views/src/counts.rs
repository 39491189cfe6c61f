use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use impresario_ids::TenantId;
use impresario_journal::{KeyRange, Scan, Table};
use impresario_kernel::{IndexId, PartitionId, Timestamp};
use impresario_profile::index::{self, Grain, Meter};
use impresario_rows::{counter, index_key};
use serde::Serialize;

use crate::{Freshness, ViewError, Views};

/// Rows of one answer.
const COUNTS_MAX: usize = 100_000;
const HOUR_MS: i64 = 3_600_000;

/// Over what time events are counted together (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Each hour.
    Hour,
    /// Each day.
    Day,
    /// The whole range that was asked for.
    Total,
}

/// How often an event happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventCount {
    /// The event's name; calls without one count as `page`, `screen`, `identify`, `group`, `alias`.
    pub name: String,
    /// The beginning of the bucket, in Unix milliseconds in JSON.
    #[serde(serialize_with = "crate::timeline::ms")]
    pub from: Timestamp,
    /// How often.
    pub count: i64,
}

/// How much a tenant used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageCount {
    /// `events`, `active_profiles` or `messages`.
    pub meter: &'static str,
    /// UTC days, or calendar months, since January 1970.
    pub period: i64,
    /// How much.
    pub count: i64,
}

impl Views {
    /// How often events happened, by event time: by name, then by time. Only whole hours are known,
    /// so the range is widened to them.
    ///
    /// # Errors
    /// [`ViewError`]; [`ViewError::TooBroad`] over 100 000 rows.
    pub fn event_counts(
        &self,
        tenant: TenantId,
        name: Option<&str>,
        range: Range<Timestamp>,
        bucket: Bucket,
    ) -> Result<(Vec<EventCount>, Freshness), ViewError> {
        let freshness = self.freshness();
        let hours = range.start.hour()..range.end.plus_ms(HOUR_MS - 1).hour();
        let mut sums = Sums { bucket, first: hours.start, counts: BTreeMap::new() };
        match name {
            Some(name) => {
                let named: Vec<_> = self.partitions().map(|id| (id, name.to_owned())).collect();
                self.add_named(tenant, &named, &hours, &mut sums)?;
            }
            None => self.add_all(tenant, &hours, &mut sums)?,
        }
        let counts = sums.counts.into_iter().map(|((name, hour), count)| EventCount {
            name,
            from: Timestamp::from_ms(hour.saturating_mul(HOUR_MS)),
            count,
        });
        Ok((counts.collect(), freshness))
    }

    /// What the tenant used (TEN-07), by meter, then by period: of the periods in `periods`, counted
    /// as [`index::period`] does.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn usage(
        &self,
        tenant: TenantId,
        grain: Grain,
        periods: Range<i64>,
    ) -> Result<(Vec<UsageCount>, Freshness), ViewError> {
        let freshness = self.freshness();
        let mut sums: BTreeMap<(u8, i64), UsageCount> = BTreeMap::new();
        for (meter, name) in METERS {
            let at = |period| index::usage_term(meter, grain, period);
            let range = term_range(tenant, index::USAGE, &at(periods.start), &at(periods.end));
            self.scan_counters(&self.scans(&range, 0), &mut |key, count| {
                if let Some((_, _, period)) = index::decode_usage(&key[17..]) {
                    let row = sums.entry((meter as u8, period));
                    row.or_insert(UsageCount { meter: name, period, count: 0 }).count += count;
                }
                Ok(())
            })?;
        }
        Ok((sums.into_values().collect(), freshness))
    }

    /// Every name that a partition has, each by a jump to its first row; all partitions jump at the
    /// same time.
    fn add_all(
        &self,
        tenant: TenantId,
        hours: &Range<i64>,
        sums: &mut Sums,
    ) -> Result<(), ViewError> {
        let prefix = index_key(tenant, index::EVENT_COUNTS, None, &[]);
        let mut rests = self.scans(&KeyRange::prefix(&prefix), 1);
        loop {
            let mut found: Vec<Option<Option<String>>> = vec![None; rests.len()];
            self.journal.scan_many(&rests, &mut |number, key, _| {
                let name = index::decode_event(&key[17..]).map(|(name, _)| name.to_owned());
                if let Some(found) = found.get_mut(number) {
                    *found = Some(name);
                }
                ControlFlow::Break(())
            })?;
            let (mut named, mut behind) = (Vec::new(), Vec::new());
            for (mut rest, name) in rests.into_iter().zip(found) {
                let Some(name) = name else { continue };
                let name = name
                    .ok_or_else(|| ViewError::Damaged("an event count has no name".to_owned()))?;
                let term = index::event_prefix(&name);
                let of_name = index_key(tenant, index::EVENT_COUNTS, None, &term);
                rest.range.from = KeyRange::prefix(&of_name).to;
                named.push((rest.partition, name));
                behind.push(rest);
            }
            if named.is_empty() {
                return Ok(());
            }
            self.add_named(tenant, &named, hours, sums)?;
            rests = behind;
        }
    }

    /// One name in each of these partitions.
    fn add_named(
        &self,
        tenant: TenantId,
        named: &[(PartitionId, String)],
        hours: &Range<i64>,
        sums: &mut Sums,
    ) -> Result<(), ViewError> {
        let scan = |(partition, name): &(PartitionId, String)| {
            let at = |hour| index::event_term(name, hour);
            let range = term_range(tenant, index::EVENT_COUNTS, &at(hours.start), &at(hours.end));
            let (partition, table) = (*partition, Table::Index);
            Scan { partition, table, range, reverse: false, rows_hint: 0 }
        };
        let scans: Vec<_> = named.iter().map(scan).collect();
        self.scan_counters(&scans, &mut |key, count| match index::decode_event(&key[17..]) {
            Some((name, hour)) => sums.add(name, hour, count),
            None => Ok(()),
        })
    }

    fn scan_counters(&self, scans: &[Scan], add: &mut AddCounter<'_>) -> Result<(), ViewError> {
        let mut outcome = Ok(());
        if scans.iter().any(|scan| scan.range.from >= scan.range.to) {
            return outcome;
        }
        self.journal.scan_many(scans, &mut |_, key, value| {
            if outcome.is_ok() {
                outcome = add(key, counter(value));
            }
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome
    }
}

/// What is done with a counter row: its key and its number.
type AddCounter<'a> = dyn FnMut(&[u8], i64) -> Result<(), ViewError> + 'a;

const METERS: [(Meter, &str); 3] = [
    (Meter::Events, "events"),
    (Meter::ActiveProfiles, "active_profiles"),
    (Meter::Messages, "messages"),
];

fn term_range(tenant: TenantId, index: IndexId, from: &[u8], to: &[u8]) -> KeyRange {
    KeyRange { from: index_key(tenant, index, None, from), to: index_key(tenant, index, None, to) }
}

struct Sums {
    bucket: Bucket,
    first: i64,
    counts: BTreeMap<(String, i64), i64>,
}

impl Sums {
    fn add(&mut self, name: &str, hour: i64, count: i64) -> Result<(), ViewError> {
        let hour = match self.bucket {
            Bucket::Hour => hour,
            Bucket::Day => hour.div_euclid(24).saturating_mul(24),
            Bucket::Total => self.first,
        };
        *self.counts.entry((name.to_owned(), hour)).or_default() += count;
        if self.counts.len() > COUNTS_MAX { Err(ViewError::TooBroad(COUNTS_MAX)) } else { Ok(()) }
    }
}
