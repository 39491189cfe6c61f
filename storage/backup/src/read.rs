use std::ops::ControlFlow;
use std::sync::Arc;

use impresario_journal::{Batch, Journal, KeyRange, Table, Write};
use impresario_kernel::PartitionId;

use crate::{BackupError, FileInfo, Part, Row, ShippedBatch, Target, decode_batches, decode_rows};

/// Bytes of writes that one commit of a replay takes together.
const REPLAY_BYTES: usize = 4 << 20;
/// Rows that a scratch store gives at once.
const PAGE_ROWS: usize = 2_000;
const PAGE_BYTES: usize = 1 << 20;

/// The batches that lead from a part's rows to a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// The objects of batches, in order.
    pub log: Vec<FileInfo>,
    /// The last batch when the taking of the cut began.
    pub begun: u64,
    /// The last batch of the cut.
    pub cut: u64,
}

/// A store of one partition that is thrown away afterwards.
pub type Scratch = Arc<dyn Journal>;

/// The rows of one partition, page by page: straight from a backup's objects, or from a scratch
/// store.
pub enum Rows {
    /// From objects.
    Objects {
        /// Where they are.
        target: Target,
        /// Those that are left.
        files: std::vec::IntoIter<FileInfo>,
    },
    /// From partition 0 of a scratch store.
    Scratch {
        /// The store.
        journal: Scratch,
        /// The table under way, and where it goes on; `None` at the end.
        at: Option<(usize, KeyRange)>,
    },
}

impl Rows {
    /// The rows as they were when the part's snapshot was taken.
    #[must_use]
    pub fn of_snapshot(target: &Target, part: &Part) -> Self {
        Self::Objects { target: target.clone(), files: part.rows.clone().into_iter() }
    }

    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] and what the target says.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, BackupError> {
        match self {
            Self::Objects { target, files } => match files.next() {
                None => Ok(None),
                Some(file) => rows_of(target, &file).await.map(Some),
            },
            Self::Scratch { journal, at } => {
                let Some((table, range)) = at.take() else { return Ok(None) };
                let reading = Arc::clone(journal);
                let page = tokio::task::spawn_blocking(move || page(&*reading, table, range)).await;
                let (rows, next) = page.map_err(scratch)??;
                *at = next;
                Ok(Some(rows))
            }
        }
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Objects { .. } => "Rows::Objects",
            Self::Scratch { .. } => "Rows::Scratch",
        })
    }
}

/// The bytes of an object, checked against what was told of it.
pub(crate) async fn object(target: &Target, file: &FileInfo) -> Result<bytes::Bytes, BackupError> {
    let found = target.get(&file.name).await?;
    let bytes = found.ok_or_else(|| BackupError::damaged(&file.name, "it is not there"))?;
    file.check(&bytes)?;
    Ok(bytes)
}

pub(crate) async fn rows_of(target: &Target, file: &FileInfo) -> Result<Vec<Row>, BackupError> {
    let rows = decode_rows(&file.name, &object(target, file).await?)?;
    if rows.len() as u64 != file.items {
        return Err(BackupError::damaged(&file.name, "it has another number of rows"));
    }
    Ok(rows)
}

/// The batches of an object, if they follow `before` without a gap.
pub(crate) async fn batches_of(
    target: &Target,
    file: &FileInfo,
    before: u64,
) -> Result<Vec<ShippedBatch>, BackupError> {
    let batches = decode_batches(&file.name, &object(target, file).await?)?;
    let gap = || BackupError::damaged(&file.name, format!("it does not follow batch {before}"));
    if batches.len() as u64 != file.items {
        return Err(BackupError::damaged(&file.name, "it has another number of batches"));
    }
    for (batch, wanted) in batches.iter().zip(before + 1..) {
        if batch.number != wanted {
            return Err(gap());
        }
    }
    Ok(batches)
}

/// The rows of a part as of a cut: those of its snapshot if nothing came after, otherwise the scratch
/// store's, when all steps were replayed there. The scratch store is empty before.
///
/// # Errors
/// [`BackupError::Damaged`] and what the target or the scratch store says.
pub async fn replay(
    target: &Target,
    part: &Part,
    steps: &Steps,
    scratch: impl FnOnce() -> Result<Scratch, BackupError>,
) -> Result<Rows, BackupError> {
    if steps.cut == part.batch {
        return Ok(Rows::of_snapshot(target, part));
    }
    let journal = scratch()?;
    let mut writer = Replay { journal: &*journal, writes: Vec::new(), bytes: 0 };
    let mut rows = Rows::of_snapshot(target, part);
    while let Some(page) = rows.next().await? {
        for row in page {
            writer.push(Write::Put { table: row.table, key: row.key, value: row.value }).await?;
        }
    }
    let mut last = part.batch;
    for file in &steps.log {
        for batch in batches_of(target, file, last).await? {
            last = batch.number;
            let in_doubt = batch.number > steps.begun;
            for write in batch.writes {
                if !(in_doubt && removes_effect(&write)) {
                    writer.push(write).await?;
                }
            }
        }
    }
    if last != steps.cut {
        let object = part.rows.first().map_or("a part", |file| file.name.as_str());
        let why = format!("batches after {last} are missing, up to {}", steps.cut);
        return Err(BackupError::damaged(object, why));
    }
    writer.flush().await?;
    Ok(Rows::Scratch { journal, at: Some((0, KeyRange::all())) })
}

/// Whether a write says that an effect was carried out. Its receiver may be in a partition whose cut
/// was taken a moment before, without it: then it must be carried out again. If it was received, the
/// receiver knows it.
fn removes_effect(write: &Write) -> bool {
    match write {
        Write::Delete { table, .. } | Write::DeleteIf { table, .. } => *table == Table::Outbox,
        // A tenant that goes takes its effects with it.
        Write::DeleteRange { .. } | Write::Put { .. } | Write::Add { .. } => false,
    }
}

struct Replay<'a> {
    journal: &'a dyn Journal,
    writes: Vec<Write>,
    bytes: usize,
}

impl Replay<'_> {
    async fn push(&mut self, write: Write) -> Result<(), BackupError> {
        self.bytes += match &write {
            Write::Put { key, value, .. } | Write::DeleteIf { key, value, .. } => {
                key.len() + value.len()
            }
            Write::Delete { key, .. } | Write::Add { key, .. } => key.len(),
            Write::DeleteRange { from, to, .. } => from.len() + to.len(),
        };
        self.bytes += 32;
        self.writes.push(write);
        if self.bytes < REPLAY_BYTES { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), BackupError> {
        self.bytes = 0;
        let writes = std::mem::take(&mut self.writes);
        let term = self.journal.leadership(PartitionId(0)).term;
        let batch = Batch { partition: PartitionId(0), term, writes };
        self.journal.commit(batch).await.map(|_| ()).map_err(scratch)
    }
}

type Page = (Vec<Row>, Option<(usize, KeyRange)>);

/// Rows of one table from a place on, and where the next page begins.
fn page(journal: &dyn Journal, table: usize, range: KeyRange) -> Result<Page, BackupError> {
    let Some(code) = Table::ALL.get(table).copied() else { return Ok((Vec::new(), None)) };
    let (mut rows, mut bytes, mut more) = (Vec::new(), 0, false);
    let visited = journal.scan(PartitionId(0), code, &range, false, &mut |key, value| {
        rows.push(Row { table: code, key: key.to_vec(), value: value.to_vec() });
        bytes += key.len() + value.len();
        more = rows.len() >= PAGE_ROWS || bytes >= PAGE_BYTES;
        if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    visited.map_err(scratch)?;
    let next = match rows.last() {
        Some(last) if more => Some((table, range.after(&last.key))),
        Some(_) | None => (table + 1 < Table::ALL.len()).then(|| (table + 1, KeyRange::all())),
    };
    Ok((rows, next))
}

fn scratch(error: impl std::fmt::Display) -> BackupError {
    BackupError::Scratch(error.to_string())
}
