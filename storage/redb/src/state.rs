use std::ops::Bound;

use impresario_journal::Table;
use redb::{
    Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, TableDefinition,
};

use crate::OpenError;
use crate::disk::{Disk, Result, guarded};
use crate::format::{self, ABOUT, Position, Role};
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

/// The first rows of a database of this role that holds nothing yet.
pub(crate) fn fill<P: Position>(database: &Database, role: Role) -> Result<()> {
    let transaction = database.begin_write()?;
    {
        let mut about = transaction.open_table(ABOUT)?;
        for (row, value) in role.rows() {
            about.insert(row, value.as_slice())?;
        }
        about.insert(P::ROW, P::default().to_bytes().as_slice())?;
    }
    for table in Table::ALL {
        transaction.open_table(definition(table))?;
    }
    Ok(transaction.commit()?)
}

/// The database of one partition's rows.
pub(crate) struct State {
    database: Database,
    /// How often the log beside it was opened, in a replicated store: by this an old copy of the
    /// log is known.
    stamp: Option<u64>,
}

/// The row of [`ABOUT`] that holds the stamp.
const STAMP: &str = "log-opened";

impl State {
    /// Opens the state database of a partition, or creates it empty.
    pub(crate) fn open<P: Position>(
        disk: &Disk,
        partition: u16,
        cache: usize,
    ) -> std::result::Result<Self, OpenError> {
        let name = format::state_name(partition);
        if !disk.exists(&name)? {
            disk.create(&name, |database| fill::<P>(database, Role::State { partition }))?;
        }
        let database = disk.open(&name, cache)?;
        Self::checked(disk, &name, database, Role::State { partition })
    }

    /// Takes an opened database if it is what it should be.
    pub(crate) fn checked(
        disk: &Disk,
        name: &str,
        database: Database,
        role: Role,
    ) -> std::result::Result<Self, OpenError> {
        format::check(disk, name, &database, role)?;
        let state = Self { database, stamp: None };
        guarded(|| state.add_missing_tables()).map_err(|error| disk.failure(name, error))?;
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

    /// From now on each write says how often the log had been opened. Gives what the last one said.
    pub(crate) fn stamp(&mut self, opened: u64) -> Result<u64> {
        self.stamp = Some(opened);
        let stored = guarded(|| format::about(&self.database, STAMP))?;
        Ok(stored.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
    }

    /// How far this database is; an error if it does not say so in this way.
    pub(crate) fn position<P: Position>(&self) -> Result<P> {
        let bytes = guarded(|| format::about(&self.database, P::ROW))?;
        bytes
            .and_then(|bytes| P::from_bytes(&bytes))
            .ok_or_else(|| redb::Error::Corrupted("it does not say how far it is".to_owned()))
    }

    /// Writes the rows of an overlay, durably and together with how far that brings the database.
    pub(crate) fn write<P: Position>(&self, overlay: &Overlay, at: &P) -> Result<()> {
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
                        Some(value) => drop(stored.insert(&key[..], &value[..])?),
                        None => drop(stored.remove(&key[..])?),
                    }
                }
            }
            {
                let mut about = transaction.open_table(ABOUT)?;
                about.insert(P::ROW, at.to_bytes().as_slice())?;
                if let Some(opened) = self.stamp {
                    about.insert(STAMP, opened.to_be_bytes().as_slice())?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// A snapshot for readers, as of the last write.
    pub(crate) fn base(&self) -> Result<Base> {
        guarded(|| Base::of(&self.database.begin_read()?))
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
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
    pub(crate) fn of(transaction: &ReadTransaction) -> Result<Self> {
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            tables.push(transaction.open_table(definition(table))?);
        }
        Ok(Self { tables })
    }

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
