//! A node that asks to be let in over the real wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use impresario_consensus::Consensus;
use impresario_ids::NodeId;
use impresario_placement::{Introduction, StoreId, WireRange, Zone};
use impresario_redb::{ReplicaOptions, ReplicaStore};
use impresario_steward::{Claim, Gate, GuestKnock, Identity, JoinError, Parts, Steward, join};
use impresario_wire::{Handlers, Me, Options, Wire};
use tempfile::TempDir;

use crate::cluster::{PARTITIONS, cluster_id, options, raft};

fn plain() -> Options {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Options { listen, plain: true, ..Options::default() }
}

fn intro(store: [u8; 16], addr: String) -> Introduction {
    Introduction {
        store: StoreId(store),
        http: addr.clone(),
        addr,
        zone: Zone::default(),
        version: "0.1.0".to_owned(),
        wire: WireRange { lowest: 1, highest: 1 },
    }
}

/// Node 1, put together as a server does it.
async fn first(folder: &TempDir) -> (Arc<Wire>, Steward, Consensus) {
    let mut identity = Identity::open(folder.path()).expect("an identity");
    let (cluster, store) = (cluster_id(), identity.store());
    let me = Me { cluster, node: NodeId(1), store, partitions: PARTITIONS };
    identity.settle(me).expect("settles");
    let gate = Gate::new(me);
    let bound = Wire::bind(me, plain(), Arc::new(gate.clone())).await;
    let wire = Arc::new(bound.expect("a port"));
    let replicas = ReplicaOptions::new(folder.path(), PARTITIONS + 1);
    let replicas = ReplicaStore::open(replicas).expect("a store");
    let lanes = Arc::new(wire.lanes());
    let opened = Consensus::open(raft(), replicas, me.node, lanes, gate.allowed()).await;
    let consensus = opened.expect("a consensus");
    let steward = Steward::start(Parts {
        me,
        run: [1; 16],
        intro: intro(store.0, wire.local_addr().to_string()),
        consensus: consensus.clone(),
        calls: Arc::new(wire.calls()),
        peers: Arc::new(Arc::downgrade(&wire)),
        knock: Arc::new(GuestKnock(plain())),
        gate,
        clock: Arc::new(|| 1_000),
        welcome: None,
        seeds: Vec::new(),
        options: options(),
    });
    let steward = steward.expect("a steward");
    steward.found(1).await.expect("a cluster");
    let own = Arc::new(steward.clone());
    let handlers = Handlers { raft: Arc::new(consensus.clone()), calls: own.clone(), guests: own };
    wire.serve_raft(handlers).expect("serves");
    (wire, steward, consensus)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_becomes_a_member() {
    let folder = tempfile::tempdir().expect("a folder");
    let (wire, steward, consensus) = first(&folder).await;
    let street = GuestKnock(plain());
    let intro = intro([7; 16], "127.0.0.1:7777".to_owned());
    let claim = Claim { cluster: None, node: None, partitions: 0, run: [2; 16], intro };
    // Nobody listens at the first address.
    let addrs = ["127.0.0.1:1".to_owned(), wire.local_addr().to_string()];
    let welcome = join(&street, &claim, &addrs, &options().join).await.expect("let in");
    assert_eq!((welcome.me.node, welcome.me.cluster), (NodeId(2), cluster_id()));
    assert_eq!(welcome.me.partitions, PARTITIONS);
    let founder = welcome.state.member(NodeId(1)).expect("the founder");
    assert_eq!(founder.intro.addr, wire.local_addr().to_string());
    let told = async {
        while wire.peers().iter().all(|peer| peer.node != NodeId(2)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("the wire knows its address");
    let wrong = Claim { partitions: PARTITIONS + 1, ..claim };
    let refused = join(&street, &wrong, &addrs, &options().join).await;
    let code = match refused {
        Err(JoinError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code, "cluster_partitions_wrong");
    steward.stop().await;
    wire.stop().await;
    consensus.shutdown().await;
}
