use std::ops::ControlFlow;

use impresario_kernel::PartitionId;

use crate::{Journal, KeyRange, ReadError, Table};

/// One of several scans that are wanted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Where.
    pub partition: PartitionId,
    /// Of which table.
    pub table: Table,
    /// Which rows.
    pub range: KeyRange,
    /// From the last to the first.
    pub reverse: bool,
    /// About how many rows will be looked at; a journal whose rows are elsewhere fetches no more
    /// than these at first. 0: all there are.
    pub rows_hint: usize,
}

/// One of several rows that are wanted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// Where.
    pub partition: PartitionId,
    /// Of which table.
    pub table: Table,
    /// The row's key.
    pub key: Vec<u8>,
}

/// What a visitor of several scans is given: which of them, a key and its value. `Break` ends that
/// scan and no other.
pub type ManyVisitor<'a> = dyn FnMut(usize, &[u8], &[u8]) -> ControlFlow<()> + 'a;

/// One scan after the other.
pub(crate) fn scan_each(
    journal: &(impl Journal + ?Sized),
    scans: &[Scan],
    visit: &mut ManyVisitor<'_>,
) -> Result<(), ReadError> {
    for (number, scan) in scans.iter().enumerate() {
        let Scan { partition, table, range, reverse, rows_hint: _ } = scan;
        journal.scan(*partition, *table, range, *reverse, &mut |key, value| {
            visit(number, key, value)
        })?;
    }
    Ok(())
}

/// One row after the other.
pub(crate) fn get_each(
    journal: &(impl Journal + ?Sized),
    gets: &[Get],
) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
    gets.iter().map(|get| journal.get(get.partition, get.table, &get.key)).collect()
}
