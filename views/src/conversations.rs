use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use impresario_conversation::Status;
use impresario_conversation::index::{self, InboxRow, Metric};
use impresario_ids::{ConversationId, ProfileId, TenantId};
use impresario_journal::KeyRange;
use impresario_kernel::{IndexId, Timestamp, decode};
use impresario_rows::{counter, index_key};
use serde::Serialize;

use crate::error::damaged;
use crate::scatter::Rows;
use crate::{Cursor, Freshness, Page, ViewError, Views};

/// Where a list by time ended: the time, newest first, and the conversation.
const PLACE: usize = 24;
/// Different counts of one answer.
const COUNTS_MAX: usize = 100_000;
const DAY_MS: i64 = 86_400_000;

/// One conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConversationItem {
    /// Its id.
    pub id: ConversationId,
    /// What the lists show of it.
    #[serde(flatten)]
    pub row: InboxRow,
}

/// How many conversations somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InboxCount {
    /// Who holds them.
    pub status: Status,
    /// How many.
    pub count: u64,
}

/// Counts by metric and label, for example `{"turns": {"generated": 7}}`.
pub type Totals = BTreeMap<Metric, BTreeMap<String, i64>>;

/// What happened in a tenant's conversations in some days (CNV-31).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConversationAnalytics {
    /// Over all days.
    pub totals: Totals,
    /// What follows from the totals.
    pub rates: ConversationRates,
    /// How long answers took.
    pub latency: Latencies,
    /// Each day on which anything happened.
    pub days: Vec<ConversationDay>,
}

/// One UTC day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConversationDay {
    /// Its beginning, in Unix milliseconds in JSON.
    #[serde(serialize_with = "crate::timeline::ms")]
    pub from: Timestamp,
    /// What happened.
    pub totals: Totals,
    /// How long answers took.
    pub latency: Latencies,
}

/// Shares from 0 to 1 and averages; `None`: there is nothing to divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ConversationRates {
    /// Turns in which something was cited, of those in which something was looked for.
    pub knowledge_hit: Option<f64>,
    /// Handoffs per answered turn.
    pub handoff: Option<f64>,
    /// Resolved conversations that no human had.
    pub resolved_by_assistant: Option<f64>,
    /// Average confidence of answers, 0 to 1.
    pub confidence: Option<f64>,
    /// Average sentiment of customers, -1 to 1.
    pub sentiment: Option<f64>,
    /// Corrections that customers confirmed, of those they judged (CNV-23).
    pub corrections_right: Option<f64>,
    /// Suggestions that were taken up (CNV-25).
    pub suggestions_accepted: Option<f64>,
    /// Overlooked questions that were answered when asked for again (CNV-28).
    pub forgotten_recovered: Option<f64>,
    /// Average rating, 1 to 5.
    pub rating: Option<f64>,
}

/// Percentiles in milliseconds, each at most a fifth above the true value; `None`: nothing was
/// answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latencies {
    /// Half of the answers were not slower.
    pub p50_ms: Option<u64>,
    /// 95 of 100 were not slower.
    pub p95_ms: Option<u64>,
    /// 99 of 100 were not slower.
    pub p99_ms: Option<u64>,
    /// How many answers.
    pub count: i64,
}

impl Views {
    /// A tenant's conversations, the newest change first: those that one of `held_by` holds, or all
    /// if that is empty.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn inbox(
        &self,
        tenant: TenantId,
        held_by: &[Status],
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ConversationItem>, ViewError> {
        let held_by = if held_by.is_empty() { &Status::ALL[..] } else { held_by };
        let prefix =
            |status: &Status| index_key(tenant, index::INBOX, None, &index::inbox_prefix(*status));
        self.newest(&held_by.iter().map(prefix).collect::<Vec<_>>(), after, limit)
    }

    /// The conversations that a person or team of the tenant has, the newest change first.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn assigned(
        &self,
        tenant: TenantId,
        assignee: &str,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ConversationItem>, ViewError> {
        let blind = self.vault.blind(tenant, index::BY_ASSIGNEE.0, assignee.as_bytes())?;
        let prefix = index_key(tenant, index::BY_ASSIGNEE, Some(&blind), &[]);
        self.newest(&[prefix], after, limit)
    }

    /// A profile's conversations, by id.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn conversations_of(
        &self,
        tenant: TenantId,
        profile: ProfileId,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ConversationItem>, ViewError> {
        let (index, prefix) = (index::BY_PROFILE, profile.as_bytes());
        let rows = Rows { tenant, index, blind: None, prefix };
        let mut outcome = Ok(());
        let page = self.page(&rows, after, limit, &mut |place, _, value| match decode(value) {
            Ok(row) => Some(ConversationItem { id: ConversationId::from_bytes(place), row }),
            Err(error) => {
                outcome = Err(damaged(error));
                None
            }
        })?;
        outcome.map(|()| page)
    }

    /// How many conversations the assistant, nobody, and humans hold. Reads a row of each.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn inbox_counts(&self, tenant: TenantId) -> Result<Vec<InboxCount>, ViewError> {
        let count = |status: Status| {
            let prefix = &index::inbox_prefix(status);
            let rows = Rows { tenant, index: index::INBOX, blind: None, prefix };
            Ok(InboxCount { status, count: self.count(&rows, &mut |_, _| true)? })
        };
        Status::ALL.into_iter().map(count).collect()
    }

    /// What happened in a tenant's conversations in the UTC days that the range touches.
    ///
    /// # Errors
    /// [`ViewError`]; [`ViewError::TooBroad`] over 100 000 different counts.
    pub fn conversation_analytics(
        &self,
        tenant: TenantId,
        range: Range<Timestamp>,
    ) -> Result<(ConversationAnalytics, Freshness), ViewError> {
        let freshness = self.freshness();
        let last = index::day(range.end.plus_ms(DAY_MS - 1));
        let key = |day: u32| index_key(tenant, index::COUNTS, None, &index::day_prefix(day));
        let range = KeyRange { from: key(index::day(range.start)), to: key(last) };
        let mut days: BTreeMap<u32, Counts> = BTreeMap::new();
        if range.from >= range.to {
            return Ok((summary(days), freshness));
        }
        // The key begins with the tenant and the number of the index.
        let term_at = index_key(tenant, IndexId(0), None, &[]).len();
        let mut different = 0_usize;
        self.journal.scan_many(&self.scans(&range, 0), &mut |_, key, value| {
            let term = &key[term_at..];
            let day = term.get(..4).and_then(|day| <[u8; 4]>::try_from(day).ok());
            let Some(day) = day.map(u32::from_be_bytes) else { return ControlFlow::Continue(()) };
            if let Some((metric, label)) = index::decode_count(&term[4..]) {
                different +=
                    usize::from(days.entry(day).or_default().add(metric, label, counter(value)));
            }
            if different > COUNTS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if different > COUNTS_MAX {
            return Err(ViewError::TooBroad(COUNTS_MAX));
        }
        Ok((summary(days), freshness))
    }

    /// A page of the rows under some prefixes whose keys go on with a time, newest first, and an id.
    fn newest(
        &self,
        prefixes: &[Vec<u8>],
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ConversationItem>, ViewError> {
        let after = Cursor::place::<PLACE>(after)?;
        let freshness = self.freshness();
        let limit = limit.max(1);
        let mut found: BTreeMap<[u8; PLACE], ConversationItem> = BTreeMap::new();
        let mut outcome = Ok(());
        for prefix in prefixes {
            let mut range = KeyRange::prefix(prefix);
            if let Some(after) = after {
                // The first key behind the place.
                range.from = [&prefix[..], &after, &[0]].concat();
            }
            let scans = self.scans(&range, limit.saturating_add(1));
            let mut visits = vec![0_usize; scans.len()];
            self.journal.scan_many(&scans, &mut |number, key, value| {
                let place = <[u8; PLACE]>::try_from(&key[prefix.len()..]).ok();
                let (Some(place), Some(visits)) = (place, visits.get_mut(number)) else {
                    return ControlFlow::Continue(());
                };
                match item(&place, value) {
                    Ok(item) => found.insert(place, item),
                    Err(error) => {
                        outcome = Err(error);
                        return ControlFlow::Break(());
                    }
                };
                *visits += 1;
                if *visits > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        outcome?;
        let more = found.len() > limit;
        let kept: Vec<([u8; PLACE], ConversationItem)> = found.into_iter().take(limit).collect();
        let next = kept.last().filter(|_| more).map(|(place, _)| Cursor::new(*place));
        let items = kept.into_iter().map(|(_, item)| item).collect();
        Ok(Page { items, next, freshness })
    }
}

fn item(place: &[u8; PLACE], value: &[u8]) -> Result<ConversationItem, ViewError> {
    let mut id = [0; 16];
    id.copy_from_slice(&place[8..]);
    let row = decode(value).map_err(damaged)?;
    Ok(ConversationItem { id: ConversationId::from_bytes(id), row })
}

/// What was counted, the latencies apart from the rest.
#[derive(Default)]
struct Counts {
    totals: Totals,
    buckets: BTreeMap<u8, i64>,
}

impl Counts {
    /// Whether this metric and label were not there before.
    fn add(&mut self, metric: Metric, label: &[u8], by: i64) -> bool {
        if metric == Metric::Latency {
            let bucket = self.buckets.entry(label.first().copied().unwrap_or_default());
            *bucket.or_default() += by;
            return false;
        }
        let labels = self.totals.entry(metric).or_default();
        let before = labels.len();
        *labels.entry(String::from_utf8_lossy(label).into_owned()).or_default() += by;
        labels.len() > before
    }

    fn of(&self, metric: Metric, label: &str) -> i64 {
        self.totals.get(&metric).and_then(|labels| labels.get(label)).copied().unwrap_or_default()
    }

    fn sum(&self, metric: Metric) -> i64 {
        self.totals.get(&metric).map_or(0, |labels| labels.values().sum())
    }

    fn latencies(&self) -> Latencies {
        let count: i64 = self.buckets.values().sum();
        let at = |share: i64| {
            let wanted = (count.saturating_mul(share) + 99) / 100;
            let mut seen = 0;
            let mut buckets = self.buckets.iter();
            let bucket = buckets.find(|(_, count)| {
                seen += **count;
                seen >= wanted
            });
            bucket.filter(|_| count > 0).map(|(bucket, _)| index::bucket_bound(*bucket))
        };
        Latencies { p50_ms: at(50), p95_ms: at(95), p99_ms: at(99), count }
    }

    fn rates(&self) -> ConversationRates {
        let turns = self.sum(Metric::Turns);
        let pair = |metric, good: &str, bad: &str| {
            let good = self.of(metric, good);
            ratio(good, good + self.of(metric, bad))
        };
        let stars: i64 =
            (1..=5).map(|star| star * self.of(Metric::Ratings, &star.to_string())).sum();
        let average = |metric| ratio(self.sum(metric), turns).map(|sum| sum / 1_000.0);
        let accepted = self.of(Metric::Suggestions, "accepted");
        ConversationRates {
            knowledge_hit: pair(Metric::Knowledge, "hit", "miss"),
            handoff: ratio(self.sum(Metric::Handoffs), turns),
            resolved_by_assistant: pair(Metric::Resolved, "assistant", "human"),
            confidence: average(Metric::ConfidenceSum),
            sentiment: average(Metric::SentimentSum),
            corrections_right: pair(Metric::Corrections, "right", "wrong"),
            suggestions_accepted: ratio(accepted, self.of(Metric::Suggestions, "shown")),
            forgotten_recovered: pair(Metric::Forgotten, "recovered", "missed"),
            rating: ratio(stars, self.sum(Metric::Ratings)),
        }
    }
}

fn ratio(part: i64, whole: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    let ratio = part as f64 / whole as f64;
    (whole > 0).then_some(ratio)
}

fn summary(days: BTreeMap<u32, Counts>) -> ConversationAnalytics {
    let mut all = Counts::default();
    for counts in days.values() {
        for (metric, labels) in &counts.totals {
            for (label, by) in labels {
                all.add(*metric, label.as_bytes(), *by);
            }
        }
        for (bucket, by) in &counts.buckets {
            all.add(Metric::Latency, &[*bucket], *by);
        }
    }
    let (rates, latency) = (all.rates(), all.latencies());
    let days = days
        .into_iter()
        .map(|(day, counts)| ConversationDay {
            from: Timestamp::from_ms(i64::from(day) * DAY_MS),
            latency: counts.latencies(),
            totals: counts.totals,
        })
        .collect();
    ConversationAnalytics { totals: all.totals, rates, latency, days }
}
