use std::cmp::Ordering;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use impresario_journal::{KeyRange, PartitionStats, ReadError, Table, Visitor};
use parking_lot::{Mutex, RwLock};

use crate::disk::Result;
use crate::entry::Change;
use crate::format::Position;
use crate::overlay::{Overlay, Slot, borrow, gather, in_order};
use crate::state::Base;

/// After so many writes of one batch, waiting readers get a turn.
const WRITES_PER_TURN: usize = 256;

/// A scan takes this many rows out of the overlays at first, and more at each further step.
const FIRST_STEP: usize = 16;
const LARGEST_STEP: usize = 1024;

/// The rows of one partition: a snapshot of its state database under up to two overlays.
pub(crate) struct Partition<P> {
    view: RwLock<View<P>>,
    /// Held while a batch is applied and while the overlay is frozen: a checkpoint never holds
    /// half a batch.
    whole: Mutex<()>,
}

struct View<P> {
    active: Overlay,
    frozen: Option<Arc<Overlay>>,
    base: Option<Arc<Base>>,
    applied: P,
    checkpointed: P,
    dirty_since: Option<Instant>,
}

/// What a checkpoint writes.
pub(crate) struct Frozen<P> {
    pub(crate) overlay: Arc<Overlay>,
    pub(crate) at: P,
}

/// How much a partition waits to write.
#[derive(Clone, Copy)]
pub(crate) struct Dirty {
    pub(crate) bytes: usize,
    pub(crate) since: Option<Instant>,
}

impl<P: Position> Partition<P> {
    pub(crate) fn new(base: Base, applied: P) -> Self {
        let view = View {
            active: Overlay::default(),
            frozen: None,
            base: Some(Arc::new(base)),
            checkpointed: applied.clone(),
            applied,
            dirty_since: None,
        };
        Self { view: RwLock::new(view), whole: Mutex::new(()) }
    }

    /// Applies an entry of so many bytes that is durable in the log. Gives the bytes by which the
    /// overlay grew.
    pub(crate) fn apply(
        &self,
        applied: P,
        bytes: usize,
        changes: Vec<Change>,
        now: Instant,
    ) -> Result<usize> {
        let _whole = self.whole.lock();
        let mut grown = bytes;
        self.view.write().active.holds(bytes);
        let mut changes = changes.into_iter();
        loop {
            let mut view = self.view.write();
            view.base()?;
            let before = view.active.bytes();
            for change in changes.by_ref().take(WRITES_PER_TURN) {
                view.change(change)?;
            }
            grown += view.active.bytes() - before;
            if changes.len() == 0 {
                view.applied = applied;
                view.dirty_since.get_or_insert(now);
                return Ok(grown);
            }
        }
    }

    /// Sets the active overlay aside for a checkpoint; `None` if nothing was applied since the last.
    pub(crate) fn freeze(&self) -> Option<Frozen<P>> {
        let _whole = self.whole.lock();
        let mut view = self.view.write();
        if view.applied == view.checkpointed || view.base.is_none() {
            return None;
        }
        let overlay = Arc::new(std::mem::take(&mut view.active));
        view.frozen = Some(Arc::clone(&overlay));
        view.dirty_since = None;
        Some(Frozen { overlay, at: view.applied.clone() })
    }

    /// The frozen overlay is in the state database, of which `base` is a new snapshot.
    pub(crate) fn thaw(&self, base: Base, applied: P) {
        let mut view = self.view.write();
        if view.base.is_none() {
            return;
        }
        let base = view.base.replace(Arc::new(base));
        let frozen = view.frozen.take();
        view.checkpointed = applied;
        drop(view);
        // Freeing a large tree takes a while; not under the lock.
        drop((base, frozen));
    }

    pub(crate) fn dirty(&self) -> Dirty {
        let view = self.view.read();
        Dirty { bytes: view.active.bytes(), since: view.dirty_since }
    }

    /// What was applied last.
    pub(crate) fn applied(&self) -> P {
        self.view.read().applied.clone()
    }

    /// What the state database holds.
    pub(crate) fn checkpointed(&self) -> P {
        self.view.read().checkpointed.clone()
    }

    /// Gives the bytes of the active overlay.
    pub(crate) fn close(&self) -> usize {
        let mut view = self.view.write();
        let base = view.base.take();
        let (active, frozen) = (std::mem::take(&mut view.active), view.frozen.take());
        drop(view);
        let bytes = active.bytes();
        drop((base, active, frozen));
        bytes
    }

    pub(crate) fn stats(&self, state_bytes: u64) -> PartitionStats {
        let view = self.view.read();
        let rows = view.active.rows() + view.frozen.as_ref().map_or(0, |frozen| frozen.rows());
        PartitionStats {
            applied: view.applied.index(),
            checkpointed: view.checkpointed.index(),
            state_bytes,
            dirty_rows: rows as u64,
        }
    }

    pub(crate) fn get(
        &self,
        table: Table,
        key: &[u8],
    ) -> std::result::Result<Option<Vec<u8>>, ReadError> {
        let view = self.view.read();
        let base = view.base.as_ref().ok_or(ReadError::Closed)?;
        if let Some(slot) = view.overlaid(table, key) {
            return Ok(slot.as_ref().map(|value| value.to_vec()));
        }
        let base = Arc::clone(base);
        drop(view);
        base.get(table, key).map_err(unreadable)
    }

    /// See [`impresario_journal::Journal::scan`]. The visitor runs without a lock: a part of the
    /// overlays is copied at a time, and the snapshot read up to where that part ends.
    pub(crate) fn scan(
        &self,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> std::result::Result<(), ReadError> {
        if !range.to.is_empty() && range.from >= range.to {
            return Ok(());
        }
        let end = if range.to.is_empty() {
            Bound::Unbounded
        } else {
            Bound::Excluded(Bytes::copy_from_slice(&range.to))
        };
        let mut rest = (Bound::Included(Bytes::copy_from_slice(&range.from)), end);
        let mut step = FIRST_STEP;
        loop {
            let view = self.view.read();
            let base = Arc::clone(view.base.as_ref().ok_or(ReadError::Closed)?);
            let rows = gather(&view.active, view.frozen.as_deref(), table, &rest, reverse, step);
            drop(view);
            let last =
                if rows.len() < step { None } else { rows.last().map(|(key, _)| key.clone()) };
            let part = match &last {
                None => rest.clone(),
                Some(last) if reverse => (Bound::Included(last.clone()), rest.1.clone()),
                Some(last) => (rest.0.clone(), Bound::Included(last.clone())),
            };
            let flow = merge(&base, table, &part, reverse, rows, visit).map_err(unreadable)?;
            match last {
                Some(last) if flow.is_continue() && reverse => rest.1 = Bound::Excluded(last),
                Some(last) if flow.is_continue() => rest.0 = Bound::Excluded(last),
                Some(_) | None => return Ok(()),
            }
            step = (step * 4).min(LARGEST_STEP);
        }
    }
}

impl<P> View<P> {
    /// `None` if only the base knows.
    fn overlaid(&self, table: Table, key: &[u8]) -> Option<&Slot> {
        self.active
            .get(table, key)
            .or_else(|| self.frozen.as_ref().and_then(|frozen| frozen.get(table, key)))
    }

    fn current(&self, table: Table, key: &[u8]) -> Result<Slot> {
        match self.overlaid(table, key) {
            Some(slot) => Ok(slot.clone()),
            None => Ok(self.base()?.get(table, key)?.map(Bytes::from)),
        }
    }

    fn base(&self) -> Result<&Base> {
        self.base.as_deref().ok_or(redb::Error::DatabaseClosed)
    }

    /// Turns any change into plain rows of the overlay.
    fn change(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Put { table, key, value } => self.active.set(table, key, Some(value)),
            Change::Delete { table, key } => self.active.set(table, key, None),
            Change::DeleteIf { table, key, value } => {
                if self.current(table, &key)?.is_some_and(|current| current == value) {
                    self.active.set(table, key, None);
                }
            }
            Change::Add { table, key, delta } => {
                let current = self.current(table, &key)?;
                let current = current
                    .and_then(|bytes| (*bytes).try_into().ok())
                    .map_or(0, i64::from_be_bytes);
                self.active.set_own(table, &key, current.wrapping_add(delta).to_be_bytes());
            }
            Change::DeleteRange { table, from, to } => self.delete_range(table, from, to)?,
        }
        Ok(())
    }

    fn delete_range(&mut self, table: Table, from: Bytes, to: Bytes) -> Result<()> {
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let end = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
        let range = (Bound::Included(from), end);
        let mut keys = Vec::new();
        let mut rows = self.base()?.range(table, borrow(&range), false)?;
        let mut bytes = 0;
        while let Some((key, _)) = rows.next()? {
            bytes += key.value().len();
            keys.push(Bytes::copy_from_slice(key.value()));
        }
        let overlaid =
            gather(&self.active, self.frozen.as_deref(), table, &range, false, usize::MAX);
        keys.extend(overlaid.into_iter().filter(|(_, slot)| slot.is_some()).map(|(key, _)| key));
        self.active.holds(bytes);
        for key in keys {
            self.active.set(table, key, None);
        }
        Ok(())
    }
}

/// Visits the rows of a range of the base with those of the overlays over them.
fn merge(
    base: &Base,
    table: Table,
    range: &(Bound<Bytes>, Bound<Bytes>),
    reverse: bool,
    overlaid: Vec<(Bytes, Slot)>,
    visit: &mut Visitor<'_>,
) -> Result<ControlFlow<()>> {
    let mut below = base.range(table, borrow(range), reverse)?;
    let mut stored = below.next()?;
    for (key, slot) in overlaid {
        while let Some((at, value)) = &stored {
            let order = in_order(at.value(), &key, reverse);
            if order == Ordering::Less && visit(at.value(), value.value()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if order == Ordering::Greater {
                break;
            }
            stored = below.next()?;
        }
        if let Some(value) = slot
            && visit(&key, &value).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    while let Some((at, value)) = &stored {
        if visit(at.value(), value.value()).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        stored = below.next()?;
    }
    Ok(ControlFlow::Continue(()))
}

fn unreadable(error: redb::Error) -> ReadError {
    match error {
        redb::Error::DatabaseClosed => ReadError::Closed,
        other => ReadError::Store(other.to_string()),
    }
}
