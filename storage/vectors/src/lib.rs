//! Vector indexes, one per tenant, collection and model (KNO-09, KNO-27).
//!
//! An [`Index`] keeps vectors of unit length as eight-bit numbers with a scale each: a list that is
//! searched exactly while it is short or a filter leaves little, and a usearch graph above it when it
//! is long. What is found is scored once more with the question's full vector.
//!
//! - V1: nothing here is the only copy. A file that is missing, damaged or of another kind opens as an
//!   empty index that says why, and is filled again from the documents.
//! - V2: a file is whole or not there: written beside, synced, renamed; a checksum over every byte is
//!   compared before any of them is believed.
//! - V3: a search returns only keys that are there and that the filter allows, each once, best first,
//!   equal ones by key.
//! - V4: below [`SCAN_SHARE`] of a filter, and below [`Options::flat_max`] vectors, a search is exact.
//! - V5: memory is bounded by [`Options::bytes_max`]: beyond it, inserting is refused.
//! - V6: one writer (`&mut`), any number of readers.
//!
//! What it is not: it computes no vectors, knows no documents, and blocks while it reads and writes
//! files and while it builds its graph; callers on an executor use a blocking thread.

mod file;
mod graph;
mod index;
mod places;
mod slab;

#[cfg(test)]
mod tests;

pub use file::{Fresh, Opened};
pub use index::{Error, Hit, Index, Options};
pub use places::{erase, path_of};

/// A filter that leaves a smaller share than this is answered by looking at all it leaves.
pub const SCAN_SHARE: f64 = 0.10;
/// From so many vectors on, a graph is built.
pub const FLAT_MAX: usize = 10_000;
