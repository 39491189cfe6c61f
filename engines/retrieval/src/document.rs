//! What is put into the index.

use std::ops::Range;

/// The 16 bytes of a document's id.
pub type DocumentKey = [u8; 16];

/// A document with its chunks. Fields that a tenant does not use stay empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its id.
    pub id: DocumentKey,
    /// Where it belongs, as `product-docs`.
    pub collection: String,
    /// Counts more than the text (weight 2).
    pub title: String,
    /// Count like the title.
    pub keywords: Vec<String>,
    /// Its category, as the tenant calls it.
    pub category: String,
    /// Where it came from: a file name, an address, a system.
    pub source: String,
    /// ISO 639-1 (`en`); decides stemming and stop words. Empty: none.
    pub language: String,
    /// Who may see it; empty: everybody.
    pub audiences: Vec<String>,
    /// From -10 to 10; lifts or lowers its passages.
    pub priority: i32,
    /// When its content last changed, milliseconds since the epoch.
    pub updated_ms: i64,
    /// When it stops being true; it is in no result from then on.
    pub expires_ms: Option<i64>,
    /// Further fields to filter by.
    pub metadata: Vec<(String, String)>,
    /// Its parts, in reading order.
    pub chunks: Vec<Chunk>,
}

/// A part of a document: what is found and cited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Names it here and in the vector index; see [`chunk_key`].
    pub key: u64,
    /// Its text.
    pub text: String,
    /// The headings above it; counts like the title.
    pub heading: String,
    /// Where the text stands in the document's text, in bytes.
    pub span: Range<u32>,
}

/// The key of a chunk: 64 bits of BLAKE3 over the document and what names the chunk in it (its hash
/// and, where equal chunks occur, which of them it is).
#[must_use]
pub fn chunk_key(document: &DocumentKey, chunk: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(document);
    hasher.update(chunk);
    let hash = hasher.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}
