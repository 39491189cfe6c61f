//! Steps of nodes.

use std::cmp::Reverse;

use impresario_ids::NodeId;

use super::Scene;
use crate::{Member, Status, Step};

impl Scene<'_> {
    /// What the system group should be told of nodes.
    pub(super) fn life(&self) -> Vec<Step> {
        let one = |member: &Member| {
            let node = member.node;
            match member.status {
                Status::Joining if self.listens(node) => Some(Step::Activate { node }),
                Status::Leaving if self.is_empty(node) => Some(Step::FinishLeave { node }),
                Status::Dead if self.answers(node) => Some(Step::Revive { node }),
                Status::Joining
                | Status::Active
                | Status::Draining
                | Status::Leaving
                | Status::Left
                | Status::Dead
                | Status::Removed => None,
            }
        };
        let steps: Vec<Step> = self.state.members().filter_map(one).collect();
        // Who has just left for good is not lost.
        let lost = self.lost().filter(|node| !steps.contains(&Step::FinishLeave { node: *node }));
        let lost = lost.map(|node| Step::MarkDead { node });
        steps.into_iter().chain(lost).collect()
    }

    /// Whether the node follows the system group closely.
    fn listens(&self, node: NodeId) -> bool {
        let Some(view) = self.observed.groups.get(&self.system) else { return false };
        let in_it = view.voters.contains(&node) || view.learners.contains(&node);
        let lag = view.lag.get(&node).copied();
        let near = lag.is_some_and(|lag| lag <= self.settings.caught_up_lag);
        in_it && self.alive(node) && (near || view.leader == Some(node))
    }

    /// Whether no group counts on the node; what is not seen may. A learner of the system group
    /// it is until it has left.
    fn is_empty(&self, node: NodeId) -> bool {
        self.state.map().all(|(group, want)| {
            let free = |view: &crate::GroupView| {
                let listens = view.learners.contains(&node) && group != self.system;
                view.leader.is_some() && !view.changing && !view.voters.contains(&node) && !listens
            };
            !want.voters.contains(&node) && self.observed.groups.get(&group).is_some_and(free)
        })
    }

    /// The member that has been silent for longest, if that is too long. One at a time, and only
    /// while most members answer: otherwise it is rather this side that is cut off.
    fn lost(&self) -> Option<NodeId> {
        let limit = Some(self.settings.dead_after_ms).filter(|limit| *limit > 0)?;
        let present = || self.state.members().filter(|member| member.status.is_present());
        let alive = present().filter(|member| self.answers(member.node)).count();
        if alive * 2 <= present().count() {
            return None;
        }
        let silent = present().filter_map(|member| {
            let view = self.observed.nodes.get(&member.node)?;
            (!view.alive && view.silent_ms >= limit).then_some((view.silent_ms, member.node))
        });
        silent.max_by_key(|(ms, node)| (*ms, Reverse(*node))).map(|(_, node)| node)
    }
}
