use impresario_ids::DocumentId;
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};

use crate::{
    ChunkHash, Encoding, Failure, Kind, Product, Source, State, Status, VectorSet, VersionNote,
};

/// Everything about a document but its vectors, for the API. Times serialize as RFC 3339, the
/// metadata as JSON. `Debug` shows no text.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct View {
    /// The document's id.
    #[n(0)]
    pub id: DocumentId,
    /// What it is.
    #[n(1)]
    pub kind: Kind,
    /// Where it belongs.
    #[n(2)]
    pub collection: String,
    /// Its title; empty if it could never be read.
    #[n(3)]
    pub title: String,
    /// Where it is in its life.
    #[n(4)]
    pub status: Status,
    /// Its version.
    #[n(5)]
    pub version: u32,
    /// Words that it should be found by.
    #[n(6)]
    pub keywords: Vec<String>,
    /// Its shelf.
    #[n(7)]
    pub category: String,
    /// Its rank among equals.
    #[n(8)]
    pub priority: i32,
    /// Who may be answered from it.
    #[n(9)]
    pub audience: Vec<String>,
    /// The text of a JSON object.
    #[n(10)]
    #[serde(serialize_with = "json")]
    pub metadata: String,
    /// Its language.
    #[n(11)]
    pub language: Option<String>,
    /// What it has as a catalogue item.
    #[n(12)]
    pub product: Option<Product>,
    /// Where it came from.
    #[n(13)]
    pub source: Source,
    /// The tenant's own id for it.
    #[n(14)]
    pub external_id: Option<String>,
    /// The document that this was a part of.
    #[n(15)]
    pub parent: Option<DocumentId>,
    /// When somebody should look at it.
    #[n(16)]
    #[serde(serialize_with = "time_or_null")]
    pub review_at: Option<Timestamp>,
    /// Since when somebody should have.
    #[n(17)]
    #[serde(serialize_with = "time_or_null")]
    pub review_due_at: Option<Timestamp>,
    /// When it ends.
    #[n(18)]
    #[serde(serialize_with = "time_or_null")]
    pub expires_at: Option<Timestamp>,
    /// When it was first put.
    #[n(19)]
    #[serde(serialize_with = "time")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[n(20)]
    #[serde(serialize_with = "time")]
    pub updated_at: Timestamp,
    /// The last work on it, if that failed.
    #[n(21)]
    pub failure: Option<Failure>,
    /// What has vectors: the model that serves first, then the one that is being built.
    #[n(22)]
    pub models: Vec<ModelView>,
    /// The remembered versions, oldest first.
    #[n(23)]
    pub versions: Vec<VersionNote>,
    /// How many chunks it has.
    #[n(24)]
    pub chunk_count: u32,
    /// The text; empty in a summary.
    #[n(25)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<SectionView>,
    /// The chunks; empty in a summary.
    #[n(26)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<ChunkView>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// How far the vectors of a model are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ModelView {
    /// Its name.
    #[n(0)]
    pub model: String,
    /// Numbers per vector.
    #[n(1)]
    pub dim: u32,
    /// How they are stored.
    #[n(2)]
    pub encoding: Encoding,
    /// Whether it is searched with.
    #[n(3)]
    pub serving: bool,
    /// Chunks that have no vector of it yet.
    #[n(4)]
    pub missing: u32,
}

/// One section of a document, for the API. `Debug` shows no text.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct SectionView {
    /// Its place, from 0.
    #[n(0)]
    pub section: u32,
    /// The headings above it, outermost first.
    #[n(1)]
    pub path: Vec<String>,
    /// The page, from 1.
    #[n(2)]
    pub page: Option<u32>,
    /// The sheet of a workbook.
    #[n(3)]
    pub sheet: Option<String>,
    /// What it says.
    #[n(4)]
    pub text: String,
}

impl std::fmt::Debug for SectionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SectionView({}, {} bytes)", self.section, self.text.len())
    }
}

/// One chunk of a document, for the API: a span of a section.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ChunkView {
    /// What it means.
    #[n(0)]
    pub hash: ChunkHash,
    /// The section that it is a part of.
    #[n(1)]
    pub section: u32,
    /// The first byte of the span in the section's text.
    #[n(2)]
    pub start: u32,
    /// The byte after the span.
    #[n(3)]
    pub end: u32,
    /// Tokens.
    #[n(4)]
    pub tokens: u32,
    /// The first row of a table, from 1.
    #[n(5)]
    pub row: Option<u32>,
}

pub(crate) fn view(state: &State, id: DocumentId, text: bool) -> Option<View> {
    match state.status {
        Status::Draft | Status::Erased => return None,
        Status::Active | Status::Expired | Status::Deleted | Status::Failed => {}
    }
    let content = state.content().cloned().unwrap_or_default();
    let numbers = 0..u32::try_from(content.sections.len()).unwrap_or(u32::MAX);
    let sections = numbers.filter(|_| text).filter_map(|number| section(state, number)).collect();
    Some(View {
        id,
        kind: state.kind,
        collection: state.collection.clone(),
        title: content.title,
        status: state.status,
        version: state.version,
        keywords: content.keywords,
        category: content.category,
        priority: content.priority,
        audience: content.audience,
        metadata: content.metadata,
        language: content.language,
        product: content.product,
        source: content.source,
        external_id: content.external_id,
        parent: content.parent,
        review_at: content.review_at,
        review_due_at: state.review_due,
        expires_at: content.expires_at,
        created_at: state.created,
        updated_at: state.updated,
        failure: state.failure.clone(),
        models: models(state),
        versions: state.versions.clone(),
        chunk_count: u32::try_from(content.chunks.len()).unwrap_or(u32::MAX),
        sections,
        chunks: if text { chunks(state) } else { Vec::new() },
    })
}

fn models(state: &State) -> Vec<ModelView> {
    let model = |set: &VectorSet, serving| ModelView {
        model: set.model.clone(),
        dim: set.dim,
        encoding: set.encoding,
        serving,
        missing: state.missing_count(Some(&set.model)),
    };
    let serving = state.serving.iter().map(|set| model(set, true));
    serving.chain(state.building.iter().map(|set| model(set, false))).collect()
}

pub(crate) fn section(state: &State, number: u32) -> Option<SectionView> {
    let section = state.content()?.sections.get(usize::try_from(number).ok()?)?;
    Some(SectionView {
        section: number,
        path: section.path.clone(),
        page: section.page,
        sheet: section.sheet.clone(),
        text: section.text.clone(),
    })
}

fn chunks(state: &State) -> Vec<ChunkView> {
    let view = |passage: crate::Passage<'_>| ChunkView {
        hash: passage.hash,
        section: passage.section,
        start: passage.span.0,
        end: passage.span.1,
        tokens: passage.tokens,
        row: passage.row,
    };
    state.passages().map(view).collect()
}

pub(crate) fn time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&impresario_rules::format_time(at.as_ms()))
}

fn time_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, serializer),
        None => serializer.serialize_none(),
    }
}

fn json<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let text = if text.is_empty() { "{}" } else { text };
    serde_json::from_str::<&serde_json::value::RawValue>(text)
        .map_err(serde::ser::Error::custom)?
        .serialize(serializer)
}
