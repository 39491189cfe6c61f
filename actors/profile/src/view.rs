//! A profile as it is shown: everything known, ready to be serialized as JSON.

use impresario_ids::ProfileId;
use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::query::Membership;

/// The text of a JSON value; serializes as that value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Json(#[n(0)] pub Personal<String>);

impl Json {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.0
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_str(&self.0.0),
        }
    }
}

/// Everything known about a person. Times are Unix milliseconds in JSON.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct View {
    /// The profile's id.
    #[n(0)]
    pub id: ProfileId,
    /// The ids under which the person is known, sorted.
    #[n(1)]
    #[serde(serialize_with = "texts")]
    pub user_ids: Vec<Personal<String>>,
    /// The anonymous ids that turned out to be the person, sorted.
    #[n(2)]
    #[serde(serialize_with = "texts")]
    pub anonymous_ids: Vec<Personal<String>>,
    /// Ids of other systems as `type:id`, sorted.
    #[n(3)]
    #[serde(serialize_with = "texts")]
    pub external_ids: Vec<Personal<String>>,
    /// The trait `email`, if it is a text.
    #[n(4)]
    #[serde(serialize_with = "text_or_null")]
    pub email: Option<Personal<String>>,
    /// The traits that are set, by name.
    #[n(5)]
    #[serde(serialize_with = "traits")]
    pub traits: Vec<TraitView>,
    /// The computed traits of the tenant, by name; without those still being computed.
    #[n(6)]
    #[serde(serialize_with = "computed")]
    pub computed: Vec<ComputedView>,
    /// The earliest event time.
    #[n(7)]
    #[serde(serialize_with = "ms_or_null")]
    pub first_seen: Option<Timestamp>,
    /// The latest event time.
    #[n(8)]
    #[serde(serialize_with = "ms_or_null")]
    pub last_seen: Option<Timestamp>,
    /// How many messages are in the profile.
    #[n(9)]
    pub events: u64,
    /// Counts per event name, by name.
    #[n(10)]
    pub counters: Vec<CounterView>,
    /// Orders and what they brought.
    #[n(11)]
    pub orders: OrdersView,
    /// The last events by event time, newest first.
    #[n(12)]
    pub recent: Vec<RecentView>,
    /// How many sessions there were.
    #[n(13)]
    pub session_count: u64,
    /// The last sessions, newest first.
    #[n(14)]
    pub sessions: Vec<SessionView>,
    /// The groups that the person belongs to.
    #[n(15)]
    pub groups: Vec<GroupView>,
    /// The current consent per purpose and channel.
    #[n(16)]
    pub consents: Vec<ConsentView>,
    /// What was said about consent, oldest first (the last [`crate::CONSENT_HISTORY`] entries).
    #[n(17)]
    pub consent_history: Vec<ConsentView>,
    /// How many older entries of the consent history are only in the event log.
    #[n(18)]
    pub consent_history_dropped: u64,
    /// The segments that the profile is in now.
    #[n(19)]
    pub segments: Vec<Membership>,
    /// The profiles that were merged into this one.
    #[n(20)]
    pub merged: Vec<ProfileId>,
}

/// One trait.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TraitView {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its value.
    #[n(1)]
    pub value: Json,
    /// The time of the event that set it.
    #[n(2)]
    pub at: Timestamp,
}

/// One computed trait.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ComputedView {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its value now.
    #[n(1)]
    pub value: Json,
}

/// How often an event happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct CounterView {
    /// The event's name; `other` for names beyond the first [`crate::COUNTED_NAMES`].
    #[n(0)]
    pub name: String,
    /// How often.
    #[n(1)]
    pub count: u64,
    /// The earliest, by event time.
    #[n(2)]
    #[serde(serialize_with = "ms")]
    pub first: Timestamp,
    /// The latest, by event time.
    #[n(3)]
    #[serde(serialize_with = "ms")]
    pub last: Timestamp,
}

/// Orders and what they brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct OrdersView {
    /// `Order Completed` events.
    #[n(0)]
    pub completed: u64,
    /// `Order Refunded` events.
    #[n(1)]
    pub refunded: u64,
    /// `Order Cancelled` events.
    #[n(2)]
    pub cancelled: u64,
    /// Completed less refunded less cancelled, in millionths of the tenant's currency.
    #[n(3)]
    #[serde(serialize_with = "decimal")]
    #[serde(rename = "revenue")]
    pub revenue_micros: i128,
}

/// One of the last events.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct RecentView {
    /// The event's name.
    #[n(0)]
    pub name: String,
    /// When it happened.
    #[n(1)]
    #[serde(serialize_with = "ms")]
    pub at: Timestamp,
    /// A hash of the message id ([`crate::message_hash`]).
    #[n(2)]
    pub message: u64,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct SessionView {
    /// Its first event.
    #[n(0)]
    #[serde(serialize_with = "ms")]
    pub start: Timestamp,
    /// Its last event.
    #[n(1)]
    #[serde(serialize_with = "ms")]
    pub end: Timestamp,
    /// Its number of events.
    #[n(2)]
    pub events: u32,
    /// The first page or screen.
    #[n(3)]
    #[serde(serialize_with = "text_or_null")]
    pub entry: Option<Personal<String>>,
    /// The last page or screen.
    #[n(4)]
    #[serde(serialize_with = "text_or_null")]
    pub exit: Option<Personal<String>>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct GroupView {
    /// Its id.
    #[n(0)]
    pub id: String,
    /// The time of the first `group` call.
    #[n(1)]
    #[serde(serialize_with = "ms")]
    pub since: Timestamp,
}

/// One consent or withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ConsentView {
    /// What for.
    #[n(0)]
    pub purpose: String,
    /// Over what.
    #[n(1)]
    pub channel: String,
    /// Given, or withdrawn.
    #[n(2)]
    pub granted: bool,
    /// Where it was said.
    #[n(3)]
    pub source: String,
    /// Which version of the text the person saw.
    #[n(4)]
    pub text_version: String,
    /// The proof.
    #[n(5)]
    pub proof: Option<Json>,
    /// When it was said.
    #[n(6)]
    #[serde(serialize_with = "ms")]
    pub at: Timestamp,
    /// When it was recorded.
    #[n(7)]
    #[serde(serialize_with = "ms")]
    pub recorded_at: Timestamp,
}

pub(crate) fn ms<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.as_ms())
}

pub(crate) fn ms_or_null<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(Timestamp::as_ms).serialize(serializer)
}

fn texts<S: Serializer>(texts: &[Personal<String>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(|text| &text.0))
}

fn text_or_null<S: Serializer>(
    text: &Option<Personal<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text.as_ref().map(|text| &text.0).serialize(serializer)
}

fn traits<S: Serializer>(traits: &[TraitView], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(traits.len()))?;
    for one in traits {
        map.serialize_entry(&one.name, &one.value)?;
    }
    map.end()
}

fn computed<S: Serializer>(computed: &[ComputedView], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(computed.len()))?;
    for one in computed {
        map.serialize_entry(&one.name, &one.value)?;
    }
    map.end()
}

/// Millionths as an exact decimal JSON number: `12500000` is `12.5`.
fn decimal<S: Serializer>(micros: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    let (whole, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let sign = if *micros < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{rest:06}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    RawValue::from_string(text.to_owned()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}
