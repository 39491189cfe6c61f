//! Calls on their way to the leader, without threads, clocks or sockets: placement, routes, hints and
//! redirects as in the product, around a model of terms, fencing and memory of keys. Thousands of
//! seeds a minute. What must hold of every seed:
//!
//! - a call that is answered was carried out, once;
//! - a call that is given up without doubt was not carried out, and never will be;
//! - once nothing breaks any more, every call is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use impresario_chaos_tests::Chance;
use impresario_chaos_tests::chaos::say;
use impresario_ids::{ClusterId, NodeId};
use impresario_placement::{
    Answered, ClusterState, Command, GaveUp, GroupId, Introduction, Leaders, Next, RedirectLimits,
    Redirects, Route, StoreId, WireRange, Zone, decide, route,
};

const SEEDS: u64 = 3_000;
const PARTITIONS: u16 = 3;
const CALLS: u32 = 30;
/// A call has so many milliseconds.
const WITHIN_MS: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// A deposed leader's decisions count.
    NoFence,
    /// A new leader does not know the keys of the one before.
    ForgetsKeys,
}

/// One group as it really is.
#[derive(Debug, Default)]
struct Group {
    term: u64,
    leader: Option<NodeId>,
    /// Keys of calls that were carried out, in order.
    done: Vec<u32>,
    /// Under which term each key was carried out.
    under: BTreeMap<u32, u64>,
}

struct World {
    chance: Chance,
    state: ClusterState,
    nodes: Vec<NodeId>,
    groups: BTreeMap<GroupId, Group>,
    /// What each node has heard.
    heard: BTreeMap<NodeId, Leaders>,
    down: BTreeSet<NodeId>,
    is_calm: bool,
    bug: Option<Bug>,
}

fn intro(number: u8) -> Introduction {
    Introduction {
        store: StoreId([number; 16]),
        addr: format!("n{number}:7400"),
        http: format!("n{number}:8080"),
        zone: Zone::default(),
        version: "0.1.0".to_owned(),
        wire: WireRange { lowest: 1, highest: 1 },
    }
}

/// A cluster of so many active nodes.
fn state(nodes: u8) -> Result<ClusterState> {
    let mut state = ClusterState::default();
    let cluster = ClusterId::from_bytes([1; 16]);
    let mut commands =
        vec![Command::Found { cluster, partitions: PARTITIONS, replicas: 3, intro: intro(1) }];
    for number in 2..=nodes {
        let join = Command::Join {
            cluster,
            partitions: 0,
            node: None,
            intro: intro(number),
            answered_elsewhere: false,
        };
        commands.extend([join, Command::Activate { node: NodeId(u64::from(number)) }]);
    }
    for command in &commands {
        let decision = decide(&state, command, 1).map_err(|error| anyhow::anyhow!("{error}"))?;
        decision.events.iter().for_each(|event| state.apply(event));
    }
    Ok(state)
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answered,
    NotDone,
    Unknown,
}

impl World {
    fn new(seed: u64, bug: Option<Bug>) -> Result<Self> {
        let mut chance = Chance::new(seed);
        let count = 3 + 2 * u8::from(chance.once_in(2));
        let nodes: Vec<NodeId> = (1..=u64::from(count)).map(NodeId).collect();
        let mut world = Self {
            chance,
            state: state(count)?,
            heard: nodes.iter().map(|node| (*node, Leaders::default())).collect(),
            nodes,
            groups: (0..PARTITIONS).map(|group| (GroupId(group), Group::default())).collect(),
            down: BTreeSet::new(),
            is_calm: false,
            bug,
        };
        (0..PARTITIONS).for_each(|group| world.elect(GroupId(group)));
        Ok(world)
    }

    fn any(&mut self) -> NodeId {
        self.nodes[self.chance.below(self.nodes.len() as u64) as usize]
    }

    /// One of the voters that are up leads from now on; it knows, some others hear of it.
    fn elect(&mut self, group: GroupId) {
        let Some(assignment) = self.state.assignment(group) else { return };
        let up: Vec<NodeId> =
            assignment.voters.iter().copied().filter(|node| !self.down.contains(node)).collect();
        if up.len() * 2 <= assignment.voters.len() {
            return;
        }
        let leader = up[self.chance.below(up.len() as u64) as usize];
        let Some(real) = self.groups.get_mut(&group) else { return };
        (real.term, real.leader) = (real.term + 1, Some(leader));
        let term = real.term;
        for node in self.nodes.clone() {
            if node == leader || self.is_calm || self.chance.once_in(3) {
                self.hear(node, group, term, Some(leader));
            }
        }
    }

    fn hear(&mut self, node: NodeId, group: GroupId, term: u64, leader: Option<NodeId>) {
        if let Some(leaders) = self.heard.get_mut(&node) {
            leaders.note(group, term, leader);
        }
    }

    /// Something happens while a call is under way.
    fn stir(&mut self) {
        if self.is_calm {
            return;
        }
        let group = GroupId(self.chance.below(u64::from(PARTITIONS)) as u16);
        match self.chance.below(12) {
            0 => self.elect(group),
            1 => {
                let node = self.any();
                self.down.insert(node);
                if let Some(real) = self.groups.get_mut(&group).filter(|g| g.leader == Some(node)) {
                    real.leader = None;
                }
            }
            2 | 3 => {
                let node = self.any();
                self.down.remove(&node);
            }
            4 => {
                // News travels, or old news.
                let (node, age) = (self.any(), self.chance.below(2));
                let (term, leader) = (self.groups[&group].term, self.groups[&group].leader);
                if age == 0 {
                    self.hear(node, group, term, leader);
                } else {
                    self.hear(node, group, term.saturating_sub(age), None);
                }
            }
            _ => {}
        }
    }

    /// A node is asked to carry a call out.
    fn carry_out(&mut self, node: NodeId, group: GroupId, key: u32) -> Result<(), Answered> {
        if self.down.contains(&node) {
            return Err(Answered::NotSent);
        }
        let is_lossy = !self.is_calm && self.chance.once_in(12);
        if is_lossy && self.chance.once_in(2) {
            return Err(Answered::NoAnswer);
        }
        let leaders = &self.heard[&node];
        let (believed, hint) = (leaders.term(group), leaders.of(group));
        if hint != Some(node) {
            return Err(Answered::NotLeader { hint });
        }
        let (bug, Some(real)) = (self.bug, self.groups.get_mut(&group)) else {
            return Err(Answered::NotSent);
        };
        let is_fenced = real.leader != Some(node) || believed != Some(real.term);
        if is_fenced && bug != Some(Bug::NoFence) {
            return Err(Answered::NotLeader { hint: None });
        }
        let knows = match bug {
            Some(Bug::ForgetsKeys) => real.under.get(&key) == Some(&real.term),
            // A deposed leader does not hear of what the new one does.
            Some(Bug::NoFence) if is_fenced => false,
            Some(Bug::NoFence) | None => real.under.contains_key(&key),
        };
        if !knows {
            real.done.push(key);
            real.under.insert(key, real.term);
        }
        if is_lossy { Err(Answered::NoAnswer) } else { Ok(()) }
    }

    /// One call, from some node, to its end.
    fn call(&mut self, group: GroupId, key: u32) -> Result<End> {
        let here = self.any();
        let mut redirects = Redirects::new(RedirectLimits::default(), u64::from(key));
        let mut left_ms = WITHIN_MS;
        let mut next = None;
        for _ in 0..10_000 {
            self.stir();
            let node = match next.take() {
                Some(node) => Some(node),
                None => {
                    let down = &self.down;
                    let reachable = |node: NodeId| !down.contains(&node);
                    match route(&self.state, &self.heard[&here], group, here, reachable) {
                        Route::Here => Some(here),
                        Route::To(node) => Some(node),
                        Route::Nowhere => None,
                    }
                    .filter(|node| redirects.ask(*node))
                }
            };
            let tried = match node {
                Some(node) => match self.carry_out(node, group, key) {
                    Ok(()) => return Ok(End::Answered),
                    Err(answered) => answered,
                },
                None => Answered::NotSent,
            };
            left_ms = left_ms.saturating_sub(1 + self.chance.below(5));
            match redirects.after(tried, left_ms) {
                Next::Ask(node) => next = Some(node),
                Next::Pause { ms } => {
                    left_ms = left_ms.saturating_sub(ms);
                    self.pass(group);
                }
                Next::GiveUp(GaveUp::OutcomeUnknown) => return Ok(End::Unknown),
                Next::GiveUp(GaveUp::NoLeader | GaveUp::Deadline) => return Ok(End::NotDone),
            }
        }
        anyhow::bail!("a call has no end")
    }

    /// Time passes: groups without a leader elect, in calm weather everybody hears of it.
    fn pass(&mut self, group: GroupId) {
        let real = &self.groups[&group];
        if real.leader.is_none_or(|leader| self.down.contains(&leader)) {
            self.elect(group);
        }
        if self.is_calm {
            let (term, leader) = (self.groups[&group].term, self.groups[&group].leader);
            for node in self.nodes.clone() {
                self.hear(node, group, term, leader);
            }
        }
    }
}

/// Plays a seed; calls, and what is wrong.
fn play(seed: u64, bug: Option<Bug>) -> Result<u64> {
    let mut world = World::new(seed, bug)?;
    let mut ends = BTreeMap::new();
    for key in 0..CALLS {
        let group = GroupId((key % u32::from(PARTITIONS)) as u16);
        let mut end = world.call(group, key)?;
        // A client that does not know asks again under the same key.
        while end == End::Unknown && world.chance.once_in(2) {
            end = world.call(group, key)?;
            if end == End::NotDone {
                // This try did nothing; the ones before may have.
                end = End::Unknown;
            }
        }
        ends.insert(key, (group, end));
    }
    world.is_calm = true;
    world.down.clear();
    for group in 0..PARTITIONS {
        world.elect(GroupId(group));
    }
    for key in CALLS..CALLS + 6 {
        let group = GroupId((key % u32::from(PARTITIONS)) as u16);
        let end = world.call(group, key)?;
        ensure!(end == End::Answered, "call {key} to {group:?} in calm weather: {end:?}");
        ends.insert(key, (group, end));
    }
    for (key, (group, end)) in &ends {
        let times = world.groups[group].done.iter().filter(|done| *done == key).count();
        ensure!(times <= 1, "call {key} was carried out {times} times");
        match end {
            End::Answered => ensure!(times == 1, "call {key} was answered and not carried out"),
            End::NotDone => ensure!(times == 0, "call {key} was given up and carried out"),
            End::Unknown => {}
        }
    }
    Ok(u64::from(CALLS) + 6)
}

#[test]
fn simulated_calls_are_carried_out_once_or_certainly_not() -> Result<()> {
    let began = Instant::now();
    let mut calls = 0;
    for seed in 0..SEEDS {
        calls += play(seed, None).with_context(|| format!("seed {seed}"))?;
    }
    let per_minute = SEEDS as f64 * 60.0 / began.elapsed().as_secs_f64();
    say(&format!("{SEEDS} seeds, {calls} calls: {per_minute:.0} seeds per minute"));
    ensure!(per_minute > 2_000.0, "only {per_minute:.0} seeds per minute");
    Ok(())
}

#[test]
fn simulated_bugs_are_found() -> Result<()> {
    for bug in [Bug::NoFence, Bug::ForgetsKeys] {
        let found = (0..SEEDS / 10).filter(|seed| play(*seed, Some(bug)).is_err()).count();
        ensure!(found > 0, "{bug:?} was never found");
    }
    Ok(())
}

#[test]
fn simulated_seeds_can_be_had_again() -> Result<()> {
    let story = |seed| -> Result<Vec<(u64, Vec<u32>)>> {
        let mut world = World::new(seed, None)?;
        for key in 0..CALLS {
            world.call(GroupId((key % u32::from(PARTITIONS)) as u16), key)?;
        }
        Ok(world.groups.into_values().map(|group| (group.term, group.done)).collect())
    };
    for seed in 0..50 {
        ensure!(story(seed)? == story(seed)?, "seed {seed} is not one history");
    }
    Ok(())
}
