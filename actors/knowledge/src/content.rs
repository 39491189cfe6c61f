use std::fmt;

use impresario_ids::DocumentId;
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};

/// What a document is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Kind {
    /// Written here: a question and its answer, a policy, a note.
    #[default]
    #[n(0)]
    Entry,
    /// Read from a file.
    #[n(1)]
    File,
    /// Something that is sold.
    #[n(2)]
    Product,
    /// Something that is done, and can be booked.
    #[n(3)]
    Service,
}

/// The BLAKE3 hash of what a chunk means: its text and the headings above it. Equal text has equal
/// hashes, over versions and documents.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ChunkHash(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl fmt::Debug for ChunkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ChunkHash {
    /// Hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for ChunkHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<[u8; 32]> for ChunkHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A part of the text under one heading. `Debug` shows no text.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Section {
    /// The headings above it, outermost first.
    #[n(0)]
    pub path: Vec<String>,
    /// The page it begins on, from 1.
    #[n(1)]
    pub page: Option<u32>,
    /// The sheet of a workbook.
    #[n(2)]
    pub sheet: Option<String>,
    /// What it says.
    #[n(3)]
    pub text: String,
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section")
            .field("page", &self.page)
            .field("text_bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// What is found and embedded as one: a span of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Chunk {
    /// The section's place in the document, from 0.
    #[n(0)]
    pub section: u32,
    /// The first byte of the span in the section's text.
    #[n(1)]
    pub start: u32,
    /// The byte after the span.
    #[n(2)]
    pub end: u32,
    /// Tokens, as counted by the one who cut.
    #[n(3)]
    pub tokens: u32,
    /// The first row of a table, from 1.
    #[n(4)]
    pub row: Option<u32>,
    /// What it means.
    #[n(5)]
    pub hash: ChunkHash,
}

/// What a catalogue item has beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Product {
    /// The seller's number; may be empty.
    #[n(0)]
    pub sku: String,
    /// In millionths of the currency.
    #[n(1)]
    pub price_micros: Option<i64>,
    /// ISO 4217, three capital letters; empty without a price.
    #[n(2)]
    pub currency: String,
    /// Pieces left; `None`: not counted.
    #[n(3)]
    pub stock: Option<i64>,
    /// Times that can be booked, as the seller writes them.
    #[n(4)]
    pub slots: Vec<String>,
    /// Other names.
    #[n(5)]
    pub aliases: Vec<String>,
    /// A picture's address.
    #[n(6)]
    pub image: Option<String>,
    /// Items that go with it, by sku or name.
    #[n(7)]
    pub complements: Vec<String>,
}

/// Where a document came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Source {
    /// The file's name.
    #[n(0)]
    pub filename: Option<String>,
    /// The file's type.
    #[n(1)]
    pub mime: Option<String>,
    /// Where it can be read.
    #[n(2)]
    pub url: Option<String>,
    /// The file's size.
    #[n(3)]
    pub bytes: u64,
    /// BLAKE3 of the file, so that an unchanged one need not be read again.
    #[n(4)]
    pub hash: Option<ChunkHash>,
}

/// Everything that a document says and how it is found. `Debug` shows no text.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Content {
    /// What it is.
    #[n(0)]
    pub kind: Kind,
    /// Where it belongs: `[a-z0-9-]{1,40}`.
    #[n(1)]
    pub collection: String,
    /// 1 to [`crate::TITLE_CHARS_MAX`] characters.
    #[n(2)]
    pub title: String,
    /// The text, in order.
    #[n(3)]
    pub sections: Vec<Section>,
    /// What is found, in order; at most [`crate::CHUNKS_MAX`].
    #[n(4)]
    pub chunks: Vec<Chunk>,
    /// Words that it should be found by.
    #[n(5)]
    pub keywords: Vec<String>,
    /// A shelf in the collection; may be empty.
    #[n(6)]
    pub category: String,
    /// -100 to 100; higher is preferred among equals.
    #[n(7)]
    pub priority: i32,
    /// Who may be answered from it: one of these labels (segment ids, channels, languages as the
    /// tenant uses them). Empty: everybody.
    #[n(8)]
    pub audience: Vec<String>,
    /// The text of a JSON object; empty is `{}`.
    #[n(9)]
    pub metadata: String,
    /// BCP 47, for example `en` or `pt-BR`; `None`: not known.
    #[n(10)]
    pub language: Option<String>,
    /// Of a product or a service.
    #[n(11)]
    pub product: Option<Product>,
    /// Where it came from. Not part of what it says: a new source alone is no new version.
    #[n(12)]
    pub source: Source,
    /// The tenant's own id for it.
    #[n(13)]
    pub external_id: Option<String>,
    /// The document that this was a part of (a message and its attachments).
    #[n(14)]
    pub parent: Option<DocumentId>,
    /// When somebody should look whether it is still right. In a `Put`, `None` leaves it as it is.
    #[n(15)]
    pub review_at: Option<Timestamp>,
    /// From when on it is not answered from any more.
    #[n(16)]
    pub expires_at: Option<Timestamp>,
}

impl Content {
    /// The text of a chunk, if its span is good.
    #[must_use]
    pub fn text_of(&self, chunk: &Chunk) -> Option<&str> {
        let section = self.sections.get(usize::try_from(chunk.section).ok()?)?;
        section.text.get(usize::try_from(chunk.start).ok()?..usize::try_from(chunk.end).ok()?)
    }

    /// The hash of all that makes a version: everything but where it came from and when it should be
    /// looked at again.
    #[must_use]
    pub fn meaning(&self) -> ChunkHash {
        let bare = Self { source: Source::default(), review_at: None, ..self.clone() };
        ChunkHash(*blake3::hash(&impresario_kernel::encode(&bare)).as_bytes())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("kind", &self.kind)
            .field("collection", &self.collection)
            .field("sections", &self.sections.len())
            .field("chunks", &self.chunks.len())
            .finish_non_exhaustive()
    }
}
