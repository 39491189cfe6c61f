//! Where replicas and leaders belong.
//!
//! The map is improved step by step from the one before, and each step strictly improves one goal
//! without harm to the goals above it: the right number of replicas on the right nodes; replicas
//! spread over zones; replicas balanced; leaders balanced; hints. So a map that is good stays as it
//! is, and one that is not changes little.

mod exchange;
mod leaders;
mod replicas;

use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::NodeId;

use crate::{Assignment, ClusterState, GroupId, Status};

/// Voters of the system group, at most.
pub const SYSTEM_VOTERS_MAX: usize = 5;

/// How many replicas a group has if it should have `wanted` and there are `nodes` for them.
///
/// Four nodes carry three: the fourth vote would only make the quorum larger. Two nodes carry two,
/// although a partition then waits when either is away: what was acknowledged must not live on one
/// disk if there is another.
#[must_use]
pub fn replica_count(wanted: usize, nodes: usize) -> usize {
    match wanted.min(nodes) {
        4 => 3,
        count => count,
    }
}

/// The nodes that replicas may be on, numbered from 0 in the order of their ids.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) nodes: Vec<NodeId>,
    /// The zone of each node, numbered.
    pub(crate) zones: Vec<usize>,
    pub(crate) zone_names: Vec<String>,
    /// Whether the node may lead.
    pub(crate) leads: Vec<bool>,
    dead: BTreeSet<NodeId>,
}

impl Field {
    pub(crate) fn of(state: &ClusterState) -> Self {
        let holders = || state.members.values().filter(|member| member.status.holds_replicas());
        let names: BTreeSet<&str> = holders().map(|member| member.intro.zone.name()).collect();
        let zone_names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let zone = |name: &str| zone_names.iter().position(|zone| zone == name).unwrap_or(0);
        let dead = state.members.values().filter(|member| member.status == Status::Dead);
        Self {
            nodes: holders().map(|member| member.node).collect(),
            zones: holders().map(|member| zone(member.intro.zone.name())).collect(),
            leads: holders().map(|member| member.status == Status::Active).collect(),
            dead: dead.map(|member| member.node).collect(),
            zone_names,
        }
    }

    fn at(&self, node: NodeId) -> Option<usize> {
        self.nodes.binary_search(&node).ok()
    }
}

/// A group while the map is being improved.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// For each node of the field, whether a replica belongs there.
    pub(crate) on: Vec<bool>,
    /// Dead nodes that stay voters because there is nobody to take their place.
    pub(crate) dead: Vec<NodeId>,
    pub(crate) leader: Option<usize>,
}

impl Row {
    fn of(field: &Field, before: &Assignment) -> Self {
        let on = field.nodes.iter().map(|node| before.voters.contains(node)).collect();
        let dead = before.voters.intersection(&field.dead).copied().collect();
        Self { on, dead, leader: before.leader.and_then(|node| field.at(node)) }
    }

    fn voters(&self, field: &Field) -> BTreeSet<NodeId> {
        let live = field.nodes.iter().zip(&self.on).filter(|(_, on)| **on).map(|(node, _)| *node);
        live.chain(self.dead.iter().copied()).collect()
    }
}

/// The groups that should be elsewhere than the map of this state says, whole.
#[must_use]
pub fn balance(state: &ClusterState) -> BTreeMap<GroupId, Assignment> {
    let (Some(settings), Some(system)) = (state.settings(), state.system_group()) else {
        return BTreeMap::new();
    };
    let field = Field::of(state);
    let (groups, mut rows): (Vec<GroupId>, Vec<Row>) =
        state.map.range(..system).map(|(group, before)| (*group, Row::of(&field, before))).unzip();
    replicas::place(&field, &mut rows, usize::from(settings.replicas));
    replicas::level(&field, &mut rows);
    leaders::place(&field, &mut rows);
    leaders::level(&field, &mut rows);
    leaders::honour(&field, &mut rows, &wanted_zones(state, &field, &groups));
    let mut after: Vec<(GroupId, Row, BTreeSet<NodeId>)> =
        groups.into_iter().zip(rows).map(|(group, row)| (group, row, BTreeSet::new())).collect();
    after.push(system_row(state, &field, system));
    after
        .into_iter()
        .filter_map(|(group, row, learners)| {
            let before = state.map.get(&group).cloned().unwrap_or_default();
            let mut voters = row.voters(&field);
            if voters.is_empty() {
                // Nobody may hold it: then what is left of it stays where it is.
                voters.clone_from(&before.voters);
            }
            let leader = row.leader.map(|at| field.nodes[at]);
            let epoch = before.epoch + 1;
            let now = Assignment { voters, learners, leader, epoch };
            let same = now == Assignment { epoch, ..before };
            (!same).then_some((group, now))
        })
        .collect()
}

/// The system group: voters over the zones, everyone else listens.
fn system_row(
    state: &ClusterState,
    field: &Field,
    system: GroupId,
) -> (GroupId, Row, BTreeSet<NodeId>) {
    let before = state.map.get(&system).cloned().unwrap_or_default();
    let mut rows = [Row::of(field, &before)];
    replicas::place(field, &mut rows, SYSTEM_VOTERS_MAX);
    leaders::place(field, &mut rows);
    let [row] = rows;
    let voters = row.voters(field);
    let present = state.members.values().filter(|member| member.status.is_present());
    let learners = present.map(|member| member.node).filter(|node| !voters.contains(node));
    let learners = learners.collect();
    (system, row, learners)
}

/// For each group the zone in which most of its tenants want the leader.
fn wanted_zones(state: &ClusterState, field: &Field, groups: &[GroupId]) -> Vec<Option<usize>> {
    let mut votes: BTreeMap<(GroupId, usize), usize> = BTreeMap::new();
    for hint in state.hints.values() {
        let zone = field.zone_names.iter().position(|name| name == hint.zone.name());
        if let Some(zone) = zone {
            *votes.entry((hint.group, zone)).or_default() += 1;
        }
    }
    let most = |group: GroupId| {
        let of_group = votes.range((group, 0)..=(group, usize::MAX));
        of_group.rev().max_by_key(|(_, count)| **count).map(|((_, zone), _)| *zone)
    };
    groups.iter().map(|group| most(*group)).collect()
}
