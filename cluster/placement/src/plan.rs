//! From what is to what should be, step by step. See [`plan`].

mod group;
mod life;

use std::cmp::Reverse;

use impresario_ids::NodeId;

use crate::{
    Assignment, ClusterState, GroupId, GroupView, Observations, Settings, Status, Step, quorum,
};

/// The steps to take next, at most one per group; none if all is as it should be.
///
/// Of the partitions at most [`Settings::moving_groups_max`] are taken up at a time: those in which
/// a replica catches up or a membership change is under way, and those that get a membership step
/// in this plan. Groups with the fewest votes to spare come first. The system group has no limit.
#[must_use]
pub fn plan(state: &ClusterState, observed: &Observations) -> Vec<Step> {
    let (Some(settings), Some(system)) = (state.settings(), state.system_group()) else {
        return Vec::new();
    };
    let scene = Scene { state, observed, settings, system };
    let mut steps = scene.life();
    let mut groups: Vec<Look<'_>> = scene.looks().collect();
    groups.sort_by_cached_key(Look::rank);
    let limit = usize::from(settings.moving_groups_max);
    let mut moving = scene.moving();
    let mut transfers = usize::from(settings.leader_transfers_max);
    for look in &groups {
        let exempt = look.is_system();
        let may_move = exempt || (limit > 0 && (look.busy || moving < limit));
        let step = look.next(may_move, transfers > 0);
        let Some(step) = step else { continue };
        if matches!(step, Step::TransferLeader { .. }) {
            transfers -= 1;
        } else if !look.busy && !exempt {
            moving += 1;
        }
        steps.push(step);
    }
    steps.extend(scene.deletions());
    steps
}

/// Everything that a plan is made from.
struct Scene<'a> {
    state: &'a ClusterState,
    observed: &'a Observations,
    settings: &'a Settings,
    system: GroupId,
}

impl<'a> Scene<'a> {
    fn answers(&self, node: NodeId) -> bool {
        self.observed.nodes.get(&node).is_some_and(|view| view.alive)
    }

    /// Whether the node is a present member and answers.
    fn alive(&self, node: NodeId) -> bool {
        self.answers(node) && self.state.is(node, Status::is_present)
    }

    /// The partitions that are taken up already, also those that wait for a leader.
    fn moving(&self) -> usize {
        let partitions = self.state.map().filter(|(group, _)| *group != self.system);
        let seen = partitions.filter_map(|(group, want)| {
            self.observed.groups.get(&group).filter(|is| is_busy(want, is))
        });
        seen.count()
    }

    /// The groups of which the leader is known and answers: nothing can be done in the others. It
    /// may be one that was declared dead or removed: then it can still hand over.
    fn looks(&'a self) -> impl Iterator<Item = Look<'a>> {
        self.state.map().filter_map(|(group, want)| {
            let is = self.observed.groups.get(&group)?;
            let leader = is.leader.filter(|leader| self.answers(*leader))?;
            Some(Look::new(self, group, want, is, leader))
        })
    }

    /// Files of groups that the node has no business with any more.
    fn deletions(&'a self) -> impl Iterator<Item = Step> {
        let nodes = self.observed.nodes.iter().filter(|(node, _)| self.alive(**node));
        let files =
            nodes.flat_map(|(node, view)| view.replicas.iter().map(|group| (*group, *node)));
        files.filter_map(|(group, node)| {
            let (is, want) = (self.observed.groups.get(&group)?, self.state.assignment(group)?);
            let known = is.leader.is_some() && !is.changing;
            let in_it = is.voters.contains(&node) || is.learners.contains(&node);
            let wanted = want.voters.contains(&node) || want.learners.contains(&node);
            (known && !in_it && !wanted).then_some(Step::DeleteReplica { group, node })
        })
    }
}

fn is_busy(want: &Assignment, is: &GroupView) -> bool {
    is.changing || !is.learners.is_subset(&want.learners)
}

/// One group: how it is and how it should be.
struct Look<'a> {
    scene: &'a Scene<'a>,
    group: GroupId,
    want: &'a Assignment,
    is: &'a GroupView,
    /// Answers.
    leader: NodeId,
    /// A replica is under way, or a change of the membership.
    busy: bool,
}

impl<'a> Look<'a> {
    fn new(
        scene: &'a Scene<'a>,
        group: GroupId,
        want: &'a Assignment,
        is: &'a GroupView,
        leader: NodeId,
    ) -> Self {
        let busy = is_busy(want, is);
        Self { scene, group, want, is, leader, busy }
    }

    fn is_system(&self) -> bool {
        self.group == self.scene.system
    }

    /// Groups at work first, then those of which only something is to be taken away, then those
    /// with the fewest votes to spare.
    fn rank(&self) -> (Reverse<bool>, Reverse<bool>, usize, GroupId) {
        let arrived = self.want.voters.is_subset(&self.is.voters);
        let alive = self.is.voters.iter().filter(|node| self.scene.alive(**node)).count();
        let spare = alive.saturating_sub(quorum(self.is.voters.len()));
        let leftovers = arrived && self.want.voters != self.is.voters;
        (Reverse(self.busy), Reverse(leftovers), spare, self.group)
    }
}
