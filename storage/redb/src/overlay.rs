use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use impresario_journal::Table;

/// What a row became: a value, or removed.
pub(crate) type Slot = Option<Vec<u8>>;

/// What a row costs in memory beyond its bytes: its place in the tree and two allocations.
const ROW_COST: usize = 96;

/// Rows that are durable in the log and not yet in the state database, sorted.
#[derive(Default)]
pub(crate) struct Overlay {
    tables: [BTreeMap<Vec<u8>, Slot>; Table::ALL.len()],
    rows: usize,
    bytes: usize,
}

impl Overlay {
    pub(crate) fn set(&mut self, table: Table, key: Vec<u8>, slot: Slot) {
        let (length, added) = (key.len(), slot.as_ref().map_or(0, Vec::len));
        match self.tables[usize::from(table.code())].insert(key, slot) {
            Some(before) => self.bytes = self.bytes + added - before.map_or(0, |value| value.len()),
            None => {
                self.rows += 1;
                self.bytes += ROW_COST + length + added;
            }
        }
    }

    /// `None` if the row is not of this overlay.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<&Slot> {
        self.tables[usize::from(table.code())].get(key)
    }

    pub(crate) fn table(&self, table: Table) -> &BTreeMap<Vec<u8>, Slot> {
        &self.tables[usize::from(table.code())]
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Rows of a range in order, or in reverse order.
    fn range<'a>(
        &'a self,
        table: Table,
        range: &(Bound<Vec<u8>>, Bound<Vec<u8>>),
        reverse: bool,
    ) -> Box<dyn Iterator<Item = (&'a Vec<u8>, &'a Slot)> + 'a> {
        let rows = self.table(table).range::<[u8], _>(borrow(range));
        if reverse { Box::new(rows.rev()) } else { Box::new(rows) }
    }
}

/// The first `limit` rows of a range over two overlays, the newer of which hides the older.
pub(crate) fn gather(
    newer: &Overlay,
    older: Option<&Overlay>,
    table: Table,
    range: &(Bound<Vec<u8>>, Bound<Vec<u8>>),
    reverse: bool,
    limit: usize,
) -> Vec<(Vec<u8>, Slot)> {
    let owned = |(key, slot): (&Vec<u8>, &Slot)| (key.clone(), slot.clone());
    let mut new = newer.range(table, range, reverse).peekable();
    let Some(older) = older else {
        return new.take(limit).map(owned).collect();
    };
    let mut old = older.range(table, range, reverse).peekable();
    let mut rows = Vec::new();
    while rows.len() < limit {
        let first = match (new.peek(), old.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => in_order(a, b, reverse),
        };
        let row = match first {
            Ordering::Less => new.next(),
            Ordering::Greater => old.next(),
            Ordering::Equal => {
                old.next();
                new.next()
            }
        };
        rows.extend(row.map(owned));
    }
    rows
}

/// Which of two keys comes first in this direction.
pub(crate) fn in_order(a: &[u8], b: &[u8], reverse: bool) -> Ordering {
    if reverse { b.cmp(a) } else { a.cmp(b) }
}

/// The same bounds over borrowed keys.
pub(crate) fn borrow(range: &(Bound<Vec<u8>>, Bound<Vec<u8>>)) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice))
}
