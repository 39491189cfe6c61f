use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A segment to make or to change.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Buyers",
    "description": "At least one order in the last 30 days",
    "rule": {"event": "Order Completed", "at_least": 1, "within_last": "30d"}
}))]
pub struct SaveSegment {
    /// 1 to 100 characters.
    pub name: String,
    /// At most 2 000 characters.
    #[serde(default)]
    pub description: String,
    /// The rule (see the guide to the rule language).
    #[schema(value_type = Object)]
    pub rule: Box<RawValue>,
    /// Refuse unless this is the version now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// What became of a change to a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "seg_01jd5x2k3m4n5p6q7r8s9t0v1w", "version": 1, "status": "live", "changed": true}))]
pub struct Saved {
    /// The segment's id.
    pub id: String,
    /// Its version now.
    pub version: u32,
    /// `live`, `paused` or `archived`.
    pub status: String,
    /// Whether anything changed.
    pub changed: bool,
}

/// How far the evaluation of all profiles has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Build {
    /// Nobody was asked: the segment is not live.
    NotStarted,
    /// Under way.
    Building {
        /// Since when.
        since: String,
    },
    /// Done.
    Ready {
        /// Profiles visited.
        profiles: u64,
        /// Members among them, at that time.
        members: u64,
        /// When.
        at: String,
    },
    /// Gave up.
    Failed {
        /// A stable code.
        reason: String,
        /// When.
        at: String,
    },
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `live`, `paused` or `archived`.
    pub status: String,
    /// The version of its rule, from 1.
    pub version: u32,
    /// The rule.
    #[schema(value_type = Object)]
    pub rule: Value,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// How far the evaluation of all profiles has come.
    pub build: Build,
    /// The last versions of its rule, oldest first.
    pub versions: Vec<SegmentVersion>,
}

/// A version of a segment's rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SegmentVersion {
    /// From 1.
    pub version: u32,
    /// The rule.
    #[schema(value_type = Object)]
    pub rule: Value,
    /// When it was saved.
    pub saved_at: String,
}

/// A segment in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SegmentRow {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `live`, `paused` or `archived`.
    pub status: String,
    /// The version of its rule.
    pub version: u32,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// How far the evaluation of all profiles has come.
    pub build: Build,
}

/// A member of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"profile": "prf_01jd5x2k3m4n5p6q7r8s9t0v1w", "entered_at": "2026-11-20T12:00:00.000Z"}))]
pub struct Member {
    /// The profile's id.
    pub profile: String,
    /// Since when.
    pub entered_at: String,
    /// Until when, for lists of a past date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<String>,
}

/// A rule to try out before it is saved.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rule": {"event": "Order Completed", "at_least": 1, "within_last": "30d"}, "sample": 1000}))]
pub struct PreviewRequest {
    /// The rule.
    #[schema(value_type = Object)]
    pub rule: Box<RawValue>,
    /// How many profiles to look at; 1 000 if not given, at most 10 000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10000)]
    pub sample: Option<usize>,
}

/// What a rule would give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "profiles": 23570, "sampled": 1000, "matched": 130, "estimated_members": 3064, "exact": false,
    "examples": ["prf_01jd5x2k3m4n5p6q7r8s9t0v1w"]
}))]
pub struct Preview {
    /// How many profiles the tenant has.
    pub profiles: u64,
    /// How many were looked at.
    pub sampled: u64,
    /// How many of those match.
    pub matched: u64,
    /// How many members the segment would have; exact if all were looked at.
    pub estimated_members: u64,
    /// Whether all profiles were looked at.
    pub exact: bool,
    /// Some that match.
    pub examples: Vec<String>,
}

/// A computed trait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "orders_90d", "definition": {"name": "orders_90d", "kind": "count", "event": "Order Completed", "within_last": "90d"}}))]
pub struct Computed {
    /// Its name.
    pub name: String,
    /// Its definition.
    #[schema(value_type = Object)]
    pub definition: Value,
}

/// How many members a segment has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"members": 3064, "at": null}))]
pub struct Size {
    /// How many.
    pub members: u64,
    /// At which moment; null: now.
    pub at: Option<String>,
}

/// The definition of a computed trait; its name is in the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"kind": "count", "event": "Order Completed", "within_last": "90d"}))]
pub struct ComputedDefinition {
    /// `count`, `sum`, `last` or `distinct`.
    pub kind: String,
    /// The event that it is computed from.
    pub event: String,
    /// The property whose values are summed, kept or counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Only events whose properties match this condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub r#where: Option<Value>,
    /// Only events of the last time, for example `90d`; all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_last: Option<String>,
}
