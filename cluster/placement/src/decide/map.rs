//! What people say about single groups.

use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::{NodeId, TenantId};

use super::Draft;
use crate::{Assignment, Event, GroupId, Hint, Recovery, Rejection, Status, quorum};

const REASON_BYTES_MAX: usize = 1_024;

impl Draft {
    /// A partition's assignment; the system group's is nobody's to change.
    fn partition(&self, group: GroupId) -> Result<&Assignment, Rejection> {
        let own = self.now.system_group() != Some(group);
        self.now.assignment(group).filter(|_| own).ok_or(Rejection::GroupUnknown { group })
    }

    fn map_one(&mut self, group: GroupId, mut to: Assignment) {
        to.epoch += 1;
        self.record(Event::Mapped { groups: BTreeMap::from([(group, to)]) });
    }

    pub(super) fn put_hint(
        &mut self,
        tenant: TenantId,
        hint: Option<&Hint>,
    ) -> Result<(), Rejection> {
        if let Some(hint) = hint {
            self.partition(hint.group)?;
            if !hint.zone.is_valid() {
                return Err(Rejection::IntroductionInvalid { what: "zone" });
            }
        }
        if self.now.hints.get(&tenant) != hint {
            self.record(Event::Hinted { tenant, hint: hint.cloned() });
            self.rebalance();
        }
        Ok(())
    }

    pub(super) fn move_replica(
        &mut self,
        group: GroupId,
        from: NodeId,
        to: NodeId,
    ) -> Result<(), Rejection> {
        let mut assignment = self.partition(group)?.clone();
        let able = self.now.is(to, |status| status == Status::Active);
        let (there, here) = (assignment.voters.contains(&to), assignment.voters.contains(&from));
        if there && !here && able {
            return Ok(());
        }
        if !able || there || !assignment.voters.remove(&from) {
            return Err(Rejection::MoveInvalid { group, from, to });
        }
        assignment.voters.insert(to);
        if assignment.leader == Some(from) {
            assignment.leader = Some(to);
        }
        self.map_one(group, assignment);
        Ok(())
    }

    pub(super) fn prefer(&mut self, group: GroupId, leader: NodeId) -> Result<(), Rejection> {
        let mut assignment = self.partition(group)?.clone();
        let able = self.now.is(leader, |status| status == Status::Active);
        if !able || !assignment.voters.contains(&leader) {
            return Err(Rejection::LeaderInvalid { group, node: leader });
        }
        if assignment.leader != Some(leader) {
            assignment.leader = Some(leader);
            self.map_one(group, assignment);
        }
        Ok(())
    }

    pub(super) fn record_recovery(
        &mut self,
        group: GroupId,
        voters: &BTreeSet<NodeId>,
        kept: &BTreeSet<NodeId>,
        reason: &str,
    ) -> Result<(), Rejection> {
        let mut assignment =
            self.now.assignment(group).cloned().ok_or(Rejection::GroupUnknown { group })?;
        let refuse = |why| Err(Rejection::RecoveryInvalid { group, why });
        if reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
            return refuse("it needs a reason of at most 1024 bytes");
        }
        if kept.is_empty() || !kept.is_subset(voters) {
            return refuse("what is kept must be some of the voters");
        }
        if kept.len() >= quorum(voters.len()) {
            return refuse("what is kept is a quorum, so nothing was lost");
        }
        if !kept.iter().all(|node| self.now.is(*node, Status::is_present)) {
            return refuse("a kept voter is no present member");
        }
        let lost: BTreeSet<NodeId> = voters.difference(kept).copied().collect();
        if lost.iter().any(|node| self.now.is(*node, Status::is_present)) {
            return refuse("a lost voter is not marked dead");
        }
        let (kept, reason, at_ms) = (kept.clone(), reason.to_owned(), self.at_ms);
        // From here the map grows the group again, from what is left of it.
        assignment.voters = kept.clone();
        self.record(Event::Recovered { recovery: Recovery { group, kept, lost, reason, at_ms } });
        self.map_one(group, assignment);
        self.rebalance();
        Ok(())
    }
}
