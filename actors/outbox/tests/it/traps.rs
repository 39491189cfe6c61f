//! The real journal with trapdoors: a read that panics, to make an actor crash where it stands.

use std::sync::{Arc, Mutex};

use impresario_journal::{
    Batch, CommitFuture, ConfirmFuture, Journal, JournalStats, KeyRange, Leadership,
    LeadershipObserver, MemoryJournal, ReadError, Table, Term, Visitor,
};
use impresario_kernel::PartitionId;

#[derive(Debug)]
pub(crate) struct Traps {
    journal: Arc<MemoryJournal>,
    armed: Mutex<Option<(Table, u64)>>,
}

impl Traps {
    pub(crate) fn around(journal: Arc<MemoryJournal>) -> Self {
        Self { journal, armed: Mutex::new(None) }
    }

    /// The scan of this table after `spared` others panics.
    pub(crate) fn arm(&self, table: Table, spared: u64) {
        *self.armed.lock().unwrap() = Some((table, spared));
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.lock().unwrap().is_some()
    }

    /// Without panicking while the lock is held.
    fn springs(&self, table: Table) -> bool {
        let mut armed = self.armed.lock().unwrap();
        match &mut *armed {
            Some((trapped, 0)) if *trapped == table => {
                *armed = None;
                true
            }
            Some((trapped, spared)) if *trapped == table => {
                *spared -= 1;
                false
            }
            _ => false,
        }
    }
}

impl Journal for Traps {
    fn partitions(&self) -> u16 {
        self.journal.partitions()
    }

    fn commit(&self, batch: Batch) -> CommitFuture {
        self.journal.commit(batch)
    }

    fn get(
        &self,
        partition: PartitionId,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ReadError> {
        self.journal.get(partition, table, key)
    }

    fn scan(
        &self,
        partition: PartitionId,
        table: Table,
        range: &KeyRange,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), ReadError> {
        assert!(!self.springs(table), "as the test wants");
        self.journal.scan(partition, table, range, reverse, visit)
    }

    fn leadership(&self, partition: PartitionId) -> Leadership {
        self.journal.leadership(partition)
    }

    fn watch_leadership(&self, observer: LeadershipObserver) {
        self.journal.watch_leadership(observer);
    }

    fn is_certain(&self, partition: PartitionId, term: Term) -> bool {
        self.journal.is_certain(partition, term)
    }

    fn confirm(&self, partition: PartitionId, term: Term) -> ConfirmFuture {
        self.journal.confirm(partition, term)
    }

    fn stats(&self) -> JournalStats {
        self.journal.stats()
    }

    fn close(&self) {
        self.journal.close();
    }
}
