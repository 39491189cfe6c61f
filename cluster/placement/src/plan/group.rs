//! The next step of one group.

use std::collections::BTreeSet;

use impresario_ids::NodeId;

use super::Look;
use crate::{Status, Step, quorum};

impl Look<'_> {
    /// The next step, of the allowed kinds.
    pub(super) fn next(&self, may_move: bool, may_transfer: bool) -> Option<Step> {
        if self.is.changing {
            return None;
        }
        // A leader that is to go does so first: whoever waits for it waits for nothing else.
        let away = self.leader_away().filter(|_| may_transfer);
        if away.is_some() {
            return away;
        }
        let allowed = |step: &Step| if step.is_membership() { may_move } else { may_transfer };
        let step = self.membership().filter(allowed);
        step.or_else(|| self.leader_home().filter(|_| may_transfer))
    }

    fn membership(&self) -> Option<Step> {
        let group = self.group;
        if let Some(node) = self.needless_learner() {
            return Some(Step::RemoveReplica { group, node });
        }
        if let Some(node) = self.missing_learner() {
            return Some(Step::AddLearner { group, node });
        }
        if self.want.voters.is_empty() || self.want.voters == self.is.voters {
            return None;
        }
        let coming: Vec<NodeId> = self.want.voters.difference(&self.is.voters).copied().collect();
        if !coming.iter().all(|node| self.ready(*node)) {
            return self.replace_one_dead(&coming);
        }
        if self.want.voters.contains(&self.leader) {
            return self.change_to(self.want.voters.clone());
        }
        // The leader is to go: another one first, if need be one that is voted in for that.
        let heirs = self.is.voters.intersection(&self.want.voters).copied();
        if let Some(to) = self.best_leader(heirs) {
            return Some(Step::TransferLeader { group, from: self.leader, to });
        }
        let heir = self.best_leader(coming.iter().copied())?;
        self.change_to(self.is.voters.iter().copied().chain([heir]).collect())
    }

    /// A learner that nobody wants, or that cannot catch up now and would hold others up.
    fn needless_learner(&self) -> Option<NodeId> {
        self.is.learners.iter().copied().find(|node| {
            let coming = self.want.voters.contains(node) && self.scene.alive(*node);
            !coming && !self.want.learners.contains(node)
        })
    }

    fn missing_learner(&self) -> Option<NodeId> {
        let wanted = self.want.voters.iter().chain(&self.want.learners).copied();
        let missing = wanted.filter(|node| {
            let here = self.is.voters.contains(node) || self.is.learners.contains(node);
            !here && self.scene.alive(*node)
        });
        // Adding is a commit of the present voters.
        missing.min().filter(|_| self.has_quorum(&self.is.voters, |node| self.scene.alive(node)))
    }

    /// While not all that should come are ready, one that is may already replace a voter that is
    /// gone.
    fn replace_one_dead(&self, coming: &[NodeId]) -> Option<Step> {
        let ready = coming.iter().copied().find(|node| self.ready(*node))?;
        let mut going = self.is.voters.difference(&self.want.voters).copied();
        let gone = going.find(|node| !self.scene.alive(*node))?;
        let mut to = self.is.voters.clone();
        to.remove(&gone);
        to.insert(ready);
        self.change_to(to)
    }

    /// The change to these voters, if it leaves a quorum at each moment: joint consensus needs one
    /// of the old and one of the new voters.
    fn change_to(&self, to: BTreeSet<NodeId>) -> Option<Step> {
        let old = self.has_quorum(&self.is.voters, |node| self.scene.alive(node));
        let new = self.has_quorum(&to, |node| self.ready(node));
        let from = self.is.voters.clone();
        (old && new).then_some(Step::ChangeVoters { group: self.group, from, to })
    }

    fn has_quorum(&self, voters: &BTreeSet<NodeId>, counts: impl Fn(NodeId) -> bool) -> bool {
        voters.iter().filter(|node| counts(**node)).count() >= quorum(voters.len())
    }

    /// Alive and caught up.
    fn ready(&self, node: NodeId) -> bool {
        let lag = self.is.lag.get(&node).copied();
        let near = lag.is_some_and(|lag| lag <= self.scene.settings.caught_up_lag);
        self.scene.alive(node) && (near || node == self.leader)
    }

    fn may_lead(&self, node: NodeId) -> bool {
        self.scene.state.is(node, |status| status == Status::Active)
    }

    /// The one to lead of some nodes: the preferred one, else one that may lead, else any; ready in
    /// any case.
    fn best_leader(&self, nodes: impl Iterator<Item = NodeId>) -> Option<NodeId> {
        let ready = nodes.filter(|node| self.ready(*node));
        ready.min_by_key(|node| (self.want.leader != Some(*node), !self.may_lead(*node), *node))
    }

    /// Off a node that may not lead, to a voter that may.
    fn leader_away(&self) -> Option<Step> {
        if self.may_lead(self.leader) {
            return None;
        }
        let able = |nodes: Vec<NodeId>| {
            self.best_leader(nodes.into_iter().filter(|node| self.may_lead(*node)))
        };
        let stay = self.is.voters.intersection(&self.want.voters).copied().collect();
        let to = able(stay).or_else(|| able(self.is.voters.iter().copied().collect()))?;
        Some(Step::TransferLeader { group: self.group, from: self.leader, to })
    }

    /// To the preferred leader.
    fn leader_home(&self) -> Option<Step> {
        let to = self.want.leader.filter(|to| *to != self.leader)?;
        let able = self.is.voters.contains(&to) && self.ready(to) && self.may_lead(to);
        able.then_some(Step::TransferLeader { group: self.group, from: self.leader, to })
    }
}
