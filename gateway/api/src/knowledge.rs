//! What a tenant knows: entries and files, collections, and questions about them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::Product;

/// An entry of knowledge to make or to replace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "title": "Returns", "content": "# Returns\n\nSend it back within 30 days.",
    "keywords": ["refund"], "category": "service", "external_id": "handbook/returns"
}))]
pub struct SaveDocument {
    /// 1 to 500 characters.
    pub title: String,
    /// The text. Longer ones than fit a request are uploaded as files.
    pub content: String,
    /// How the text is written: `text/plain`, `text/markdown` (if not given) or `text/html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// The id under which you know it. An entry that is made with it again is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Words that questions use for it.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// A category of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The higher, the earlier among equals: -100 to 100.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: i32,
    /// Who may be answered from it: labels of yours (segments, channels); empty for everybody.
    #[serde(default)]
    pub audience: Vec<String>,
    /// Whatever else is to be kept and filtered by.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// ISO 639-1; detected if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When somebody should look at it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<String>,
    /// When it is to be used no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Refuse unless this is the version now; 0 for one that is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// Changes to a document that leave its text alone; a field that is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"priority": 10, "keywords": ["refund", "return"], "expires_at": ""}))]
pub struct DocumentPatch {
    /// As when making.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Replaces the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
    /// Empty takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// As when making.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Replaces the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<String>>,
    /// Names with a value are set, names with null are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// A time, or empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_at: Option<String>,
    /// A time, or empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Refuse unless this is the version now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u32>,
}

/// When somebody should look at a document again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"next_review_at": "2027-05-01T00:00:00Z"}))]
pub struct DocumentReviewed {
    /// The next time; none if not given.
    pub next_review_at: Option<String>,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "doc_01jd5x2k3m4n5p6q7r8s9t0v1w", "version": 1, "status": "active", "changed": true,
    "chunks": 3, "to_embed": 3
}))]
pub struct DocumentSaved {
    /// The document's id.
    pub id: String,
    /// Its version now.
    pub version: u32,
    /// `active`, `expired`, `deleted` or `erased`.
    pub status: String,
    /// Whether anything changed.
    pub changed: bool,
    /// How many chunks it has.
    pub chunks: u64,
    /// How many of them wait for a vector.
    pub to_embed: u64,
    /// What of a file could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A document in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "doc_01jd5x2k3m4n5p6q7r8s9t0v1w", "collection": "product-docs", "kind": "entry",
    "status": "active", "version": 1, "revision": 2, "updated_at": "2026-11-20T12:00:00.000Z",
    "chunks": 3, "to_embed": 0, "failed": false
}))]
pub struct DocumentRow {
    /// Its id.
    pub id: String,
    /// Its collection.
    pub collection: String,
    /// `entry`, `file`, `product` or `service`.
    pub kind: String,
    /// `active`, `expired`, `deleted`, or `failed` if it could never be read.
    pub status: String,
    /// Its version.
    pub version: u32,
    /// Grows with everything that happens to it.
    pub revision: u64,
    /// When it last changed.
    pub updated_at: String,
    /// How many chunks it has.
    pub chunks: u32,
    /// How many of them wait for a vector.
    pub to_embed: u32,
    /// Whether work on it failed.
    pub failed: bool,
}

/// A part of a document under one heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentSection {
    /// Its place, from 0.
    pub section: u32,
    /// The headings above it, outermost first.
    pub path: Vec<String>,
    /// The page, from 1.
    pub page: Option<u32>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// Its text.
    pub text: String,
}

/// What is found as one: a span of a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentChunk {
    /// What it means: equal text under equal headings has equal hashes.
    pub hash: String,
    /// The section that it is a part of.
    pub section: u32,
    /// The first byte of the span in the section's text.
    pub start: u32,
    /// The byte after the span.
    pub end: u32,
    /// Tokens.
    pub tokens: u32,
    /// The first row of a table, from 1.
    pub row: Option<u32>,
}

/// Where a document came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentSource {
    /// The file's name.
    pub filename: Option<String>,
    /// The file's media type.
    pub mime: Option<String>,
    /// Where it can be read.
    pub url: Option<String>,
    /// The file's size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the file.
    pub hash: Option<String>,
}

/// How far the vectors of a model are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentModel {
    /// Its name.
    pub model: String,
    /// Numbers per vector.
    pub dim: u32,
    /// How they are kept.
    #[schema(value_type = String)]
    pub encoding: Value,
    /// Whether it is searched with.
    pub serving: bool,
    /// Chunks that have no vector of it yet.
    pub missing: u32,
}

/// Work on a document that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentFailure {
    /// `ingest` or `embed`.
    pub stage: String,
    /// A stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// When.
    pub at: String,
}

/// A version that a document had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentVersion {
    /// Counted from 1.
    pub version: u32,
    /// Since when.
    pub at: String,
    /// The hash of all that made it.
    pub hash: String,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// `entry`, `file`, `product` or `service`.
    pub kind: String,
    /// Its collection.
    pub collection: String,
    /// Its title.
    pub title: String,
    /// `active`, `expired`, `deleted`, or `failed` if it could never be read.
    pub status: String,
    /// Grows with each change of what it says or how it is found.
    pub version: u32,
    /// Words that it should be found by.
    pub keywords: Vec<String>,
    /// Its shelf in the collection.
    pub category: String,
    /// The higher, the earlier among equals.
    pub priority: i32,
    /// Who may be answered from it; empty for everybody.
    pub audience: Vec<String>,
    /// Whatever else is kept.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Its language.
    pub language: Option<String>,
    /// What it has as an item of the catalogue.
    pub product: Option<Product>,
    /// Where it came from.
    pub source: DocumentSource,
    /// The id under which you know it.
    pub external_id: Option<String>,
    /// The document that it was a part of.
    pub parent: Option<String>,
    /// When somebody should look at it again.
    pub review_at: Option<String>,
    /// Since when somebody should have.
    pub review_due_at: Option<String>,
    /// From when on it is not answered from any more.
    pub expires_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// The last work on it, if that failed.
    pub failure: Option<DocumentFailure>,
    /// What has vectors: the model that serves first, then the one that is being built.
    pub models: Vec<DocumentModel>,
    /// The last versions, oldest first.
    pub versions: Vec<DocumentVersion>,
    /// How many chunks it has.
    pub chunk_count: u32,
    /// Its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<DocumentSection>,
    /// How its text is cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<DocumentChunk>,
}

/// What became of one row of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"row": 2, "outcome": "refused", "column": "price", "code": "not_a_price", "detail": "expected a number"}))]
pub struct ImportRow {
    /// The row, from 1; the header of a table does not count.
    pub row: u32,
    /// `created`, `changed`, `unchanged` or `refused`.
    pub outcome: String,
    /// The document, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The column that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Why it was refused, as a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was refused, for a person to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of an import. Importing the same file again changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "total": 3, "created": 2, "changed": 0, "unchanged": 0, "refused": 1, "ignored_columns": [],
    "rows": [{"row": 2, "outcome": "refused", "code": "title_missing", "detail": "a title is needed"}]
}))]
pub struct ImportReport {
    /// Rows that were read.
    pub total: u64,
    /// Rows that made a document.
    pub created: u64,
    /// Rows that changed one.
    pub changed: u64,
    /// Rows that were there already.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Columns that nothing was made of.
    pub ignored_columns: Vec<String>,
    /// What became of each row.
    pub rows: Vec<ImportRow>,
}

/// A collection of knowledge of your own, or your settings for one that every tenant has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "recipes", "title": "Recipes", "description": "What to cook"}))]
pub struct Collection {
    /// 1 to 40 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// What belongs into it.
    #[serde(default)]
    pub description: String,
    /// The embedding model, if not the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<String>,
    /// What its documents' metadata must be; other names are free.
    #[serde(default)]
    pub fields: Vec<CollectionField>,
}

/// One rule for the metadata of a collection's documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "season", "kind": "text", "required": true}))]
pub struct CollectionField {
    /// The name in the metadata.
    pub name: String,
    /// `text`, `number`, `boolean`, `date` or `labels` (a list of texts).
    pub kind: String,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
}

/// All collections that you have or have set something for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"collections": [{"name": "recipes", "title": "Recipes"}]}))]
pub struct SaveCollections {
    /// At most 50. Those that every tenant has are there anyway.
    pub collections: Vec<Collection>,
}

/// The collections of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Collections {
    /// Those that every tenant has.
    pub builtin: Vec<String>,
    /// Those that the tenant has beside them or has set something for.
    pub collections: Vec<Collection>,
}
