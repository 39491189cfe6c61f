use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use impresario_journal::Table;

/// What a row became: a value, or removed.
pub(crate) type Slot = Option<Bytes>;

/// What a row costs in memory beyond its bytes: its place in the tree.
const ROW_COST: usize = 96;

/// Rows that are durable in the log and not yet in the state database, sorted.
#[derive(Default)]
pub(crate) struct Overlay {
    tables: [BTreeMap<Bytes, Slot>; Table::ALL.len()],
    rows: usize,
    bytes: usize,
}

impl Overlay {
    /// A row of which the bytes are counted elsewhere: by [`Overlay::holds`].
    pub(crate) fn set(&mut self, table: Table, key: Bytes, slot: Slot) {
        if self.tables[usize::from(table.code())].insert(key, slot).is_none() {
            self.rows += 1;
            self.bytes += ROW_COST;
        }
    }

    /// The value of a row that is changed again and again: its key is copied, so that it does not
    /// keep the bytes of the first entry that named it.
    pub(crate) fn set_own(&mut self, table: Table, key: &[u8], value: [u8; 8]) {
        let value = Some(Bytes::copy_from_slice(&value));
        match self.tables[usize::from(table.code())].get_mut(key) {
            Some(slot) => *slot = value,
            None => self.set(table, Bytes::copy_from_slice(key), value),
        }
    }

    /// Counts the bytes of an entry whose rows are here. Any one of them keeps all of it.
    pub(crate) fn holds(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// `None` if the row is not of this overlay.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Option<&Slot> {
        self.tables[usize::from(table.code())].get(key)
    }

    pub(crate) fn table(&self, table: Table) -> &BTreeMap<Bytes, Slot> {
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
        range: &(Bound<Bytes>, Bound<Bytes>),
        reverse: bool,
    ) -> Box<dyn Iterator<Item = (&'a Bytes, &'a Slot)> + 'a> {
        let rows = self.table(table).range::<[u8], _>(borrow(range));
        if reverse { Box::new(rows.rev()) } else { Box::new(rows) }
    }
}

/// The first `limit` rows of a range over two overlays, the newer of which hides the older.
pub(crate) fn gather(
    newer: &Overlay,
    older: Option<&Overlay>,
    table: Table,
    range: &(Bound<Bytes>, Bound<Bytes>),
    reverse: bool,
    limit: usize,
) -> Vec<(Bytes, Slot)> {
    let owned = |(key, slot): (&Bytes, &Slot)| (key.clone(), slot.clone());
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
pub(crate) fn borrow(range: &(Bound<Bytes>, Bound<Bytes>)) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (range.0.as_ref().map(|key| &key[..]), range.1.as_ref().map(|key| &key[..]))
}
