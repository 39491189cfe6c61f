//! From joining to the end.

use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::NodeId;

use super::Draft;
use crate::rejection::NAMED_GROUPS_MAX;
use crate::{ClusterState, Event, GroupId, Rejection, Status, Votes, Zone, quorum, replica_count};

/// Refuses what puts groups at risk, unless that is accepted.
pub(super) fn accepted(at_risk: Vec<GroupId>, is_accepted: bool) -> Result<(), Rejection> {
    if is_accepted || at_risk.is_empty() {
        return Ok(());
    }
    let count = at_risk.len();
    let groups = at_risk.into_iter().take(NAMED_GROUPS_MAX).collect();
    Err(Rejection::QuorumAtRisk { count, groups })
}

impl Draft {
    /// Takes the node to `to` from one of `from`; from anywhere else is refused. Says whether there
    /// was anything to do.
    fn go(&mut self, node: NodeId, from: &[Status], to: Status) -> Result<bool, Rejection> {
        self.node = Some(node);
        let status = self.now.status(node).ok_or(Rejection::NodeUnknown { node })?;
        if status == to {
            return Ok(false);
        }
        if !from.contains(&status) {
            return Err(Rejection::StatusWrong { node, status });
        }
        self.set_status(node, to);
        Ok(true)
    }

    fn go_and_balance(
        &mut self,
        node: NodeId,
        from: &[Status],
        to: Status,
    ) -> Result<(), Rejection> {
        if self.go(node, from, to)? {
            self.rebalance();
        }
        Ok(())
    }

    pub(super) fn activate(&mut self, node: NodeId) -> Result<(), Rejection> {
        self.go_and_balance(node, &[Status::Joining], Status::Active)
    }

    pub(super) fn drain(&mut self, node: NodeId) -> Result<(), Rejection> {
        self.go_and_balance(node, &[Status::Active], Status::Draining)
    }

    pub(super) fn resume(&mut self, node: NodeId) -> Result<(), Rejection> {
        self.go_and_balance(node, &[Status::Draining, Status::Leaving], Status::Active)
    }

    /// Answers the groups that have no majority, or would have none.
    pub(super) fn leave(
        &mut self,
        node: NodeId,
        forced: bool,
        votes: Option<&Votes>,
    ) -> Result<Vec<GroupId>, Rejection> {
        let from = [Status::Joining, Status::Active, Status::Draining];
        let before = self.now.clone();
        if !self.go(node, &from, Status::Leaving)? {
            return Ok(Vec::new());
        }
        let replicas = self.now.settings().map_or(0, |settings| settings.replicas);
        let left = self.now.members().filter(|member| member.status.holds_replicas()).count();
        // The last node cannot leave by force either: there is nobody to leave the data with.
        let count = |nodes| replica_count(usize::from(replicas), nodes);
        let fewer = self.held(node) && count(left) < count(left + 1);
        if left == 0 || (fewer && !forced) {
            return Err(Rejection::TooFewNodes { left, replicas });
        }
        self.rebalance();
        let unseen = Votes::default();
        Ok(self.stuck(&before, votes.unwrap_or(&unseen)))
    }

    /// Groups whose voters cannot be changed from what they are to what they should be: that takes a
    /// majority of the old ones and one of the new ones, the leaving node among the old.
    fn stuck(&self, before: &ClusterState, votes: &Votes) -> Vec<GroupId> {
        let answers = |voter: &&NodeId| {
            !votes.silent.contains(*voter) && self.now.is(**voter, Status::is_present)
        };
        let goes_on = |voters: &BTreeSet<NodeId>| {
            voters.is_empty() || voters.iter().filter(answers).count() >= quorum(voters.len())
        };
        let groups = before.map().filter(|(group, was)| {
            let is = votes.voters.get(group).unwrap_or(&was.voters);
            let wanted = self.now.assignment(*group).map_or(is, |want| &want.voters);
            !goes_on(is) || !goes_on(wanted)
        });
        groups.map(|(group, _)| group).collect()
    }

    /// Whether the map has replicas on the node.
    fn held(&self, node: NodeId) -> bool {
        self.now.map().any(|(_, assignment)| assignment.voters.contains(&node))
    }

    pub(super) fn finish_leave(&mut self, node: NodeId) -> Result<(), Rejection> {
        if self.go(node, &[Status::Leaving], Status::Left)? {
            if self.held(node) {
                return Err(Rejection::NotEmpty { node });
            }
            self.rebalance();
        }
        Ok(())
    }

    pub(super) fn mark_dead(&mut self, node: NodeId) -> Result<(), Rejection> {
        let from = [Status::Joining, Status::Active, Status::Draining, Status::Leaving];
        self.go_and_balance(node, &from, Status::Dead)
    }

    pub(super) fn revive(&mut self, node: NodeId) -> Result<(), Rejection> {
        let member = self.now.member(node).ok_or(Rejection::NodeUnknown { node })?;
        if member.status.is_present() {
            self.node = Some(node);
            return Ok(());
        }
        let back = member.before_death.unwrap_or(Status::Joining);
        self.go_and_balance(node, &[Status::Dead], back)
    }

    pub(super) fn remove_dead(
        &mut self,
        node: NodeId,
        at_risk: Vec<GroupId>,
        forced: bool,
    ) -> Result<(), Rejection> {
        if !self.go(node, &[Status::Dead], Status::Removed)? {
            return Ok(());
        }
        accepted(at_risk, forced)?;
        self.rebalance();
        Ok(())
    }

    /// Groups with a vote of this node whose other voters, as far as they answer, are no quorum: as
    /// long as the node might come back they have hope, after its removal they have none.
    pub(super) fn groups_at_risk(
        &self,
        node: NodeId,
        observed: &BTreeMap<GroupId, BTreeSet<NodeId>>,
        silent: &BTreeSet<NodeId>,
    ) -> Vec<GroupId> {
        let present = |voter: &&NodeId| {
            let other = **voter != node && !silent.contains(*voter);
            other && self.now.is(**voter, Status::is_present)
        };
        self.now
            .map()
            .map(|(group, assignment)| (group, observed.get(&group).unwrap_or(&assignment.voters)))
            .filter(|(_, voters)| voters.contains(&node))
            .filter(|(_, voters)| voters.iter().filter(present).count() < quorum(voters.len()))
            .map(|(group, _)| group)
            .collect()
    }

    pub(super) fn set_zone(&mut self, node: NodeId, zone: &Zone) -> Result<(), Rejection> {
        self.node = Some(node);
        if !zone.is_valid() {
            return Err(Rejection::IntroductionInvalid { what: "zone" });
        }
        let member = self.now.member(node).ok_or(Rejection::NodeUnknown { node })?;
        if member.status.is_final() {
            return Err(Rejection::StatusWrong { node, status: member.status });
        }
        if member.zone_pinned && member.intro.zone == *zone {
            return Ok(());
        }
        self.record(Event::ZoneSet { node, zone: zone.clone() });
        self.rebalance();
        Ok(())
    }
}
