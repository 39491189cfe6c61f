//! Files as bytes into text with provenance, text into chunks, and bulk imports into rows (KNO-04,
//! KNO-08, KNO-24).
//!
//! [`ingest`] reads TXT, Markdown, HTML, CSV, JSON, XLSX, PDF, DOCX and EML (with what is attached);
//! of an image it takes the caption that it is given. [`chunk`] cuts a document along its structure.
//! [`import_entries`] and [`import_catalogue`] read many entries from one file, with a report by row.
//!
//! - F1: whatever the bytes are, the work is bounded by [`Limits`], and the answer is a document or
//!   a [`Problem`] with a stable code and a way out. Sizes are counted while inflating, not believed.
//! - F2: a chunk's text is exactly its span of its section's text, so that what is cited can be
//!   checked against the document.
//! - F3: a chunk's hash depends on its text and the headings above it, with white space folded, and
//!   on nothing else: no time, no page, no place in the document.
//! - F4: every row of a table carries the names of its columns, so that any part explains itself.
//! - F5: a document within the limits loses no text to chunking: the spans cover every block.
//! - F6: the same bytes give the same document, chunks and rows.
//!
//! What it is not: a place that reads files or knows the time; nor a judge of what may be stored
//! (`actors/knowledge`). The parsers are other people's work on hostile input: whoever calls this
//! does so where a panic ends one task.

mod builder;
mod chunk;
mod detect;
mod document;
mod formats;
mod import;
mod ingest;
mod limits;
mod problem;
mod text;

#[cfg(test)]
mod tests;

pub use chunk::{Chunk, ChunkOptions, chunk, meaning_hash};
pub use detect::{Format, Hint, detect};
pub use document::{Attachment, Block, BlockKind, Document, Section, Warning};
pub use import::{
    EntryDraft, Import, ItemDraft, ItemKind, Row, RowProblem, import_catalogue, import_entries,
};
pub use ingest::ingest;
pub use limits::Limits;
pub use problem::Problem;
