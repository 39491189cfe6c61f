//! Nodes in this process, over real connections.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_consensus::{Consensus, Options};
use impresario_ids::{ClusterId, NodeId};
use impresario_redb::{ReplicaOptions, ReplicaStore};
use impresario_wire::{
    Answer, Answered, Call, CallHandler, GuestHandler, Handled, Handlers, Hello, Me, Register,
    StoreId, Wire,
};

pub(crate) struct Node {
    pub(crate) consensus: Consensus,
    pub(crate) store: ReplicaStore,
    wire: Wire,
}

/// Nobody asks anything but Raft here.
struct Nobody;

impl CallHandler for Nobody {
    fn handle(&self, _: NodeId, _: Call) -> Handled {
        Box::pin(async { Answer::Done(Vec::new()) })
    }
}

impl GuestHandler for Nobody {
    fn handle(&self, _: Hello, _: Bytes) -> Answered {
        Box::pin(async { Ok(Bytes::new()) })
    }
}

impl Node {
    async fn start(dir: &Path, id: u64, groups: u16) -> Self {
        let store = StoreId([u8::try_from(id).expect("few nodes"); 16]);
        let cluster = ClusterId::from_bytes([1; 16]);
        let me = Me { cluster, node: NodeId(id), store, partitions: groups };
        let options = impresario_wire::Options {
            listen: "127.0.0.1:0".parse().expect("an address"),
            plain: true,
            ..impresario_wire::Options::default()
        };
        let wire = Wire::bind(me, options, Arc::new(Register::new(true))).await.expect("a wire");
        let store = ReplicaStore::open(ReplicaOptions::new(dir.join(id.to_string()), groups));
        let store = store.expect("a store");
        let lanes = Arc::new(wire.lanes());
        let allowed = Arc::new(|_, _| true);
        let opening = Consensus::open(Options::default(), store.clone(), me.node, lanes, allowed);
        let consensus = opening.await.expect("a consensus");
        let handlers = Handlers {
            raft: Arc::new(consensus.clone()),
            calls: Arc::new(Nobody),
            guests: Arc::new(Nobody),
        };
        wire.serve_raft(handlers).expect("it serves");
        Self { consensus, store, wire }
    }

    pub(crate) async fn stop(self) {
        self.consensus.shutdown().await;
        self.wire.stop().await;
    }
}

/// Nodes 1 to `count` that know each other; the first has founded all groups.
pub(crate) async fn start(dir: &Path, count: u64, groups: u16) -> Vec<Node> {
    let mut nodes = Vec::new();
    for id in 1..=count {
        nodes.push(Node::start(dir, id, groups).await);
    }
    for from in &nodes {
        for to in &nodes {
            from.wire.set_address(to.wire.me().node, &to.wire.local_addr().to_string());
        }
    }
    let first = &nodes[0].consensus;
    first.found(0..groups).await.expect("founded");
    for group in 0..groups {
        first.await_leader(group, Duration::from_secs(60)).await.expect("a leader");
    }
    nodes
}
