//! Backups: their stored form, the places they go to, and the way back into a cluster of any size.
//!
//! A backup is a set of objects in a [`Target`] (a folder, or a bucket of a store that speaks S3).
//! Each partition's rows are there as of one applied batch, in bounded pieces; the batches that were
//! applied since, up to the backup's cut, lie beside them. Later batches may be shipped behind it, so
//! that a restore can go to any of their cuts. What the rows mean is not known here: a [`Layout`]
//! says which entity a row belongs to, so that rows find their partition in a cluster that has
//! another number of them.
//!
//! - B1: a backup is one only when its manifest is there, and that is written last.
//! - B2: every object ends with its checksum, and the manifest has the checksum of each: a damaged,
//!   exchanged or missing byte is found before its rows are used.
//! - B3: rows of a partition are those of one batch number: all of the batches up to it, nothing of
//!   later ones.
//! - B4: no effect is lost by a cut: an effect that was removed, because it was carried out, while
//!   the cut was being taken is in the backup, and is carried out again (its receiver dedupes).
//! - B5: equal backups poured into equal numbers of partitions give equal rows; into other numbers,
//!   every entity has its rows, unchanged, in its own partition, and every sum is what it was.
//! - B6: what is stored is read by every later release: golden bytes are in the tests.
//!
//! What it is not: it reads no partition and commits nothing by itself (the caller does, through
//! the journal), and it decrypts nothing: rows stay sealed.

mod check;
mod error;
mod format;
mod layout;
mod library;
mod options;
mod pour;
mod read;
mod stretch;
mod target;
mod write;

pub use check::{Checked, verify};
pub use error::BackupError;
pub use format::{
    Cut, CutPart, FileInfo, Manifest, Part, ShippedBatch, Subject, SumOf, decode_batches,
    decode_rows, encode_batches, encode_rows,
};
pub use layout::{Home, Layout, Misplaced};
pub use library::{BackupInfo, Library, Point, is_id, new_id};
pub use options::{Options, OptionsError};
pub use pour::{Poured, Pourer, Sink, SinkFuture};
pub use read::{Rows, Scratch, Steps, replay};
pub use stretch::stretch;
pub use target::Target;
pub use write::{LogWriter, RowWriter};

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The code of its table.
    pub table: impresario_journal::Table,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

#[cfg(test)]
mod tests;
