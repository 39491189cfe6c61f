use impresario_ids::EndpointId;
use serde::Serialize;

use crate::COLLECTIONS;

/// The tenant's settings that a document's decisions depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Collections beside the ones that everybody has ([`COLLECTIONS`]), and settings for those.
    pub collections: Vec<CollectionSettings>,
    /// The tenant's embedding model, where the collection names none; `None`: whoever embeds knows.
    pub model: Option<String>,
    /// Enabled webhook endpoints.
    pub endpoints: Vec<PolicyEndpoint>,
}

/// One enabled webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// The event types it wants; empty: all.
    pub kinds: Vec<String>,
}

/// What is special about a collection (KNO-07).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CollectionSettings {
    /// `[a-z0-9-]{1,40}`.
    pub name: String,
    /// Its embedding model.
    pub model: Option<String>,
    /// What the metadata of its documents must be. Names that are not listed are free.
    pub fields: Vec<MetadataField>,
}

/// One rule of a collection's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetadataField {
    /// The name in the metadata object.
    pub name: String,
    /// What its value must be.
    pub kind: FieldKind,
    /// Whether it must be there.
    pub required: bool,
}

/// What a metadata value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A string.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A string with a date or an instant as in RFC 3339.
    Date,
    /// A list of strings.
    Labels,
}

impl FieldKind {
    /// The kind's name in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Date => "a date like 2026-01-31 or 2026-01-31T12:00:00Z",
            Self::Labels => "a list of strings",
        }
    }
}

impl Policy {
    /// Whether the tenant has a collection of this name.
    #[must_use]
    pub fn has(&self, collection: &str) -> bool {
        COLLECTIONS.contains(&collection) || self.settings(collection).is_some()
    }

    /// What is special about a collection.
    #[must_use]
    pub fn settings(&self, collection: &str) -> Option<&CollectionSettings> {
        self.collections.iter().find(|settings| settings.name == collection)
    }

    /// The embedding model of a collection.
    #[must_use]
    pub fn model_of(&self, collection: &str) -> Option<&str> {
        self.settings(collection)
            .and_then(|settings| settings.model.as_deref())
            .or(self.model.as_deref())
    }
}

/// Whether a text can be a collection's name: 1 to 40 of `a-z`, `0-9` and `-`.
#[must_use]
pub fn is_collection_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}
