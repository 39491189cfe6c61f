//! What must hold.

use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::NodeId;
use impresario_placement::{
    ClusterState, Command, Decision, GroupId, Status, Step, balance, decide,
};

use crate::raft::quorum_of;
use crate::world::World;

/// After a command: P1, P3, P9 and the form of the map.
#[track_caller]
pub(crate) fn decided(
    before: &ClusterState,
    after: &ClusterState,
    command: &Command,
    decision: &Decision,
) {
    assert_eq!(decision.reply.version, after.version(), "the reply tells the version");
    assert_eq!(decision.reply.changed, before != after, "{command:?}");
    let idle = decision.events.is_empty() || is_wish(command);
    assert!(idle || balance(after).is_empty(), "a map of a map is itself: {command:?}");
    if !matches!(command, Command::Join { .. } | Command::Move { .. } | Command::Prefer { .. }) {
        let again = decide(after, command, 0);
        assert!(again.is_ok_and(|again| again.events.is_empty()), "told twice: {command:?}");
    }
    for member in before.members() {
        let store = after.member(member.node).map(|now| now.intro.store);
        assert_eq!(store, Some(member.intro.store), "a number changed its store");
    }
    let bytes = minicbor::to_vec(after).expect("encodes");
    assert_eq!(&minicbor::decode::<ClusterState>(&bytes).expect("decodes"), after);
    let holds = |node: &NodeId| after.member(*node).is_some_and(|m| m.status.holds_replicas());
    let any = after.members().any(|member| member.status.holds_replicas());
    for (group, assignment) in after.map() {
        assert!(!assignment.voters.is_empty(), "{group} is nowhere");
        let dead = |node: &NodeId| after.member(*node).is_some_and(|m| m.status == Status::Dead);
        let fine = assignment.voters.iter().all(|node| holds(node) || dead(node));
        assert!(fine || !any, "{group} is on a node that may not hold it: {assignment:?}");
        assert!(assignment.leader.is_none_or(|node| assignment.voters.contains(&node)));
        let epoch = before.assignment(group).map_or(0, |before| before.epoch);
        let same = before.assignment(group) == Some(assignment);
        assert!(same || assignment.epoch > epoch, "{group} changed without a new epoch");
    }
}

/// A move by hand may leave a map that the next balance improves.
fn is_wish(command: &Command) -> bool {
    matches!(command, Command::Move { .. } | Command::Prefer { .. })
}

/// Before the steps are taken: P4, P5, P7. Not everything was observed if not `whole`.
#[track_caller]
pub(crate) fn planned(world: &World, steps: &[Step], whole: bool) {
    let mut groups = BTreeSet::new();
    for step in steps {
        if let Some(group) = step.group().filter(|_| !matches!(step, Step::DeleteReplica { .. })) {
            assert!(groups.insert(group), "two steps of {group}: {steps:?}");
        }
        safe(world, step);
    }
    let limit = world.state.settings().map_or(0, |settings| settings.moving_groups_max);
    let moves = steps.iter().filter(|step| step.is_membership()).filter_map(Step::group);
    let busy = || {
        let groups = world.groups.iter().filter(|(group, _)| **group != world.system());
        groups.filter(|(_, raft)| !raft.learners.is_empty()).map(|(group, _)| *group)
    };
    let all: BTreeSet<GroupId> =
        moves.filter(|group| *group != world.system()).chain(busy()).collect();
    let few = all.len() <= usize::from(limit).max(busy().count());
    assert!(few || !whole, "too much at a time: {steps:?}");
}

fn safe(world: &World, step: &Step) {
    let alive = |node: NodeId| world.alive(node);
    let Some(raft) = step.group().map(|group| &world.groups[&group]) else { return };
    let settings = world.state.settings().expect("founded");
    let end = raft.leader.map_or(0, |leader| raft.upto(leader));
    let near = |node: NodeId| end - raft.upto(node).min(end) <= settings.caught_up_lag;
    match step {
        Step::ChangeVoters { from, to, .. } => {
            assert_eq!(*from, raft.voters);
            assert!(raft.leader.is_some_and(|leader| to.contains(&leader)), "votes out its leader");
            assert!(quorum_of(from, alive), "no quorum of the old: {step:?}");
            assert!(quorum_of(to, |node| alive(node) && near(node)), "no new quorum: {step:?}");
            let coming = to.difference(from).copied();
            assert!({ coming }.all(|node| alive(node) && near(node)), "not caught up: {step:?}");
        }
        Step::TransferLeader { from, to, .. } => {
            assert_eq!(raft.leader, Some(*from));
            assert!(raft.voters.contains(to) && alive(*to) && near(*to), "no leader: {step:?}");
        }
        Step::AddLearner { node, .. } => {
            assert!(alive(*node) && !raft.voters.contains(node) && !raft.learners.contains(node));
        }
        Step::RemoveReplica { node, .. } => {
            assert!(raft.learners.contains(node) && !raft.voters.contains(node), "{step:?}");
        }
        Step::DeleteReplica { node, .. } => {
            let in_it = raft.voters.contains(node) || raft.learners.contains(node);
            assert!(!in_it, "deletes a replica in use: {step:?}");
        }
        Step::Activate { .. }
        | Step::FinishLeave { .. }
        | Step::MarkDead { .. }
        | Step::Revive { .. } => {}
    }
}

/// When the plans have run dry: P2 and P6.
#[track_caller]
pub(crate) fn settled(world: &World) {
    for (group, want) in world.state.map() {
        let raft = &world.groups[&group];
        assert_eq!(raft.voters, want.voters, "the voters of {group}: {raft:?}, {:?}", nodes(world));
        assert_eq!(raft.learners, want.learners, "the learners of {group}");
        assert_eq!(raft.leader, want.leader, "the leader of {group}");
        let on = |node: &NodeId| raft.voters.contains(node) || raft.learners.contains(node);
        for (node, machine) in world.machines.iter().filter(|(_, machine)| machine.alive) {
            let member = world.state.member(*node).is_some_and(|m| m.status.is_present());
            assert!(!member || machine.files.contains(&group) == on(node), "{group} on {node}");
        }
    }
    balanced(&world.state);
}

/// For messages: who is what.
fn nodes(world: &World) -> Vec<(NodeId, Status, bool)> {
    let members = world.state.members();
    members.map(|member| (member.node, member.status, world.alive(member.node))).collect()
}

/// P2, for a state whose holders may all lead.
#[track_caller]
pub(crate) fn balanced(state: &ClusterState) {
    let system = state.system_group().expect("founded");
    let partitions = || state.map().filter(|(group, _)| *group != system);
    let mut zones: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for member in state.members().filter(|member| member.status == Status::Active) {
        let replicas = partitions().filter(|(_, want)| want.voters.contains(&member.node)).count();
        let leads = partitions().filter(|(_, want)| want.leader == Some(member.node)).count();
        zones.entry(member.intro.zone.name()).or_default().push((replicas, leads));
    }
    for (zone, nodes) in &zones {
        assert!(within_one(nodes.iter().map(|(replicas, _)| *replicas)), "{zone}: {nodes:?}");
    }
    let all: Vec<(usize, usize)> = zones.values().flatten().copied().collect();
    let even = within_one(all.iter().map(|(replicas, _)| *replicas));
    let equal = zones.values().map(Vec::len).collect::<BTreeSet<_>>().len() == 1;
    assert!(even || !equal, "replicas over equal zones: {zones:?}");
    assert!(!even || within_one(all.iter().map(|(_, leads)| *leads)), "leaders: {zones:?}");
    spread(state, zones.iter().map(|(zone, nodes)| (*zone, nodes.len())).collect());
}

/// No group could be spread over the zones more evenly.
fn spread(state: &ClusterState, sizes: BTreeMap<&str, usize>) {
    for (group, want) in state.map() {
        let mut counts: BTreeMap<&str, usize> = sizes.keys().map(|zone| (*zone, 0)).collect();
        for node in &want.voters {
            let zone = state.member(*node).map_or("", |member| member.intro.zone.name());
            *counts.entry(zone).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let room = sizes.iter().filter(|(zone, size)| counts[*zone] < **size);
        for (zone, _) in room {
            assert!(counts[zone] + 1 >= most, "{group} is not spread: {counts:?} of {sizes:?}");
        }
    }
}

fn within_one(counts: impl Iterator<Item = usize>) -> bool {
    let counts: Vec<usize> = counts.collect();
    let (least, most) = (counts.iter().min(), counts.iter().max());
    least.zip(most).is_none_or(|(least, most)| most - least <= 1)
}
