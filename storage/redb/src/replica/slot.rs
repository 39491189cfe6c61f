use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::cell::{Cell, Cells};
use crate::replica::view::View;
use crate::replica::{Mark, ReplicaError};

/// The rows of one group.
pub(crate) type GroupCell = Cell<Option<Mark>>;

/// The place of one group, whether a replica is here or not.
pub(crate) struct Slot {
    pub(crate) view: Mutex<View>,
    /// Replaced as a whole when a snapshot is installed.
    cell: RwLock<Option<Arc<GroupCell>>>,
    /// The index that the state database holds.
    pub(crate) durable: watch::Sender<Option<u64>>,
    /// The ticket of the last append that is on the disk.
    pub(crate) written: AtomicU64,
    /// Entries on the disk that are waste.
    pub(crate) waste: AtomicU64,
    /// Held while a replica comes, goes or is replaced.
    pub(crate) life: Mutex<()>,
    /// A snapshot is being installed.
    pub(crate) installing: AtomicBool,
}

/// All places of a node.
#[derive(Clone)]
pub(crate) struct Slots(pub(crate) Arc<[Slot]>);

impl Slot {
    pub(crate) fn new(view: View, cell: Option<GroupCell>) -> Self {
        let durable = cell.as_ref().and_then(index_of);
        Self {
            view: Mutex::new(view),
            cell: RwLock::new(cell.map(Arc::new)),
            durable: watch::Sender::new(durable),
            written: AtomicU64::new(0),
            waste: AtomicU64::new(0),
            life: Mutex::new(()),
            installing: AtomicBool::new(false),
        }
    }

    pub(crate) fn cell(&self) -> Option<Arc<GroupCell>> {
        self.cell.read().clone()
    }

    /// Puts other rows in the place of those that were here, which it gives.
    pub(crate) fn replace(&self, cell: Option<GroupCell>) -> Option<Arc<GroupCell>> {
        let index = cell.as_ref().and_then(index_of);
        let mut place = self.cell.write();
        let before = std::mem::replace(&mut *place, cell.map(Arc::new));
        self.tell(index);
        before
    }

    pub(crate) fn durable(&self) -> Option<u64> {
        *self.durable.borrow()
    }

    fn tell(&self, index: Option<u64>) {
        self.durable.send_if_modified(|current| std::mem::replace(current, index) != index);
    }
}

impl Slots {
    pub(crate) fn get(&self, group: u16) -> Result<&Slot, ReplicaError> {
        self.0.get(usize::from(group)).ok_or(ReplicaError::NoGroup(group))
    }
}

impl Cells for Slots {
    type Position = Option<Mark>;

    fn count(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, number: usize) -> Option<Arc<GroupCell>> {
        self.0.get(number)?.cell()
    }

    fn checkpointed(&self, cell: &Arc<GroupCell>) {
        let Ok(slot) = self.get(cell.number) else { return };
        // A cell that was replaced meanwhile says nothing about the new one.
        let place = slot.cell.read();
        if place.as_ref().is_some_and(|current| Arc::ptr_eq(current, cell)) {
            slot.tell(index_of(cell));
        }
    }
}

/// The index that a cell's database holds.
fn index_of(cell: &GroupCell) -> Option<u64> {
    cell.partition.checkpointed().map(|mark| mark.index)
}
