//! What a tenant's conversations depend on: its assistant, its connections, its collections.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::scope::{ParseNameError, named};
use crate::time;

/// The tenant's assistant as it was configured last. What the text means is decided elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Assistant {
    /// A JSON object as text.
    #[n(0)]
    pub config: String,
    /// 1 for the first configuration, one more for each that differs from the one before.
    #[n(1)]
    pub version: u64,
    /// When it was configured.
    #[n(2)]
    #[serde(serialize_with = "time::serialize")]
    pub changed_at: Timestamp,
}

/// A way to a chat platform or to a provider of models, with its secrets.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Connection {
    /// Its name: what an address of a conversation calls it.
    #[n(0)]
    pub name: String,
    /// Which bridge it belongs to, for example `whatsapp` or `llm`.
    #[n(1)]
    pub kind: String,
    /// A JSON object as text, in the bridge's own words, secrets included.
    #[n(2)]
    pub settings: Personal<String>,
    /// 1 at first, one more with each change.
    #[n(3)]
    pub version: u64,
    /// When it was first put.
    #[n(4)]
    pub created_at: Timestamp,
    /// When it was last put.
    #[n(5)]
    pub changed_at: Timestamp,
}

/// A connection as it may be shown: the names of its settings, never their values.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ConnectionView {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Which bridge it belongs to.
    #[n(1)]
    pub kind: String,
    /// The names of the settings that are given, sorted.
    #[n(2)]
    pub settings: Vec<String>,
    /// 1 at first, one more with each change.
    #[n(3)]
    pub version: u64,
    /// When it was first put.
    #[n(4)]
    #[serde(serialize_with = "time::serialize")]
    pub created_at: Timestamp,
    /// When it was last put.
    #[n(5)]
    #[serde(serialize_with = "time::serialize")]
    pub changed_at: Timestamp,
}

impl ConnectionView {
    /// The view of a connection.
    #[must_use]
    pub fn of(connection: &Connection) -> Self {
        let settings: BTreeMap<String, serde::de::IgnoredAny> =
            serde_json::from_str(&connection.settings.0).unwrap_or_default();
        Self {
            name: connection.name.clone(),
            kind: connection.kind.clone(),
            settings: settings.into_keys().collect(),
            version: connection.version,
            created_at: connection.created_at,
            changed_at: connection.changed_at,
        }
    }
}

named! {
    /// What a name of a document's metadata holds. The numbers are stored.
    FieldKind {
        /// A string.
        0 Text = "text",
        /// A number.
        1 Number = "number",
        /// True or false.
        2 Boolean = "boolean",
        /// A string with a date or an instant as in RFC 3339.
        3 Date = "date",
        /// A list of strings.
        4 Labels = "labels",
    }
}

/// One rule for the metadata of a collection's documents.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct CollectionField {
    /// The name in the metadata.
    #[n(0)]
    pub name: String,
    /// What it holds.
    #[n(1)]
    pub kind: FieldKind,
    /// Whether it must be there.
    #[n(2)]
    pub required: bool,
}

/// A collection of knowledge of the tenant's own, or its settings for one that every tenant has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Collection {
    /// 1 to 40 of `a-z`, `0-9` and `-`.
    #[n(0)]
    pub name: String,
    /// What people call it.
    #[n(1)]
    pub title: String,
    /// What belongs into it.
    #[n(2)]
    pub description: String,
    /// The embedding model, if not the tenant's own.
    #[n(3)]
    pub embedding: Option<String>,
    /// What its documents' metadata must be; other names are free.
    #[n(4)]
    pub fields: Vec<CollectionField>,
}

/// The part of the state that conversations depend on.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Talking {
    #[n(0)]
    pub(crate) assistant: Option<Assistant>,
    #[n(1)]
    pub(crate) connections: BTreeMap<String, Connection>,
    #[n(2)]
    pub(crate) collections: Vec<Collection>,
}

/// What was never used is not written, so that older states read, and read back, as they were.
pub(crate) fn is_unused(talking: &impl Borrow<Talking>) -> bool {
    let Talking { assistant, connections, collections } = talking.borrow();
    assistant.is_none() && connections.is_empty() && collections.is_empty()
}

impl Talking {
    pub(crate) fn configure(&mut self, config: &str, at: Timestamp) {
        let version = self.assistant.as_ref().map_or(0, |known| known.version) + 1;
        self.assistant = Some(Assistant { config: config.to_owned(), version, changed_at: at });
    }

    pub(crate) fn put(
        &mut self,
        name: &str,
        kind: &str,
        settings: &Personal<String>,
        at: Timestamp,
    ) {
        let known = self.connections.get(name);
        let connection = Connection {
            name: name.to_owned(),
            kind: kind.to_owned(),
            settings: settings.clone(),
            version: known.map_or(0, |known| known.version) + 1,
            created_at: known.map_or(at, |known| known.created_at),
            changed_at: at,
        };
        self.connections.insert(name.to_owned(), connection);
    }
}
