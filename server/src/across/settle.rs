//! Making sure that every node has heard of a tenant's change before a sweep begins.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use impresario_host::{Failure, Host};
use impresario_ids::{NodeId, TenantId};
use impresario_kernel::{PartitionId, encode};
use impresario_outbox::{Settle, Settling};
use impresario_views::Directory;

use super::tenants::{self, Ask, renew_one};
use super::{Neighbours, PeerError};

/// How long one node may take.
const WITHIN: Duration = Duration::from_secs(15);

/// Reads the tenant's state again, then waits until what was decided by an older one is committed or
/// has failed: all of it that this node leads.
pub(super) async fn here(
    directory: &Arc<Directory>,
    host: &Host,
    tenant: TenantId,
) -> Result<(), Failure> {
    renew_one(directory, tenant).await?;
    host.settle().await
}

/// The same on every member that is alive, this node too. It fails as long as a partition is led, as
/// far as is known, by a node that is not.
pub(crate) fn everywhere(
    neighbours: Neighbours,
    directory: Arc<Directory>,
    host: Host,
) -> Arc<dyn Settle> {
    Arc::new(move |tenant| -> Settling {
        let (neighbours, directory, host) =
            (neighbours.clone(), Arc::clone(&directory), host.clone());
        Box::pin(async move {
            let nodes = alive(&neighbours, host.journal().partitions())?;
            let others = join_all(nodes.into_iter().map(|node| ask(&neighbours, node, tenant)));
            let (own, others) = tokio::join!(here(&directory, &host, tenant), others);
            own?;
            others.into_iter().collect()
        })
    })
}

/// The other members that decide, or could.
fn alive(neighbours: &Neighbours, partitions: u16) -> Result<Vec<NodeId>, Failure> {
    let silent = (0..partitions).filter_map(|number| neighbours.leader(PartitionId(number)));
    let silent = silent
        .filter(|leader| *leader != neighbours.me())
        .find(|leader| !neighbours.is_alive(*leader));
    if let Some(leader) = silent {
        tracing::debug!(node = leader.0, "a leader that is silent keeps a sweep waiting");
        return Err(Failure::NotLeader { leader: Some(leader) });
    }
    Ok(neighbours.others().into_iter().filter(|node| neighbours.is_alive(*node)).collect())
}

async fn ask(neighbours: &Neighbours, node: NodeId, tenant: TenantId) -> Result<(), Failure> {
    let body = encode(&Ask::Settle(tenant));
    match neighbours.ask(node, tenants::MARK, body, WITHIN).await {
        Ok(_) => Ok(()),
        // Either it comes back, or somebody else leads what it led.
        Err(PeerError::NotSent(_) | PeerError::Doubtful(_)) => {
            Err(Failure::NotLeader { leader: Some(node) })
        }
        // It begins or ends, or something of it is between two leaders.
        Err(PeerError::Failed { code, .. }) if code == "not_leader" || code == "unavailable" => {
            Err(Failure::NotLeader { leader: None })
        }
        Err(error @ PeerError::Failed { .. }) => Err(Failure::Unavailable(error.to_string())),
    }
}
