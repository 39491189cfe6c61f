//! Entries of a replicated log and their stored form.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use impresario_journal::{Batch, Term, Write};
use impresario_kernel::PartitionId;

use crate::entry::{self, Change};
use crate::replica::ReplicaError;

/// What an entry of the log carries: the writes of a batch, or bytes of the consensus itself.
///
/// The writes are kept encoded: the log, the network and the rows that they become share the bytes.
pub struct Payload {
    kind: Kind,
    encoded: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Opaque,
    Writes,
}

impl Payload {
    /// Bytes that only the consensus understands: a membership, for example, or nothing.
    #[must_use]
    pub fn opaque(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Opaque, encoded: bytes.into() }
    }

    /// The writes of a batch that was decided under `term`, encoded here, once, by the caller.
    ///
    /// # Errors
    /// [`ReplicaError::TooLarge`].
    pub fn of_writes(term: u64, writes: Vec<Write>) -> Result<Self, ReplicaError> {
        let limit = entry::LIMIT as u64;
        let batch = Batch { partition: PartitionId(0), term: Term(term), writes };
        let bytes = entry::bound(&batch);
        if bytes > limit {
            return Err(ReplicaError::TooLarge { bytes, limit });
        }
        let encoded = entry::encode(&batch).map_err(|_| ReplicaError::TooLarge { bytes, limit })?;
        Ok(Self { kind: Kind::Writes, encoded: encoded.into() })
    }

    /// The writes of a batch as another node encoded them ([`Payload::encoded`]). The bytes
    /// are kept as they are, so hand in a slice of a large buffer
    /// only if the buffer may live as long as the entry.
    #[must_use]
    pub fn of_encoded_writes(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Writes, encoded: bytes.into() }
    }

    /// Whether this is a batch of writes.
    #[must_use]
    pub fn is_writes(&self) -> bool {
        self.kind == Kind::Writes
    }

    /// The bytes: what the consensus handed in, or the encoded writes.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The writes. None if this is not a batch of writes.
    ///
    /// # Errors
    /// [`ReplicaError::Store`] if the bytes are damaged or of a later version.
    pub fn writes(&self) -> Result<Vec<Write>, ReplicaError> {
        Ok(self.changes()?.into_iter().map(Write::from).collect())
    }

    pub(crate) fn changes(&self) -> Result<Vec<Change>, ReplicaError> {
        if self.kind == Kind::Opaque {
            return Ok(Vec::new());
        }
        let (_, changes) = entry::decode(&self.encoded)
            .map_err(|error| ReplicaError::Store(format!("an entry of the log: {error:?}")))?;
        Ok(changes)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_writes() { "Writes" } else { "Opaque" };
        write!(f, "{name}({} bytes)", self.encoded.len())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.encoded == other.encoded
    }
}

impl Eq for Payload {}

/// One entry of a group's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place. Consecutive; the first may be any number.
    pub index: u64,
    /// Its log id, opaque to the store, at most 65 535 bytes.
    pub id: Vec<u8>,
    /// What it carries.
    pub payload: Arc<Payload>,
}
