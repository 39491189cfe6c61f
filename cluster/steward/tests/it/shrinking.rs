//! Nodes are drained, and leave.

use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::{GroupId, Status};
use impresario_steward::JoinError;
use impresario_wire::Refusal;

use crate::cluster::{Cluster, PARTITIONS};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_drained_node_leads_nothing_and_comes_back() {
    let mut cluster = Cluster::of(3, 3);
    let planner = cluster.planner();
    let other = cluster.node(planner % 3 + 1);
    // Also the system group's leader, so that another one has to go on planning.
    let left = other.run(other.steward.drain(NodeId(planner), LONG)).expect("drained");
    assert_eq!(left, Vec::<GroupId>::new());
    let drained = cluster.node(planner);
    for group in 0..=PARTITIONS {
        assert!(!drained.consensus.leadership(group).is_leader(), "group {group}");
    }
    cluster.write("meanwhile");
    cluster.kill(planner);
    cluster.write("without");
    cluster.restart(planner);
    let back = cluster.node(planner);
    back.run(back.steward.resume(NodeId(planner))).expect("resumed");
    cluster.await_settled(3);
    cluster.await_written(&["meanwhile", "without"]);
}

#[test]
fn a_node_alone_cannot_hand_over() {
    let cluster = Cluster::found(1);
    let first = cluster.node(1);
    let left = first.run(first.steward.drain(NodeId(1), LONG)).expect("drained");
    assert_eq!(left.len(), usize::from(PARTITIONS) + 1);
}

#[test]
fn a_node_leaves_with_nothing_on_it() {
    let mut cluster = Cluster::of(4, 3);
    cluster.write("before");
    let leaver = cluster.node(4);
    leaver.run(leaver.steward.leave(NodeId(4), false, false)).expect("may leave");
    leaver.run(leaver.steward.await_status(NodeId(4), Status::Left, LONG)).expect("left");
    leaver.run(leaver.steward.retired());
    let store = leaver.me.store;
    cluster.kill(4);
    cluster.await_settled(3);
    cluster.await_written(&["before"]);
    cluster.until("nobody lets it in", |cluster| {
        (1..=3).all(|node| {
            let refused = cluster.node(node).gate.admits(NodeId(4), store);
            refused == Err(Refusal::RemovedNode(NodeId(4)))
        })
    });
    let refused = cluster.ask_in(&cluster.claim_of(4)).expect_err("gone for good");
    assert!(matches!(&refused, JoinError::Refused { code, .. } if code == "node_store_retired"));
}

#[test]
fn a_node_that_is_needed_stays_unless_forced() {
    let cluster = Cluster::of(3, 3);
    let first = cluster.node(1);
    let leave = |forced| first.run(first.steward.leave(NodeId(3), forced, false));
    let refused = leave(false).expect_err("three are needed");
    assert_eq!(refused.code(), "cluster_too_few_nodes");
    leave(true).expect("forced");
    first.run(first.steward.await_status(NodeId(3), Status::Left, LONG)).expect("left");
    cluster.await_settled(2);
}

#[test]
fn nobody_leaves_while_another_is_needed_that_is_gone() {
    let mut cluster = Cluster::of(3, 3);
    cluster.kill(3);
    // At once: nobody has noticed the silence yet.
    let first = cluster.node(1);
    let refused = first.run(first.steward.leave(NodeId(2), true, false)).expect_err("no majority");
    assert_eq!(refused.code(), "cluster_quorum_at_risk", "{refused}");
    cluster.restart(3);
    cluster.await_settled(3);
    let first = cluster.node(1);
    first.run(first.steward.leave(NodeId(2), true, false)).expect("two answer");
    first.run(first.steward.await_status(NodeId(2), Status::Left, LONG)).expect("left");
}
