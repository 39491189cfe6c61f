//! The data folder: the journal and the keys in it.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

use anyhow::Context;
use impresario_config::Config;
use impresario_ids::TenantId;
use impresario_journal::{Batch, Journal, KeyRange, Table, Term, Write};
use impresario_kernel::PartitionId;
use impresario_redb::RedbJournal;
use impresario_vault::{CHECK_ROW, Vault};

use super::secrets;

/// Where keys live.
pub(crate) const KEYS: PartitionId = PartitionId(0);

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
        let options = config.store_options();
        let opened = tokio::task::spawn_blocking(move || RedbJournal::open(options)).await?;
        let journal: Arc<dyn Journal> = Arc::new(opened.context("the store does not open")?);
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
        let batch =
            Batch { partition: KEYS, term: Term(0), writes: rows.into_iter().map(put).collect() };
        self.journal.commit(batch).await.context("the keys cannot be written")?;
        Ok(())
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
