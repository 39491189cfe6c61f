use std::fmt;
use std::ops::Bound;

use impresario_journal::Table;

use crate::replica::inner::{Inner, unreadable};
use crate::replica::snapshot::moment;
use crate::replica::{Mark, ReplicaError};
use crate::state::{Base, BaseRows};

/// What stands before the rows of a digest.
const SEED: &[u8] = b"impresario rows 1 ";

/// Before each row of a digest: its table, the lengths of key and value.
const HEAD: usize = 9;

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its table.
    pub table: Table,
    /// Its key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// The rows of a group as of one moment, table by table in the order of [`Table::ALL`], by
/// ascending keys, while writes go on. While it lives it keeps old pages of the state database
/// from being used again, and the file locked.
pub struct RowReader {
    base: Base,
    mark: Option<Mark>,
    /// The table that is read, as a place in [`Table::ALL`], and what is left of it.
    table: usize,
    rows: Option<BaseRows>,
    /// What was read and did not fit any more.
    next: Option<Row>,
}

impl RowReader {
    pub(crate) fn open(inner: &Inner, group: u16) -> Result<Self, ReplicaError> {
        let (base, mark) = moment(inner, group)?;
        Ok(Self { base, mark, table: 0, rows: None, next: None })
    }

    /// Of which moment this is; `None` if the group had never applied anything.
    #[must_use]
    pub fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// The next rows, up to `max_bytes` of keys and values but at least one; none behind the last.
    /// Reads the disk.
    ///
    /// # Errors
    /// If the state database cannot be read.
    pub fn next(&mut self, max_bytes: usize) -> Result<Vec<Row>, ReplicaError> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        loop {
            let Some(row) = self.next.take().map_or_else(|| self.one(), |row| Ok(Some(row)))?
            else {
                return Ok(taken);
            };
            bytes += row.key.len() + row.value.len();
            if bytes > max_bytes && !taken.is_empty() {
                self.next = Some(row);
                return Ok(taken);
            }
            taken.push(row);
        }
    }

    /// A hash over all rows that [`RowReader::next`] has not given yet: equal rows give equal
    /// hashes, on every node. The mark is not in it.
    ///
    /// # Errors
    /// If the state database cannot be read.
    pub fn digest(mut self) -> Result<[u8; 32], ReplicaError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(SEED);
        while let Some(row) = self.next.take().map_or_else(|| self.one(), |row| Ok(Some(row)))? {
            let mut head = [0; HEAD];
            head[0] = row.table.code();
            head[1..5].copy_from_slice(&length(&row.key));
            head[5..9].copy_from_slice(&length(&row.value));
            hasher.update(&head).update(&row.key).update(&row.value);
        }
        Ok(*hasher.finalize().as_bytes())
    }

    fn one(&mut self) -> Result<Option<Row>, ReplicaError> {
        while let Some(table) = Table::ALL.get(self.table).copied() {
            let rows = match &mut self.rows {
                Some(rows) => rows,
                none => {
                    let all = (Bound::Unbounded, Bound::Unbounded);
                    none.insert(self.base.range(table, all, false).map_err(unreadable)?)
                }
            };
            if let Some((key, value)) = rows.next().map_err(unreadable)? {
                let (key, value) = (key.value().to_vec(), value.value().to_vec());
                return Ok(Some(Row { table, key, value }));
            }
            self.rows = None;
            self.table += 1;
        }
        Ok(None)
    }
}

/// Keys and values are far shorter than 4 GiB.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

impl fmt::Debug for RowReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowReader").field("mark", &self.mark).finish_non_exhaustive()
    }
}
