//! The data folder: the journal and the keys in it.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use impresario_config::Config;
use impresario_consensus::{Consensus, ConsensusError};
use impresario_ids::{NodeId, TenantId};
use impresario_journal::{Batch, Journal, KeyRange, Table, Write};
use impresario_kernel::PartitionId;
use impresario_redb::{OpenError, ReplicaOptions, ReplicaStore};
use impresario_vault::{CHECK_ROW, Vault};

use super::alone::Alone;
use super::{identity, secrets};

/// Where keys live.
pub(crate) const KEYS: PartitionId = PartitionId(0);

const WHO: &str = "it is not known which node this is";

/// A node that is alone elects itself at once; whoever waits for longer waits for a broken disk.
const LEADER_WAIT: Duration = Duration::from_secs(30);

/// An opened data folder.
pub(crate) struct OpenStore {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) vault: Arc<Vault>,
}

impl OpenStore {
    /// Opens the data folder, making it if it is not there.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let mut folder = fs::DirBuilder::new();
        let data = &config.node.data;
        folder
            .recursive(true)
            .mode(0o700)
            .create(data)
            .with_context(|| format!("cannot make {}", data.display()))?;
        let partitions = config.node.partitions;
        let (mut identity, me) = identity::of(data, partitions).context(WHO)?;
        let consensus = replicas(config, me.node).await.context("the store does not open")?;
        identity.settle(me).context(WHO)?;
        let journal: Arc<dyn Journal> = Arc::new(consensus.journal(partitions));
        let rows = key_rows(&*journal)?;
        let master = secrets::master_key(config, rows.is_empty())?;
        let vault = Vault::open(master, rows).context("the tenants' keys do not open")?;
        let store = Self { journal, vault: Arc::new(vault) };
        if let Some(row) = store.vault.missing_check_row()? {
            store.put_keys(vec![(CHECK_ROW, row)]).await?;
        }
        Ok(store)
    }

    /// Commits rows of keys, together. Only before a host runs on this store, or without one.
    pub(crate) async fn put_keys(&self, rows: Vec<(TenantId, Vec<u8>)>) -> anyhow::Result<()> {
        let put = |(tenant, value): (TenantId, Vec<u8>)| Write::Put {
            table: Table::Keys,
            key: tenant.as_bytes().to_vec(),
            value,
        };
        let term = self.journal.leadership(KEYS).term;
        let batch = Batch { partition: KEYS, term, writes: rows.into_iter().map(put).collect() };
        self.journal.commit(batch).await.context("the keys cannot be written")?;
        Ok(())
    }
}

/// Opens every replica and waits until this node leads them all. The group behind the partitions
/// is the cluster's own.
async fn replicas(config: &Config, node: NodeId) -> anyhow::Result<Consensus> {
    let partitions = config.node.partitions;
    let groups = partitions.checked_add(1).context("there can be at most 65 534 partitions")?;
    let options = ReplicaOptions {
        recent_bytes: config.store.recent_bytes,
        queue_bytes: config.store.queue_bytes,
        adopt: Some(Consensus::adopt(node, partitions)),
        ..ReplicaOptions::with(config.store_options(), groups)
    };
    let opened = tokio::task::spawn_blocking(move || ReplicaStore::open(options)).await?;
    let store = opened.map_err(without_system_group)?;
    let nobody = Arc::new(|_, _| false);
    let consensus =
        Consensus::open(config.consensus.clone(), store, node, Arc::new(Alone), nobody).await?;
    try_join_all((0..groups).map(|group| lead(&consensus, group))).await?;
    Ok(consensus)
}

/// Begins the group, unless it has begun, and waits until it has a leader.
async fn lead(consensus: &Consensus, group: u16) -> Result<(), ConsensusError> {
    match consensus.found(group..group + 1).await {
        Ok(()) | Err(ConsensusError::Founded(_)) => {}
        Err(error) => return Err(error),
    }
    consensus.await_leader(group, LEADER_WAIT).await?;
    Ok(())
}

/// People count partitions; the store counts the system group too.
fn without_system_group(error: OpenError) -> OpenError {
    match error {
        OpenError::Partitions { path, stored, wanted } => OpenError::Partitions {
            path,
            stored: stored.saturating_sub(1),
            wanted: wanted.saturating_sub(1),
        },
        other => other,
    }
}

fn key_rows(journal: &dyn Journal) -> anyhow::Result<Vec<(TenantId, Vec<u8>)>> {
    let mut rows = Vec::new();
    journal
        .scan(KEYS, Table::Keys, &KeyRange::all(), false, &mut |key, value| {
            if let Ok(bytes) = <[u8; 16]>::try_from(key) {
                rows.push((TenantId::from_bytes(bytes), value.to_vec()));
            }
            ControlFlow::Continue(())
        })
        .context("the tenants' keys cannot be read")?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use impresario_journal::Term;
    use impresario_redb::RedbJournal;

    use super::*;
    use crate::serve::code_of;

    fn config(data: &std::path::Path, partitions: u16) -> Config {
        let mut config = Config::default();
        config.node.data = data.to_owned();
        config.node.partitions = partitions;
        config
    }

    async fn check_refused(config: &Config, code: &str) {
        let refused = OpenStore::open(config).await.err().expect("it does not open");
        assert_eq!(code_of(&refused), code, "{refused:#}");
    }

    /// A data folder of the earlier build, left as a crash leaves it, goes on with all it held.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_of_the_earlier_build_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path(), 2);
        fs::create_dir_all(config.store_dir()).expect("the store's folder");
        let old = RedbJournal::open(config.store_options()).expect("it opens");
        for number in 0..50_u8 {
            let write = Write::Put {
                table: Table::Events,
                key: vec![number; 30],
                value: vec![number; 300],
            };
            let partition = PartitionId(u16::from(number) % 2);
            let batch = Batch { partition, term: Term(0), writes: vec![write] };
            old.commit(batch).await.expect("a commit");
        }
        // Dropped without closing: everything is in the log alone.
        drop(old);
        for _ in 0..2 {
            let store = OpenStore::open(&config).await.expect("it is taken over");
            for number in 0..50_u8 {
                let partition = PartitionId(u16::from(number) % 2);
                let found = store.journal.get(partition, Table::Events, &[number; 30]);
                assert_eq!(found, Ok(Some(vec![number; 300])));
            }
            store.journal.close();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_that_does_not_say_whose_it_is_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path(), 2);
        OpenStore::open(&config).await.expect("it opens").journal.close();
        check_refused(&self::config(folder.path(), 3), "store_partitions").await;
        fs::write(folder.path().join("node.id"), "nobody").expect("written");
        check_refused(&config, "identity_unusable").await;
    }
}
