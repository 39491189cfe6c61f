//! Who the node of a data folder is.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::Context;
use impresario_ids::{ClusterId, NodeId};
use impresario_steward::Identity;
use impresario_wire::Me;

/// Opens the data folder, making it if it is not there.
pub(crate) fn open(data: &Path) -> anyhow::Result<Identity> {
    let mut folder = fs::DirBuilder::new();
    folder
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot make {}", data.display()))?;
    Identity::open(data).context("it is not known which node this is")
}

/// Who the node is. A folder that nobody has settled yet is the first node of a new cluster, of
/// this id or a random one; that is kept only by [`Identity::settle`], once the store is open and
/// nobody else can have the folder.
pub(crate) fn founder(identity: &Identity, partitions: u16, cluster: Option<ClusterId>) -> Me {
    identity.me().unwrap_or_else(|| Me {
        cluster: cluster.unwrap_or_else(|| ClusterId::from_bytes(rand::random())),
        node: NodeId(1),
        store: identity.store(),
        partitions,
    })
}
