//! A cluster begins and grows.

use impresario_ids::NodeId;
use impresario_placement::{Command, GroupId, Status, Zone};

use crate::cluster::{Cluster, PARTITIONS, SYSTEM, nodes};

#[test]
fn one_node_is_a_cluster() {
    let cluster = Cluster::found(3);
    cluster.await_settled(1);
    let first = cluster.node(1);
    let again = first.run(first.steward.found(3)).expect("founded before");
    assert_eq!((again.node, again.changed), (Some(NodeId(1)), false));
    let announced = first.run(first.steward.announce()).expect("a member");
    assert!(!announced.changed, "{announced:?}");
    assert_eq!(first.consensus.groups(), (0..=PARTITIONS).collect::<Vec<_>>());
    cluster.write("a");
    let state = first.steward.state();
    assert_eq!(state.member(NodeId(1)).map(|member| member.status), Some(Status::Active));
    assert_eq!(first.steward.leaders().of(SYSTEM), Some(NodeId(1)));
    first.run(first.steward.stop());
    cluster.write("the groups go on");
}

#[test]
fn two_more_join_and_everything_is_balanced() {
    let mut cluster = Cluster::found(3);
    cluster.write("before");
    assert_eq!(cluster.join(""), Ok(NodeId(2)));
    assert_eq!(cluster.join(""), Ok(NodeId(3)));
    cluster.await_settled(3);
    cluster.write("after");
    cluster.await_written(&["before", "after"]);
    let status = cluster.node(3).run(cluster.node(3).steward.status());
    for group in &status.groups {
        assert_eq!(group.voters, nodes(&[1, 2, 3]), "{group:?}");
    }
    let mut leads: Vec<usize> = status.nodes.iter().map(|node| node.leads).collect();
    leads.sort_unstable();
    assert!(leads.iter().sum::<usize>() == 5 && leads[0] >= 1 && leads[2] <= 3, "{leads:?}");
    // Everyone hears of every leader.
    cluster.until("the leaders known everywhere", |cluster| {
        let known = |at: u64, group: u16| cluster.node(at).steward.leaders().of(GroupId(group));
        let led = |group: u16| status.groups[usize::from(group)].leader;
        (1..=3).all(|at| (0..=PARTITIONS).all(|group| known(at, group) == led(group)))
    });
}

#[test]
fn a_restarted_cluster_is_the_same_one() {
    let mut cluster = Cluster::of(3, 3);
    cluster.write("before");
    for node in [1, 2, 3] {
        cluster.kill(node);
    }
    cluster.restart_all(&[1, 2, 3]);
    cluster.await_settled(3);
    cluster.write("after");
    cluster.await_written(&["before", "after"]);
}

#[test]
fn replicas_spread_over_zones() {
    let mut cluster = Cluster::found(3);
    let first = cluster.node(1);
    let zone = |name: &str| Zone::new(name).expect("a zone");
    let set = Command::SetZone { node: NodeId(1), zone: zone("east") };
    first.run(first.steward.execute(set)).expect("a zone");
    for zone in ["east", "west", "north"] {
        cluster.join(zone).expect("let in");
    }
    cluster.await_settled(4);
    // Through any node.
    let last = cluster.node(4);
    let status = last.run(last.steward.status());
    for group in status.groups.iter().filter(|group| group.group != SYSTEM) {
        let east = group.voters.intersection(&nodes(&[1, 2])).count();
        assert!(group.voters.len() == 3 && east == 1, "{group:?}");
    }
}

#[test]
fn a_person_moves_a_replica_and_chooses_its_leader() {
    let cluster = Cluster::of(4, 3);
    cluster.write("before");
    let last = cluster.node(4);
    let group = GroupId(0);
    let voters = last.steward.state().assignment(group).expect("mapped").voters.clone();
    let from = *voters.first().expect("a voter");
    let all = nodes(&[1, 2, 3, 4]);
    let to = *all.difference(&voters).next().expect("a node without it");
    last.run(last.steward.execute(Command::Move { group, from, to })).expect("moves");
    let again = last.run(last.steward.execute(Command::Move { group, from, to }));
    assert!(!again.expect("moved").changed);
    last.run(last.steward.execute(Command::Prefer { group, leader: to })).expect("leads");
    cluster.await_settled(4);
    let status = last.run(last.steward.status());
    let moved = status.groups.iter().find(|status| status.group == group).expect("the group");
    assert!(moved.leader == Some(to) && !moved.voters.contains(&from), "{moved:?}");
    cluster.until("its files are deleted where it was", |cluster| {
        !cluster.node(from.0).consensus.groups().contains(&group.0)
    });
    cluster.await_written(&["before"]);
    let nowhere = last.run(last.steward.execute(Command::Prefer { group, leader: from }));
    assert_eq!(nowhere.expect_err("no voter").code(), "partition_leader_invalid");
}
