//! Who is not let in.

use impresario_ids::{ClusterId, NodeId};
use impresario_steward::{Claim, JoinError};
use impresario_wire::{Refusal, StoreId};

use crate::cluster::{Cluster, cluster_id};

fn check(cluster: &Cluster, claim: &Claim, expected: &str) {
    match cluster.ask_in(claim) {
        Err(JoinError::Refused { code, .. }) => assert_eq!(code, expected, "{claim:?}"),
        other => panic!("{expected}: {other:?}"),
    }
}

#[test]
fn strangers_are_refused() {
    let mut cluster = Cluster::of(2, 1);
    let store = StoreId([7; 16]);
    let claim = Claim {
        cluster: Some(cluster_id()),
        node: None,
        partitions: 0,
        run: [1; 16],
        intro: cluster.intro(store, ""),
    };
    check(&cluster, &Claim { partitions: 8, ..claim.clone() }, "cluster_partitions_wrong");
    let theirs = Some(ClusterId::derived(&[b"another"]));
    check(&cluster, &Claim { cluster: theirs, ..claim.clone() }, "cluster_wrong");
    // A number of this cluster in a store that it never saw.
    check(&cluster, &Claim { node: Some(NodeId(2)), ..claim.clone() }, "node_number_wrong");
    let mut crowding = claim.clone();
    crowding.intro.addr = "host-1:7400".to_owned();
    check(&cluster, &crowding, "node_address_taken");
    // Both members run on their stores: another process on a copy.
    check(&cluster, &cluster.claim_of(1), "node_store_copied");
    check(&cluster, &cluster.claim_of(2), "node_store_copied");
    let gate = &cluster.node(1).gate;
    assert_eq!(gate.admits(NodeId(9), store), Err(Refusal::UnknownNode(NodeId(9))));
    let copy = gate.admits(NodeId(2), store);
    assert!(matches!(copy, Err(Refusal::OtherStore { .. })), "{copy:?}");
    assert_eq!(gate.admits(NodeId(0), store), Ok(()), "a guest may ask");
    assert_eq!(gate.admits(NodeId(2), cluster.node(2).me.store), Ok(()));
    assert_eq!(cluster.node(1).steward.state().members().count(), 2, "nothing has changed");
}

#[test]
fn a_store_gets_one_number_however_often_it_asks() {
    let mut cluster = Cluster::found(1);
    let store = StoreId([9; 16]);
    let intro = cluster.intro(store, "");
    let claim = Claim { cluster: None, node: None, partitions: 0, run: [1; 16], intro };
    let once = cluster.ask_in(&claim).expect("let in");
    let twice = cluster.ask_in(&Claim { run: [2; 16], ..claim }).expect("let in");
    assert_eq!(once.me, twice.me);
    assert_eq!((once.me.node, once.me.cluster), (NodeId(2), cluster_id()));
}
