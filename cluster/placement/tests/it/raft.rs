//! One group as the consensus would have it, reduced to what the planner can break: votes, how far
//! each replica is, what is committed.

use std::collections::{BTreeMap, BTreeSet};

use impresario_ids::NodeId;
use impresario_placement::{GroupView, quorum};

#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) voters: BTreeSet<NodeId>,
    pub(crate) learners: BTreeSet<NodeId>,
    pub(crate) leader: Option<NodeId>,
    /// How far each replica's log goes; also of those that are replicas no more.
    pub(crate) upto: BTreeMap<NodeId, u64>,
    pub(crate) committed: u64,
}

impl Group {
    pub(crate) fn founded(node: NodeId) -> Self {
        Self {
            voters: BTreeSet::from([node]),
            leader: Some(node),
            upto: BTreeMap::from([(node, 0)]),
            ..Self::default()
        }
    }

    pub(crate) fn has_quorum(&self, alive: impl Fn(NodeId) -> bool) -> bool {
        quorum_of(&self.voters, alive)
    }

    /// A leader that does not answer, or has no quorum, is none; then the best of the voters is.
    pub(crate) fn elect(&mut self, alive: impl Fn(NodeId) -> bool) {
        if !self.has_quorum(&alive) {
            self.leader = None;
            return;
        }
        if self.leader.is_some_and(|leader| alive(leader) && self.voters.contains(&leader)) {
            return;
        }
        let best = self.voters.iter().copied().filter(|node| alive(*node));
        self.leader = best.max_by_key(|node| (self.upto(*node), *node));
        let leader = self.leader.expect("a quorum has a best one");
        assert!(self.upto(leader) >= self.committed, "a leader lacks what was committed: {self:?}");
    }

    /// The leader takes `entries` more, everyone copies up to `copied` of what they lack.
    pub(crate) fn run(
        &mut self,
        entries: u64,
        alive: impl Fn(NodeId) -> bool,
        mut copied: impl FnMut(NodeId) -> u64,
    ) {
        let Some(leader) = self.leader else { return };
        let end = self.upto(leader) + entries;
        self.upto.insert(leader, end);
        let others: Vec<NodeId> = self.voters.union(&self.learners).copied().collect();
        for node in others.into_iter().filter(|node| alive(*node)) {
            let upto = self.upto(node).saturating_add(copied(node)).min(end);
            self.upto.insert(node, upto);
        }
        self.commit();
    }

    fn commit(&mut self) {
        let mut upto: Vec<u64> = self.voters.iter().map(|node| self.upto(*node)).collect();
        upto.sort_unstable();
        let agreed = upto[upto.len() - quorum(upto.len())];
        self.committed = self.committed.max(agreed);
    }

    pub(crate) fn upto(&self, node: NodeId) -> u64 {
        self.upto.get(&node).copied().unwrap_or(0)
    }

    /// Joint consensus: everyone of both sides that answers has the change.
    pub(crate) fn change(&mut self, to: &BTreeSet<NodeId>, alive: impl Fn(NodeId) -> bool) {
        let leader = self.leader.expect("only a leader changes the voters");
        let end = self.upto(leader);
        for node in self.voters.union(to).copied().filter(|node| alive(*node)) {
            self.upto.insert(node, end);
        }
        self.learners.extend(self.voters.difference(to).copied());
        self.voters.clone_from(to);
        self.learners.retain(|node| !to.contains(node));
        self.commit();
    }

    pub(crate) fn view(&self) -> GroupView {
        let end = self.leader.map_or(0, |leader| self.upto(leader));
        let replicas = self.voters.union(&self.learners);
        let lag = replicas.map(|node| (*node, end - self.upto(*node).min(end)));
        GroupView {
            voters: self.voters.clone(),
            learners: self.learners.clone(),
            leader: self.leader,
            changing: false,
            lag: lag.filter(|(node, _)| Some(*node) != self.leader).collect(),
        }
    }
}

pub(crate) fn quorum_of(voters: &BTreeSet<NodeId>, alive: impl Fn(NodeId) -> bool) -> bool {
    voters.iter().filter(|node| alive(**node)).count() >= quorum(voters.len())
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to `end`, without `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = usize::try_from(self.below(from.len() as u64)).expect("an index");
        from.get(at).copied()
    }
}
