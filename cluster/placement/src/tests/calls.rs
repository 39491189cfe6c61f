//! Finding the leader.

use super::*;

fn at(state: &ClusterState, leaders: &Leaders, down: &[u64]) -> Route {
    route(state, leaders, GroupId(0), NodeId(4), |node| !down.contains(&node.0))
}

#[test]
fn a_call_goes_to_the_leader_or_to_who_may_know_it() {
    let state = {
        let mut state = cluster(1, 3, &["", "", "", ""]);
        tell(&mut state, [Command::MarkDead { node: NodeId(4) }, Command::Rebalance]);
        state
    };
    let want = state.assignment(GroupId(0)).expect("a group").clone();
    assert_eq!(want.voters, nodes(&[1, 2, 3]));
    let preferred = want.leader.expect("one").0;
    let mut leaders = Leaders::default();
    assert_eq!(at(&state, &leaders, &[]), Route::To(NodeId(preferred)));
    let other = (1..=3).find(|node| *node != preferred).expect("another");
    assert!(leaders.note(GroupId(0), 5, Some(NodeId(other))));
    assert_eq!(at(&state, &leaders, &[]), Route::To(NodeId(other)));
    assert_eq!(at(&state, &leaders, &[other]), Route::To(NodeId(preferred)));
    assert_eq!(at(&state, &leaders, &[1, 2, 3]), Route::Nowhere);
    assert!(!leaders.note(GroupId(0), 4, Some(NodeId(preferred))), "an older term is no news");
    assert!(!leaders.note(GroupId(0), 5, None), "it still leads");
    assert!(leaders.note(GroupId(0), 6, Some(NodeId(4))));
    assert_eq!(at(&state, &leaders, &[1, 2, 3]), Route::Here);
    assert!(leaders.note(GroupId(0), 7, None));
    assert_eq!((leaders.of(GroupId(0)), leaders.term(GroupId(0))), (None, Some(7)));
    assert_eq!(route(&state, &leaders, GroupId(9), NodeId(1), |_| true), Route::Nowhere);
}

#[test]
fn hints_are_followed_but_not_in_circles() {
    let hint = |node| Answered::NotLeader { hint: Some(NodeId(node)) };
    let mut call = Redirects::new(RedirectLimits::default(), 1);
    assert!(call.ask(NodeId(1)));
    assert_eq!(call.after(hint(2), 1_000), Next::Ask(NodeId(2)));
    assert!(matches!(call.after(hint(1), 1_000), Next::Pause { ms: 10..=20 }));
    assert!(call.ask(NodeId(1)), "after a pause it may be asked again");
    assert!(matches!(call.after(Answered::NotSent, 1_000), Next::Pause { ms: 20..=40 }));
    assert_eq!(call.after(Answered::NotSent, 5), Next::GiveUp(GaveUp::Deadline));
    assert_eq!(call.after(hint(3), 0), Next::GiveUp(GaveUp::Deadline));
    assert_eq!(call.after(Answered::NoAnswer, 1_000), Next::GiveUp(GaveUp::OutcomeUnknown));
}

#[test]
fn a_call_ends_whatever_it_is_told() {
    let limits = RedirectLimits::default();
    for seed in 0..200_u64 {
        let mut call = Redirects::new(limits, seed);
        let mut tries = 0;
        let end = loop {
            tries += 1;
            let answered = match (seed + tries) % 3 {
                0 => Answered::NotSent,
                1 => Answered::NotLeader { hint: None },
                _ => Answered::NotLeader { hint: Some(NodeId(seed * tries % 7)) },
            };
            match call.after(answered, u64::MAX) {
                Next::Ask(_) => {}
                Next::Pause { ms } => {
                    assert!(ms <= limits.pause_max_ms);
                    // Sometimes nobody is found to be asked.
                    let _ = seed % 2 == 0 && call.ask(NodeId(tries));
                }
                Next::GiveUp(why) => break why,
            }
        };
        assert_eq!(end, GaveUp::NoLeader);
        assert!(call.asks() <= limits.asks_max && tries <= 64, "{tries} tries");
    }
}
