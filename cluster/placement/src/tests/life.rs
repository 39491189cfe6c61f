//! From active to the end.

use std::collections::BTreeMap;

use super::*;

const SECOND: NodeId = NodeId(2);

#[test]
fn a_drained_node_keeps_its_replicas_and_leads_nothing() {
    let mut state = cluster(6, 3, &["", "", ""]);
    assert_eq!(held(&state, 2), (6, 2));
    tell(&mut state, [Command::Drain { node: SECOND }]);
    assert_eq!(held(&state, 2), (6, 0));
    assert_eq!((held(&state, 1), held(&state, 3)), ((6, 3), (6, 3)));
    tell(&mut state, [Command::Resume { node: SECOND }]);
    assert_eq!(held(&state, 2), (6, 2));
    refused(&state, &Command::Drain { node: NodeId(9) }, "node_unknown");
}

#[test]
fn a_node_leaves_when_others_can_take_over() {
    let leave = |forced| super::leave(2, forced);
    let mut state = cluster(6, 3, &["", "", ""]);
    refused(&state, &leave(false), "cluster_too_few_nodes");
    tell(&mut state, [leave(true)]);
    assert_eq!(held(&state, 2), (0, 0));
    tell(&mut state, [Command::FinishLeave { node: SECOND }]);
    refused(&state, &Command::Resume { node: SECOND }, "node_status_wrong");
    refused(&state, &join(2, ""), "node_store_retired");
    // The last one stays, by force too.
    let mut one = cluster(6, 3, &[""]);
    refused(&one, &super::leave(1, true), "cluster_too_few_nodes");
    // With four nodes one is to spare; so is one that never held anything.
    let mut four = cluster(6, 3, &["", "", "", ""]);
    tell(&mut four, [leave(false)]);
    tell(&mut one, [join(2, ""), leave(false)]);
}

#[test]
fn who_leaves_does_not_take_a_majority_along() {
    let state = cluster(6, 3, &["", "", ""]);
    let check = |voters: &[u64], silent: &[u64], want: Option<&str>| {
        let voters = (0..=6).map(|group| (GroupId(group), nodes(voters))).collect();
        let votes = Some(Votes { voters, silent: nodes(silent) });
        let leave = |sure| Command::Leave {
            node: SECOND,
            forced: true,
            votes: votes.clone(),
            without_majority: sure,
        };
        match want {
            Some(code) => refused(&state, &leave(None), code),
            None => drop(decide(&state, &leave(None), 0).expect("it may leave")),
        }
        let sure = decide(&state, &leave(Some(true)), 0).expect("told so");
        assert!(sure.reply.changed);
    };
    check(&[1, 2, 3], &[], None);
    // Two stay, of which one does not answer: its votes are needed.
    check(&[1, 2, 3], &[3], Some("cluster_quorum_at_risk"));
    // What really votes counts too: these have lost their majority already.
    check(&[2, 3], &[3], Some("cluster_quorum_at_risk"));
    // One that is marked dead and still votes is no hope.
    let mut state = cluster(6, 3, &["", "", ""]);
    tell(&mut state, [Command::MarkDead { node: NodeId(3) }]);
    refused(&state, &leave(2, true), "cluster_quorum_at_risk");
}

#[test]
fn a_dead_node_keeps_its_votes_until_someone_can_take_its_place() {
    let mut state = cluster(6, 3, &["", "", ""]);
    tell(&mut state, [Command::MarkDead { node: SECOND }]);
    assert_eq!(held(&state, 2), (6, 0));
    tell(&mut state, [join(4, ""), Command::Activate { node: NodeId(4) }]);
    assert_eq!(held(&state, 2), (0, 0));
    assert_eq!(held(&state, 4).0, 6);
    tell(&mut state, [Command::Revive { node: SECOND }]);
    assert_eq!(state.status(SECOND), Some(Status::Active));
    // It goes on where it was.
    let joining = NodeId(5);
    tell(&mut state, [join(5, ""), Command::MarkDead { node: joining }]);
    tell(&mut state, [Command::Revive { node: joining }]);
    assert_eq!(state.status(joining), Some(Status::Joining));
}

#[test]
fn a_removal_that_would_cost_a_quorum_needs_force() {
    let mut state = cluster(6, 3, &["", "", ""]);
    tell(&mut state, [2, 3].map(|node| Command::MarkDead { node: NodeId(node) }));
    let with = |voters: BTreeMap<_, _>, silent: &[u64], forced| Command::RemoveDead {
        node: SECOND,
        voters,
        silent: nodes(silent),
        forced,
    };
    refused(&state, &with(BTreeMap::new(), &[], false), "cluster_quorum_at_risk");
    // What is really there counts, not what should be.
    let voters = |voters: &[u64]| (0..=6).map(|group| (GroupId(group), nodes(voters))).collect();
    tell(&mut state.clone(), [with(voters(&[1]), &[], false)]);
    tell(&mut state, [Command::Revive { node: NodeId(3) }]);
    refused(&state, &with(voters(&[1, 2, 3]), &[3], false), "cluster_quorum_at_risk");
    tell(&mut state.clone(), [with(voters(&[1, 2, 3]), &[], false)]);
    tell(&mut state, [with(BTreeMap::new(), &[1, 3], true)]);
    assert_eq!(state.status(SECOND), Some(Status::Removed));
    refused(&state, &Command::Revive { node: SECOND }, "node_status_wrong");
    let (voters, silent) = (BTreeMap::new(), BTreeSet::new());
    let alive = Command::RemoveDead { node: NodeId(1), voters, silent, forced: true };
    refused(&state, &alive, "node_status_wrong");
}

#[test]
fn a_recovery_is_put_on_record_and_the_group_grows_from_what_is_left() {
    let mut state = cluster(2, 3, &["", "", "", "", ""]);
    let group = GroupId(0);
    let voters = state.assignment(group).expect("a group").voters.clone();
    let [kept, lost @ ..] = &voters.iter().copied().collect::<Vec<_>>()[..] else { return };
    let recovery = |kept: &[NodeId], reason: &str| Command::RecordRecovery {
        group,
        voters: voters.clone(),
        kept: kept.iter().copied().collect(),
        reason: reason.to_owned(),
    };
    refused(&state, &recovery(&[*kept], "fire"), "recovery_invalid");
    tell(&mut state, lost.iter().map(|node| Command::MarkDead { node: *node }));
    refused(&state, &recovery(&[*kept], " "), "recovery_invalid");
    refused(&state, &recovery(&[], "fire"), "recovery_invalid");
    refused(&state, &recovery(lost, "fire"), "recovery_invalid");
    tell(&mut state, [recovery(&[*kept], "fire")]);
    let [record] = state.recoveries() else { panic!("one record") };
    assert_eq!((record.lost.len(), record.reason.as_str()), (2, "fire"));
    let now = &state.assignment(group).expect("a group").voters;
    assert!(now.contains(kept) && now.len() == 3 && lost.iter().all(|node| !now.contains(node)));
}

#[test]
fn people_move_replicas_and_leaders_within_reason() {
    let mut state = cluster(4, 3, &["", "", "", ""]);
    let group = GroupId(0);
    let before = state.assignment(group).expect("a group").clone();
    let from = before.leader.expect("a leader");
    let to = (1..=4).map(NodeId).find(|node| !before.voters.contains(node)).expect("one is free");
    tell(&mut state, [Command::Move { group, from, to }]);
    let after = state.assignment(group).expect("a group").clone();
    assert_eq!((after.leader, after.epoch), (Some(to), before.epoch + 1));
    assert!(!tell(&mut state, [Command::Move { group, from, to }])[0].changed);
    refused(&state, &Command::Move { group, from: to, to: NodeId(9) }, "replica_move_invalid");
    refused(&state, &Command::Move { group: GroupId(4), from, to }, "partition_unknown");
    refused(&state, &Command::Prefer { group, leader: from }, "partition_leader_invalid");
    let leader = *after.voters.iter().find(|node| **node != to).expect("another");
    tell(&mut state, [Command::Prefer { group, leader }]);
    assert_eq!(state.assignment(group).expect("a group").leader, Some(leader));
}

#[test]
fn a_persons_zone_outlives_what_the_node_says() {
    let mut state = cluster(4, 3, &["a", "a", "b"]);
    let zone = Zone::new("c").expect("a zone");
    tell(&mut state, [Command::SetZone { node: SECOND, zone: zone.clone() }, join(2, "a")]);
    assert_eq!(state.member(SECOND).map(|member| &member.intro.zone), Some(&zone));
    assert!(Zone::new("no spaces").is_none() && Zone::new(&"z".repeat(65)).is_none());
}
