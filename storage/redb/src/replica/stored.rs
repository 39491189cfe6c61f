//! The stored form of everything in a replicated log but the payloads themselves. Each begins with
//! a version byte; golden bytes of each version stay in the tests for ever.

use std::sync::Arc;

use bytes::Bytes;

use crate::format::Position;
use crate::replica::{LogEntry, Mark, Payload};

pub(crate) const VERSION: u8 = 1;

const OPAQUE: u8 = 0;
const WRITES: u8 = 1;

/// Version, kind, length of the id (2 bytes, big-endian).
const ENTRY_HEAD: usize = 4;

/// An index and the id of its entry.
pub(crate) type At = (u64, Vec<u8>);

/// Why stored bytes are not what they should be.
pub(crate) fn damaged(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("{what} is damaged or of a later release"))
}

/// Bytes of an entry's stored form.
pub(crate) fn entry_bytes(entry: &LogEntry) -> usize {
    ENTRY_HEAD + entry.id.len() + entry.payload.encoded().len()
}

/// Writes an entry into a buffer of [`entry_bytes`]: version, kind, id, payload.
pub(crate) fn write_entry(entry: &LogEntry, out: &mut [u8]) {
    let kind = if entry.payload.is_writes() { WRITES } else { OPAQUE };
    let length = u16::try_from(entry.id.len()).unwrap_or(u16::MAX).to_be_bytes();
    out[..ENTRY_HEAD].copy_from_slice(&[VERSION, kind, length[0], length[1]]);
    let payload = ENTRY_HEAD + entry.id.len();
    out[ENTRY_HEAD..payload].copy_from_slice(&entry.id);
    out[payload..].copy_from_slice(entry.payload.encoded());
}

/// The id of a stored entry.
pub(crate) fn entry_id(stored: &[u8]) -> Option<&[u8]> {
    let (&[VERSION, _, high, low], rest) = stored.split_first_chunk()? else { return None };
    rest.get(..usize::from(u16::from_be_bytes([high, low])))
}

/// The entry that is stored at an index.
pub(crate) fn read_entry(index: u64, stored: &[u8]) -> Option<LogEntry> {
    let id = entry_id(stored)?;
    let payload = Bytes::copy_from_slice(stored.get(ENTRY_HEAD + id.len()..)?);
    let payload = match stored[1] {
        OPAQUE => Payload::opaque(payload),
        WRITES => Payload::of_encoded_writes(payload),
        _ => return None,
    };
    Some(LogEntry { index, id: id.to_vec(), payload: Arc::new(payload) })
}

/// A vote or a committed id: opaque bytes behind the version.
pub(crate) fn write_opaque(bytes: &[u8]) -> Vec<u8> {
    [&[VERSION], bytes].concat()
}

pub(crate) fn read_opaque(stored: &[u8]) -> Option<Vec<u8>> {
    stored.strip_prefix(&[VERSION]).map(<[u8]>::to_vec)
}

/// Where a log was purged to.
pub(crate) fn write_at((index, id): &At) -> Vec<u8> {
    [&[VERSION], &index.to_be_bytes()[..], id].concat()
}

pub(crate) fn read_at(stored: &[u8]) -> Option<At> {
    let (index, id) = stored.strip_prefix(&[VERSION])?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*index), id.to_vec()))
}

/// What a node has to do with a group that its log knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    /// It holds a replica.
    Held,
    /// It is giving the replica up; the next opening goes on with that.
    Leaving,
}

impl Holding {
    pub(crate) fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Held => [VERSION, 1],
            Self::Leaving => [VERSION, 2],
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        [Self::Held, Self::Leaving].into_iter().find(|holding| holding.to_bytes() == bytes)
    }
}

/// The version, and the mark if there is one: its index, then what is opaque.
impl Position for Option<Mark> {
    const ROW: &'static str = "mark";

    fn index(&self) -> u64 {
        self.as_ref().map_or(0, |mark| mark.index)
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            None => vec![VERSION],
            Some(mark) => [&[VERSION], &mark.index.to_be_bytes()[..], &mark.bytes].concat(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.strip_prefix(&[VERSION])? {
            [] => Some(None),
            rest => {
                let (index, bytes) = rest.split_first_chunk::<8>()?;
                let mark = Mark { index: u64::from_be_bytes(*index), bytes: bytes.to_vec() };
                Some(Some(mark))
            }
        }
    }
}
