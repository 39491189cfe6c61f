use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Everything known about a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// The profile's id.
    pub id: String,
    /// The ids under which you know the person.
    pub user_ids: Vec<String>,
    /// The anonymous ids that turned out to be the person.
    pub anonymous_ids: Vec<String>,
    /// Ids of other systems as `type:id`.
    pub external_ids: Vec<String>,
    /// The trait `email`, if it is a text.
    pub email: Option<String>,
    /// The traits by name.
    #[schema(value_type = Object)]
    pub traits: BTreeMap<String, Value>,
    /// The computed traits by name; without those still being computed.
    #[schema(value_type = Object)]
    pub computed: BTreeMap<String, Value>,
    /// The earliest event.
    pub first_seen: Option<String>,
    /// The latest event.
    pub last_seen: Option<String>,
    /// How many messages are in the profile.
    pub events: u64,
    /// How often each event happened.
    pub counters: Vec<Counter>,
    /// Orders and what they brought.
    pub orders: Orders,
    /// The last events, newest first.
    pub recent: Vec<Recent>,
    /// How many sessions there were.
    pub session_count: u64,
    /// The last sessions, newest first.
    pub sessions: Vec<Session>,
    /// The groups that the person belongs to.
    pub groups: Vec<Group>,
    /// The consent in force per purpose and channel.
    pub consents: Vec<Consent>,
    /// The segments that the profile is in.
    pub segments: Vec<Membership>,
    /// The profiles that were merged into this one.
    pub merged: Vec<String>,
}

/// How often an event happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counter {
    /// The event's name.
    pub name: String,
    /// How often.
    pub count: u64,
    /// The earliest.
    pub first: String,
    /// The latest.
    pub last: String,
}

/// Orders and what they brought.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Orders {
    /// `Order Completed` events.
    pub completed: u64,
    /// `Order Refunded` events.
    pub refunded: u64,
    /// `Order Cancelled` events.
    pub cancelled: u64,
    /// Completed less refunded less cancelled: an exact decimal number.
    #[schema(value_type = f64)]
    pub revenue: Box<RawValue>,
}

/// One of the last events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recent {
    /// The event's name.
    pub name: String,
    /// When it happened.
    pub at: String,
}

/// A visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its first event.
    pub start: String,
    /// Its last event.
    pub end: String,
    /// Its number of events.
    pub events: u32,
    /// The first page or screen.
    pub entry: Option<String>,
    /// The last page or screen.
    pub exit: Option<String>,
}

/// A group that a person belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Since when.
    pub since: String,
}

/// A stay in a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// The segment's id.
    pub segment: String,
    /// The version of its rule at the entry.
    pub version: u32,
    /// When it began.
    pub entered_at: String,
    /// When it ended; null: still a member.
    pub left_at: Option<String>,
}

/// A person's word on being contacted or measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// What for.
    pub purpose: String,
    /// Over what.
    pub channel: String,
    /// Given, or withdrawn.
    pub granted: bool,
    /// Where it was said.
    pub source: String,
    /// Which version of the text the person saw.
    pub text_version: String,
    /// The proof.
    pub proof: Option<Value>,
    /// When it was said.
    pub at: String,
    /// When it was recorded.
    pub recorded_at: String,
}

/// A consent or a withdrawal to record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "purpose": "marketing", "channel": "email", "granted": true,
    "source": "signup_form", "text_version": "2026-10", "proof": {"form": "newsletter"}
}))]
pub struct NewConsent {
    /// What for; 1 to 64 bytes.
    pub purpose: String,
    /// Over what, or `*` for all; 1 to 64 bytes.
    pub channel: String,
    /// Given, or withdrawn.
    pub granted: bool,
    /// Where it was said; at most 256 bytes.
    #[serde(default)]
    pub source: String,
    /// Which version of the text the person saw; at most 64 bytes.
    #[serde(default)]
    pub text_version: String,
    /// A JSON value; at most 8 KB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Value>,
    /// When it was said, ISO 8601; now if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub at: Option<String>,
}

/// Which profile to take out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "prf_01jd5x2k3m4n5p6q7r8s9t0v1w"}))]
pub struct Unmerge {
    /// The profile that was merged into this one.
    pub from: String,
}

/// A profile in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "prf_01jd5x2k3m4n5p6q7r8s9t0v1w", "since": "2026-11-20T12:00:00.000Z"}))]
pub struct ProfileRow {
    /// Its id.
    pub id: String,
    /// When its first message was received; only in the list of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// Something that happened to a profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({
    "type": "track", "at": "2026-11-20T12:00:00.000Z", "name": "Order Completed",
    "message_id": "order-o-1", "properties": {"revenue": 39.9}
}))]
pub struct TimelineEvent {
    /// A call of the tracking API, or `consent_changed`, `segment_entered`, `segment_left`,
    /// `profile_absorbed`, `profile_unmerged`.
    pub r#type: String,
    /// When it happened.
    pub at: String,
    /// When it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// The event's or page's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sender's id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Value>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub traits: Option<Value>,
    /// The parts of the context that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// The group of a `group` call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The segment that was entered or left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The other profile: merged, taken out, or the one that passed the message on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What was said about consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub consent: Option<Value>,
}

/// A page of what happened to a profile, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The entries.
    pub items: Vec<TimelineEvent>,
    /// Give it as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
    /// The profile that this one is merged into; the timeline goes on there.
    pub merged_into: Option<String>,
}

/// What a person said about being contacted or measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Consents {
    /// What is in force per purpose and channel.
    pub current: Vec<Consent>,
    /// Everything that was said, oldest first.
    pub history: Vec<Consent>,
    /// How many older entries are not listed.
    pub older: u64,
}

/// The segments that a profile belonged to at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Memberships {
    /// The stays.
    pub segments: Vec<Membership>,
    /// For moments before this one, older stays may be missing here.
    pub complete_since: Option<String>,
}
