//! Disks that refuse, under a quorum that goes on.

use std::collections::BTreeMap;

use impresario_ids::NodeId;
use impresario_journal::{CommitError, CommitIndex, Role};

use crate::node::{Cluster, Node, put};
use crate::sim::{Dice, Disk};

type Outcome = Result<CommitIndex, CommitError>;

fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn write(node: &Node, number: u64) -> Outcome {
    node.commit(0, node.leadership(0).term, vec![put(&key(number), &[1; 3000])])
}

/// Writes at node 1 until its disk has failed. What became of each batch.
fn write_until_failed(cluster: &Cluster) -> BTreeMap<u64, Outcome> {
    let first = cluster.node(1);
    let mut told = BTreeMap::new();
    for number in 0..100_000 {
        let outcome = write(first, number);
        let ended = outcome.is_err();
        told.insert(number, outcome);
        if ended {
            return told;
        }
    }
    panic!("the disk does not fail");
}

fn check(break_disk: impl Fn(&Disk), seed: u64) {
    let disks: Vec<Disk> = (0..3).map(|_| Disk::default()).collect();
    let mut cluster = Cluster::on(&disks);
    let before = cluster.node(1).leadership(0);
    break_disk(&disks[0]);
    let told = write_until_failed(&cluster);
    let first = cluster.node(1);

    // The node says so, in all of its groups.
    let silent = first.await_role(0, |now| now.role == Role::Follower { leader: None });
    assert!(silent.term >= before.term);
    let refused = write(first, 0);
    assert!(matches!(refused, Err(CommitError::Failed(_))), "{refused:?}");
    assert!(first.store.failure().is_some());
    assert_eq!(first.consensus.failure(), first.store.failure());

    // The others go on, with everything that was acknowledged.
    let leader = cluster.await_leader(&[2, 3]);
    leader.put(0, b"without it", b"1");
    for (number, outcome) in &told {
        let there = leader.get(0, &key(*number)).is_some();
        match outcome {
            Ok(_) => assert!(there, "seed {seed}: batch {number} was acknowledged and is lost"),
            Err(CommitError::Unknown(_)) => {}
            Err(other) => assert!(!there, "seed {seed}: {other}, but batch {number} is there"),
        }
    }
    let leader = leader.id.0;

    // It comes back with what its disk kept.
    cluster.kill(1);
    disks[0].power_on(&mut Dice(seed));
    cluster.start(1);
    let now = cluster.node(leader);
    assert_eq!(now.id, NodeId(leader));
    cluster.await_leader(&[2, 3, 1]).put(0, b"with it again", b"1");
    cluster.check_equal(cluster.await_leader(&[1, 2, 3]));
}

#[test]
fn a_leader_whose_syncs_fail_makes_way() {
    for seed in 1..=5 {
        check(|disk| disk.fail_sync_after(seed * 7), seed);
    }
}

#[test]
fn a_leader_whose_disk_is_full_makes_way() {
    check(Disk::fill_up, 9);
}

#[test]
fn a_leader_whose_disk_dies_makes_way() {
    for seed in 1..=3 {
        check(|disk| disk.cut_power_after(100 * seed), seed);
    }
}

#[test]
fn a_follower_whose_disk_fails_holds_nobody_up() {
    let disks: Vec<Disk> = (0..3).map(|_| Disk::default()).collect();
    let mut cluster = Cluster::on(&disks);
    disks[2].fail_sync_after(5);
    let leader = cluster.await_leader(&[1, 2, 3]).id.0;
    for number in 0..30 {
        cluster.await_leader(&[1, 2]).put(0, &key(number), b"1");
    }
    assert!(cluster.node(3).store.failure().is_some());
    cluster.kill(3);
    disks[2].power_on(&mut Dice(leader));
    cluster.start(3);
    let leader = cluster.await_leader(&[1, 2]);
    leader.put(0, b"with it again", b"1");
    cluster.check_equal(leader);
}

/// Groups that have nothing to write would otherwise go on as if nothing were.
#[test]
fn idle_groups_of_a_failed_store_are_given_up_too() {
    let disks: Vec<Disk> = (0..1).map(|_| Disk::default()).collect();
    let cluster = Cluster::on(&disks);
    let node = cluster.node(1);
    node.runtime.block_on(node.consensus.found(1..2)).expect("a second group");
    node.await_role(1, |now| now.is_leader());
    disks[0].fail_sync_after(0);
    write_until_failed(&cluster);
    node.await_role(1, |now| now.role == Role::Follower { leader: None });
    let refused = node.commit(1, node.leadership(1).term, vec![put(b"a", b"1")]);
    assert!(matches!(refused, Err(CommitError::Failed(_))), "{refused:?}");
}

/// Somebody put an old backup of the node's data folder in its place.
#[test]
fn a_follower_that_comes_back_with_old_data_is_not_counted_on() {
    let mut cluster = Cluster::of_voters(3);
    for number in 0..5 {
        cluster.node(1).put(0, &key(number), b"1");
    }
    cluster.node(3).await_applied(0, 5);
    cluster.kill(3);
    let copy = tempfile::tempdir().expect("a folder");
    copy_files(&cluster.dir(3), copy.path());
    cluster.start(3);
    let before = cluster.await_leader(&[1, 2]).id.0;
    let batch = cluster.node(before).put(0, b"acknowledged by it", b"1");
    cluster.node(3).await_applied(0, batch.0);
    let term = cluster.node(before).leadership(0).term;
    cluster.kill(3);
    copy_files(copy.path(), &cluster.dir(3));
    cluster.start(3);
    let leader = cluster.node(before);
    let stale = || {
        let figures = leader.consensus.metrics(0).expect("figures");
        figures.followers.iter().any(|follower| follower.node == NodeId(3) && follower.stale)
    };
    let mut number = 10;
    while !stale() && leader.leadership(0).term == term {
        leader.put(0, &key(number), b"1");
        number += 1;
    }
    assert_eq!(leader.leadership(0).term, term, "it disturbs nobody");
    leader.put(0, b"after", b"1");
    assert_eq!(leader.get(0, b"acknowledged by it"), Some(b"1".to_vec()));
}

fn copy_files(from: &std::path::Path, to: &std::path::Path) {
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}
