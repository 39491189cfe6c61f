//! Leaders that go away, nodes that vanish, hints in a circle.

use std::time::Duration;

use impresario_ids::NodeId;
use impresario_journal::{Fault, Leadership, Role, Term};
use tokio::time::Instant;

use super::town::*;
use super::*;

fn failure(asked: Asked) -> Failure {
    match asked {
        Err(AskError::Failed(failure)) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// RT5: an election costs latency, not errors.
#[tokio::test(start_paused = true)]
async fn callers_wait_for_a_new_leader() {
    let town = Town::new(&Options::default()).await;
    let partition = town.partition_of(1);
    town.depose(partition, 2);
    let since = Instant::now();
    let elect = async {
        for _ in 0..20 {
            tokio::time::advance(Duration::from_millis(100)).await;
            tokio::task::yield_now().await;
        }
        town.lead(partition, NodeId(2), 3);
    };
    let asks = async {
        for (intent, node) in (0..).zip(&town.nodes) {
            let asked = tokio::join!(node.add(1, None), node.add(1, Some(intent)));
            assert!(asked.0.is_ok() && asked.1.is_ok(), "{asked:?}");
        }
    };
    tokio::join!(elect, asks);
    let took = since.elapsed().as_millis();
    assert!((2_000..2_600).contains(&took), "{took} ms");
    assert_eq!(town.total(1).await, 6);
}

/// RT5: patience ends.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let town = Town::new(&Options::default()).await;
    town.depose(town.partition_of(1), 2);
    for node in &town.nodes {
        let since = Instant::now();
        assert_eq!(failure(node.add(1, Some(1)).await), Failure::NotLeader { leader: None });
        let took = since.elapsed().as_millis();
        assert!((4_990..5_100).contains(&took), "{took} ms");
        let answer = node.router.query::<Sum>(sum(1), (), node.envelope(None, 60_000)).await;
        assert_eq!(answer, Err(Failure::NotLeader { leader: None }));
    }
    assert!(town.nodes.iter().all(|node| node.router.under_way() == 0));
}

/// RT5: the second and the third node think of each other as the leader.
#[tokio::test(start_paused = true)]
async fn hints_in_a_circle_end() {
    let options = Options { asks_max: 7, ..Options::default() };
    let town = Town::new(&options).await;
    let partition = town.partition_of(1);
    for (node, leader) in town.nodes.iter().zip([2, 3, 2]) {
        let role = Role::Follower { leader: Some(NodeId(leader)) };
        node.journal.lead(partition, Leadership { term: Term(2), role });
    }
    let node = &town.nodes[0];
    node.stood_down(partition).await;
    let asked = failure(node.add(1, None).await);
    assert!(matches!(asked, Failure::NotLeader { .. }), "{asked:?}");
    assert_eq!(node.calls(), 7);
}

/// RT4: the leader carries it out, then the answer is lost and the leader with it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_during_a_call() {
    let options = Options { call_ms_max: 700, ..Options::default() };
    for (intent, written) in [(None, true), (Some(1), true), (None, false), (Some(1), false)] {
        let town = Town::new(&options).await;
        let (leader, caller, partition) = (&town.nodes[0], &town.nodes[1], town.partition_of(1));
        leader.journal.hold();
        let vanish = async {
            while leader.journal.held() == 0 {
                tokio::task::yield_now().await;
            }
            town.net.cut(leader.id, caller.id);
            town.net.leave(leader.id);
            if written {
                leader.journal.release();
            }
            town.lead(partition, NodeId(3), 2);
            leader.journal.release();
        };
        let (asked, ()) = tokio::join!(caller.add(1, intent), vanish);
        if intent.is_some() {
            assert_eq!(asked.map(|reply| reply.total), Ok(1), "written: {written}");
        } else {
            assert!(matches!(failure(asked), Failure::OutcomeUnknown(_)));
        }
        let carried_out = u64::from(written || intent.is_some());
        assert_eq!(town.total(1).await, carried_out, "written: {written}, {intent:?}");
        let answer = caller.router.query::<Sum>(sum(1), (), caller.envelope(None, 60_000)).await;
        assert_eq!(answer, Ok(carried_out));
        assert!(town.nodes.iter().all(|node| node.router.under_way() == 0));
    }
}

/// RT4, with a store that does not know, here and there.
#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_asked_again_only_with_a_key() {
    let faults = [Fault::UnknownWritten, Fault::UnknownLost];
    for (fault, (at, intent)) in faults.into_iter().flat_map(|fault| {
        [(0, None), (1, None), (0, Some(1)), (1, Some(1))].map(|ask| (fault, ask))
    }) {
        let town = Town::new(&Options::default()).await;
        let partition = town.partition_of(1);
        let (caller, leader) = (&town.nodes[at], &town.nodes[0]);
        leader.journal.fail_next(partition, fault);
        let move_on = async {
            leader.stood_down(partition).await;
            town.lead(partition, NodeId(3), 2);
        };
        let (asked, ()) = tokio::join!(caller.add(1, intent), move_on);
        if intent.is_some() {
            assert_eq!(asked.map(|reply| reply.total), Ok(1), "{fault:?}");
        } else {
            assert!(matches!(failure(asked), Failure::OutcomeUnknown(_)));
        }
        let carried_out = u64::from(intent.is_some() || fault == Fault::UnknownWritten);
        assert_eq!(town.total(1).await, carried_out, "{fault:?} {intent:?}");
    }
}

/// A store that failed is said to have failed, not to be led by somebody else.
#[tokio::test(start_paused = true)]
async fn a_partition_out_of_service_says_why() {
    let town = Town::new(&Options { patience_ms: 100, ..Options::default() }).await;
    let leader = &town.nodes[0];
    leader.journal.fail_next(town.partition_of(1), Fault::UnknownLost);
    assert!(matches!(failure(leader.add(1, None).await), Failure::OutcomeUnknown(_)));
    assert!(matches!(failure(leader.add(1, None).await), Failure::Unavailable(_)));
}
