//! Who may carry out what, by what the host told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use impresario_host::{CommitHook, NewEffect, TimerChange};
use impresario_kernel::PartitionId;

/// For each partition, whether this node may carry out its effects: from just before the outbox is
/// told so until it has been told otherwise.
#[derive(Debug)]
pub(crate) struct Ears {
    may: Vec<AtomicBool>,
    checks: AtomicUsize,
    violations: AtomicUsize,
}

impl Ears {
    pub(crate) fn of(partitions: u16) -> Self {
        let may = (0..partitions).map(|_| AtomicBool::new(false)).collect();
        Self { may, checks: AtomicUsize::new(0), violations: AtomicUsize::new(0) }
    }

    fn set(&self, partition: PartitionId, may: bool) {
        self.may[usize::from(partition.0)].store(may, Ordering::SeqCst);
    }

    /// Something of the partition is being carried out.
    pub(crate) fn check(&self, partition: PartitionId) {
        self.checks.fetch_add(1, Ordering::SeqCst);
        if !self.may[usize::from(partition.0)].load(Ordering::SeqCst) {
            self.violations.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often something was carried out, and how often by a node that knew it must not.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.checks.load(Ordering::SeqCst), self.violations.load(Ordering::SeqCst))
    }
}

/// Told before the outbox.
pub(crate) struct Before(pub(crate) Arc<Ears>);

/// Told after the outbox.
pub(crate) struct After(pub(crate) Arc<Ears>);

impl CommitHook for Before {
    fn committed(&self, _: PartitionId, _: Vec<NewEffect>, _: Vec<TimerChange>) {}

    fn leads(&self, partition: PartitionId, begun: bool) {
        if begun {
            self.0.set(partition, true);
        }
    }
}

impl CommitHook for After {
    fn committed(&self, _: PartitionId, _: Vec<NewEffect>, _: Vec<TimerChange>) {}

    fn leads(&self, partition: PartitionId, begun: bool) {
        if !begun {
            self.0.set(partition, false);
        }
    }
}
