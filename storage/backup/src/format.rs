//! The stored form of every object.
//!
//! An object is four bytes `IMPB`, the kind, the version of the kind, a body, and the blake3 checksum
//! of all before it. Golden bytes of each kind and version stay in the tests for ever.

mod manifest;
mod piece;

pub use manifest::{Cut, CutPart, FileInfo, Manifest, Part, Subject, SumOf};
pub use piece::{ShippedBatch, decode_batches, decode_rows, encode_batches, encode_rows};
pub(crate) use piece::{batch_bytes, row_bytes};

use crate::BackupError;

const MAGIC: [u8; 4] = *b"IMPB";
const HEAD: usize = MAGIC.len() + 2;
const SUM: usize = 32;

/// The version written by this release, of every kind.
const VERSION: u8 = 1;

/// What an object holds. The bytes are stored for ever: append, never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum PieceKind {
    /// Rows of a partition.
    Rows = 1,
    /// Batches of a partition, in order.
    Batches = 2,
    /// What was written of a partition.
    Part = 3,
    /// What a backup is made of.
    Manifest = 4,
    /// How far batches were shipped.
    Cut = 5,
}

/// The object with this body.
pub(crate) fn seal(kind: PieceKind, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + body.len() + SUM);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(kind as u8);
    bytes.push(VERSION);
    bytes.extend_from_slice(body);
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    bytes
}

/// The body of an object that is whole and of this kind.
pub(crate) fn open<'a>(
    kind: PieceKind,
    object: &str,
    bytes: &'a [u8],
) -> Result<&'a [u8], BackupError> {
    let damaged = |why: &str| BackupError::damaged(object, why);
    let (head, rest) =
        bytes.split_first_chunk::<HEAD>().ok_or_else(|| damaged("it is too short"))?;
    if head[..4] != MAGIC {
        return Err(damaged("it does not begin as an object of a backup does"));
    }
    // A later release may end its objects otherwise, so this comes before the checksum.
    if head[5] > VERSION && head[4] == kind as u8 {
        return Err(BackupError::Format {
            object: object.to_owned(),
            version: head[5],
            known: VERSION,
        });
    }
    let (body, sum) = rest.split_last_chunk::<SUM>().ok_or_else(|| damaged("it is too short"))?;
    if blake3::hash(&bytes[..bytes.len() - SUM]) != blake3::Hash::from_bytes(*sum) {
        return Err(damaged("its checksum does not match"));
    }
    if head[4] != kind as u8 || head[5] != VERSION {
        return Err(damaged("it is of another kind"));
    }
    Ok(body)
}
