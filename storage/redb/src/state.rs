use std::ops::Bound;

use impresario_journal::Table;
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase as _, TableDefinition};

use crate::OpenError;
use crate::disk::{Disk, Result, guarded};
use crate::format::{self, ABOUT, Applied, Role};
use crate::overlay::Overlay;

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The stored name of a table. Never change one.
pub(crate) fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(match table {
        Table::Events => "events",
        Table::Snapshots => "snapshots",
        Table::Seen => "seen",
        Table::Outbox => "outbox",
        Table::Timers => "timers",
        Table::Index => "index",
        Table::DeadLetters => "dead-letters",
        Table::Keys => "keys",
        Table::Meta => "meta",
        Table::Deliveries => "deliveries",
    })
}

/// The database of one partition's rows.
pub(crate) struct State {
    database: Database,
}

impl State {
    /// Opens the state database of a partition, or creates it empty.
    pub(crate) fn open(
        disk: &Disk,
        partition: u16,
        cache: usize,
    ) -> std::result::Result<Self, OpenError> {
        let name = format::state_name(partition);
        if !disk.exists(&name)? {
            disk.create(&name, |database| {
                let transaction = database.begin_write()?;
                {
                    let mut about = transaction.open_table(ABOUT)?;
                    for (row, value) in (Role::State { partition }).rows() {
                        about.insert(row, value.as_slice())?;
                    }
                    about.insert(Applied::ROW, Applied::default().to_bytes().as_slice())?;
                }
                for table in Table::ALL {
                    transaction.open_table(definition(table))?;
                }
                Ok(transaction.commit()?)
            })?;
        }
        let database = disk.open(&name, cache)?;
        format::check(disk, &name, &database, Role::State { partition })?;
        let state = Self { database };
        guarded(|| state.add_missing_tables()).map_err(|error| disk.failure(&name, error))?;
        Ok(state)
    }

    /// A store made by an earlier release lacks the tables that were added since.
    fn add_missing_tables(&self) -> Result<()> {
        let transaction = self.database.begin_read()?;
        let missing =
            Table::ALL.into_iter().any(|table| transaction.open_table(definition(table)).is_err());
        drop(transaction);
        if missing {
            let transaction = self.database.begin_write()?;
            for table in Table::ALL {
                transaction.open_table(definition(table))?;
            }
            transaction.commit()?;
        }
        Ok(())
    }

    /// How far this database is.
    pub(crate) fn applied(&self) -> Result<Applied> {
        let bytes = guarded(|| format::about(&self.database, Applied::ROW))?;
        bytes
            .and_then(|bytes| Applied::from_bytes(&bytes))
            .ok_or_else(|| redb::Error::Corrupted("it does not say how far it is".to_owned()))
    }

    /// Writes the rows of an overlay, durably and together with how far that brings the database.
    pub(crate) fn write(&self, overlay: &Overlay, applied: Applied) -> Result<()> {
        guarded(|| {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            // Without it a crash costs a walk over the whole file at the next opening.
            transaction.set_quick_repair(true);
            for table in Table::ALL {
                let rows = overlay.table(table);
                if rows.is_empty() {
                    continue;
                }
                let mut stored = transaction.open_table(definition(table))?;
                for (key, slot) in rows {
                    match slot {
                        Some(value) => drop(stored.insert(key.as_slice(), value.as_slice())?),
                        None => drop(stored.remove(key.as_slice())?),
                    }
                }
            }
            transaction.open_table(ABOUT)?.insert(Applied::ROW, applied.to_bytes().as_slice())?;
            Ok(transaction.commit()?)
        })
    }

    /// A snapshot for readers, as of the last write.
    pub(crate) fn base(&self) -> Result<Base> {
        guarded(|| {
            let transaction = self.database.begin_read()?;
            let mut tables = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                tables.push(transaction.open_table(definition(table))?);
            }
            Ok(Base { tables })
        })
    }

    pub(crate) fn into_database(self) -> Database {
        self.database
    }
}

/// A snapshot of a state database. Its tables are opened once, as that costs more than a read.
pub(crate) struct Base {
    tables: Vec<Rows>,
}

impl Base {
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        guarded(|| Ok(self.table(table)?.get(key)?.map(|value| value.value().to_vec())))
    }

    pub(crate) fn range(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        reverse: bool,
    ) -> Result<BaseRows> {
        let rows = guarded(|| Ok(self.table(table)?.range::<&[u8]>(range)?))?;
        Ok(BaseRows { rows, reverse })
    }

    fn table(&self, table: Table) -> Result<&Rows> {
        self.tables.get(usize::from(table.code())).ok_or(redb::Error::DatabaseClosed)
    }
}

/// Rows of a range of a snapshot, in order or in reverse.
pub(crate) struct BaseRows {
    rows: redb::Range<'static, &'static [u8], &'static [u8]>,
    reverse: bool,
}

/// A row as redb holds it.
pub(crate) type BaseRow =
    (redb::AccessGuard<'static, &'static [u8]>, redb::AccessGuard<'static, &'static [u8]>);

impl BaseRows {
    pub(crate) fn next(&mut self) -> Result<Option<BaseRow>> {
        let (rows, reverse) = (&mut self.rows, self.reverse);
        guarded(|| Ok(if reverse { rows.next_back() } else { rows.next() }.transpose()?))
    }
}
