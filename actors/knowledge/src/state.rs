use std::collections::BTreeSet;

use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{
    ChunkHash, Content, Encoding, Event, Field, Kind, Patch, Stage, VERSIONS_KEPT, VectorItem,
    VectorSet,
};

/// Where a document is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Status {
    /// Never put.
    #[default]
    #[n(0)]
    Draft,
    /// Answered from.
    #[n(1)]
    Active,
    /// Its time is over; a new end makes it active again.
    #[n(2)]
    Expired,
    /// Taken out; can be restored.
    #[n(3)]
    Deleted,
    /// All it said is forgotten.
    #[n(4)]
    Erased,
    /// It could never be read.
    #[n(5)]
    Failed,
}

impl Status {
    /// Whether it is in the list of documents.
    #[must_use]
    pub const fn is_listed(self) -> bool {
        matches!(self, Self::Active | Self::Expired | Self::Failed)
    }
}

/// Work that failed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Failure {
    /// Which work.
    #[n(0)]
    pub stage: Stage,
    /// A stable code.
    #[n(1)]
    pub code: String,
    /// For people.
    #[n(2)]
    pub message: String,
    /// When.
    #[n(3)]
    #[serde(serialize_with = "crate::view::time")]
    pub at: Timestamp,
}

/// One version that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct VersionNote {
    /// Counted from 1.
    #[n(0)]
    pub version: u32,
    /// When it was put.
    #[n(1)]
    #[serde(serialize_with = "crate::view::time")]
    pub at: Timestamp,
    /// The hash of all that made it ([`Content::meaning`]).
    #[n(2)]
    pub hash: ChunkHash,
}

/// What a document knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct State {
    #[n(0)]
    pub(crate) status: Status,
    #[n(1)]
    pub(crate) version: u32,
    /// Events that were applied: another number, another state.
    #[n(2)]
    pub(crate) revision: u64,
    #[n(3)]
    pub(crate) collection: String,
    #[n(4)]
    pub(crate) kind: Kind,
    #[n(5)]
    pub(crate) content: Option<Box<Content>>,
    #[n(6)]
    pub(crate) created: Timestamp,
    #[n(7)]
    pub(crate) updated: Timestamp,
    #[n(8)]
    pub(crate) serving: Option<VectorSet>,
    #[n(9)]
    pub(crate) building: Option<VectorSet>,
    #[n(10)]
    pub(crate) failure: Option<Failure>,
    /// Since when somebody should look at it.
    #[n(11)]
    pub(crate) review_due: Option<Timestamp>,
    /// Oldest first, at most [`VERSIONS_KEPT`]; the last one is the current one.
    #[n(12)]
    pub(crate) versions: Vec<VersionNote>,
}

/// One chunk with all that an answer needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Passage<'a> {
    /// Its place in the document, from 0.
    pub number: u32,
    /// What it means; with the document's id, its name.
    pub hash: ChunkHash,
    /// What it says.
    pub text: &'a str,
    /// The headings above it, outermost first.
    pub path: &'a [String],
    /// The page, from 1.
    pub page: Option<u32>,
    /// The sheet of a workbook.
    pub sheet: Option<&'a str>,
    /// The first row of a table, from 1.
    pub row: Option<u32>,
    /// Tokens.
    pub tokens: u32,
    /// The section that it is a part of, from 0: its parent.
    pub section: u32,
    /// The bytes of the section's text that it is.
    pub span: (u32, u32),
}

impl std::fmt::Debug for Passage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passage({}, {})", self.number, self.hash)
    }
}

impl State {
    /// Where it is in its life.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Its version, from 1; 0: never put.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Grows with everything that happens to it.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Where it belongs.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// When it was last changed.
    #[must_use]
    pub const fn updated(&self) -> Timestamp {
        self.updated
    }

    /// What it says, also of a deleted or expired one.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        self.content.as_deref()
    }

    /// What it says, if it may be answered from at this time. The timer that ends a document may be
    /// a little late; this is not.
    #[must_use]
    pub fn answerable(&self, now: Timestamp) -> Option<&Content> {
        let content = self.content.as_deref()?;
        let over = content.expires_at.is_some_and(|end| end <= now);
        (self.status == Status::Active && !over).then_some(content)
    }

    /// The chunks, in order. Empty without content.
    pub fn passages(&self) -> impl Iterator<Item = Passage<'_>> {
        let content = self.content.as_deref();
        content.into_iter().flat_map(|content| {
            (0_u32..).zip(&content.chunks).filter_map(|(number, chunk)| {
                let section = content.sections.get(chunk.section as usize)?;
                Some(Passage {
                    number,
                    hash: chunk.hash,
                    text: content.text_of(chunk)?,
                    path: &section.path,
                    page: section.page,
                    sheet: section.sheet.as_deref(),
                    row: chunk.row,
                    tokens: chunk.tokens,
                    section: chunk.section,
                    span: (chunk.start, chunk.end),
                })
            })
        })
    }

    /// The vectors to search with: complete, but for chunks that changed since.
    #[must_use]
    pub const fn serving(&self) -> Option<&VectorSet> {
        self.serving.as_ref()
    }

    /// The vectors that are being made of another model (or of the first one).
    #[must_use]
    pub const fn building(&self) -> Option<&VectorSet> {
        self.building.as_ref()
    }

    /// The vectors of a model, if there are any.
    #[must_use]
    pub fn vectors(&self, model: &str) -> Option<&VectorSet> {
        self.serving.iter().chain(&self.building).find(|set| set.model == model)
    }

    /// The hashes of the chunks that have no vector of this model, in the order of the text, each
    /// once.
    #[must_use]
    pub fn missing(&self, model: &str) -> Vec<ChunkHash> {
        self.missing_of(self.vectors(model))
    }

    /// The model whose vectors are being made, else the one that serves.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.building.as_ref().or(self.serving.as_ref()).map(|set| set.model.as_str())
    }

    /// Chunks that have no vector of the model, or of the present one.
    pub(crate) fn missing_count(&self, model: Option<&str>) -> u32 {
        let set = match model.or_else(|| self.model()) {
            Some(model) => self.vectors(model),
            None => None,
        };
        u32::try_from(self.missing_of(set).len()).unwrap_or(u32::MAX)
    }

    fn missing_of(&self, set: Option<&VectorSet>) -> Vec<ChunkHash> {
        let chunks = self.content.as_deref().map_or(&[][..], |content| &content.chunks);
        let mut seen = BTreeSet::new();
        chunks
            .iter()
            .map(|chunk| chunk.hash)
            .filter(|hash| set.is_none_or(|set| set.get(hash).is_none()) && seen.insert(*hash))
            .collect()
    }

    pub(crate) fn hashes(&self) -> BTreeSet<ChunkHash> {
        let chunks = self.content.as_deref().map_or(&[][..], |content| &content.chunks);
        chunks.iter().map(|chunk| chunk.hash).collect()
    }

    /// Total: a committed event always applies.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.revision = self.revision.saturating_add(1);
        match event {
            Event::Put { version, content, at } => self.put(*version, content, *at),
            Event::Patched { version, patch, at } => self.patch(*version, patch, *at),
            Event::Deleted { at } => {
                self.status = Status::Deleted;
                self.updated = *at;
            }
            Event::Restored { at } => self.live(*at),
            Event::Erased { at } => {
                *self = Self {
                    status: Status::Erased,
                    version: self.version,
                    revision: self.revision,
                    updated: *at,
                    ..Self::default()
                };
            }
            Event::VectorsRecorded { model, dim, encoding, items, at: _ } => {
                self.record(model, *dim, *encoding, items);
            }
            Event::ReembedAsked { model, at: _ } => self.begin(model),
            Event::Reviewed { next_review_at, at: _ } => {
                self.review_due = None;
                if let Some(content) = &mut self.content {
                    content.review_at = *next_review_at;
                }
            }
            Event::ReviewFellDue { at } => self.review_due = Some(*at),
            Event::Expired { at } => {
                self.status = Status::Expired;
                self.updated = *at;
            }
            Event::Failed { collection, kind, stage, code, message, at } => {
                let (code, message) = (code.clone(), message.clone());
                self.failure = Some(Failure { stage: *stage, code, message, at: *at });
                if self.content.is_none() {
                    self.status = Status::Failed;
                    self.collection.clone_from(collection);
                    self.kind = *kind;
                    self.updated = *at;
                }
            }
        }
    }

    fn put(&mut self, version: u32, content: &Content, at: Timestamp) {
        let mut content = content.clone();
        match (content.review_at, &self.content) {
            (None, Some(before)) => content.review_at = before.review_at,
            (None, None) | (Some(_), _) => self.review_due = None,
        }
        if self.content.is_none() {
            self.created = at;
        }
        self.version = version;
        self.collection.clone_from(&content.collection);
        self.kind = content.kind;
        self.failure = None;
        self.note(version, content.meaning(), at);
        self.content = Some(Box::new(content));
        let hashes = self.hashes();
        for set in self.serving.iter_mut().chain(&mut self.building) {
            set.vectors.retain(|hash, _| hashes.contains(hash));
        }
        self.switch();
        self.live(at);
    }

    fn patch(&mut self, version: u32, patch: &Patch, at: Timestamp) {
        self.version = version;
        if patch.review_at != Field::Keep {
            self.review_due = None;
        }
        if let Some(content) = &mut self.content {
            patch.apply_to(content);
            let hash = content.meaning();
            self.note(version, hash, at);
        }
        // A patch does not bring a deleted one back.
        match self.status {
            Status::Active | Status::Expired => self.live(at),
            Status::Draft | Status::Deleted | Status::Erased | Status::Failed => self.updated = at,
        }
    }

    fn live(&mut self, at: Timestamp) {
        let end = self.content.as_ref().and_then(|content| content.expires_at);
        let over = end.is_some_and(|end| end <= at);
        self.status = if over { Status::Expired } else { Status::Active };
        self.updated = at;
    }

    fn note(&mut self, version: u32, hash: ChunkHash, at: Timestamp) {
        self.versions.push(VersionNote { version, at, hash });
        let surplus = self.versions.len().saturating_sub(VERSIONS_KEPT);
        self.versions.drain(..surplus);
    }

    /// Makes room for the vectors of a model beside those that serve.
    fn begin(&mut self, model: &str) {
        if self.serving.as_ref().is_some_and(|set| set.model == model) {
            self.building = None;
        } else if self.building.as_ref().is_none_or(|set| set.model != model) {
            self.building = Some(VectorSet::of(model));
        }
    }

    fn record(&mut self, model: &str, dim: u32, encoding: Encoding, items: &[VectorItem]) {
        if self.vectors(model).is_none() {
            self.begin(model);
        }
        let sets = self.serving.iter_mut().chain(&mut self.building);
        for set in sets.filter(|set| set.model == model) {
            set.record(dim, encoding, items);
        }
        if self.failure.as_ref().is_some_and(|failure| failure.stage == Stage::Embed) {
            self.failure = None;
        }
        self.switch();
    }

    /// The new vectors serve as soon as no chunk lacks one.
    fn switch(&mut self) {
        let complete = self
            .building
            .as_ref()
            .is_some_and(|set| !set.is_empty() && self.missing_of(Some(set)).is_empty());
        if complete {
            self.serving = self.building.take();
        }
    }
}

impl Patch {
    pub(crate) fn apply_to(&self, content: &mut Content) {
        if let Some(title) = &self.title {
            content.title.clone_from(title);
        }
        if let Some(keywords) = &self.keywords {
            content.keywords.clone_from(keywords);
        }
        if let Some(category) = &self.category {
            content.category.clone_from(category);
        }
        if let Some(priority) = self.priority {
            content.priority = priority;
        }
        if let Some(audience) = &self.audience {
            content.audience.clone_from(audience);
        }
        if let Some(metadata) = &self.metadata {
            content.metadata.clone_from(metadata);
        }
        if let Some(product) = &self.product {
            content.product = Some(product.clone());
        }
        self.language.apply_to(&mut content.language);
        self.review_at.apply_to(&mut content.review_at);
        self.expires_at.apply_to(&mut content.expires_at);
    }
}
