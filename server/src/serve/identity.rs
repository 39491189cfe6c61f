//! Who a node is that founds its own cluster.

use std::path::Path;

use impresario_ids::{ClusterId, NodeId};
use impresario_steward::{Identity, IdentityError};
use impresario_wire::Me;

/// The identity of the data folder, and who its node is. A folder that nobody has settled yet is
/// the first node of a new cluster; that is kept only by [`Identity::settle`], once the store is
/// open and nobody else can have the folder.
pub(crate) fn of(data: &Path, partitions: u16) -> Result<(Identity, Me), IdentityError> {
    let identity = Identity::open(data)?;
    let me = identity.me().unwrap_or_else(|| Me {
        cluster: ClusterId::from_bytes(rand::random()),
        node: NodeId(1),
        store: identity.store(),
        partitions,
    });
    Ok((identity, me))
}
