//! Steps, taken by the leader of the group concerned, or by the node whose files are deleted.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use impresario_consensus::{CatchUp, ConsensusError};
use impresario_ids::NodeId;
use impresario_placement::{GroupId, Step};

use crate::ask::Trouble;
use crate::message::{Ask, Order, Told};
use crate::report::not_leader;
use crate::steward::Inner;

/// What is sent for a step.
pub(crate) fn order_of(step: &Step) -> Option<Order> {
    Some(match step.clone() {
        Step::AddLearner { group, node } => Order::AddLearner { group, node },
        Step::ChangeVoters { group, from, to } => Order::ChangeVoters { group, from, to },
        Step::RemoveReplica { group, node } => Order::RemoveReplica { group, node },
        Step::TransferLeader { group, to, .. } => Order::TransferLeader { group, to },
        Step::DeleteReplica { group, .. } => Order::DeleteReplica { group },
        Step::Activate { .. }
        | Step::FinishLeave { .. }
        | Step::MarkDead { .. }
        | Step::Revive { .. } => return None,
    })
}

/// Who takes the step.
pub(crate) fn target_of(step: &Step, leader: Option<NodeId>) -> Option<NodeId> {
    match step {
        Step::DeleteReplica { node, .. } => Some(*node),
        Step::TransferLeader { from, .. } => Some(*from),
        _ => leader,
    }
}

type Carrying = Pin<Box<dyn Future<Output = Result<Told, Trouble>> + Send>>;

/// A group that a step is being taken of; free again when this is dropped.
struct Turn {
    inner: Arc<Inner>,
    group: GroupId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.inner.ordered.lock().remove(&self.group);
    }
}

impl Inner {
    /// Takes a step. In a task of its own: it goes on when whoever ordered it gives up.
    pub(crate) fn carry(self: &Arc<Self>, order: Order) -> Carrying {
        let this = Arc::clone(self);
        let deletes = matches!(order, Order::DeleteReplica { .. });
        let taken = self.tasks.spawn(async move {
            let stop = async {
                // A deletion that was begun is finished; any other step is taken by the group.
                if deletes {
                    return std::future::pending().await;
                }
                this.stop.cancelled().await;
            };
            tokio::select! {
                taken = this.take(order) => taken,
                () = stop => Err(Trouble::NoAnswer("the node stops".to_owned())),
            }
        });
        Box::pin(async move {
            let ended = |error: tokio::task::JoinError| Err(Trouble::NoAnswer(error.to_string()));
            taken.await.unwrap_or_else(ended)
        })
    }

    async fn take(self: &Arc<Self>, order: Order) -> Result<Told, Trouble> {
        let group = match &order {
            Order::AddLearner { group, .. }
            | Order::ChangeVoters { group, .. }
            | Order::RemoveReplica { group, .. }
            | Order::TransferLeader { group, .. }
            | Order::DeleteReplica { group } => *group,
        };
        if !self.ordered.lock().insert(group) {
            return Err(Trouble::Failed("another step of the group is under way".to_owned()));
        }
        let turn = Turn { inner: Arc::clone(self), group };
        let consensus = &self.consensus;
        let taken = match order {
            Order::AddLearner { node, .. } => consensus.add_learner(group.0, node).await,
            Order::RemoveReplica { node, .. } => consensus.remove_learner(group.0, node).await,
            Order::TransferLeader { to, .. } => consensus.transfer_leader(group.0, to).await,
            Order::ChangeVoters { from, to, .. } => {
                let members = self.settled(group).await?;
                if members.changing {
                    return Err(Trouble::Failed("the members are being changed".to_owned()));
                }
                if members.voters != from || !to.contains(&self.me.node) {
                    return Err(Trouble::Failed("this was planned for other voters".to_owned()));
                }
                self.majority_answers(&to).await?;
                let retain = self.should_listen(group, from.difference(&to));
                consensus.change_voters(group.0, to.clone(), retain, &progress).await
            }
            Order::DeleteReplica { .. } => self.delete(group).await?,
        };
        drop(turn);
        taken.map(|()| Told::Done).map_err(|error| self.refusal(error))
    }

    /// Whether the group could go on with these voters: one of them may have gone a moment ago, and
    /// a change that was proposed can only be ended by a majority of them.
    async fn majority_answers(self: &Arc<Self>, voters: &BTreeSet<NodeId>) -> Result<(), Trouble> {
        let asked = voters.iter().map(|node| self.ask(*node, Ask::Who, self.options.call()));
        let answers = futures_util::future::join_all(asked).await;
        let answering = answers.iter().filter(|answer| answer.is_ok()).count();
        if answering <= voters.len() / 2 {
            let why = format!("{answering} of {} new voters answer", voters.len());
            return Err(Trouble::Failed(why));
        }
        Ok(())
    }

    /// Whether one of these voters that are left out should go on listening. The others do so too
    /// until the next step.
    fn should_listen<'a>(
        &self,
        group: GroupId,
        mut left: impl Iterator<Item = &'a NodeId>,
    ) -> bool {
        let state = self.system.latest();
        let want = state.assignment(group);
        want.is_some_and(|want| left.any(|node| want.learners.contains(node)))
    }

    /// Deletes this node's replica, after the group's leader said once more that it is none.
    async fn delete(
        self: &Arc<Self>,
        group: GroupId,
    ) -> Result<Result<(), ConsensusError>, Trouble> {
        let node = self.me.node;
        let wanted = self
            .system
            .latest()
            .assignment(group)
            .is_none_or(|want| want.voters.contains(&node) || want.learners.contains(&node));
        if wanted || self.consensus.leadership(group.0).is_leader() {
            return Err(Trouble::Failed("the replica belongs here".to_owned()));
        }
        let asked = self.ask_leader(group, Ask::Members(group), self.options.call()).await;
        match asked {
            Ok(Told::Members(members)) if !members.changing && !members.has(node) => {}
            Ok(_) => return Err(Trouble::Failed("its leader counts on the replica".to_owned())),
            Err(error) => return Err(Trouble::Failed(error.to_string())),
        }
        match self.consensus.remove_replica(group.0).await {
            Err(ConsensusError::NoGroup(_)) => Ok(Ok(())),
            removed => Ok(removed),
        }
    }

    fn refusal(&self, error: ConsensusError) -> Trouble {
        match error {
            ConsensusError::NotLeader { group, leader } => {
                let now = self.consensus.leadership(group);
                match leader {
                    Some(_) => Trouble::NotLeader { leader, term: now.term.0 },
                    None => not_leader(now),
                }
            }
            ConsensusError::Timeout { .. } => Trouble::NoAnswer(error.to_string()),
            other => Trouble::Failed(other.to_string()),
        }
    }
}

fn progress(now: CatchUp) {
    tracing::debug!(peer = %now.node, has = ?now.matching, of = now.last, pieces = ?now.pieces, "a replica is being filled");
}
