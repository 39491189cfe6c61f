use impresario_ids::SegmentId;
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};

use crate::{Build, State, Status, Version};

/// Everything about a segment, for the API. Times serialize as RFC 3339, the rule as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct View {
    /// The segment's id.
    #[n(0)]
    pub id: SegmentId,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// What it is for.
    #[n(2)]
    pub description: String,
    /// Where it is in its life.
    #[n(3)]
    pub status: Status,
    /// The current version of the rule, counted from 1.
    #[n(4)]
    pub version: u32,
    /// The current rule, canonical JSON text.
    #[n(5)]
    #[serde(serialize_with = "json")]
    pub rule: String,
    /// When it was first saved.
    #[n(6)]
    #[serde(serialize_with = "time")]
    pub created_at: Timestamp,
    /// When its name, description, rule or status last changed.
    #[n(7)]
    #[serde(serialize_with = "time")]
    pub updated_at: Timestamp,
    /// How far the evaluation of all profiles has come.
    #[n(8)]
    pub build: Build,
    /// The remembered versions of the rule, oldest first.
    #[n(9)]
    pub versions: Vec<VersionView>,
}

/// One version of a segment's rule, for the API.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct VersionView {
    /// Counted from 1.
    #[n(0)]
    pub version: u32,
    /// Canonical JSON text.
    #[n(1)]
    #[serde(serialize_with = "json")]
    pub rule: String,
    /// When it was saved.
    #[n(2)]
    #[serde(serialize_with = "time")]
    pub saved_at: Timestamp,
}

/// A row of the tenant's list of segments ([`crate::LIST_INDEX`]).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ListRow {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Where it is in its life.
    #[n(1)]
    pub status: Status,
    /// The current version of the rule.
    #[n(2)]
    pub version: u32,
    /// When it was first saved.
    #[n(3)]
    #[serde(serialize_with = "time")]
    pub created_at: Timestamp,
    /// When its name, description, rule or status last changed.
    #[n(4)]
    #[serde(serialize_with = "time")]
    pub updated_at: Timestamp,
    /// How far the evaluation of all profiles has come.
    #[n(5)]
    pub build: Build,
}

impl ListRow {
    pub(crate) fn of(state: &State) -> Self {
        Self {
            name: state.name.clone(),
            status: state.status,
            version: state.version,
            created_at: state.created,
            updated_at: state.updated,
            build: state.build.clone(),
        }
    }
}

pub(crate) fn view(state: &State, id: SegmentId) -> Option<View> {
    (state.status != Status::Draft).then(|| View {
        id,
        name: state.name.clone(),
        description: state.description.clone(),
        status: state.status,
        version: state.version,
        rule: state.rule().to_owned(),
        created_at: state.created,
        updated_at: state.updated,
        build: state.build.clone(),
        versions: state.versions.iter().map(version_view).collect(),
    })
}

pub(crate) fn version(state: &State, version: u32) -> Option<VersionView> {
    state.versions.iter().find(|kept| kept.version == version).map(version_view)
}

fn version_view(version: &Version) -> VersionView {
    VersionView { version: version.version, rule: version.rule.clone(), saved_at: version.at }
}

pub(crate) fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&impresario_rules::format_time(at.as_ms()))
}

fn json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::from_str::<&serde_json::value::RawValue>(text)
        .map_err(serde::ser::Error::custom)?
        .serialize(serializer)
}
