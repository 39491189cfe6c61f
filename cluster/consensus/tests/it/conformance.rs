use std::sync::Arc;
use std::time::Duration;

use impresario_consensus::{Consensus, Options, RaftJournal};
use impresario_ids::NodeId;
use impresario_journal::conformance::{self, PARTITIONS, Store};
use impresario_journal::{
    Batch, CommitError, CommitFuture, Journal, JournalStats, KeyRange, ReadError, Table, Term,
    Visitor,
};
use impresario_kernel::PartitionId;
use impresario_redb::{ReplicaOptions, ReplicaStore};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::net::{Net, Port};

/// The highest term that the suite has used, per partition.
type Terms = Arc<Mutex<[u64; PARTITIONS as usize]>>;

/// The suite makes up its terms; here the elections do. What the suite calls the newest term is
/// the term of the reign, and one that it calls older by `n` is older by `n`.
struct Translated {
    journal: RaftJournal,
    terms: Terms,
    // Last: the groups end with it.
    _runtime: Runtime,
}

impl Journal for Translated {
    fn partitions(&self) -> u16 {
        self.journal.partitions()
    }

    fn commit(&self, mut batch: Batch) -> CommitFuture {
        let asked = batch.term.0;
        let now = self.journal.leadership(batch.partition).term;
        let newest = match self.terms.lock().get_mut(usize::from(batch.partition.0)) {
            Some(newest) => {
                *newest = asked.max(*newest);
                *newest
            }
            None => asked,
        };
        let older = newest - asked;
        batch.term = Term(now.0 - older);
        let committed = self.journal.commit(batch);
        Box::pin(async move {
            committed.await.map_err(|error| match error {
                CommitError::StaleTerm { batch, current } => {
                    assert_eq!((batch, current), (now.0 - older, now.0));
                    CommitError::StaleTerm { batch: asked, current: newest }
                }
                other => other,
            })
        })
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
        self.journal.scan(partition, table, range, reverse, visit)
    }

    fn stats(&self) -> JournalStats {
        self.journal.stats()
    }

    fn close(&self) {
        self.journal.close();
    }
}

fn store() -> Store {
    let dir = tempfile::tempdir().expect("a folder");
    let terms = Terms::default();
    let mut founded = false;
    Box::new(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let store = ReplicaStore::open(ReplicaOptions::new(dir.path(), PARTITIONS));
        let transport = Arc::new(Port { net: Arc::new(Net::default()), node: NodeId(1) });
        let opening = async {
            let consensus = Consensus::open(
                Options::default(),
                store.expect("a store"),
                NodeId(1),
                transport,
                Arc::new(|_, _| false),
            );
            let consensus = consensus.await.expect("a consensus");
            if !founded {
                consensus.found(0..PARTITIONS).await.expect("founded");
            }
            for group in 0..PARTITIONS {
                let within = Duration::from_secs(10);
                consensus.await_leader(group, within).await.expect("a leader");
            }
            consensus.journal(PARTITIONS)
        };
        let journal = runtime.block_on(opening);
        founded = true;
        let terms = Arc::clone(&terms);
        Arc::new(Translated { journal, terms, _runtime: runtime }) as Arc<dyn Journal>
    })
}

#[test]
fn the_replicated_journal_conforms() {
    conformance::check_all(&store);
}
