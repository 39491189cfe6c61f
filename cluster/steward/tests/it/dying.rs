//! Nodes die; some come back.

use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::{Command, SettingsPatch, Status};
use impresario_steward::{Claim, JoinError, JoinOptions, join};
use impresario_wire::{Refusal, StoreId};

use crate::cluster::{Cluster, nodes};
use crate::net::Street;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn writes_go_on_without_a_node_and_it_comes_back() {
    let mut cluster = Cluster::of(3, 3);
    cluster.write("before");
    let victim = cluster.planner();
    cluster.kill(victim);
    cluster.write("without");
    let witness = victim % 3 + 1;
    cluster.await_status("its silence is seen", witness, |status| {
        status.nodes.iter().any(|node| node.node == NodeId(victim) && !node.alive)
    });
    cluster.restart(victim);
    cluster.await_settled(3);
    cluster.await_written(&["before", "without"]);
}

#[test]
fn a_dead_node_is_replaced_and_its_store_never_used_again() {
    let mut cluster = Cluster::of(4, 3);
    cluster.write("before");
    let first = cluster.node(1);
    let patch = SettingsPatch { dead_after_ms: Some(800), ..SettingsPatch::default() };
    first.run(first.steward.execute(Command::Configure { patch })).expect("a setting");
    let store = cluster.node(4).me.store;
    cluster.kill(4);
    let first = cluster.node(1);
    first.run(first.steward.await_status(NodeId(4), Status::Dead, LONG)).expect("found dead");
    cluster.await_settled(3);
    let status = first.run(first.steward.status());
    assert!(status.groups.iter().all(|group| group.voters == nodes(&[1, 2, 3])), "{status:#?}");
    cluster.write("after");
    cluster.await_written(&["before", "after"]);
    first.run(first.steward.remove_dead(NodeId(4), false)).expect("given up");
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
fn a_dead_node_that_answers_again_is_taken_back() {
    let mut cluster = Cluster::of(4, 3);
    cluster.write("before");
    cluster.kill(3);
    let first = cluster.node(1);
    let dead = Command::MarkDead { node: NodeId(3) };
    first.run(first.steward.execute(dead)).expect("marked");
    cluster.await_settled(3);
    cluster.restart(3);
    cluster.await_settled(4);
    cluster.await_written(&["before"]);
}

#[test]
fn a_machine_that_was_replaced_waits_until_the_lost_one_is_given_up() {
    let mut cluster = Cluster::of(3, 3);
    let store = StoreId([9; 16]);
    let mut intro = cluster.intro(store, "");
    intro.addr.clone_from(&cluster.claim_of(3).intro.addr);
    let claim = Claim { cluster: None, node: None, partitions: 0, run: [1; 16], intro };
    let refused = cluster.ask_in(&claim).expect_err("somebody answers there");
    assert!(matches!(&refused, JoinError::Refused { code, .. } if code == "node_address_taken"));
    cluster.kill(3);
    let first = cluster.node(1);
    let street = Street { net: Arc::clone(&cluster.net), near: NodeId(0) };
    let once = JoinOptions { knock_ms: 8_000, pause_ms: 30, pause_max_ms: 30, within_ms: 1 };
    let told =
        cluster.outside.block_on(join(&street, &claim, std::slice::from_ref(&first.addr), &once));
    let why = told.expect_err("not yet").to_string();
    assert!(why.contains("does not answer"), "{why}");
    first.run(first.steward.execute(Command::MarkDead { node: NodeId(3) })).expect("marked");
    assert_eq!(cluster.ask_in(&claim).expect("let in").me.node, NodeId(4));
}
