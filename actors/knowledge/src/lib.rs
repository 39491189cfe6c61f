//! One document or entry of a tenant's knowledge: what it says, with provenance, cut into chunks,
//! and the vectors of the chunks (KNO-01, KNO-02, KNO-07, KNO-08, KNO-10, KNO-11).
//!
//! - D1: the version grows by one with each change of what the document says or how it is found, and
//!   with nothing else; a `Put` of what is there already changes nothing.
//! - D2: a chunk is a span of one of the document's sections; every span that is stored is good.
//! - D3: a vector belongs to a chunk's hash under a model. Changed text loses its vector, unchanged
//!   text keeps it, whatever the version; a vector of a chunk that is gone is not kept.
//! - D4: at most two models have vectors at once: the one that serves, and the one that is being
//!   built beside it. The one being built serves once it is complete, and not before.
//! - D5: a deleted, expired or erased document is not listed as live: the rows that make it
//!   findable leave in the commit that ends it.
//! - D6: rows carry ids, versions, times and the collection's name; no title and no text.
//! - D7: reports of work done elsewhere (vectors, failures) are never refused because they are late;
//!   what does not fit any more is passed over.
//!
//! What it is not: a parser or an embedder (`engines/documents` and `engines/embed` have done their
//! work before the command), nor the index that is searched.

#![deny(clippy::wildcard_enum_match_arm)]

mod command;
mod content;
mod decide;
mod effect;
mod event;
mod policy;
mod rejection;
mod rows;
mod state;
mod vectors;
mod view;

#[cfg(test)]
mod tests;

pub use command::{Answer, Command, Field, Patch, Query, Reply, Stage};
pub use content::{Chunk, ChunkHash, Content, Kind, Product, Section, Source};
pub use effect::Effect;
pub use event::Event;
pub use policy::{
    CollectionSettings, FieldKind, MetadataField, Policy, PolicyEndpoint, is_collection_name,
};
pub use rejection::{MetadataProblem, Rejection};
pub use rows::{
    BY_COLLECTION, CHUNK_COUNTS, DELETED, DOCUMENT_COUNTS, EXTERNAL, LIVE, ListRow,
    collection_prefix, external_personal, live_term,
};
pub use state::{Failure, Passage, State, Status, VersionNote};
pub use vectors::{Encoding, VectorItem, VectorSet};
pub use view::{ChunkView, ModelView, SectionView, View};

use impresario_ids::{DocumentId, TenantId};
use impresario_kernel::{Ctx, Decision, Entity, EntityKey, EntityKind};

/// The stored code and the name of this kind.
pub const KIND: EntityKind = EntityKind { code: 5, name: "document" };

/// The collections that every tenant has: what is sold, how people behave, the market, the
/// competitors, past campaigns, what customers say, and the catalogue of products and services.
pub const COLLECTIONS: [&str; 7] = [
    "product-docs",
    "user-behaviour",
    "market-trends",
    "competitor-intel",
    "campaign-history",
    "customer-feedback",
    "catalogue",
];

/// Chunks of one document.
pub const CHUNKS_MAX: usize = 2_000;
/// Bytes of text, headings, names and metadata of one document.
pub const TEXT_BYTES_MAX: usize = 3 << 20;
/// Bytes of vectors that one model may have for one document.
pub const VECTOR_BYTES_MAX: usize = 8 << 20;
/// Dimensions of a vector.
pub const DIM_MAX: u32 = 8_192;
/// Characters of a title.
pub const TITLE_CHARS_MAX: usize = 500;
/// Keywords of a document, and labels of its audience.
pub const LABELS_MAX: usize = 100;
/// Characters of a keyword, a label, a category or a model's name.
pub const LABEL_CHARS_MAX: usize = 200;
/// Characters of the id under which the tenant knows a document.
pub const EXTERNAL_CHARS_MAX: usize = 500;
/// Bytes of metadata.
pub const METADATA_BYTES_MAX: usize = 64 << 10;
/// How many versions the state remembers (number, time, hash); older ones are in the events only.
pub const VERSIONS_KEPT: usize = 20;

/// The document that a tenant knows under an id of its own in a collection.
#[must_use]
pub fn id_of_external(tenant: TenantId, collection: &str, external_id: &str) -> DocumentId {
    DocumentId::derived(&[tenant.as_bytes(), collection.as_bytes(), external_id.as_bytes()])
}

/// The address of a document.
#[must_use]
pub fn key(tenant: TenantId, document: DocumentId) -> EntityKey {
    EntityKey::new(tenant, KIND, document)
}

/// One document of one tenant.
#[derive(Debug)]
pub struct Document;

impl Entity for Document {
    const KIND: EntityKind = KIND;

    type State = State;
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Reply = Reply;
    type Rejection = Rejection;
    type Query = Query;
    type Answer = Answer;
    type Policy = Policy;

    fn decide(
        state: &State,
        command: Command,
        ctx: &Ctx<'_, Policy, Event>,
    ) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, event: &Event) {
        state.apply(event);
    }

    fn answer(state: &State, query: Query, ctx: &Ctx<'_, Policy, Event>) -> Answer {
        let id = ctx.key.typed_id();
        match query {
            Query::Get => Answer::Document(view::view(state, id, true).map(Box::new)),
            Query::Summary => Answer::Document(view::view(state, id, false).map(Box::new)),
            Query::Section { section } => Answer::Section(view::section(state, section)),
        }
    }

    fn on_timer(name: &str) -> Option<Command> {
        match name {
            decide::EXPIRE_TIMER => Some(Command::Expire),
            decide::REVIEW_TIMER => Some(Command::RemindReview),
            _ => None,
        }
    }
}
