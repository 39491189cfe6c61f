//! Quorums lost for ever.

use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::GroupId;
use impresario_steward::{JoinError, RecoverError, RecoverReport, RecoverRequest};
use impresario_wire::Refusal;

use crate::cluster::{Cluster, PARTITIONS, SYSTEM, nodes};

fn request() -> RecoverRequest {
    RecoverRequest {
        groups: None,
        reason: "two hosts burnt down".to_owned(),
        i_know_that_acknowledged_commits_may_be_missing: true,
    }
}

fn recover(
    cluster: &Cluster,
    node: u64,
    request: RecoverRequest,
) -> Result<RecoverReport, RecoverError> {
    let node = cluster.node(node);
    node.run(node.steward.recover(request))
}

/// Recovers once the silence of the dead is seen.
fn recover_soon(cluster: &Cluster, node: u64) -> RecoverReport {
    let mut report = None;
    cluster.until("recovered", |cluster| {
        match recover(cluster, node, request()) {
            Ok(done) => report = Some(done),
            Err(RecoverError::Alive(_)) => {}
            Err(error) => panic!("{error}"),
        }
        report.is_some()
    });
    report.expect("until recovered")
}

#[test]
fn a_survivor_serves_everything_it_had_and_the_dead_stay_out() {
    let mut cluster = Cluster::of(3, 3);
    cluster.write("before");
    cluster.await_written(&["before"]);
    let stores = [2, 3].map(|node| (NodeId(node), cluster.node(node).me.store));
    cluster.kill(2);
    cluster.kill(3);
    let report = recover_soon(&cluster, 1);
    let groups: Vec<GroupId> = report.recovered.iter().map(|one| one.group).collect();
    assert_eq!(groups[0], SYSTEM, "the system group comes first");
    assert_eq!(groups.len(), usize::from(PARTITIONS) + 1, "{report:?}");
    assert!(report.recovered.iter().all(|one| one.lost == nodes(&[2, 3])), "{report:?}");
    assert_eq!((report.given_up, report.failed.len()), (nodes(&[2, 3]), 0));
    cluster.write("after");
    cluster.await_written(&["before", "after"]);
    let first = cluster.node(1);
    let records = first.steward.state().recoveries().len();
    assert_eq!(records, groups.len(), "all of them are on record");
    for (node, store) in stores {
        assert_eq!(first.gate.admits(node, store), Err(Refusal::RemovedNode(node)));
    }
    assert!(matches!(recover(&cluster, 1, request()), Err(RecoverError::NothingLost)));

    // Together they are a quorum of the past.
    cluster.start_again(2, false);
    cluster.start_again(3, false);
    for node in [2, 3] {
        let back = cluster.node(node);
        let long = Duration::from_secs(60);
        let ended = async { tokio::time::timeout(long, back.steward.retired()).await };
        back.run(ended).expect("it ends itself");
        let refused = back.run(back.steward.announce()).expect_err("let in nowhere");
        assert!(
            matches!(&refused, JoinError::Refused { code, .. } if code == "node_store_retired")
        );
    }
    cluster.write_on(1, "undisturbed");
    cluster.kill(2);
    cluster.kill(3);
    assert_eq!(cluster.join("").expect("a new node"), NodeId(4));
    cluster.await_settled(2);
    cluster.write("together");
    cluster.await_written(&["before", "after", "undisturbed", "together"]);
}

#[test]
fn nothing_is_recovered_without_need_or_without_a_word() {
    let mut cluster = Cluster::of(3, 3);
    cluster.write("before");
    let silent = RecoverRequest { reason: " ".to_owned(), ..request() };
    assert_eq!(recover(&cluster, 1, silent), Err(RecoverError::NoReason));
    let timid =
        RecoverRequest { i_know_that_acknowledged_commits_may_be_missing: false, ..request() };
    assert_eq!(recover(&cluster, 1, timid), Err(RecoverError::NotConfirmed));
    cluster.kill(3);
    let refused = recover(&cluster, 1, request()).expect_err("a quorum is left");
    assert_eq!((refused.code(), &refused), ("quorum_answers", &RecoverError::NothingLost));
    cluster.restart(3);
    cluster.await_settled(3);
    cluster.await_written(&["before"]);
}
