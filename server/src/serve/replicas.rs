//! The replicas of a data folder.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::try_join_all;
use impresario_config::Config;
use impresario_consensus::{Allowed, Consensus, ConsensusError};
use impresario_ids::NodeId;
use impresario_redb::{OpenError, ReplicaOptions, ReplicaStore};
use impresario_wire::RaftTransport;

use super::alone::Alone;

/// A node that is alone elects itself at once; whoever waits for longer waits for a broken disk.
const LEADER_WAIT: Duration = Duration::from_secs(30);

/// A store belongs to a node that has others beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the data folder belongs to {node} of a cluster with others: start it with cluster.listen, \
     where the others reach it"
)]
pub(crate) struct NotAlone {
    pub(crate) node: NodeId,
}

/// Opens every replica that the folder holds. The group behind the partitions is the cluster's own.
pub(crate) async fn open(
    config: &Config,
    node: NodeId,
    transport: Arc<dyn RaftTransport>,
    allowed: Allowed,
) -> anyhow::Result<Consensus> {
    let partitions = config.node.partitions;
    let groups = partitions.checked_add(1).context("there can be at most 65 534 partitions")?;
    let options = ReplicaOptions {
        recent_bytes: config.store.recent_bytes,
        queue_bytes: config.store.queue_bytes,
        // A folder of the first release, which knew no replicas, is that of a first node.
        adopt: (node == NodeId(1)).then(|| Consensus::adopt(node, partitions)),
        ..ReplicaOptions::with(config.store_options(), groups)
    };
    let opened = tokio::task::spawn_blocking(move || ReplicaStore::open(options)).await?;
    let store = opened.map_err(without_system_group)?;
    let mut consensus = config.consensus.clone();
    if config.backup.target.is_empty() {
        // Nothing is shipped, so nobody will ask where shipping was.
        consensus.archive_grace_ms = 0;
    }
    Ok(Consensus::open(consensus, store, node, transport, allowed).await?)
}

/// Opens every replica as the only voter of its group, and waits until this node leads them all.
pub(crate) async fn open_alone(config: &Config, node: NodeId) -> anyhow::Result<Consensus> {
    if node != NodeId(1) {
        return Err(NotAlone { node }.into());
    }
    let consensus = open(config, node, Arc::new(Alone), Arc::new(|_, _| false)).await?;
    let groups = 0..=config.node.partitions;
    for group in groups.clone() {
        let Some(members) = consensus.members(group) else { continue };
        if members.voters.iter().any(|voter| *voter != node) {
            consensus.shutdown().await;
            return Err(NotAlone { node }.into());
        }
    }
    try_join_all(groups.map(|group| lead(&consensus, group))).await?;
    Ok(consensus)
}

/// Waits until this node leads its partitions, if it is their only voter.
pub(crate) async fn lead_if_alone(consensus: &Consensus, node: NodeId) -> anyhow::Result<bool> {
    for group in consensus.groups() {
        let voters = consensus.members(group).map(|members| members.voters).unwrap_or_default();
        if voters.len() != 1 || !voters.contains(&node) {
            return Ok(false);
        }
        consensus.await_leader(group, LEADER_WAIT).await?;
    }
    Ok(true)
}

/// Begins the group, unless it has begun, and waits until it has a leader.
async fn lead(consensus: &Consensus, group: u16) -> anyhow::Result<()> {
    match consensus.found(group..group + 1).await {
        Ok(()) | Err(ConsensusError::Founded(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let now = consensus.await_leader(group, LEADER_WAIT).await?;
    if !now.is_leader() {
        bail!("group {group} is led by another node");
    }
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
