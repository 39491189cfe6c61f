//! The rows by which a database says what it is. Golden bytes are in the tests.

use std::ops::RangeInclusive;

use redb::{ReadableDatabase as _, ReadableTable, TableDefinition};

use crate::OpenError;
use crate::disk::{Disk, Result};

/// How many formats a build that plays the next release is ahead.
const AHEAD: u32 = if cfg!(feature = "next-format") { 1 } else { 0 };

/// The format of plain logs and of state databases that this release writes. A file keeps the
/// format that it was made with: a node may go back to the release before.
pub(crate) const VERSION: u32 = 1 + AHEAD;

/// The format of replicated logs. Higher than any plain log's, so that a release that knows only
/// those says that the file is newer than itself.
pub(crate) const REPLICA_VERSION: u32 = 2 + AHEAD;

/// Small rows: format, kind and number of the database, and how far a state database is.
pub(crate) const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("impresario");

pub(crate) const LOG: &str = "log.redb";

pub(crate) fn state_name(partition: u16) -> String {
    format!("state-{partition:04}.redb")
}

/// The unfinished state that an installation of a snapshot builds.
pub(crate) fn incoming_name(group: u16) -> String {
    format!("incoming-{group:04}.redb")
}

/// What a database is: the log of so many partitions or groups, the state of one of them, or what
/// becomes such a state when the last of a snapshot is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Log { partitions: u16 },
    ReplicaLog { groups: u16 },
    State { partition: u16 },
    Incoming { group: u16 },
}

impl Role {
    /// The rows of a database of this role.
    pub(crate) fn rows(self) -> [(&'static str, Vec<u8>); 3] {
        let (kind, name, number) = match self {
            Self::Log { partitions } => ("log", "partitions", partitions),
            Self::ReplicaLog { groups } => ("replica-log", "groups", groups),
            Self::State { partition } => ("state", "partition", partition),
            Self::Incoming { group } => ("incoming", "partition", group),
        };
        [
            ("format", self.version().to_be_bytes().to_vec()),
            ("kind", kind.as_bytes().to_vec()),
            (name, number.to_be_bytes().to_vec()),
        ]
    }

    fn version(self) -> u32 {
        match self {
            Self::Log { .. } | Self::State { .. } | Self::Incoming { .. } => VERSION,
            Self::ReplicaLog { .. } => REPLICA_VERSION,
        }
    }

    /// The formats that this release reads: its own and, if there was one, that of the release
    /// before.
    fn readable(self) -> RangeInclusive<u32> {
        self.version() - AHEAD..=self.version()
    }

    fn describe(self) -> String {
        match self {
            Self::Log { partitions } => {
                format!("the log of {partitions} partitions, not replicated")
            }
            Self::ReplicaLog { groups } => format!("the replicated log of up to {groups} groups"),
            Self::State { partition } => format!("the state of partition {partition}"),
            Self::Incoming { group } => format!("an unfinished state of group {group}"),
        }
    }

    fn is_log(self) -> bool {
        match self {
            Self::Log { .. } | Self::ReplicaLog { .. } => true,
            Self::State { .. } | Self::Incoming { .. } => false,
        }
    }
}

/// How far a state database is, in the form that one kind of store gives it.
pub(crate) trait Position: Clone + Default + PartialEq + Send + Sync + 'static {
    /// The row of [`ABOUT`] that holds it.
    const ROW: &'static str;

    /// The index of the last batch; 0 if there is none.
    fn index(&self) -> u64;

    fn to_bytes(&self) -> Vec<u8>;

    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// How far a state database is: the index and the term of its last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) index: u64,
    pub(crate) term: u64,
}

impl Position for Applied {
    const ROW: &'static str = "applied";

    fn index(&self) -> u64 {
        self.index
    }

    fn to_bytes(&self) -> Vec<u8> {
        [self.index.to_be_bytes(), self.term.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (index, term) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            index: u64::from_be_bytes(*index),
            term: u64::from_be_bytes(term.try_into().ok()?),
        })
    }
}

/// Reads one row of [`ABOUT`].
pub(crate) fn about(database: &redb::Database, row: &str) -> Result<Option<Vec<u8>>> {
    about_in(&database.begin_read()?, row)
}

/// Reads one row of [`ABOUT`] as of a snapshot.
pub(crate) fn about_in(transaction: &redb::ReadTransaction, row: &str) -> Result<Option<Vec<u8>>> {
    let table = transaction.open_table(ABOUT)?;
    Ok(ReadableTable::get(&table, row)?.map(|value| value.value().to_vec()))
}

/// Whether the database `name` is what it should be. The number of partitions of a log is the
/// caller's to compare.
pub(crate) fn check(
    disk: &Disk,
    name: &str,
    database: &redb::Database,
    expected: Role,
) -> std::result::Result<Role, OpenError> {
    let found = identify(disk, name, database)?;
    let same_kind = match (found, expected) {
        (Role::Log { .. }, Role::Log { .. })
        | (Role::ReplicaLog { .. }, Role::ReplicaLog { .. }) => true,
        (Role::State { .. } | Role::Incoming { .. }, _) => found == expected,
        (Role::Log { .. } | Role::ReplicaLog { .. }, _) => false,
    };
    if same_kind {
        return Ok(found);
    }
    let mut text = expected.describe();
    if found.is_log() && expected.is_log() {
        let way = match found {
            Role::Log { .. } => "ask for the adoption of the plain store",
            Role::ReplicaLog { .. } | Role::State { .. } | Role::Incoming { .. } => {
                "open it as a replicated store"
            }
        };
        text = format!("{text} ({way})");
    }
    Err(OpenError::Misplaced { path: disk.path(name), found: found.describe(), expected: text })
}

/// What the rows of the database `name` say it is.
pub(crate) fn identify(
    disk: &Disk,
    name: &str,
    database: &redb::Database,
) -> std::result::Result<Role, OpenError> {
    let row = |row| {
        crate::disk::guarded(|| about(database, row)).map_err(|error| disk.failure(name, error))
    };
    let damaged = |why: &str| OpenError::Damaged { path: disk.path(name), why: why.to_owned() };
    let format = row("format")?.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let format = format.ok_or_else(|| damaged("it has no format row"))?;
    if format > REPLICA_VERSION {
        let known = REPLICA_VERSION;
        return Err(OpenError::Format { path: disk.path(name), stored: format, known });
    }
    let number = |bytes: Option<Vec<u8>>| {
        bytes.and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes)
    };
    let found = match row("kind")?.as_deref() {
        Some(b"log") => number(row("partitions")?).map(|partitions| Role::Log { partitions }),
        Some(b"replica-log") => number(row("groups")?).map(|groups| Role::ReplicaLog { groups }),
        Some(b"state") => number(row("partition")?).map(|partition| Role::State { partition }),
        Some(b"incoming") => number(row("partition")?).map(|group| Role::Incoming { group }),
        _ => None,
    };
    let found = found.ok_or_else(|| damaged("its rows do not say what it is"))?;
    if !found.readable().contains(&format) {
        let known = found.version();
        return Err(OpenError::Format { path: disk.path(name), stored: format, known });
    }
    Ok(found)
}
