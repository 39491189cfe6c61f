use impresario_ids::DocumentId;
use impresario_kernel::{IndexId, IndexOp, IndexRow, Timestamp, encode};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{Kind, State, Status};

/// The documents that are not deleted: the term is the document's id (16 bytes), the value a stored
/// [`ListRow`].
pub const LIVE: IndexId = IndexId(60);
/// The same by collection: the term is [`collection_prefix`] and the document's id.
pub const BY_COLLECTION: IndexId = IndexId(61);
/// The documents that can be restored, as in [`LIVE`].
pub const DELETED: IndexId = IndexId(62);
/// By the tenant's own id, hashed ([`external_personal`]): the term is the document's id.
pub const EXTERNAL: IndexId = IndexId(63);
/// How many documents a collection has: the term is its name, the value a counter.
pub const DOCUMENT_COUNTS: IndexId = IndexId(64);
/// How many chunks of a collection can be found: the term is its name, the value a counter.
pub const CHUNK_COUNTS: IndexId = IndexId(65);

/// What the lists know of a document.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct ListRow {
    /// Where it belongs.
    #[n(0)]
    pub collection: String,
    /// What it is.
    #[n(1)]
    pub kind: Kind,
    /// Where it is in its life.
    #[n(2)]
    pub status: Status,
    /// Its version.
    #[n(3)]
    pub version: u32,
    /// Grows with everything that happens to it: another number, load it again.
    #[n(4)]
    pub revision: u64,
    /// When it was last changed.
    #[n(5)]
    #[serde(serialize_with = "crate::view::time")]
    pub updated_at: Timestamp,
    /// Its chunks.
    #[n(6)]
    pub chunks: u32,
    /// Chunks that have no vector of the newest model.
    #[n(7)]
    pub to_embed: u32,
    /// Whether work on it failed.
    #[n(8)]
    pub failed: bool,
}

impl ListRow {
    pub(crate) fn of(state: &State) -> Self {
        let chunks = state.content().map_or(0, |content| content.chunks.len());
        Self {
            collection: state.collection.clone(),
            kind: state.kind,
            status: state.status,
            version: state.version,
            revision: state.revision,
            updated_at: state.updated,
            chunks: u32::try_from(chunks).unwrap_or(u32::MAX),
            to_embed: state.missing_count(None),
            failed: state.failure.is_some(),
        }
    }
}

/// The term of a document in [`LIVE`] and [`DELETED`].
#[must_use]
pub fn live_term(document: DocumentId) -> Vec<u8> {
    document.as_bytes().to_vec()
}

/// What stands before the document's id in [`BY_COLLECTION`].
#[must_use]
pub fn collection_prefix(collection: &str) -> Vec<u8> {
    [collection.as_bytes(), b"\0"].concat()
}

/// What is hashed to find a document by the tenant's own id.
#[must_use]
pub fn external_personal(collection: &str, external_id: &str) -> Vec<u8> {
    [collection.as_bytes(), b"\0", external_id.as_bytes()].concat()
}

/// The rows that turn the lists of one state into those of the next.
pub(crate) fn changes(before: &State, after: &State, id: DocumentId) -> Vec<IndexRow> {
    let (old, new) = (rows(before, id), rows(after, id));
    let key = |row: &IndexRow| (row.index, row.personal.clone(), row.term.clone());
    let gone = old.iter().filter(|row| !new.iter().any(|kept| key(kept) == key(row)));
    let mut changes: Vec<IndexRow> =
        gone.map(|row| IndexRow { op: IndexOp::Delete, ..row.clone() }).collect();
    changes.extend(new.iter().filter(|row| !old.contains(row)).cloned());
    counts(&mut changes, before, -1);
    counts(&mut changes, after, 1);
    changes.retain(|row| row.op != IndexOp::Add(0));
    changes
}

fn rows(state: &State, id: DocumentId) -> Vec<IndexRow> {
    let row = |index, term, op| IndexRow { index, personal: None, term, op };
    let value = || IndexOp::Put(encode(&ListRow::of(state)));
    let mut rows = Vec::new();
    if state.status.is_listed() {
        let by_collection = [&collection_prefix(&state.collection)[..], id.as_bytes()].concat();
        rows.push(row(LIVE, live_term(id), value()));
        rows.push(row(BY_COLLECTION, by_collection, value()));
    } else if state.status == Status::Deleted {
        rows.push(row(DELETED, live_term(id), value()));
    }
    let external = state.content().and_then(|content| content.external_id.as_deref());
    if let Some(external) = external.filter(|_| state.status.is_listed()) {
        let personal = Some(external_personal(&state.collection, external));
        rows.push(IndexRow { personal, ..row(EXTERNAL, live_term(id), IndexOp::Put(Vec::new())) });
    }
    rows
}

/// Adds what a state counts, merging with what is there, so that nothing changed is nothing written.
fn counts(changes: &mut Vec<IndexRow>, state: &State, sign: i64) {
    if !state.status.is_listed() {
        return;
    }
    let chunks = match (state.status, state.content()) {
        (Status::Active, Some(content)) => i64::try_from(content.chunks.len()).unwrap_or(i64::MAX),
        (_, _) => 0,
    };
    for (index, amount) in [(DOCUMENT_COUNTS, 1), (CHUNK_COUNTS, chunks)] {
        let term = state.collection.as_bytes();
        let there = changes.iter_mut().find(|row| row.index == index && row.term == term);
        match there.map(|row| &mut row.op) {
            Some(IndexOp::Add(sum)) => *sum += sign * amount,
            Some(IndexOp::Put(_) | IndexOp::Delete) | None => changes.push(IndexRow {
                index,
                personal: None,
                term: term.to_vec(),
                op: IndexOp::Add(sign * amount),
            }),
        }
    }
}
