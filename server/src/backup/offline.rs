//! A new data folder, filled from a backup before any node uses it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use impresario_backup::{BackupError, Library, Sink, SinkFuture, Subject};
use impresario_config::Config;
use impresario_ids::TenantId;
use impresario_journal::{Batch, Journal, Write};
use impresario_kernel::PartitionId;
use impresario_vault::MasterKey;
use serde_json::Value;

use super::keys::{check, only_tenants};
use super::restore::{key_rows, parse_time, pour, told};
use super::{Failed, open_target};
use crate::serve::{OpenNode, master_key};

/// What is restored, and how.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) target: Option<String>,
    pub(super) id: Option<String>,
    pub(super) until: Option<String>,
    /// As many as the backup's cluster had, if not given.
    pub(super) partitions: Option<u16>,
    /// The master key of the backup's cluster, if the configuration does not name it.
    pub(super) master_key_file: Option<PathBuf>,
}

/// Fills the configured data folder, which must not be there or be empty. It is filled under another
/// name and takes its own when all is done: a crash leaves nothing that a node would start with.
pub(super) async fn fill(config: &Config, wish: Wish) -> anyhow::Result<Value> {
    let data = config.node.data.clone();
    refuse_used(&data)?;
    let target = open_target(wish.target.as_deref(), &config.backup)?;
    let until = wish.until.as_deref().map(parse_time).transpose()?;
    let point = Library::of_clusters(target.clone()).point(wish.id.as_deref(), until).await?;
    if point.manifest.subject != Subject::Cluster {
        return Err(Failed::new("backup_not_found", "this is an archive of one tenant").into());
    }
    let keys = key_rows(&target, &point).await.map_err(anyhow::Error::new)?;
    let mut config = config.clone();
    if let Some(file) = &wish.master_key_file {
        config.node.master_key_file.clone_from(file);
    }
    let master = master_key(&config, false)
        .context("the master key of the backup's cluster is needed: --master-key-file")?;
    check(master, &keys)?;

    let work = beside(&data)?;
    remove(&work)?;
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    if let Some(file) = &wish.master_key_file {
        // From now on it is this folder's key.
        MasterKey::from_file(file)?.write_to(&work.join("master-key"))?;
        config.node.master_key_file = PathBuf::new();
    }
    config.node.data.clone_from(&work);
    config.node.partitions = wish.partitions.unwrap_or(point.manifest.partitions);
    // It is filled alone; its cluster comes when it is served.
    config.cluster = impresario_config::Cluster::default();
    let keys = only_tenants(keys);
    let tenants: BTreeSet<TenantId> = keys.iter().map(|(tenant, _)| *tenant).collect();

    let node = OpenNode::open(&config).await?;
    let sink = Folder(Arc::clone(&node.journal));
    let poured = pour(&target, &point, &tenants, &sink, &work.join("scratch")).await;
    let filled = match poured {
        Ok(poured) => {
            node.ledger.adopt(keys, None).await.map(|_| poured).map_err(anyhow::Error::new)
        }
        Err(error) => Err(anyhow::Error::new(error)),
    };
    node.neighbours.consensus().shutdown().await;
    drop(node);
    let poured = filled?;
    // Whose folder it is gets settled by the node that starts with it.
    remove(&work.join("scratch"))?;
    fs::remove_file(work.join("node.id")).context("the folder's identity cannot be removed")?;
    fs::rename(&work, &data).with_context(|| format!("cannot make {}", data.display()))?;
    if let Some(parent) = data.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(told(&point, tenants.len(), &poured))
}

fn refuse_used(data: &Path) -> anyhow::Result<()> {
    let is_used = match fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", data.display())),
    };
    if is_used {
        let message = format!("{} is not empty: a backup fills a new data folder", data.display());
        return Err(Failed::new("restore_not_empty", message).into());
    }
    Ok(())
}

/// The folder that is filled, in the same file system.
fn beside(data: &Path) -> anyhow::Result<PathBuf> {
    let mut name = data.file_name().context("the data folder has no name")?.to_owned();
    name.push(".restoring");
    Ok(data.with_file_name(name))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// A data folder as a place for rows.
struct Folder(Arc<dyn Journal>);

impl Sink for Folder {
    fn partitions(&self) -> u16 {
        self.0.partitions()
    }

    fn commit(&self, partition: PartitionId, writes: Vec<Write>) -> SinkFuture {
        let term = self.0.leadership(partition).term;
        let commit = self.0.commit(Batch { partition, term, writes });
        Box::pin(async move {
            let why = |error: impresario_journal::CommitError| error.to_string();
            match commit.await {
                Ok(_) => Ok(()),
                Err(error) => Err(BackupError::Sink { partition: partition.0, why: why(error) }),
            }
        })
    }
}
