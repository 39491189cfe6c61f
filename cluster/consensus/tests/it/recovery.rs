//! Quorums lost for ever.

use std::collections::BTreeSet;

use impresario_consensus::{ConsensusError, Recovered};
use impresario_ids::NodeId;

use crate::node::{Cluster, leads};

fn nodes(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn recover(cluster: &Cluster, id: u64) -> Result<Recovered, ConsensusError> {
    let node = cluster.node(id);
    node.runtime.block_on(node.consensus.recover(0, "a fire"))
}

#[test]
fn a_survivor_goes_on_with_everything_it_had() {
    let mut cluster = Cluster::of_voters(3);
    let leader = cluster.node(1);
    for number in 0..20u64 {
        leader.put(0, &number.to_be_bytes(), b"1");
    }
    cluster.node(2).await_applied(0, 20);
    let rows = cluster.node(2).rows(0);
    let term = cluster.node(2).leadership(0).term;
    cluster.kill(1);
    cluster.kill(3);
    let recovered = recover(&cluster, 2).expect("nobody else is left");
    assert_eq!((recovered.voters, recovered.lost), (nodes(&[1, 2, 3]), nodes(&[1, 3])));
    let survivor = cluster.node(2);
    let now = survivor.await_role(0, leads);
    assert!(now.term > term && now.term.0 > recovered.term, "{now:?}");
    assert_eq!(survivor.rows(0), rows);
    survivor.put(0, b"after", b"1");
    assert_eq!(survivor.consensus.members(0).expect("a replica").voters, nodes(&[2]));
    cluster.kill(2);
    cluster.start(2);
    let survivor = cluster.node(2);
    survivor.await_role(0, leads);
    survivor.put(0, b"after a restart", b"1");
    assert_eq!(survivor.rows(0).len(), rows.len() + 2);
    let again = recover(&cluster, 2);
    assert!(matches!(again, Err(ConsensusError::QuorumAnswers { .. })), "{again:?}");
}

#[test]
fn nothing_is_recovered_while_a_quorum_answers() {
    let mut cluster = Cluster::of_voters(3);
    cluster.node(1).put(0, b"a", b"1");
    cluster.kill(3);
    let refused = recover(&cluster, 2).expect_err("a quorum");
    let answering = nodes(&[1, 2]);
    assert_eq!(refused, ConsensusError::QuorumAnswers { group: 0, answering });
    let leader = cluster.await_leader(&[1, 2]);
    leader.put(0, b"b", b"1");
    assert_eq!(leader.consensus.members(0).expect("a replica").voters, nodes(&[1, 2, 3]));
}

#[test]
fn the_survivor_with_the_longest_log_is_the_one_to_recover() {
    let mut cluster = Cluster::of_voters(5);
    let all = [1, 2, 3, 4, 5].map(NodeId);
    cluster.node(1).put(0, b"before", b"1");
    cluster.net.split(&[NodeId(2)], &[all[0], all[2], all[3], all[4]]);
    let leader = cluster.await_leader(&[1, 3, 4, 5]);
    let batch = leader.put(0, b"acknowledged", b"1");
    cluster.node(1).await_applied(0, batch.0);
    [3, 4, 5].into_iter().for_each(|id| cluster.kill(id));
    cluster.net.heal();
    let refused = recover(&cluster, 2).expect_err("the other has more");
    assert_eq!(refused, ConsensusError::Behind { group: 0, node: NodeId(1) });
    let recovered = recover(&cluster, 1).expect("the longest log");
    assert_eq!(recovered.lost, nodes(&[3, 4, 5]));
    cluster.change_voters(1, &[1, 2]);
    let leader = cluster.node(1);
    leader.put(0, b"after", b"1");
    assert_eq!(leader.get(0, b"acknowledged"), Some(b"1".to_vec()));
    cluster.check_equal(leader);
}

#[test]
fn a_replica_that_was_never_filled_is_no_survivor() {
    let mut cluster = Cluster::new(2);
    cluster.kill(1);
    let second = cluster.node(2);
    second.runtime.block_on(second.consensus.ensure_group(0)).expect("a replica");
    let refused = recover(&cluster, 2);
    assert!(matches!(refused, Err(ConsensusError::Members { .. })), "{refused:?}");
}
