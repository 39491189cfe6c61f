//! The read models that conversations write, with the exact layout of every row.
//!
//! All numbers in keys are big-endian; "newest" is the time of the last change, flipped so that the
//! newest sorts first. Nothing personal is in a row; the assignee is a "personal" value, of which the
//! host keeps a keyed hash.
//!
//! | index | personal | term | value |
//! |---|---|---|---|
//! | [`INBOX`] | – | status 1, newest 8, conversation 16 | [`InboxRow`] |
//! | [`BY_ASSIGNEE`] | assignee | newest 8, conversation 16 | [`InboxRow`] |
//! | [`BY_PROFILE`] | – | profile 16, conversation 16 | [`InboxRow`] |
//! | [`COUNTS`] | – | day 4, metric 1, label | number (added) |

use impresario_assistant::{HandoffReason, RolloutPath};
use impresario_ids::{ConversationId, ProfileId};
use impresario_kernel::{IndexId, IndexOp, IndexRow, Timestamp, encode};
use impresario_messages::Channel;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{State, Status};

/// Conversations by who holds them, the newest change first.
pub const INBOX: IndexId = IndexId(70);
/// Conversations that a human has, the newest change first.
pub const BY_ASSIGNEE: IndexId = IndexId(71);
/// Conversations of a profile.
pub const BY_PROFILE: IndexId = IndexId(72);
/// What happened per UTC day.
pub const COUNTS: IndexId = IndexId(73);

/// Longest label of a count, in bytes.
pub const LABEL_BYTES_MAX: usize = 64;

/// What the lists show of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct InboxRow {
    /// Who holds it.
    #[n(0)]
    pub status: Status,
    /// Where it takes place.
    #[n(1)]
    pub channel: Channel,
    /// When something was last said, or somebody took or gave it.
    #[n(2)]
    #[serde(serialize_with = "crate::json::time")]
    pub updated_at: Timestamp,
    /// When it began.
    #[n(3)]
    #[serde(serialize_with = "crate::json::time")]
    pub created_at: Timestamp,
    /// The current turn.
    #[n(4)]
    pub turn: u32,
    /// Messages that wait for a human.
    #[n(5)]
    pub waiting: u32,
    /// Why a human has, or should have, it.
    #[n(6)]
    pub reason: Option<HandoffReason>,
    /// When a human should have replied.
    #[n(7)]
    #[serde(serialize_with = "crate::json::time_or_null")]
    pub due_at: Option<Timestamp>,
    /// Whether nobody did in time.
    #[n(8)]
    pub missed: bool,
    /// The customer's language.
    #[n(9)]
    pub language: Option<String>,
    /// Inside or outside the rollout.
    #[n(10)]
    pub path: RolloutPath,
    /// The customer's rating.
    #[n(11)]
    pub rating: Option<u8>,
    /// The customer's profile.
    #[n(12)]
    pub profile: Option<ProfileId>,
}

impl InboxRow {
    /// `None`: there is nothing to show.
    pub(crate) fn of(state: &State) -> Option<Self> {
        let channel = state.address.as_ref()?.channel;
        Some(Self {
            status: state.status,
            channel,
            updated_at: state.updated,
            created_at: state.created,
            turn: state.turn,
            waiting: u32::try_from(state.held.len()).unwrap_or(u32::MAX),
            reason: state.handoff.as_ref().map(|handoff| handoff.reason),
            due_at: state.handoff.as_ref().and_then(|handoff| handoff.due),
            missed: state.handoff.as_ref().is_some_and(|handoff| handoff.missed),
            language: state.language.clone(),
            path: state.path,
            rating: state.rating,
            profile: state.profile,
        })
    }
}

/// What is counted per day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Metric {
    /// Conversations that began, by channel.
    Conversations = 1,
    /// Messages of customers, by channel.
    MessagesIn = 2,
    /// Messages to customers, by author (`assistant`, `human`).
    MessagesOut = 3,
    /// Answered turns, by path.
    Turns = 4,
    /// Intents, by name.
    Intents = 5,
    /// Handoffs, by reason.
    Handoffs = 6,
    /// Answered turns, by `hit` (something was cited), `miss` (something was found) and `none`.
    Knowledge = 7,
    /// Tokens read, by model.
    TokensIn = 8,
    /// Tokens written, by model.
    TokensOut = 9,
    /// Cost in millionths, by model.
    CostMicros = 10,
    /// Answered turns by latency: the label is [`bucket`] as one byte.
    Latency = 11,
    /// Answered turns, by `new` and `old` (CNV-29).
    Rollout = 12,
    /// Intents that were put off, by intent.
    Deferred = 13,
    /// Questions asked for again, by `recovered` and `missed`.
    Forgotten = 14,
    /// Corrected words, by `made`, `asked`, `right` and `wrong`.
    Corrections = 15,
    /// Suggestions, by `shown` and `accepted`.
    Suggestions = 16,
    /// Ratings, by `1` to `5`.
    Ratings = 17,
    /// Answers thrown away for a newer message.
    Superseded = 18,
    /// Attempts that failed.
    Failures = 19,
    /// Handoffs that no human took in time.
    SlaMissed = 20,
    /// Answered turns, by language.
    Languages = 21,
    /// Confidence in thousandths, summed over answered turns.
    ConfidenceSum = 22,
    /// Sentiment in thousandths, summed over answered turns.
    SentimentSum = 23,
    /// Resolved conversations, by `assistant` and `human`.
    Resolved = 24,
    /// Answered turns, by the tenant's topics.
    Topics = 25,
    /// Qualified leads, by intent.
    Leads = 26,
    /// Answered turns, by model.
    Models = 27,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Conversations,
        Self::MessagesIn,
        Self::MessagesOut,
        Self::Turns,
        Self::Intents,
        Self::Handoffs,
        Self::Knowledge,
        Self::TokensIn,
        Self::TokensOut,
        Self::CostMicros,
        Self::Latency,
        Self::Rollout,
        Self::Deferred,
        Self::Forgotten,
        Self::Corrections,
        Self::Suggestions,
        Self::Ratings,
        Self::Superseded,
        Self::Failures,
        Self::SlaMissed,
        Self::Languages,
        Self::ConfidenceSum,
        Self::SentimentSum,
        Self::Resolved,
        Self::Topics,
        Self::Leads,
        Self::Models,
    ];

    /// The metric of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| *metric as u8 == code)
    }
}

/// The bucket of a latency: four per doubling, from 1 ms on.
#[must_use]
pub fn bucket(ms: u64) -> u8 {
    (0..=u8::MAX).find(|bucket| ms <= bucket_bound(*bucket)).unwrap_or(u8::MAX)
}

/// The highest latency (ms) of a bucket.
#[must_use]
pub fn bucket_bound(bucket: u8) -> u64 {
    // 2^(n/4), rounded: 1.189, 1.414, 1.682 in thousandths.
    const QUARTERS: [u64; 4] = [1_000, 1_189, 1_414, 1_682];
    let doublings = u32::from(bucket / 4);
    let quarter = QUARTERS[usize::from(bucket % 4)];
    match quarter.checked_shl(doublings).filter(|_| doublings < 50) {
        Some(bound) => bound.div_ceil(1_000),
        None => u64::MAX,
    }
}

/// The beginning of an inbox row's term.
#[must_use]
pub fn inbox_prefix(status: Status) -> [u8; 1] {
    [status.code()]
}

/// A time so that later ones sort first.
#[must_use]
pub fn newest(at: Timestamp) -> [u8; 8] {
    (!(at.as_ms() ^ i64::MIN)).to_be_bytes()
}

/// The beginning of a count's term: its day.
#[must_use]
pub fn day_prefix(day: u32) -> [u8; 4] {
    day.to_be_bytes()
}

/// The day of a time as counts have it.
#[must_use]
pub fn day(at: Timestamp) -> u32 {
    u32::try_from(at.day().max(0)).unwrap_or(u32::MAX)
}

/// What a count's term says after the day.
#[must_use]
pub fn decode_count(rest: &[u8]) -> Option<(Metric, &[u8])> {
    let (code, label) = rest.split_first()?;
    Some((Metric::from_code(*code)?, label))
}

pub(crate) fn count(at: Timestamp, metric: Metric, label: &[u8], by: i64) -> Option<IndexRow> {
    let label = label.get(..LABEL_BYTES_MAX).unwrap_or(label);
    let term = [&day_prefix(day(at))[..], &[metric as u8], label].concat();
    (by != 0).then_some(IndexRow { index: COUNTS, personal: None, term, op: IndexOp::Add(by) })
}

/// The rows that lead from one state's place in the lists to another's.
pub(crate) fn moved(id: ConversationId, old: &State, new: &State) -> Vec<IndexRow> {
    let (before, after) = (rows(id, old), rows(id, new));
    let gone = before.iter().filter(|row| !after.iter().any(|new| same_place(row, new)));
    let gone = gone.map(|row| IndexRow { op: IndexOp::Delete, ..row.clone() });
    let here = after.iter().filter(|row| !before.contains(row)).cloned();
    gone.chain(here).collect()
}

fn same_place(one: &IndexRow, other: &IndexRow) -> bool {
    (one.index, &one.personal, &one.term) == (other.index, &other.personal, &other.term)
}

fn rows(id: ConversationId, state: &State) -> Vec<IndexRow> {
    let Some(row) = InboxRow::of(state) else { return Vec::new() };
    let value = encode(&row);
    let newest = newest(row.updated_at);
    let put =
        |index, personal, term| IndexRow { index, personal, term, op: IndexOp::Put(value.clone()) };
    let inbox = [&inbox_prefix(row.status)[..], &newest, id.as_bytes()].concat();
    let mut rows = vec![put(INBOX, None, inbox)];
    if let Some(assignee) = state.handoff.as_ref().and_then(|handoff| handoff.assignee.as_ref()) {
        let personal = Some(assignee.0.clone().into_bytes());
        rows.push(put(BY_ASSIGNEE, personal, [&newest[..], id.as_bytes()].concat()));
    }
    if let Some(profile) = state.profile {
        let term = [&profile.as_bytes()[..], id.as_bytes()].concat();
        rows.push(put(BY_PROFILE, None, term));
    }
    rows
}
