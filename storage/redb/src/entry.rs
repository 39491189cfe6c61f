//! The stored form of a log entry: a version byte, then bincode's legacy (fixed-integer) layout of
//! [`Entry`]. Golden bytes of each version stay in the tests for ever.

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

/// The term and the writes of an entry.
pub(crate) fn decode(bytes: &[u8]) -> Result<(u64, Vec<Write>), EntryError> {
    let (version, rest) =
        bytes.split_first().ok_or_else(|| EntryError::Damaged("empty".to_owned()))?;
    if *version != VERSION {
        return Err(EntryError::Version(*version));
    }
    let config = bincode::config::legacy().with_limit::<LIMIT>();
    let (entry, used): (Entry<'_>, usize) = bincode::serde::borrow_decode_from_slice(rest, config)
        .map_err(|error| EntryError::Damaged(error.to_string()))?;
    if used != rest.len() {
        return Err(EntryError::Damaged("bytes after the end".to_owned()));
    }
    let writes = entry.writes.into_iter().map(from_stored).collect::<Result<_, _>>()?;
    Ok((entry.term, writes))
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

fn from_stored(write: EntryWrite<'_>) -> Result<Write, EntryError> {
    let table = |code| {
        Table::from_code(code).ok_or_else(|| EntryError::Damaged(format!("no table {code}")))
    };
    Ok(match write {
        EntryWrite::Put(code, key, value) => {
            Write::Put { table: table(code)?, key: key.0.to_vec(), value: value.0.to_vec() }
        }
        EntryWrite::Delete(code, key) => Write::Delete { table: table(code)?, key: key.0.to_vec() },
        EntryWrite::DeleteIf(code, key, value) => {
            Write::DeleteIf { table: table(code)?, key: key.0.to_vec(), value: value.0.to_vec() }
        }
        EntryWrite::Add(code, key, delta) => {
            Write::Add { table: table(code)?, key: key.0.to_vec(), delta }
        }
        EntryWrite::DeleteRange(code, from, to) => {
            Write::DeleteRange { table: table(code)?, from: from.0.to_vec(), to: to.0.to_vec() }
        }
    })
}
