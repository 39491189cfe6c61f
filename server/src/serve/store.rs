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
use impresario_ids::TenantId;
use impresario_journal::{Batch, Journal, KeyRange, Table, Write};
use impresario_kernel::PartitionId;
use impresario_redb::{OpenError, ReplicaOptions, ReplicaStore};
use impresario_vault::{CHECK_ROW, Vault};

use super::alone::Alone;
use super::identity::Identity;
use super::secrets;

/// Where keys live.
pub(crate) const KEYS: PartitionId = PartitionId(0);

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
        let identity = Identity::of(data)?;
        let consensus = replicas(config, &identity).await.context("the store does not open")?;
        let journal: Arc<dyn Journal> = Arc::new(consensus.journal(config.node.partitions));
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
async fn replicas(config: &Config, identity: &Identity) -> anyhow::Result<Consensus> {
    let partitions = config.node.partitions;
    let groups = partitions.checked_add(1).context("there can be at most 65 534 partitions")?;
    let options = ReplicaOptions {
        recent_bytes: config.store.recent_bytes,
        queue_bytes: config.store.queue_bytes,
        adopt: Some(Consensus::adopt(identity.node, partitions)),
        ..ReplicaOptions::with(config.store_options(), groups)
    };
    let opened = tokio::task::spawn_blocking(move || ReplicaStore::open(options)).await?;
    let store = opened.map_err(without_system_group)?;
    let nobody = Arc::new(|_, _| false);
    let consensus =
        Consensus::open(config.consensus.clone(), store, identity.node, Arc::new(Alone), nobody)
            .await?;
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
