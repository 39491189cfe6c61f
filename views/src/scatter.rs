use std::collections::BTreeMap;
use std::ops::ControlFlow;

use impresario_ids::TenantId;
use impresario_journal::{KeyRange, Scan, Table};
use impresario_kernel::{EntityKey, IndexId, PartitionId};
use impresario_rows::index_key;
use serde::Serialize;

use crate::{Cursor, ViewError, Views};

/// Rows that one page may look at in one partition. A filter that finds little then gives a short
/// (or even empty) page with a cursor, instead of holding the caller up.
pub(crate) const VISITS_MAX: usize = 100_000;

/// The 16 bytes of an id, by which all lists are ordered.
pub(crate) type Place = [u8; 16];

/// How fresh an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Freshness {
    /// Batches that had been applied when the read began, over all partitions that were asked and as
    /// far as the node that was asked knew: the answer holds at least these. On a node the number only
    /// grows; another node may know of fewer.
    pub applied: u64,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// In the list's order; may be fewer than asked for although there are more.
    pub items: Vec<T>,
    /// For the next page; `None` at the end of the list.
    pub next: Option<Cursor>,
    /// How fresh the page is.
    pub freshness: Freshness,
}

/// What one partition gave: everything up to `stopped_at`, or everything if that is `None`.
pub(crate) struct Part<T> {
    pub(crate) found: BTreeMap<Place, T>,
    pub(crate) stopped_at: Option<Place>,
    pub(crate) last: Option<Place>,
    pub(crate) visits: usize,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { found: BTreeMap::new(), stopped_at: None, last: None, visits: 0 }
    }
}

/// What a page takes of a row, if anything: of its id, the key after it, and the value.
pub(crate) type Pick<'a, T> = dyn FnMut(Place, &[u8], &[u8]) -> Option<T> + 'a;

/// Which rows of an index are asked for: those whose key goes on with an id after this prefix.
pub(crate) struct Rows<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) index: IndexId,
    pub(crate) blind: Option<[u8; 16]>,
    pub(crate) prefix: &'a [u8],
}

impl Views {
    /// How fresh an answer from all partitions is that begins now.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness {
            applied: self
                .journal
                .stats()
                .partitions
                .iter()
                .map(|partition| partition.applied)
                .sum(),
        }
    }

    /// How fresh an answer from the partition of one entity is that begins now.
    pub(crate) fn freshness_of(&self, key: &EntityKey) -> Freshness {
        let partition = key.partition(self.journal.partitions());
        let stats = self.journal.stats();
        Freshness {
            applied: stats
                .partitions
                .get(usize::from(partition.0))
                .map_or(0, |stats| stats.applied),
        }
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.journal.partitions()).map(PartitionId)
    }

    /// One page of the rows that `pick` wants, over all partitions, by id.
    pub(crate) fn page<T>(
        &self,
        rows: &Rows<'_>,
        after: Option<&Cursor>,
        limit: usize,
        pick: &mut Pick<'_, T>,
    ) -> Result<Page<T>, ViewError> {
        let after = Cursor::place(after)?;
        let freshness = self.freshness();
        let parts = self.parts(rows, after, limit, pick)?;
        Ok(merge(parts, limit, freshness))
    }

    /// What every partition has after a place.
    pub(crate) fn parts<T>(
        &self,
        rows: &Rows<'_>,
        after: Option<Place>,
        limit: usize,
        pick: &mut Pick<'_, T>,
    ) -> Result<Vec<Part<T>>, ViewError> {
        let mut parts: Vec<Part<T>> = self.partitions().map(|_| Part::default()).collect();
        let prefix = index_key(rows.tenant, rows.index, rows.blind.as_ref(), rows.prefix);
        let mut range = KeyRange::prefix(&prefix);
        if let Some(after) = after {
            let Some(next) = u128::from_be_bytes(after).checked_add(1) else { return Ok(parts) };
            range.from = [&prefix[..], &next.to_be_bytes()].concat();
        }
        let limit = limit.max(1);
        let scans = self.scans(&range, limit.saturating_add(1));
        self.journal.scan_many(&scans, &mut |number, key, value| {
            let Some(part) = parts.get_mut(number) else { return ControlFlow::Break(()) };
            part.visit(&key[prefix.len()..], value, limit, pick)
        })?;
        Ok(parts)
    }

    /// The same range of the index in every partition, of which about so many rows will be looked at
    /// (0: all).
    pub(crate) fn scans(&self, range: &KeyRange, rows_hint: usize) -> Vec<Scan> {
        let scan = |partition| {
            let (table, range) = (Table::Index, range.clone());
            Scan { partition, table, range, reverse: false, rows_hint }
        };
        self.partitions().map(scan).collect()
    }

    /// How many rows of an index, over all partitions, `pick` wants.
    pub(crate) fn count(
        &self,
        rows: &Rows<'_>,
        pick: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<u64, ViewError> {
        let prefix = index_key(rows.tenant, rows.index, rows.blind.as_ref(), rows.prefix);
        let mut count = 0;
        let scans = self.scans(&KeyRange::prefix(&prefix), 0);
        self.journal.scan_many(&scans, &mut |_, key, value| {
            count += u64::from(pick(&key[prefix.len()..], value));
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }
}

impl<T> Part<T> {
    /// One row more, of which `rest` is the key from the id on.
    fn visit(
        &mut self,
        rest: &[u8],
        value: &[u8],
        limit: usize,
        pick: &mut Pick<'_, T>,
    ) -> ControlFlow<()> {
        let Some(place) = rest.get(..16).and_then(|id| Place::try_from(id).ok()) else {
            return ControlFlow::Continue(());
        };
        if self.last != Some(place) {
            // An id may have several rows; a page ends only between ids.
            if self.last.is_some() && (self.found.len() >= limit || self.visits >= VISITS_MAX) {
                self.stopped_at = self.last;
                return ControlFlow::Break(());
            }
            self.last = Some(place);
        }
        self.visits += 1;
        if let Some(item) = pick(place, &rest[16..], value) {
            self.found.insert(place, item);
        }
        ControlFlow::Continue(())
    }
}

/// The first `limit` of what all partitions gave. Past the place where the first of them stopped,
/// nothing is known for sure.
pub(crate) fn merge<T>(parts: Vec<Part<T>>, limit: usize, freshness: Freshness) -> Page<T> {
    let horizon = parts.iter().filter_map(|part| part.stopped_at).min();
    let mut found = BTreeMap::new();
    for part in parts {
        found.extend(part.found);
    }
    if let Some(horizon) = horizon {
        found.retain(|place, _| *place <= horizon);
    }
    let limit = limit.max(1);
    let cut = found.len() > limit;
    let mut last = None;
    let mut items = Vec::with_capacity(found.len().min(limit));
    for (place, item) in found.into_iter().take(limit) {
        last = Some(place);
        items.push(item);
    }
    let next = if cut { last } else { horizon };
    Page { items, next: next.map(Cursor::new), freshness }
}
