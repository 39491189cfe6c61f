//! Replicas are given, filled, moved and taken away.

use std::collections::BTreeSet;
use std::sync::Mutex;

use impresario_consensus::ConsensusError;
use impresario_ids::NodeId;
use impresario_journal::conformance::block_on;
use impresario_journal::{Batch, CommitError, CommitIndex, Journal, Role, Term};
use impresario_kernel::PartitionId;
use impresario_redb::RedbJournal;

use crate::node::{Cluster, leads, put};

fn nodes(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

#[test]
fn a_new_replica_is_filled_by_a_snapshot() {
    let cluster = Cluster::new(2);
    cluster.fill(1);
    let told = Mutex::new(Vec::new());
    let leader = cluster.node(1);
    let tell = |progress| told.lock().expect("no panic").push(progress);
    let changing = leader.consensus.change_voters(0, nodes(&[1, 2]), false, &tell);
    leader.runtime.block_on(changing).expect("two voters");
    let told = told.into_inner().expect("no panic");
    assert!(told.iter().all(|progress| progress.node == NodeId(2)), "{told:?}");
    let members = leader.consensus.members(0).expect("a replica");
    assert_eq!((members.voters, members.changing), (nodes(&[1, 2]), false));
    leader.put(0, b"more", b"rows");
    cluster.check_equal(leader);
    let follower = cluster.node(2).consensus.metrics(0).expect("figures");
    assert!(follower.purged.is_some(), "the log did not come entry by entry: {follower:?}");
}

#[test]
fn a_snapshot_goes_on_after_a_broken_connection() {
    let cluster = Cluster::new(2);
    cluster.fill(1);
    let leader = cluster.node(1);
    cluster.net.storm(7, 300, 3);
    leader.runtime.block_on(leader.consensus.add_learner(0, NodeId(2))).expect("a learner");
    let second = cluster.node(2);
    second.runtime.block_on(second.consensus.ensure_group(0)).expect("a replica");
    second.await_applied(0, leader.consensus.system(0).applied());
    cluster.net.heal();
    cluster.check_equal(leader);
}

#[test]
fn the_leadership_moves_on_request() {
    let cluster = Cluster::of_voters(3);
    let old = cluster.node(1);
    let term = old.leadership(0).term;
    old.put(0, b"a", b"1");
    old.runtime.block_on(old.consensus.transfer_leader(0, NodeId(3))).expect("a transfer");
    let new = cluster.node(3);
    let now = new.await_role(0, leads);
    assert!(now.term > term);
    assert_eq!(new.get(0, b"a"), Some(b"1".to_vec()), "C3");
    let refused = old.commit(0, term, Vec::new());
    assert_eq!(refused, Err(CommitError::NotLeader { leader: Some(NodeId(3)) }));
    assert_eq!(new.put(0, b"b", b"2"), CommitIndex(2));
    let not_leader = old.runtime.block_on(old.consensus.transfer_leader(0, NodeId(2)));
    let leader = Some(NodeId(3));
    assert_eq!(not_leader, Err(ConsensusError::NotLeader { group: 0, leader }));
    let stranger = new.runtime.block_on(new.consensus.transfer_leader(0, NodeId(9)));
    assert!(matches!(stranger, Err(ConsensusError::Members { .. })));
}

/// The others elect; whoever waits is told at once.
#[test]
fn a_transfer_to_a_node_that_dies_ends_with_the_next_leader() {
    let mut cluster = Cluster::of_voters(3);
    cluster.node(1).put(0, b"a", b"1");
    cluster.kill(3);
    let old = cluster.node(1);
    let began = std::time::Instant::now();
    let told = old.runtime.block_on(old.consensus.transfer_leader(0, NodeId(3)));
    assert!(matches!(told, Err(ConsensusError::NotLeader { .. })), "{told:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_replica_moves_from_node_to_node() {
    let mut cluster = Cluster::of_voters(3);
    cluster.node(1).put(0, b"a", b"1");
    // From node 3 away, and back again.
    cluster.change_voters(1, &[1, 2]);
    let third = cluster.node(3);
    third.runtime.block_on(third.consensus.remove_replica(0)).expect("removed");
    assert_eq!(third.leadership(0).role, Role::Absent);
    assert_eq!(third.consensus.groups(), Vec::<u16>::new());
    cluster.node(1).put(0, b"b", b"2");
    cluster.kill(3);
    cluster.start(3);
    assert_eq!(cluster.node(3).consensus.groups(), Vec::<u16>::new(), "C6: only a ballot is left");
    cluster.change_voters(1, &[1, 2, 3]);
    cluster.check_equal(cluster.node(1));
    // It counts again: with node 2 gone, nodes 1 and 3 are the majority.
    cluster.kill(2);
    assert_eq!(cluster.await_leader(&[1, 3]).put(0, b"c", b"3"), CommitIndex(3));
}

#[test]
fn a_leader_that_is_let_go_hands_over() {
    let cluster = Cluster::of_voters(3);
    cluster.node(1).put(0, b"a", b"1");
    cluster.change_voters(1, &[2, 3]);
    let leader = cluster.await_leader(&[2, 3]);
    assert_eq!(leader.put(0, b"b", b"2"), CommitIndex(2));
    cluster.node(1).await_role(0, |now| now.role == Role::Absent);
    let first = cluster.node(1);
    first.runtime.block_on(first.consensus.remove_replica(0)).expect("removed");
}

#[test]
fn a_group_is_founded_once() {
    let cluster = Cluster::new(2);
    let first = cluster.node(1);
    let again = first.runtime.block_on(first.consensus.found(0..1));
    assert_eq!(again, Err(ConsensusError::Founded(0)));
    let beyond = first.runtime.block_on(first.consensus.ensure_group(9));
    assert!(beyond.is_err());
    let second = cluster.node(2);
    second.runtime.block_on(second.consensus.ensure_group(0)).expect("a replica");
    assert_eq!(second.leadership(0).role, Role::Absent, "empty until a leader fills it");
}

#[test]
fn the_store_of_a_node_that_was_alone_goes_on_as_a_cluster() {
    let dir = tempfile::tempdir().expect("a folder");
    let plain = RedbJournal::open(impresario_redb::Options::new(dir.path(), 1)).expect("a store");
    let batch = |value: &[u8]| Batch {
        partition: PartitionId(0),
        term: Term(0),
        writes: vec![put(b"a", value)],
    };
    for value in [b"1", b"2", b"3"] {
        block_on(plain.commit(batch(value))).expect("a commit");
    }
    plain.close();
    drop(plain);
    let cluster = Cluster::adopt(dir, 1);
    let node = cluster.node(1);
    assert!(node.await_role(0, leads).term > Term(0));
    assert_eq!(node.get(0, b"a"), Some(b"3".to_vec()));
    assert_eq!(node.put(0, b"b", b"4"), CommitIndex(4));
    // A new node gets all of it, by a snapshot: there is no log of it.
    cluster.change_voters(1, &[1, 2]);
    cluster.check_equal(node);
}

#[test]
fn a_voter_that_is_left_out_may_go_on_listening() {
    let cluster = Cluster::of_voters(3);
    let leader = cluster.node(1);
    let changing = leader.consensus.change_voters(0, nodes(&[1, 2]), true, &drop);
    leader.runtime.block_on(changing).expect("two voters");
    let members = leader.consensus.members(0).expect("a replica");
    assert_eq!((members.voters, members.learners), (nodes(&[1, 2]), nodes(&[3])));
    assert!(!members.changing, "answered when it is committed");
    leader.put(0, b"more", b"rows");
    cluster.check_equal(leader);
}
