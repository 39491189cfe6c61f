use std::collections::HashMap;

use impresario_ids::NodeId;
use parking_lot::RwLock;
use tokio::sync::watch;

/// Where the nodes are. An address is `host:port`, resolved at each dial.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: RwLock<HashMap<NodeId, String>>,
    changes: watch::Sender<u64>,
}

impl Book {
    pub(crate) fn get(&self, node: NodeId) -> Option<String> {
        self.entries.read().get(&node).cloned()
    }

    /// Says whether the address is new.
    pub(crate) fn set(&self, node: NodeId, addr: &str) -> bool {
        let before = self.entries.write().insert(node, addr.to_owned());
        let new = before.as_deref() != Some(addr);
        if new {
            self.changes.send_modify(|count| *count += 1);
        }
        new
    }

    pub(crate) fn remove(&self, node: NodeId) {
        if self.entries.write().remove(&node).is_some() {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    pub(crate) fn nodes(&self) -> Vec<(NodeId, String)> {
        let mut nodes: Vec<_> =
            self.entries.read().iter().map(|(node, addr)| (*node, addr.clone())).collect();
        nodes.sort();
        nodes
    }

    /// Waits until the address of a node is another than this.
    pub(crate) async fn moved(&self, node: NodeId, from: Option<&str>) {
        let mut changes = self.changes.subscribe();
        while self.get(node).as_deref() == from {
            // The sender lives in this book.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
