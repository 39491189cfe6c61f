use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use tokio::time::{Instant, timeout_at};

use crate::consensus::Consensus;
use crate::error::ConsensusError;
use crate::group::Group;
use crate::types::{Member, Types};

/// Who has a replica of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Those who vote; in the middle of a change, the old and the new ones.
    pub voters: BTreeSet<NodeId>,
    /// Those who only hold a replica.
    pub learners: BTreeSet<NodeId>,
    /// Whether a change is under way: the membership is not committed yet, as far as this node
    /// knows, or it is one of the middle of a change.
    pub changing: bool,
}

/// How far a node is that is to become a voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// Who.
    pub node: NodeId,
    /// The last entry that it is known to have.
    pub matching: Option<u64>,
    /// The last entry of the leader.
    pub last: u64,
    /// Pieces of a snapshot that it has taken, if it is sent one.
    pub pieces: Option<u64>,
}

impl Consensus {
    /// Who has a replica of the group, as far as this node knows; none if it holds no replica.
    #[must_use]
    pub fn members(&self, group: u16) -> Option<Members> {
        let group = self.0.group(group).ok()?;
        let (membership, committed) = group.memberships();
        Some(Members {
            voters: membership.voter_ids().map(Into::into).collect(),
            learners: membership.learner_ids().map(Into::into).collect(),
            changing: !committed || membership.get_joint_config().len() > 1,
        })
    }

    /// Gives a node a replica that does not vote. Does not wait until it is filled. Nothing
    /// happens if the node is a member already.
    ///
    /// # Errors
    /// [`ConsensusError::NotLeader`], [`ConsensusError::Changing`], or if the group has stopped.
    pub async fn add_learner(&self, group: u16, node: NodeId) -> Result<(), ConsensusError> {
        let group = self.0.group(group)?;
        if group.membership().get_node(&node.into()).is_some() {
            return lead(&group);
        }
        group.acknowledged.forget(node.into());
        self.change(&group, ChangeMembers::AddNodes([(node.into(), ())].into()), false).await
    }

    /// Takes a replica that does not vote away from a node. The node itself drops it by
    /// [`Consensus::remove_replica`].
    ///
    /// # Errors
    /// As [`Consensus::add_learner`], and [`ConsensusError::Members`] if the node votes.
    pub async fn remove_learner(&self, group: u16, node: NodeId) -> Result<(), ConsensusError> {
        let group = self.0.group(group)?;
        if group.membership().get_node(&node.into()).is_none() {
            return lead(&group);
        }
        let change = ChangeMembers::RemoveNodes(BTreeSet::from([node.into()]));
        self.change(&group, change, false).await
    }

    /// Makes exactly these nodes the voters of the group. New ones first get a replica and are
    /// waited for, telling `progress`, so that the group can always commit. Voters that are no
    /// longer wanted are out of the group afterwards, or, with `retain`, learners of it. A leader
    /// that is not among the new voters gives up the leadership soon after.
    ///
    /// May be called again after any error, with the same voters or others.
    ///
    /// # Errors
    /// As [`Consensus::add_learner`], [`ConsensusError::Members`] if no voter is left, and
    /// [`ConsensusError::Timeout`] if a new voter makes no progress.
    pub async fn change_voters(
        &self,
        group: u16,
        voters: BTreeSet<NodeId>,
        retain: bool,
        progress: &(dyn Fn(CatchUp) + Sync),
    ) -> Result<(), ConsensusError> {
        let replica = self.0.group(group)?;
        lead(&replica)?;
        if voters.is_empty() {
            return Err(ConsensusError::Members { group, why: "no voter is left".to_owned() });
        }
        let wanted: BTreeSet<Member> = voters.into_iter().map(Into::into).collect();
        let now: BTreeSet<Member> = replica.membership().voter_ids().collect();
        for member in wanted.difference(&now) {
            self.add_learner(group, (*member).into()).await?;
        }
        for member in wanted.difference(&now) {
            self.catch_up(&replica, *member, progress).await?;
        }
        self.change(&replica, ChangeMembers::ReplaceAllVoters(wanted), retain).await
    }

    /// Makes another voter the leader, and waits until it is, as far as this node learns.
    ///
    /// # Errors
    /// As [`Consensus::add_learner`], [`ConsensusError::Members`] if the node does not vote, and
    /// [`ConsensusError::NotLeader`] if another one takes over, and [`ConsensusError::Timeout`] if nobody
    /// does; then this node may still lead.
    pub async fn transfer_leader(&self, group: u16, to: NodeId) -> Result<(), ConsensusError> {
        let replica = self.0.group(group)?;
        lead(&replica)?;
        if to == self.0.node {
            return Ok(());
        }
        if !replica.membership().voter_ids().any(|voter| voter == to.into()) {
            return Err(ConsensusError::Members { group, why: format!("{to} does not vote") });
        }
        let mut leadership = replica.office.watch();
        let term = leadership.borrow().term;
        let triggered = replica.raft.trigger().transfer_leader(to.into()).await;
        triggered.map_err(|fatal| ConsensusError::Stopped { group, why: fatal.to_string() })?;
        // Or whoever leads next: a node that dies now will not.
        let taken = leadership
            .wait_for(|now| now.term > term && (now.is_leader() || now.leader().is_some()));
        match tokio::time::timeout(self.0.options.change_timeout(), taken).await {
            Ok(Ok(now)) if now.leader() == Some(to) => Ok(()),
            Ok(Ok(now)) => Err(ConsensusError::NotLeader { group, leader: now.leader() }),
            Ok(Err(_)) => Err(ConsensusError::NoGroup(group)),
            Err(_) => Err(ConsensusError::Timeout { group, doing: "transferring the leadership" }),
        }
    }

    async fn change(
        &self,
        group: &Group,
        change: ChangeMembers<Member, ()>,
        retain: bool,
    ) -> Result<(), ConsensusError> {
        let within = self.0.options.change_timeout();
        let changed = group.raft.change_membership(change, retain);
        match tokio::time::timeout(within, changed).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refusal(group.id, error)),
            Err(_) => {
                Err(ConsensusError::Timeout { group: group.id, doing: "changing the members" })
            }
        }
    }

    /// Waits until a learner lacks only a few entries, as long as it makes progress.
    async fn catch_up(
        &self,
        group: &Arc<Group>,
        member: Member,
        progress: &(dyn Fn(CatchUp) + Sync),
    ) -> Result<(), ConsensusError> {
        let near = self.0.options.catch_up_entries;
        let patience = self.0.options.change_timeout();
        let heartbeat = Duration::from_millis(self.0.options.heartbeat_ms);
        let mut metrics = group.raft.data_metrics();
        let mut best = None;
        let mut until = Instant::now() + patience;
        loop {
            lead(group)?;
            let now = state(group, &metrics.borrow_watched(), member);
            if Some((now.matching, now.pieces)) != best {
                best = Some((now.matching, now.pieces));
                until = Instant::now() + patience;
                progress(now);
            }
            if now.matching.is_some_and(|matching| matching.saturating_add(near) >= now.last) {
                return Ok(());
            }
            if Instant::now() >= until {
                let doing = "filling a new replica";
                return Err(ConsensusError::Timeout { group: group.id, doing });
            }
            // A snapshot's progress shows only when looked at.
            match timeout_at((Instant::now() + heartbeat).min(until), metrics.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(_)) => return Err(ConsensusError::NoGroup(group.id)),
            }
        }
    }
}

fn state(
    group: &Group,
    metrics: &openraft::metrics::RaftDataMetrics<Types>,
    member: Member,
) -> CatchUp {
    let node = NodeId::from(member);
    let matching = metrics.replication.as_ref().and_then(|all| all.get(&member).copied().flatten());
    let sending = group.traffic.sending().into_iter().find(|one| one.peer == node);
    CatchUp {
        node,
        matching: matching.map(|id| id.index()),
        last: metrics.last_log.as_ref().map_or(0, openraft::LogId::index),
        pieces: sending.map(|one| one.pieces),
    }
}

fn lead(group: &Group) -> Result<(), ConsensusError> {
    let now = group.office.leadership();
    if now.is_leader() {
        return Ok(());
    }
    Err(ConsensusError::NotLeader { group: group.id, leader: now.leader() })
}

fn refusal(group: u16, error: RaftError<Types, ClientWriteError<Types>>) -> ConsensusError {
    match error {
        RaftError::APIError(
            ClientWriteError::ForwardToLeader(forward)
            | ClientWriteError::LogEntryDiscarded(forward),
        ) => ConsensusError::NotLeader { group, leader: forward.leader_id.map(Into::into) },
        RaftError::APIError(ClientWriteError::ChangeMembershipError(
            ChangeMembershipError::InProgress(_) | ChangeMembershipError::UncommittedLeaderLog(_),
        )) => ConsensusError::Changing(group),
        RaftError::APIError(error) => ConsensusError::Members { group, why: error.to_string() },
        RaftError::Fatal(fatal) => ConsensusError::Stopped { group, why: fatal.to_string() },
    }
}
