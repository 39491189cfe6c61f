use std::collections::BTreeMap;

use impresario_ids::NodeId;

use crate::{ClusterState, GroupId, Status};

/// Who leads which group, as far as this node has heard. It may be out of date: whoever is asked
/// wrongly says so, and fencing does the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaders {
    known: BTreeMap<GroupId, Known>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    term: u64,
    leader: Option<NodeId>,
}

impl Leaders {
    /// Notes who leads under a term. Older terms change nothing, and a known leader of the same
    /// term is not forgotten for an unknown one. Says whether it was news.
    pub fn note(&mut self, group: GroupId, term: u64, leader: Option<NodeId>) -> bool {
        let news = match self.known.get(&group) {
            None => true,
            Some(known) if term == known.term => known.leader.is_none() && leader.is_some(),
            Some(known) => term > known.term,
        };
        if news {
            self.known.insert(group, Known { term, leader });
        }
        news
    }

    /// Forgets what is known of a group: whoever loses its replica may know a term that nobody led
    /// under, and would believe no other word for ever.
    pub fn forget(&mut self, group: GroupId) {
        self.known.remove(&group);
    }

    /// The leader, if it is known.
    #[must_use]
    pub fn of(&self, group: GroupId) -> Option<NodeId> {
        self.known.get(&group).and_then(|known| known.leader)
    }

    /// The latest term that was heard of.
    #[must_use]
    pub fn term(&self, group: GroupId) -> Option<u64> {
        self.known.get(&group).map(|known| known.term)
    }
}

/// Where to send a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// This node.
    Here,
    /// Another node.
    To(NodeId),
    /// No replica can be reached now.
    Nowhere,
}

/// Where to send a call for a group: to its leader if it is known, else to the voter that should
/// lead, else to any voter, which then knows better. Of these the first that `reachable` accepts;
/// this node (`here`) always can be reached.
#[must_use]
pub fn route(
    state: &ClusterState,
    leaders: &Leaders,
    group: GroupId,
    here: NodeId,
    reachable: impl Fn(NodeId) -> bool,
) -> Route {
    let Some(assignment) = state.assignment(group) else { return Route::Nowhere };
    let first = leaders.of(group).into_iter().chain(assignment.leader);
    let voters: Vec<NodeId> = assignment.voters.iter().copied().collect();
    // Different groups try different voters first, so that no node gets all the questions.
    let at = usize::from(group.0) % voters.len().max(1);
    let (late, early) = voters.split_at(at);
    let mut candidates = first.chain(early.iter().copied()).chain(late.iter().copied());
    let usable =
        |node: NodeId| node == here || (state.is(node, Status::is_present) && reachable(node));
    match candidates.find(|node| usable(*node)) {
        None => Route::Nowhere,
        Some(node) if node == here => Route::Here,
        Some(node) => Route::To(node),
    }
}
