//! Leaders come and go; what was acknowledged stays.

use impresario_ids::NodeId;
use impresario_journal::{CommitError, CommitIndex, Journal, Role, Term};
use impresario_kernel::PartitionId;

use crate::node::{Cluster, leads, put};

#[test]
fn one_node_leads_alone_and_each_start_is_a_new_term() {
    let mut cluster = Cluster::new(1);
    let first = cluster.node(1).await_role(0, leads);
    assert_eq!(cluster.node(1).put(0, b"a", b"1"), CommitIndex(1));
    cluster.kill(1);
    cluster.start(1);
    let node = cluster.node(1);
    let second = node.await_role(0, leads);
    assert!(second.term > first.term, "C2: {second:?} after {first:?}");
    assert_eq!(node.get(0, b"a"), Some(b"1".to_vec()), "C3");
    let stale = node.commit(0, first.term, vec![put(b"a", b"0")]);
    let expected = CommitError::StaleTerm { batch: first.term.0, current: second.term.0 };
    assert_eq!(stale, Err(expected), "C1");
    assert_eq!(node.put(0, b"b", b"2"), CommitIndex(2), "indexes go on");
    let confirmed = node.runtime.block_on(node.journal.confirm(PartitionId(0), second.term));
    assert_eq!(confirmed, Ok(()));
    assert!(node.journal.is_certain(PartitionId(0), second.term), "nobody else could lead");
    assert!(!node.journal.is_certain(PartitionId(0), first.term));
    assert!(node.runtime.block_on(node.journal.confirm(PartitionId(0), first.term)).is_err());
}

#[test]
fn a_killed_leader_is_replaced_and_comes_back() {
    let mut cluster = Cluster::of_voters(3);
    let old = cluster.node(1).leadership(0).term;
    for number in 0..20u8 {
        cluster.node(1).put(0, &[number], b"before");
    }
    cluster.kill(1);
    let leader = cluster.await_leader(&[2, 3]);
    assert!(leader.leadership(0).term > old);
    for number in 0..20u8 {
        assert_eq!(leader.get(0, &[number]), Some(b"before".to_vec()), "C3");
    }
    assert_eq!(leader.put(0, b"after", b"it"), CommitIndex(21));
    cluster.start(1);
    let leader = cluster.await_leader(&[2, 3, 1]);
    cluster.check_equal(leader);
}

#[test]
fn a_follower_refuses_and_names_the_leader() {
    let cluster = Cluster::of_voters(3);
    let leader = cluster.node(1).leadership(0);
    let knows = |now: impresario_journal::Leadership| now.leader() == Some(NodeId(1));
    let follower = cluster.node(2);
    let now = follower.await_role(0, knows);
    assert_eq!(now.role, Role::Follower { leader: Some(NodeId(1)) });
    let in_doubt = |node: &crate::node::Node| !node.journal.is_certain(PartitionId(0), leader.term);
    assert!(in_doubt(cluster.node(1)) && in_doubt(follower), "reads must be confirmed");
    let refused = follower.commit(0, leader.term, vec![put(b"a", b"1")]);
    assert_eq!(refused, Err(CommitError::NotLeader { leader: Some(NodeId(1)) }));
    assert_eq!(follower.leadership(1).role, Role::Absent);
    let absent = follower.commit(1, Term(1), Vec::new());
    assert_eq!(absent, Err(CommitError::NotLeader { leader: None }));
}

#[test]
fn a_deposed_leader_does_not_know_and_nothing_is_half_there() {
    let cluster = Cluster::of_voters(3);
    cluster.node(1).put(0, b"a", b"1");
    let old = cluster.node(1);
    let term = old.leadership(0).term;
    cluster.net.split(&[NodeId(1)], &[NodeId(2), NodeId(3)]);
    let lost = old.commit(0, term, vec![put(b"x", b"half"), put(b"y", b"half")]);
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "C4: {lost:?}");
    assert!(!old.leadership(0).is_leader());
    assert!(old.commit(0, term, vec![put(b"z", b"late")]).is_err(), "C4: nothing more");
    assert!(old.runtime.block_on(old.journal.confirm(PartitionId(0), term)).is_err());
    let leader = cluster.await_leader(&[2, 3]);
    leader.put(0, b"b", b"2");
    cluster.net.heal();
    cluster.check_equal(leader);
    assert_eq!(leader.get(0, b"x"), leader.get(0, b"y"));
    assert_eq!(old.get(0, b"z"), None);
}

#[test]
fn a_leader_without_a_majority_gives_up_and_leads_again_only_anew() {
    let cluster = Cluster::of_voters(3);
    let term = cluster.node(1).leadership(0).term;
    // Nobody hears anybody: no other leader can arise, and the old one is never deposed.
    let all = [NodeId(1), NodeId(2), NodeId(3)];
    all.iter().for_each(|node| cluster.net.split(&[*node], &all));
    cluster.node(1).await_role(0, |now| !now.is_leader());
    cluster.net.heal();
    let leader = cluster.await_leader(&[1, 2, 3]);
    assert!(leader.leadership(0).term > term, "C4");
    leader.put(0, b"a", b"1");
    cluster.check_equal(leader);
}

#[test]
fn a_leader_that_is_only_heard_is_replaced() {
    let cluster = Cluster::of_voters(3);
    // Its heartbeats arrive, the answers do not.
    for other in [2, 3] {
        cluster.net.cut(NodeId(other), NodeId(1));
    }
    let leader = cluster.await_leader(&[2, 3]);
    assert_eq!(leader.put(0, b"a", b"1"), CommitIndex(1));
    cluster.net.heal();
    cluster.check_equal(leader);
}

#[test]
fn reads_that_come_together_are_confirmed_together() {
    let cluster = Cluster::of_voters(3);
    let node = cluster.node(1);
    let term = node.leadership(0).term;
    let reads: Vec<_> = (0..100).map(|_| node.journal.confirm(PartitionId(0), term)).collect();
    for read in reads {
        assert_eq!(node.runtime.block_on(read), Ok(()));
    }
}
