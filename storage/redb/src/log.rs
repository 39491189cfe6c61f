use redb::{Database, Durability, ReadableDatabase as _, TableDefinition};

use crate::OpenError;
use crate::disk::{Disk, Result, guarded};
use crate::format::{self, ABOUT, LOG, Role};

/// Partition and index, both big-endian → entry.
const ENTRIES: TableDefinition<'_, &[u8; 10], &[u8]> = TableDefinition::new("entries");

/// Partition → the last index that was cut off; only for partitions that were cut.
const CUT: TableDefinition<'_, u16, u64> = TableDefinition::new("cut");

/// The database of all partitions' batches that are not yet durable in a state database.
pub(crate) struct Log {
    database: Database,
}

/// One batch on its way into the log.
#[derive(Clone, Copy)]
pub(crate) struct Append<'a> {
    pub(crate) partition: u16,
    pub(crate) index: u64,
    pub(crate) entry: &'a [u8],
}

/// Entries `from..=to` of a partition, no longer needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) partition: u16,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Log {
    /// Opens the log, or creates it if there is none.
    pub(crate) fn open(
        disk: &Disk,
        partitions: u16,
        cache: usize,
    ) -> std::result::Result<Self, OpenError> {
        if !disk.exists(LOG)? {
            for partition in 0..partitions {
                let name = format::state_name(partition);
                if disk.exists(&name)? {
                    let why = format!("{name} is there without it");
                    return Err(OpenError::Missing { path: disk.path(LOG), why });
                }
            }
            disk.create(LOG, |database| {
                let transaction = database.begin_write()?;
                {
                    let mut about = transaction.open_table(ABOUT)?;
                    for (row, value) in (Role::Log { partitions }).rows() {
                        about.insert(row, value.as_slice())?;
                    }
                    transaction.open_table(ENTRIES)?;
                    transaction.open_table(CUT)?;
                }
                Ok(transaction.commit()?)
            })?;
        }
        let database = disk.open(LOG, cache)?;
        match format::check(disk, LOG, &database, Role::Log { partitions })? {
            Role::Log { partitions: stored } if stored != partitions => {
                Err(OpenError::Partitions { path: disk.dir.clone(), stored, wanted: partitions })
            }
            Role::Log { .. }
            | Role::ReplicaLog { .. }
            | Role::State { .. }
            | Role::Incoming { .. } => Ok(Self { database }),
        }
    }

    /// The last index of a partition that was cut off; 0 if none was.
    pub(crate) fn cut(&self, partition: u16) -> Result<u64> {
        guarded(|| {
            let table = self.database.begin_read()?.open_table(CUT)?;
            Ok(table.get(partition)?.map_or(0, |index| index.value()))
        })
    }

    /// The last index in the log of a partition, if it holds any entry of it.
    pub(crate) fn last(&self, partition: u16) -> Result<Option<u64>> {
        guarded(|| {
            let table = self.database.begin_read()?.open_table(ENTRIES)?;
            let mut rows =
                table.range::<&[u8; 10]>(&key(partition, 0)..=&key(partition, u64::MAX))?;
            Ok(rows.next_back().transpose()?.map(|(at, _)| index_of(at.value())))
        })
    }

    /// Visits the entries of a partition after `applied`, in order.
    pub(crate) fn replay<E: From<redb::Error>>(
        &self,
        partition: u16,
        applied: u64,
        mut visit: impl FnMut(u64, &[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let first = key(partition, applied.saturating_add(1));
        let last = key(partition, u64::MAX);
        let mut rows = guarded(|| {
            let table = self.database.begin_read()?.open_table(ENTRIES)?;
            Ok(table.range::<&[u8; 10]>(&first..=&last)?)
        })?;
        while let Some(row) = guarded(|| Ok(rows.next().transpose()?))? {
            let (at, entry) = row;
            visit(index_of(at.value()), entry.value())?;
        }
        Ok(())
    }

    /// Makes these entries durable and cuts others off, in one write.
    pub(crate) fn append(&self, entries: &[Append<'_>], cuts: &[Cut]) -> Result<()> {
        guarded(|| {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut table = transaction.open_table(ENTRIES)?;
                for append in entries {
                    table.insert(&key(append.partition, append.index), append.entry)?;
                }
                if !cuts.is_empty() {
                    let mut done = transaction.open_table(CUT)?;
                    for cut in cuts {
                        for index in cut.from..=cut.to {
                            table.remove(&key(cut.partition, index))?;
                        }
                        done.insert(cut.partition, cut.to)?;
                    }
                }
            }
            Ok(transaction.commit()?)
        })
    }

    pub(crate) fn into_database(self) -> Database {
        self.database
    }
}

fn key(partition: u16, index: u64) -> [u8; 10] {
    let mut key = [0; 10];
    key[..2].copy_from_slice(&partition.to_be_bytes());
    key[2..].copy_from_slice(&index.to_be_bytes());
    key
}

fn index_of(key: &[u8; 10]) -> u64 {
    let mut index = [0; 8];
    index.copy_from_slice(&key[2..]);
    u64::from_be_bytes(index)
}
