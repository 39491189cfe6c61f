use std::collections::BTreeMap;
use std::ops::Range;

use parking_lot::Mutex;
use redb::{Database, Durability, ReadableDatabase as _, TableDefinition};

use crate::OpenError;
use crate::disk::{Disk, Result, guarded};
use crate::format::{self, ABOUT, LOG, Role};
use crate::replica::LogEntry;
use crate::replica::records::{Draft, Held, Index, SLACK};
use crate::replica::stored::{self, At, Holding, damaged};

/// Number of a durable write → the entries that it brought; see [`super::records`].
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
/// Group → its vote.
const VOTES: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("votes");
/// Group → the last id that was known to be committed.
const COMMITTED: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("committed");
/// Group → where its log was purged to; later entries are valid, earlier ones waste.
const PURGED: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("purged");
/// Group → that a replica is here.
const GROUPS: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("groups");

/// The row of [`ABOUT`] that counts openings.
const OPENED: &str = "opened";

/// The most records that one write removes.
const RECORDS_MOST: usize = 64;

/// Fewer than these are left for a later write, unless they take much room.
const RECORDS_LEAST: usize = 32;

/// A write copies entries out of old records until it has so many bytes.
const RESCUE_BYTES: usize = 256 << 10;

/// The database of all groups' logs and votes.
pub(crate) struct ReplicaLog {
    database: Database,
    index: Mutex<Index>,
}

/// What one durable write does.
#[derive(Default)]
pub(crate) struct Changes<'a> {
    /// In order: an entry may be removed and written again.
    pub(crate) steps: Vec<Step<'a>>,
    pub(crate) votes: BTreeMap<u16, &'a [u8]>,
    pub(crate) committed: BTreeMap<u16, &'a [u8]>,
    pub(crate) purged: Vec<(u16, At)>,
    pub(crate) groups: Vec<(u16, Holding)>,
    /// Groups of which nothing stays but entries.
    pub(crate) forgotten: Vec<u16>,
}

pub(crate) enum Step<'a> {
    Insert(u16, &'a LogEntry),
    /// Entries that an opening would find to be waste.
    Remove(u16, Range<u64>),
    /// All entries from this one on.
    Truncate(u16, u64),
    /// All entries of a group.
    Forget(u16),
}

/// What the log knows of a group.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) holding: Option<Holding>,
    pub(crate) vote: Option<Vec<u8>>,
    pub(crate) committed: Option<Vec<u8>>,
    pub(crate) purged: Option<At>,
    /// Entries above `purged`.
    pub(crate) live: Range<u64>,
    /// The id of the last of them.
    pub(crate) last: Option<At>,
}

/// A group that a log begins with.
pub(crate) struct Founding {
    pub(crate) group: u16,
    pub(crate) purged: At,
    pub(crate) vote: Option<Vec<u8>>,
}

impl ReplicaLog {
    /// Opens the log, or creates it if there is none.
    pub(crate) fn open(
        disk: &Disk,
        groups: u16,
        cache: usize,
    ) -> std::result::Result<Self, OpenError> {
        if !disk.exists(LOG)? {
            for group in 0..groups {
                let name = format::state_name(group);
                if disk.exists(&name)? {
                    let why = format!("{name} is there without it");
                    return Err(OpenError::Missing { path: disk.path(LOG), why });
                }
            }
            Self::create(disk, groups, &[])?;
        }
        let database = disk.open(LOG, cache)?;
        match format::check(disk, LOG, &database, Role::ReplicaLog { groups })? {
            Role::ReplicaLog { groups: stored } if stored != groups => {
                Err(OpenError::Partitions { path: disk.dir.clone(), stored, wanted: groups })
            }
            Role::ReplicaLog { .. }
            | Role::Log { .. }
            | Role::State { .. }
            | Role::Incoming { .. } => {
                Self::load(database).map_err(|error| disk.failure(LOG, error))
            }
        }
    }

    /// Makes a log that begins with these groups, in the place of any other.
    pub(crate) fn create(
        disk: &Disk,
        groups: u16,
        founding: &[Founding],
    ) -> std::result::Result<(), OpenError> {
        disk.create(LOG, |database| {
            let transaction = database.begin_write()?;
            {
                let mut about = transaction.open_table(ABOUT)?;
                for (row, value) in (Role::ReplicaLog { groups }).rows() {
                    about.insert(row, value.as_slice())?;
                }
                transaction.open_table(RECORDS)?;
                transaction.open_table(COMMITTED)?;
                let mut votes = transaction.open_table(VOTES)?;
                let mut purged = transaction.open_table(PURGED)?;
                let mut held = transaction.open_table(GROUPS)?;
                for group in founding {
                    held.insert(group.group, Holding::Held.to_bytes().as_slice())?;
                    purged.insert(group.group, stored::write_at(&group.purged).as_slice())?;
                    if let Some(vote) = &group.vote {
                        votes.insert(group.group, stored::write_opaque(vote).as_slice())?;
                    }
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// Finds every entry. What was purged, and what is of no group that is here, is waste.
    fn load(database: Database) -> Result<Self> {
        let mut index = Index::new(SLACK);
        guarded(|| {
            let transaction = database.begin_read()?;
            for row in transaction.open_table(RECORDS)?.range::<u64>(..)? {
                let (number, record) = row?;
                index.replay(number.value(), record.value())?;
            }
            Ok(())
        })?;
        let log = Self { database, index: Mutex::new(index) };
        let groups = log.index.lock().groups();
        for group in groups {
            let known = log.rows(group)?;
            let mut index = log.index.lock();
            match (known.holding, known.purged) {
                (Some(Holding::Held), Some((purged, _))) => {
                    index.remove(group, 0..purged.saturating_add(1));
                }
                (Some(Holding::Held), None) => {}
                (Some(Holding::Leaving) | None, _) => index.forget(group),
            }
        }
        Ok(log)
    }

    /// Counts this opening, durably. How many there were, this one included.
    pub(crate) fn count_opening(&self) -> Result<u64> {
        guarded(|| {
            let before = format::about(&self.database, OPENED)?;
            let before =
                before.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            let transaction = self.database.begin_write()?;
            let opened = before + 1;
            transaction.open_table(ABOUT)?.insert(OPENED, opened.to_be_bytes().as_slice())?;
            transaction.commit()?;
            Ok(opened)
        })
    }

    /// How often the log was opened.
    pub(crate) fn opened(&self) -> Result<u64> {
        let stored = guarded(|| format::about(&self.database, OPENED))?;
        Ok(stored.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
    }

    /// What is known of a group.
    pub(crate) fn known(&self, group: u16) -> Result<Known> {
        let mut known = self.rows(group)?;
        let next = known.purged.as_ref().map_or(0, |(index, _)| index.saturating_add(1));
        known.live = next..next;
        let ends = self.index.lock().ends(group, next);
        if let Some((first, (last, held))) = ends {
            known.live = first..last.saturating_add(1);
            let entry = self.entries(&[(last, held)])?.pop().ok_or_else(|| damaged("an entry"))?;
            known.last = Some((last, entry.id));
        }
        Ok(known)
    }

    /// The rows of a group; nothing of its entries.
    fn rows(&self, group: u16) -> Result<Known> {
        guarded(|| {
            let transaction = self.database.begin_read()?;
            let row = |definition: TableDefinition<'_, u16, &'static [u8]>| -> Result<_> {
                let table = transaction.open_table(definition)?;
                Ok(table.get(group)?.map(|value| value.value().to_vec()))
            };
            let mut known = Known::default();
            if let Some(bytes) = row(GROUPS)? {
                let holding = Holding::from_bytes(&bytes);
                known.holding = Some(holding.ok_or_else(|| damaged("a row of a group"))?);
            }
            let opaque = |bytes: Option<Vec<u8>>, what| match bytes {
                Some(bytes) => stored::read_opaque(&bytes).map(Some).ok_or_else(|| damaged(what)),
                None => Ok(None),
            };
            known.vote = opaque(row(VOTES)?, "a vote")?;
            known.committed = opaque(row(COMMITTED)?, "a committed id")?;
            if let Some(bytes) = row(PURGED)? {
                let at = stored::read_at(&bytes).ok_or_else(|| damaged("a purged id"))?;
                known.purged = Some(at);
            }
            Ok(known)
        })
    }

    /// The entries of a range of a group, up to `max` bytes (at least one).
    pub(crate) fn read(&self, group: u16, range: Range<u64>, max: usize) -> Result<Vec<LogEntry>> {
        let held = self.index.lock().range(group, range, max);
        self.entries(&held)
    }

    fn entries(&self, held: &[(u64, Held)]) -> Result<Vec<LogEntry>> {
        guarded(|| {
            let records = self.database.begin_read()?.open_table(RECORDS)?;
            let mut entries = Vec::with_capacity(held.len());
            for (index, held) in held {
                let record = records.get(held.record)?.ok_or_else(|| damaged("a record"))?;
                let entry = stored::read_entry(*index, held.of(record.value())?);
                entries.push(entry.ok_or_else(|| damaged("an entry"))?);
            }
            Ok(entries)
        })
    }

    /// Brings the index to what it will be after this write. Gives the new record and the numbers of
    /// those that go.
    fn plan(&self, steps: &[Step<'_>]) -> Result<(Draft, Range<u64>)> {
        let mut index = self.index.lock();
        let mut draft = index.begin();
        for step in steps {
            match step {
                Step::Insert(group, entry) => {
                    let held = draft.insert(*group, entry);
                    index.insert(*group, entry.index, held);
                }
                Step::Remove(group, range) => index.remove(*group, range.clone()),
                Step::Truncate(group, from) => {
                    draft.truncate(*group, *from);
                    index.remove(*group, *from..u64::MAX);
                }
                Step::Forget(group) => {
                    draft.forget(*group);
                    index.forget(*group);
                }
            }
        }
        let mut gone = index.superfluous(RECORDS_LEAST, RECORDS_MOST);
        while draft.bytes().len() < RESCUE_BYTES
            && let Some(stale) = index.stale()
        {
            let records = self.database.begin_read()?.open_table(RECORDS)?;
            let record = records.get(stale)?.ok_or_else(|| damaged("a record"))?;
            index.rescue(stale, record.value(), &mut draft)?;
            gone.end = index.superfluous(1, RECORDS_MOST).end;
        }
        index.end(&draft);
        Ok((draft, gone))
    }

    /// Makes all changes, or none, durably.
    pub(crate) fn write(&self, changes: &Changes<'_>) -> Result<()> {
        guarded(|| {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            if !changes.steps.is_empty() {
                let (draft, gone) = self.plan(&changes.steps)?;
                let mut records = transaction.open_table(RECORDS)?;
                for number in gone {
                    records.remove(number)?;
                }
                if !draft.is_empty() {
                    records.insert(draft.number, draft.bytes())?;
                }
            }
            for (definition, rows) in [(VOTES, &changes.votes), (COMMITTED, &changes.committed)] {
                if !rows.is_empty() {
                    let mut table = transaction.open_table(definition)?;
                    for (group, bytes) in rows {
                        table.insert(group, stored::write_opaque(bytes).as_slice())?;
                    }
                }
            }
            if !changes.purged.is_empty() {
                let mut table = transaction.open_table(PURGED)?;
                for (group, at) in &changes.purged {
                    table.insert(group, stored::write_at(at).as_slice())?;
                }
            }
            if !changes.groups.is_empty() || !changes.forgotten.is_empty() {
                let mut table = transaction.open_table(GROUPS)?;
                for (group, holding) in &changes.groups {
                    table.insert(group, holding.to_bytes().as_slice())?;
                }
            }
            for group in &changes.forgotten {
                for definition in [VOTES, COMMITTED, PURGED, GROUPS] {
                    transaction.open_table(definition)?.remove(group)?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    pub(crate) fn into_database(self) -> Database {
        self.database
    }
}
