//! The rows by which a database says what it is. Golden bytes are in the tests.

use redb::{ReadableDatabase as _, ReadableTable, TableDefinition};

use crate::OpenError;
use crate::disk::{Disk, Result};

/// The newest format of the files that this release reads and writes.
pub(crate) const VERSION: u32 = 1;

/// Small rows: format, kind and number of the database, and how far a state database is.
pub(crate) const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("impresario");

pub(crate) const LOG: &str = "log.redb";

pub(crate) fn state_name(partition: u16) -> String {
    format!("state-{partition:04}.redb")
}

/// What a database is: the log of so many partitions, or the state of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Log { partitions: u16 },
    State { partition: u16 },
}

impl Role {
    /// The rows of a database of this role.
    pub(crate) fn rows(self) -> [(&'static str, Vec<u8>); 3] {
        let (kind, name, number) = match self {
            Self::Log { partitions } => ("log", "partitions", partitions),
            Self::State { partition } => ("state", "partition", partition),
        };
        [
            ("format", VERSION.to_be_bytes().to_vec()),
            ("kind", kind.as_bytes().to_vec()),
            (name, number.to_be_bytes().to_vec()),
        ]
    }

    fn describe(self) -> String {
        match self {
            Self::Log { partitions } => format!("the log of {partitions} partitions"),
            Self::State { partition } => format!("the state of partition {partition}"),
        }
    }
}

/// How far a state database is: the index and the term of its last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) index: u64,
    pub(crate) term: u64,
}

impl Applied {
    pub(crate) const ROW: &str = "applied";

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.index.to_be_bytes());
        bytes[8..].copy_from_slice(&self.term.to_be_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (index, term) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            index: u64::from_be_bytes(*index),
            term: u64::from_be_bytes(term.try_into().ok()?),
        })
    }
}

/// Reads one row of [`ABOUT`].
pub(crate) fn about(database: &redb::Database, row: &str) -> Result<Option<Vec<u8>>> {
    let table = database.begin_read()?.open_table(ABOUT)?;
    Ok(ReadableTable::get(&table, row)?.map(|value| value.value().to_vec()))
}

/// Whether the database `name` is what it should be. The number of partitions is the caller's to
/// compare.
pub(crate) fn check(
    disk: &Disk,
    name: &str,
    database: &redb::Database,
    expected: Role,
) -> std::result::Result<Role, OpenError> {
    let row = |row| {
        crate::disk::guarded(|| about(database, row)).map_err(|error| disk.failure(name, error))
    };
    let damaged = |why: &str| OpenError::Damaged { path: disk.path(name), why: why.to_owned() };
    let format = row("format")?.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let format = format.ok_or_else(|| damaged("it has no format row"))?;
    if format != VERSION {
        return Err(OpenError::Format { path: disk.path(name), stored: format, known: VERSION });
    }
    let number = |bytes: Option<Vec<u8>>| {
        bytes.and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes)
    };
    let found = match row("kind")?.as_deref() {
        Some(b"log") => number(row("partitions")?).map(|partitions| Role::Log { partitions }),
        Some(b"state") => number(row("partition")?).map(|partition| Role::State { partition }),
        _ => None,
    };
    let found = found.ok_or_else(|| damaged("its rows do not say what it is"))?;
    match (found, expected) {
        (Role::Log { .. }, Role::Log { .. }) => Ok(found),
        (Role::State { partition }, Role::State { partition: wanted }) if partition == wanted => {
            Ok(found)
        }
        (Role::Log { .. } | Role::State { .. }, _) => Err(OpenError::Misplaced {
            path: disk.path(name),
            found: found.describe(),
            expected: expected.describe(),
        }),
    }
}
