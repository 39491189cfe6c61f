use std::sync::Weak;

use impresario_ids::NodeId;
use impresario_wire::Wire;

/// Where the other nodes are, as the wire is told.
pub trait Peers: Send + Sync + 'static {
    /// From now on the node is reached at `host:port`.
    fn set_address(&self, node: NodeId, addr: &str);

    /// Forgets the node and ends all connections with it.
    fn evict(&self, node: NodeId);
}

/// Weak, because the wire holds the steward: it answers for it.
impl Peers for Weak<Wire> {
    fn set_address(&self, node: NodeId, addr: &str) {
        if let Some(wire) = self.upgrade() {
            wire.set_address(node, addr);
        }
    }

    fn evict(&self, node: NodeId) {
        if let Some(wire) = self.upgrade() {
            wire.evict(node);
        }
    }
}
