use std::collections::BTreeMap;
use std::fmt;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::ChunkHash;

/// How the numbers of a vector are stored, little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Encoding {
    /// Four bytes each.
    #[default]
    #[n(0)]
    F32,
    /// Two bytes each, IEEE 754 half precision.
    #[n(1)]
    F16,
    /// One byte each, signed.
    #[n(2)]
    I8,
}

impl Encoding {
    /// Bytes of one number.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::I8 => 1,
        }
    }

    /// Bytes of a vector of `dim` numbers.
    #[must_use]
    pub const fn bytes(self, dim: u32) -> usize {
        self.width().saturating_mul(dim as usize)
    }
}

/// The vector of one chunk.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct VectorItem {
    /// Of which chunk.
    #[n(0)]
    pub hash: ChunkHash,
    /// The numbers as bytes.
    #[n(1)]
    pub bytes: ByteVec,
}

impl fmt::Debug for VectorItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VectorItem({}, {} bytes)", self.hash, self.bytes.len())
    }
}

/// The vectors of one model.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct VectorSet {
    /// The model's name.
    #[n(0)]
    pub model: String,
    /// Numbers per vector; 0 while there is none.
    #[n(1)]
    pub dim: u32,
    /// How they are stored.
    #[n(2)]
    pub encoding: Encoding,
    #[n(3)]
    pub(crate) vectors: BTreeMap<ChunkHash, ByteVec>,
}

impl VectorSet {
    pub(crate) fn of(model: &str) -> Self {
        Self { model: model.to_owned(), ..Self::default() }
    }

    /// The vector of a chunk.
    #[must_use]
    pub fn get(&self, hash: &ChunkHash) -> Option<&[u8]> {
        self.vectors.get(hash).map(|bytes| bytes.as_slice())
    }

    /// All vectors, by hash.
    pub fn iter(&self) -> impl Iterator<Item = (&ChunkHash, &[u8])> {
        self.vectors.iter().map(|(hash, bytes)| (hash, bytes.as_slice()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }

    /// Whether vectors of this form go with those that are here.
    pub(crate) fn fits(&self, dim: u32, encoding: Encoding) -> bool {
        self.is_empty() || (self.dim == dim && self.encoding == encoding)
    }

    /// Vectors of another form (the model's provider changed it) replace all.
    pub(crate) fn record(&mut self, dim: u32, encoding: Encoding, items: &[VectorItem]) {
        if !self.fits(dim, encoding) {
            self.vectors.clear();
        }
        self.dim = dim;
        self.encoding = encoding;
        for item in items {
            self.vectors.insert(item.hash, item.bytes.clone());
        }
    }
}

impl fmt::Debug for VectorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorSet")
            .field("model", &self.model)
            .field("dim", &self.dim)
            .field("encoding", &self.encoding)
            .field("len", &self.vectors.len())
            .finish()
    }
}
