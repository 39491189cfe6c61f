//! The stored form of a log entry: a version byte, then bincode's legacy (fixed-integer) layout of
//! [`Entry`]. Golden bytes of each version stay in the tests for ever.

use bytes::Bytes as Shared;
use impresario_journal::{Batch, Table, Write};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version byte of entries written by this release.
pub(crate) const VERSION: u8 = 1;

/// The most bytes of one entry. The decoder refuses lengths beyond it, so that damaged bytes cannot
/// make it allocate.
pub(crate) const LIMIT: usize = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    term: u64,
    #[serde(borrow)]
    writes: Vec<EntryWrite<'a>>,
}

// The order of the variants is stored: append only.
#[derive(Serialize, Deserialize)]
enum EntryWrite<'a> {
    Put(u8, #[serde(borrow)] Bytes<'a>, Bytes<'a>),
    Delete(u8, Bytes<'a>),
    DeleteIf(u8, Bytes<'a>, Bytes<'a>),
    Add(u8, Bytes<'a>, i64),
    DeleteRange(u8, Bytes<'a>, Bytes<'a>),
}

/// Bytes that serde moves as a whole rather than one by one.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = &'de [u8];
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<&'de [u8], E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Borrowed).map(Self)
    }
}

/// Why bytes are not an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EntryError {
    Version(u8),
    Damaged(String),
}

/// What a batch's stored form takes at most, in bytes.
pub(crate) fn bound(batch: &Batch) -> u64 {
    batch.writes.iter().map(|write| 21 + write_bytes(write) as u64).sum::<u64>() + 17
}

/// The stored form of a batch (its partition is in the key).
pub(crate) fn encode(batch: &Batch) -> Result<Vec<u8>, EntryError> {
    let entry = Entry { term: batch.term.0, writes: batch.writes.iter().map(to_stored).collect() };
    let size: usize = batch.writes.iter().map(|write| 21 + write_bytes(write)).sum();
    let mut bytes = Vec::with_capacity(size + 17);
    bytes.push(VERSION);
    bincode::serde::encode_into_std_write(&entry, &mut bytes, bincode::config::legacy())
        .map_err(|error| EntryError::Damaged(error.to_string()))?;
    Ok(bytes)
}

/// One change to one table, as [`Write`] says it, its bytes still those of the entry: rows of a batch
/// share one allocation until a checkpoint has written them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Put { table: Table, key: Shared, value: Shared },
    Delete { table: Table, key: Shared },
    DeleteIf { table: Table, key: Shared, value: Shared },
    Add { table: Table, key: Shared, delta: i64 },
    DeleteRange { table: Table, from: Shared, to: Shared },
}

/// The term and the changes of an entry.
pub(crate) fn decode(entry: &Shared) -> Result<(u64, Vec<Change>), EntryError> {
    let (version, rest) =
        entry.split_first().ok_or_else(|| EntryError::Damaged("empty".to_owned()))?;
    if *version != VERSION {
        return Err(EntryError::Version(*version));
    }
    let config = bincode::config::legacy().with_limit::<LIMIT>();
    let (stored, used): (Entry<'_>, usize) = bincode::serde::borrow_decode_from_slice(rest, config)
        .map_err(|error| EntryError::Damaged(error.to_string()))?;
    if used != rest.len() {
        return Err(EntryError::Damaged("bytes after the end".to_owned()));
    }
    let changes = stored.writes.into_iter().map(|write| from_stored(entry, write));
    Ok((stored.term, changes.collect::<Result<_, _>>()?))
}

/// Bytes of keys and values of a write.
pub(crate) fn write_bytes(write: &Write) -> usize {
    match write {
        Write::Put { key, value, .. } | Write::DeleteIf { key, value, .. } => {
            key.len() + value.len()
        }
        Write::Delete { key, .. } => key.len(),
        Write::Add { key, .. } => key.len() + 8,
        Write::DeleteRange { from, to, .. } => from.len() + to.len(),
    }
}

fn to_stored(write: &Write) -> EntryWrite<'_> {
    match write {
        Write::Put { table, key, value } => EntryWrite::Put(table.code(), Bytes(key), Bytes(value)),
        Write::Delete { table, key } => EntryWrite::Delete(table.code(), Bytes(key)),
        Write::DeleteIf { table, key, value } => {
            EntryWrite::DeleteIf(table.code(), Bytes(key), Bytes(value))
        }
        Write::Add { table, key, delta } => EntryWrite::Add(table.code(), Bytes(key), *delta),
        Write::DeleteRange { table, from, to } => {
            EntryWrite::DeleteRange(table.code(), Bytes(from), Bytes(to))
        }
    }
}

fn from_stored(entry: &Shared, write: EntryWrite<'_>) -> Result<Change, EntryError> {
    let table = |code| {
        Table::from_code(code).ok_or_else(|| EntryError::Damaged(format!("no table {code}")))
    };
    let part = |bytes: Bytes<'_>| entry.slice_ref(bytes.0);
    Ok(match write {
        EntryWrite::Put(code, key, value) => {
            Change::Put { table: table(code)?, key: part(key), value: part(value) }
        }
        EntryWrite::Delete(code, key) => Change::Delete { table: table(code)?, key: part(key) },
        EntryWrite::DeleteIf(code, key, value) => {
            Change::DeleteIf { table: table(code)?, key: part(key), value: part(value) }
        }
        EntryWrite::Add(code, key, delta) => {
            Change::Add { table: table(code)?, key: part(key), delta }
        }
        EntryWrite::DeleteRange(code, from, to) => {
            Change::DeleteRange { table: table(code)?, from: part(from), to: part(to) }
        }
    })
}

impl From<Change> for Write {
    fn from(change: Change) -> Self {
        match change {
            Change::Put { table, key, value } => {
                Self::Put { table, key: key.into(), value: value.into() }
            }
            Change::Delete { table, key } => Self::Delete { table, key: key.into() },
            Change::DeleteIf { table, key, value } => {
                Self::DeleteIf { table, key: key.into(), value: value.into() }
            }
            Change::Add { table, key, delta } => Self::Add { table, key: key.into(), delta },
            Change::DeleteRange { table, from, to } => {
                Self::DeleteRange { table, from: from.into(), to: to.into() }
            }
        }
    }
}
