use std::sync::atomic::{AtomicU64, Ordering};

use impresario_ids::NodeId;
use parking_lot::Mutex;

/// Snapshots of one group on their way.
#[derive(Default)]
pub(crate) struct Traffic {
    sending: Mutex<Vec<SnapshotProgress>>,
    receiving: Mutex<Option<SnapshotProgress>>,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
}

/// How far a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotProgress {
    /// To whom, or from whom.
    pub peer: NodeId,
    /// Up to which entry the snapshot goes.
    pub index: u64,
    /// Pieces that were taken.
    pub pieces: u64,
    /// Bytes that were taken since this node began.
    pub bytes: u64,
}

impl Traffic {
    pub(crate) fn sending(&self) -> Vec<SnapshotProgress> {
        self.sending.lock().clone()
    }

    pub(crate) fn receiving(&self) -> Option<SnapshotProgress> {
        *self.receiving.lock()
    }

    pub(crate) fn sent(&self, peer: NodeId, index: u64, pieces: u64, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let mut sending = self.sending.lock();
        match sending.iter_mut().find(|one| one.peer == peer && one.index == index) {
            Some(one) => {
                one.pieces = pieces;
                one.bytes += bytes as u64;
            }
            None => {
                sending.retain(|one| one.peer != peer);
                sending.push(SnapshotProgress { peer, index, pieces, bytes: bytes as u64 });
            }
        }
    }

    pub(crate) fn ended(&self, peer: NodeId) {
        self.sending.lock().retain(|one| one.peer != peer);
    }

    pub(crate) fn received(&self, peer: NodeId, index: u64, pieces: u64, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let mut receiving = self.receiving.lock();
        let before = receiving.filter(|one| one.peer == peer && one.index == index);
        let bytes = before.map_or(0, |one| one.bytes) + bytes as u64;
        *receiving = Some(SnapshotProgress { peer, index, pieces, bytes });
    }

    pub(crate) fn installed(&self) {
        *self.receiving.lock() = None;
    }
}
