//! The histories.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use impresario_ids::{NodeId, TenantId};
use impresario_placement::{
    Command, GroupId, Hint, Rejection, SettingsPatch, Status, Step, Votes, Zone, plan,
};

use crate::checks;
use crate::world::World;

/// More can be played by hand; thousands were.
const SEEDS: u64 = 150;
const MOVES: u64 = 80;
const NODES_MAX: usize = 9;
const ZONES: [&str; 4] = ["a", "b", "c", "d"];

fn live(seed: u64) -> World {
    let mut world = begin(seed);
    for _ in 0..MOVES {
        stir(&mut world);
        let ms = world.dice.below(200_000);
        world.pass(ms);
        world.work(Some(4));
    }
    heal(&mut world);
    checks::settled(&world);
    world
}

fn begin(seed: u64) -> World {
    let mut world = World::found(seed, 1, 1, "");
    let partitions = u16::try_from(1 + world.dice.below(12)).expect("small");
    let replicas = world.dice.pick(&[1, 3, 3, 5]).expect("one of them");
    let zone = zone(&mut world);
    let mut world = World::found(seed, partitions, replicas, zone);
    let rate = u16::try_from(1 + world.dice.below(4)).expect("small");
    let patch = SettingsPatch { moving_groups_max: Some(rate), ..SettingsPatch::default() };
    world.tell(&Command::Configure { patch }).expect("configured");
    world
}

/// A world has one zone or three, by its number of partitions.
fn zone(world: &mut World) -> &'static str {
    let partitions = world.state.settings().map_or(1, |settings| settings.partitions);
    let count = if partitions.is_multiple_of(4) { 1 } else { 3 };
    world.dice.pick(&ZONES[..count]).unwrap_or("")
}

/// Something happens, or nothing.
fn stir(world: &mut World) {
    match world.dice.below(14) {
        0..=2 if world.takes_commands() && members(world) < NODES_MAX => {
            let zone = zone(world);
            world.join(zone);
        }
        3 | 4 => set_alive(world, false),
        5..=7 => set_alive(world, true),
        8 => lose_zone(world),
        9 => destroy(world),
        10 => {
            let nodes: Vec<NodeId> = world.machines.keys().copied().collect();
            let node = world.dice.pick(&nodes).expect("there is always one");
            let machine = world.machines.get_mut(&node).expect("a machine");
            machine.slow = !machine.slow;
        }
        _ if world.takes_commands() => order(world),
        _ => {}
    }
}

fn members(world: &World) -> usize {
    world.nodes(|status| !status.is_final()).len()
}

fn set_alive(world: &mut World, alive: bool) {
    let able = world.machines.iter().filter(|(_, machine)| !machine.destroyed);
    let nodes: Vec<NodeId> =
        able.filter(|(_, machine)| machine.alive != alive).map(|(node, _)| *node).collect();
    if let Some(node) = world.dice.pick(&nodes) {
        world.machines.get_mut(&node).expect("a machine").alive = alive;
    }
}

fn lose_zone(world: &mut World) {
    let zone = world.dice.pick(&ZONES).expect("one of them");
    let here = world.state.members().filter(|member| member.intro.zone.name() == zone);
    let nodes: Vec<NodeId> = here.map(|member| member.node).collect();
    for node in nodes {
        world.machines.get_mut(&node).expect("a machine").alive = false;
    }
}

fn destroy(world: &mut World) {
    let nodes: Vec<NodeId> = world.machines.keys().copied().collect();
    let node = world.dice.pick(&nodes).expect("there is always one");
    if world.can_lose(node) {
        let machine = world.machines.get_mut(&node).expect("a machine");
        machine.alive = false;
        machine.destroyed = true;
    }
}

/// A person asks for something; it may be refused.
fn order(world: &mut World) {
    let nodes = world.nodes(|_| true);
    let node = world.dice.pick(&nodes).expect("there is always one");
    let command = match world.dice.below(12) {
        0 => Command::Drain { node },
        1 | 2 => Command::Resume { node },
        3 | 4 => leave(world, node),
        5 if !world.alive(node) => Command::MarkDead { node },
        6 => remove(world, node),
        7 => Command::SetZone { node, zone: Zone::new(zone(world)).expect("a zone") },
        8 | 9 => wish(world, node),
        10 => hint(world),
        _ => {
            let replicas = world.dice.pick(&[1, 3, 5]);
            let patch = SettingsPatch { replicas, ..SettingsPatch::default() };
            Command::Configure { patch }
        }
    };
    if let Err(rejection) = world.tell(&command) {
        let expected = matches!(
            rejection,
            Rejection::StatusWrong { .. }
                | Rejection::TooFewNodes { .. }
                | Rejection::QuorumAtRisk { .. }
                | Rejection::MoveInvalid { .. }
                | Rejection::LeaderInvalid { .. }
        );
        assert!(expected, "{command:?}: {rejection:?}");
    }
}

/// Something by hand.
fn wish(world: &mut World, node: NodeId) -> Command {
    let group = partition(world);
    let voters = world.state.assignment(group).map(|want| want.voters.clone()).unwrap_or_default();
    let voters: Vec<NodeId> = voters.into_iter().collect();
    match world.dice.pick(&voters) {
        Some(from) if !voters.contains(&node) => Command::Move { group, from, to: node },
        _ => Command::Prefer { group, leader: node },
    }
}

fn hint(world: &mut World) -> Command {
    let group = partition(world);
    let tenant = TenantId::from_bytes([u8::try_from(world.dice.below(5)).expect("small"); 16]);
    let zone = Zone::new(zone(world)).expect("a zone");
    let hint = (!world.dice.one_in(4)).then_some(Hint { group, zone });
    Command::PutHint { tenant, hint }
}

fn partition(world: &mut World) -> GroupId {
    let count = world.system().0;
    GroupId(u16::try_from(world.dice.below(u64::from(count))).expect("small"))
}

fn votes(world: &World) -> Votes {
    let groups = world.groups.iter();
    let voters: BTreeMap<_, _> =
        groups.map(|(group, raft)| (*group, raft.voters.clone())).collect();
    let silent = world.machines.iter().filter(|(_, machine)| !machine.alive);
    Votes { voters, silent: silent.map(|(node, _)| *node).collect() }
}

fn leave(world: &mut World, node: NodeId) -> Command {
    let (forced, votes) = (world.dice.one_in(3), Some(votes(world)));
    Command::Leave { node, forced, votes, without_majority: None }
}

fn remove(world: &World, node: NodeId) -> Command {
    let Votes { voters, silent } = votes(world);
    Command::RemoveDead { node, voters, silent, forced: false }
}

/// Everyone who can comes back; who cannot is given up; then the plans run dry.
fn heal(world: &mut World) {
    for machine in world.machines.values_mut() {
        machine.alive = !machine.destroyed;
        machine.slow = false;
    }
    let mut quiet = 0;
    let mut evened = false;
    for _ in 0..2_000 {
        world.pass(1_000);
        if !evened && world.takes_commands() {
            // What was moved by hand need not be balanced.
            world.tell(&Command::Rebalance).expect("always allowed");
            evened = true;
        }
        let steps = world.work(None);
        let commands = give_up(world);
        quiet = if steps + commands == 0 { quiet + 1 } else { 0 };
        if quiet > 1 {
            return;
        }
    }
    panic!("the plans do not run dry: {:?}", plan(&world.state, &world.observe()));
}

fn give_up(world: &mut World) -> usize {
    let mut commands = 0;
    for node in world.nodes(|status| !status.is_final()) {
        let status = world.state.member(node).expect("a member").status;
        let command = if world.machines[&node].destroyed {
            if status == Status::Dead { remove(world, node) } else { Command::MarkDead { node } }
        } else if matches!(status, Status::Draining | Status::Leaving) {
            // Who cannot leave, because there is nobody to take over, stays.
            Command::Resume { node }
        } else {
            continue;
        };
        commands += usize::from(world.tell(&command).is_ok());
    }
    commands
}

#[test]
fn random_clusters_stay_safe_and_settle() {
    for seed in 0..SEEDS {
        let end = catch_unwind(|| live(seed));
        assert!(end.is_ok(), "failed with live({seed})");
    }
}

#[test]
fn a_seed_always_gives_the_same_history() {
    for seed in [3, 5, 8] {
        assert_eq!(live(seed).state, live(seed).state);
    }
}

/// The harness itself: bad steps must not pass its checks.
#[test]
fn bad_steps_are_caught() {
    let mut world = World::found(1, 2, 3, "");
    let nodes: Vec<NodeId> = (0..3).map(|_| world.join("")).collect();
    heal(&mut world);
    let (group, founder, last) = (GroupId(0), NodeId(1), nodes[2]);
    let from = world.groups[&group].voters.clone();
    let leader = world.groups[&group].leader.expect("a leader");
    let follower = *from.iter().find(|node| **node != leader).expect("another");
    let change = |to: BTreeSet<NodeId>| Step::ChangeVoters { group, from: from.clone(), to };
    let outsider = [founder, last].into_iter().chain(nodes.clone()).find(|n| !from.contains(n));
    let outsider = outsider.expect("four nodes and three replicas");
    let transfer = |to| Step::TransferLeader { group, from: leader, to };
    let add = |group| Step::AddLearner { group: GroupId(group), node: outsider };
    let bad = [
        vec![change([follower].into())],
        vec![change([leader, outsider].into())],
        vec![change(from.iter().copied().chain([NodeId(99)]).collect())],
        vec![transfer(outsider)],
        vec![transfer(NodeId(99))],
        vec![Step::RemoveReplica { group, node: follower }],
        vec![Step::DeleteReplica { group, node: follower }],
        vec![transfer(follower), transfer(follower)],
        vec![add(0), add(0)],
    ];
    checks::planned(&world, &[transfer(follower)], true);
    for steps in bad {
        let caught = catch_unwind(AssertUnwindSafe(|| checks::planned(&world, &steps, true)));
        assert!(caught.is_err(), "passed: {steps:?}");
    }
}
