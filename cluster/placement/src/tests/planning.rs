//! Single plans. What plans do together is in the histories (`tests/it`).

use super::*;

/// As the map says, everyone alive and caught up.
fn as_mapped(state: &ClusterState) -> Observations {
    let group = |want: &Assignment| GroupView {
        voters: want.voters.clone(),
        learners: want.learners.clone(),
        leader: want.leader,
        changing: false,
        lag: want.voters.union(&want.learners).map(|node| (*node, 0)).collect(),
    };
    let files = |node: NodeId| {
        let on = state
            .map()
            .filter(|(_, want)| want.voters.contains(&node) || want.learners.contains(&node));
        on.map(|(group, _)| group).collect()
    };
    let node = |node: NodeId| NodeView { alive: true, silent_ms: 0, replicas: files(node) };
    Observations {
        groups: state.map().map(|(at, want)| (at, group(want))).collect(),
        nodes: state.members().map(|member| (member.node, node(member.node))).collect(),
    }
}

/// What is seen of `now` while the groups are still as in `before`.
fn as_before(before: &ClusterState, now: &ClusterState) -> Observations {
    let mut seen = as_mapped(before);
    for member in now.members() {
        let fresh = NodeView { alive: true, ..NodeView::default() };
        seen.nodes.entry(member.node).or_insert(fresh);
    }
    seen
}

fn kill(seen: &mut Observations, node: u64, silent_ms: u64) {
    let view = seen.nodes.get_mut(&NodeId(node)).expect("a node");
    view.alive = false;
    view.silent_ms = silent_ms;
}

#[test]
fn nothing_to_do() {
    for zones in [&[""][..], &["", "", ""], &["a", "b", "c", "a", "b", "c", "d"]] {
        let state = cluster(8, 3, zones);
        assert_eq!(plan(&state, &as_mapped(&state)), []);
        // Nothing is planned on nothing seen.
        assert_eq!(plan(&state, &Observations::default()), []);
    }
    assert_eq!(plan(&ClusterState::default(), &Observations::default()), []);
}

#[test]
fn a_joining_node_listens_then_is_activated() {
    let before = cluster(2, 1, &[""]);
    let mut state = before.clone();
    tell(&mut state, [join(2, "")]);
    let (group, node) = (GroupId(2), NodeId(2));
    let mut seen = as_before(&before, &state);
    assert_eq!(plan(&state, &seen), [Step::AddLearner { group, node }]);
    let system = seen.groups.get_mut(&group).expect("the system group");
    system.learners.insert(node);
    system.lag.insert(node, 5_000);
    assert_eq!(plan(&state, &seen), []);
    seen.groups.get_mut(&group).expect("the system group").lag.insert(node, 1_000);
    let steps = plan(&state, &seen);
    assert_eq!(steps, [Step::Activate { node }]);
    assert_eq!(steps[0].command(), Some(Command::Activate { node }));
}

#[test]
fn a_single_replica_moves_over_a_pair() {
    let before = cluster(1, 1, &["", ""]);
    let mut state = before.clone();
    let group = GroupId(0);
    let from = before.assignment(group).expect("a group").leader.expect("a leader");
    let to = NodeId(3 - from.0);
    tell(&mut state, [Command::Move { group, from, to }]);
    let mut seen = as_before(&before, &state);
    let mut next = |change: &dyn Fn(&mut GroupView)| {
        change(seen.groups.get_mut(&group).expect("a group"));
        plan(&state, &seen)
    };
    let (pair, one) = (BTreeSet::from([from, to]), BTreeSet::from([to]));
    assert_eq!(next(&|_| {}), [Step::AddLearner { group, node: to }]);
    let behind = |view: &mut GroupView| {
        view.learners.insert(to);
        view.lag.insert(to, 9_999);
    };
    assert_eq!(next(&behind), []);
    let vote = Step::ChangeVoters { group, from: [from].into(), to: pair.clone() };
    assert_eq!(next(&|view| view.lag = [(to, 0)].into()), [vote]);
    let in_it = |view: &mut GroupView| {
        view.voters.clone_from(&pair);
        view.learners.clear();
    };
    assert_eq!(next(&in_it), [Step::TransferLeader { group, from, to }]);
    let alone = Step::ChangeVoters { group, from: pair.clone(), to: one.clone() };
    assert_eq!(next(&|view| view.leader = Some(to)), [alone]);
    let out = |view: &mut GroupView| {
        view.voters.clone_from(&one);
        view.learners.insert(from);
    };
    assert_eq!(next(&out), [Step::RemoveReplica { group, node: from }]);
    let last = next(&|view| view.learners.clear());
    assert_eq!(last, [Step::DeleteReplica { group, node: from }]);
}

#[test]
fn a_drain_moves_leaders_first_and_a_few_at_a_time() {
    let before = cluster(60, 3, &["", "", ""]);
    let mut state = before.clone();
    let node = NodeId(1);
    tell(&mut state, [Command::Drain { node }]);
    let seen = as_before(&before, &state);
    let steps = plan(&state, &seen);
    assert_eq!(steps.len(), 8);
    assert!(
        steps.iter().all(|step| matches!(step, Step::TransferLeader { from, .. } if *from == node))
    );
    let patch = SettingsPatch { leader_transfers_max: Some(0), ..SettingsPatch::default() };
    tell(&mut state, [Command::Configure { patch }]);
    assert_eq!(plan(&state, &seen), []);
}

#[test]
fn a_group_without_a_quorum_is_left_alone() {
    let before = cluster(1, 3, &["", "", ""]);
    let mut state = before.clone();
    tell(&mut state, [join(4, ""), Command::Activate { node: NodeId(4) }]);
    tell(&mut state, [2, 3].map(|node| Command::MarkDead { node: NodeId(node) }));
    let mut seen = as_before(&before, &state);
    kill(&mut seen, 2, 0);
    kill(&mut seen, 3, 0);
    for view in seen.groups.values_mut() {
        view.leader = Some(NodeId(1));
    }
    assert_eq!(plan(&state, &seen), []);
}

#[test]
fn the_silent_are_declared_dead_one_at_a_time_and_never_by_a_minority() {
    let state = cluster(1, 3, &["", "", "", "", ""]);
    let limit = state.settings().expect("founded").dead_after_ms;
    let mut seen = as_mapped(&state);
    let dead = |seen: &Observations| -> Vec<NodeId> {
        let all = (1..=5).map(NodeId);
        let steps = plan(&state, seen);
        let nodes = all.filter(|node| steps.contains(&Step::MarkDead { node: *node }));
        nodes.collect()
    };
    kill(&mut seen, 2, limit - 1);
    assert_eq!(dead(&seen), []);
    kill(&mut seen, 2, limit);
    kill(&mut seen, 3, limit + 1);
    assert_eq!(dead(&seen), [NodeId(3)]);
    kill(&mut seen, 4, limit);
    assert_eq!(dead(&seen), []);
}

#[test]
fn files_are_deleted_only_where_nobody_counts_on_them() {
    let mut state = cluster(1, 1, &["", ""]);
    let group = GroupId(0);
    let home = state.assignment(group).expect("a group").leader.expect("a leader");
    let node = NodeId(3 - home.0);
    let mut seen = as_mapped(&state);
    seen.nodes.get_mut(&node).expect("a node").replicas.insert(group);
    assert_eq!(plan(&state, &seen), [Step::DeleteReplica { group, node }]);
    let with = |change: &dyn Fn(&mut GroupView)| {
        let mut seen = seen.clone();
        change(seen.groups.get_mut(&group).expect("a group"));
        plan(&state, &seen)
    };
    assert_eq!(with(&|view| view.leader = None), []);
    assert_eq!(with(&|view| view.changing = true), []);
    tell(&mut state, [Command::Move { group, from: home, to: node }]);
    assert!(plan(&state, &seen).iter().all(|step| !matches!(step, Step::DeleteReplica { .. })));
}
