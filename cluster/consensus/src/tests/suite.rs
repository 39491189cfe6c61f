use impresario_redb::{ReplicaOptions, ReplicaStore};
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use crate::log::GroupLog;
use crate::machine::{Machine, Reached};
use crate::types::Types;

const GROUP: u16 = 1;

/// A store that ends with its folder.
struct Place {
    store: ReplicaStore,
    _dir: TempDir,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.store.close();
    }
}

struct Builder;

impl StoreBuilder<Types, GroupLog, Machine, Place> for Builder {
    async fn build(&self) -> Result<(Place, GroupLog, Machine), StorageError<Types>> {
        let dir = tempfile::tempdir().expect("a folder");
        let store = ReplicaStore::open(ReplicaOptions::new(dir.path(), 2)).expect("a store");
        store.ensure(GROUP).expect("a replica");
        let reached = Reached::new();
        reached.begin();
        let log = GroupLog::open(store.clone(), GROUP, 1 << 20).expect("a log");
        let machine = Machine::open(store.clone(), GROUP, reached).expect("a state machine");
        Ok((Place { store, _dir: dir }, log, machine))
    }
}

#[tokio::test]
async fn the_store_conforms_to_openraft() {
    Suite::test_all(Builder).await.expect("conformance");
}
