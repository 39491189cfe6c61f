//! Quorums lost for ever: what is left goes on, because a person says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use impresario_consensus::{ConsensusError, Quorum, Recovered};
use impresario_ids::NodeId;
use impresario_placement::{Command, GroupId, quorum};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::command::CommandError;
use crate::join::try_all;
use crate::message::{Ask, Told};
use crate::steward::{Inner, Steward};
use crate::{Claim, JoinError, JoinOptions};

/// The longest reason that goes on record, in bytes.
const REASON_BYTES_MAX: usize = 1024;
/// Silent members are asked whether this node still is one at each so manieth beat.
const HEED_BEATS: u64 = 10;
/// How the cluster says that a store may never run again.
pub(crate) const RETIRED: &str = "node_store_retired";

/// What a person asks for.
#[derive(Clone, Debug, Default)]
pub struct RecoverRequest {
    /// These groups; `None`: all that this node has a replica of. The system group comes first in
    /// any case, if it needs it.
    pub groups: Option<BTreeSet<GroupId>>,
    /// Why, in the operator's words. Goes on record.
    pub reason: String,
    /// Without it nothing is done.
    pub i_know_that_acknowledged_commits_may_be_missing: bool,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecoverReport {
    /// Groups that go on with this node's replica.
    pub recovered: Vec<RecoveredGroup>,
    /// Groups that have a quorum, and were left alone.
    pub kept_quorum: BTreeSet<GroupId>,
    /// Nodes that are members no more: their stores may never be used again.
    pub given_up: BTreeSet<NodeId>,
    /// Groups that still need it, and why it was not done. It may be asked for again.
    pub failed: BTreeMap<GroupId, String>,
}

/// A group that goes on without its quorum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveredGroup {
    /// The group.
    pub group: GroupId,
    /// The term of the entry that made this node the only voter.
    pub term: u64,
    /// The last entry of the log before it: acknowledged ones after it are lost.
    pub last: u64,
    /// The voters that are lost.
    pub lost: BTreeSet<NodeId>,
}

/// Why nothing was recovered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// It was not said that acknowledged commits may be missing.
    #[error("a recovery may lose acknowledged commits, and that was not confirmed")]
    NotConfirmed,
    /// It needs a reason.
    #[error("a recovery needs a reason of at most {REASON_BYTES_MAX} bytes")]
    NoReason,
    /// Every group has a quorum.
    #[error("every group that was named has a quorum")]
    NothingLost,
    /// Nodes answer whose stores would be given up.
    #[error("nodes answer that would be given up, end them first: {0:?}")]
    Alive(BTreeSet<NodeId>),
    /// The system group could not be recovered, so nothing was done.
    #[error("the system group: {0}")]
    System(String),
    /// The cluster could not be told.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl RecoverError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NotConfirmed => "not_confirmed",
            Self::NoReason => "recovery_invalid",
            Self::NothingLost => "quorum_answers",
            Self::Alive(_) => "node_alive",
            Self::System(_) => "unavailable",
            Self::Command(error) => error.code(),
        }
    }
}

/// How a group stands.
enum Standing {
    Kept,
    Lost(Quorum),
    Failed(String),
}

impl Steward {
    /// Goes on with what this node has of the groups whose quorum is lost **for ever**: of each of
    /// them this node becomes the only voter, from which the map grows it again. Nodes whose votes
    /// are missing are given up: they are refused everywhere, and a process of theirs that comes
    /// back ends itself when it hears of it. What they had acknowledged and this node never saw is
    /// lost.
    ///
    /// Refused while a quorum answers. To be called on the survivor with the longest log; on
    /// another survivor only for groups that the first has no replica of.
    ///
    /// # Errors
    /// See [`RecoverError`]. It may be called again.
    pub async fn recover(&self, request: RecoverRequest) -> Result<RecoverReport, RecoverError> {
        let inner = &self.inner;
        if !request.i_know_that_acknowledged_commits_may_be_missing {
            return Err(RecoverError::NotConfirmed);
        }
        let reason = request.reason.trim();
        if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
            return Err(RecoverError::NoReason);
        }
        tracing::error!(node = %inner.me.node, reason, "a recovery without a quorum is asked for");
        let (mut report, mut lost) = inner.survey(request.groups).await;
        let given_up = |quorum: &Quorum| &quorum.voters - &quorum.answering;
        report.given_up = lost.values().flat_map(given_up).collect();
        if lost.is_empty() && report.failed.is_empty() {
            return Err(RecoverError::NothingLost);
        }
        let alive: BTreeSet<NodeId> =
            report.given_up.iter().copied().filter(|node| inner.is_alive(*node)).collect();
        if !alive.is_empty() {
            return Err(RecoverError::Alive(alive));
        }
        let system = inner.system_group;
        let first = lost.remove(&system);
        let mut records = Vec::new();
        if let Some(quorum) = first {
            let recovered = inner.consensus.recover(system.0, reason).await;
            let recovered = recovered.map_err(|error| RecoverError::System(error.to_string()))?;
            inner.system.begin_again();
            records.push((recovered, quorum));
        }
        inner.give_up(&report.given_up).await?;
        for (group, quorum) in lost {
            match inner.consensus.recover(group.0, reason).await {
                Ok(recovered) => records.push((recovered, quorum)),
                Err(error) => {
                    tracing::error!(group = %group, error = %error, "the group is not recovered");
                    report.failed.insert(group, error.to_string());
                }
            }
        }
        for (recovered, quorum) in records {
            let group = GroupId(recovered.group);
            if let Err(error) = inner.put_on_record(&recovered, &quorum, reason).await {
                tracing::error!(group = %group, error = %error, "the recovery is not on record");
                let why = format!("it goes on, but that is not on record: {error}");
                report.failed.insert(group, why);
            }
            let Recovered { term, last, lost, .. } = recovered;
            report.recovered.push(RecoveredGroup { group, term, last, lost });
        }
        Ok(report)
    }
}

impl Inner {
    /// How the groups stand, the system group among them in any case.
    async fn survey(
        self: &Arc<Self>,
        groups: Option<BTreeSet<GroupId>>,
    ) -> (RecoverReport, BTreeMap<GroupId, Quorum>) {
        let held: BTreeSet<GroupId> = self.consensus.groups().into_iter().map(GroupId).collect();
        let mut groups = groups.unwrap_or_else(|| held.clone());
        if held.contains(&self.system_group) {
            groups.insert(self.system_group);
        }
        let looks = groups.into_iter().map(|group| async move { (group, self.look(group).await) });
        let (mut report, mut lost) = (RecoverReport::default(), BTreeMap::new());
        for (group, standing) in join_all(looks).await {
            match standing {
                Standing::Kept => drop(report.kept_quorum.insert(group)),
                Standing::Lost(quorum) => drop(lost.insert(group, quorum)),
                Standing::Failed(why) => drop(report.failed.insert(group, why)),
            }
        }
        (report, lost)
    }

    async fn look(self: &Arc<Self>, group: GroupId) -> Standing {
        // Whoever leads it may have gone on without those that this replica knows as members.
        let led = self.ask_leader(group, Ask::Members(group), self.options.call()).await;
        if matches!(led, Ok(Told::Members(_))) {
            return Standing::Kept;
        }
        match self.consensus.quorum(group.0).await {
            Ok(quorum) if quorum.enough => Standing::Kept,
            Ok(quorum) => Standing::Lost(quorum),
            Err(error @ ConsensusError::NoGroup(_)) => {
                Standing::Failed(format!("{error}, recover it where there is one"))
            }
            Err(error) => Standing::Failed(error.to_string()),
        }
    }

    /// These nodes are members no more, whatever hope that takes from other groups.
    async fn give_up(self: &Arc<Self>, nodes: &BTreeSet<NodeId>) -> Result<(), CommandError> {
        for node in nodes {
            let gone = |inner: &Self| {
                let state = inner.system.latest();
                state.member(*node).is_none_or(|member| member.status.is_final())
            };
            if gone(self) {
                continue;
            }
            self.execute(Command::MarkDead { node: *node }).await?;
            let (voters, silent) = (<_>::default(), BTreeSet::new());
            let remove = Command::RemoveDead { node: *node, voters, silent, forced: true };
            self.execute(remove).await?;
            tracing::error!(node = %node, "the node is given up, its store must never be used again");
        }
        Ok(())
    }

    async fn put_on_record(
        self: &Arc<Self>,
        recovered: &Recovered,
        before: &Quorum,
        reason: &str,
    ) -> Result<(), CommandError> {
        let me = self.me.node;
        let mut kept = &before.voters & &before.answering;
        kept.insert(me);
        let voters = &kept | &recovered.lost;
        // In the middle of a change of voters more may be left than half of all of them.
        while kept.len() >= quorum(voters.len())
            && let Some(other) = kept.iter().copied().find(|node| *node != me)
        {
            kept.remove(&other);
        }
        let voters = &kept | &recovered.lost;
        let (group, reason) = (GroupId(recovered.group), reason.to_owned());
        let record = Command::RecordRecovery { group, voters, kept, reason };
        self.execute(record).await.map(drop)
    }

    /// Now and then asks members that are silent, as a guest does, whether this node still is a
    /// member: who was given up while it was away is let in nowhere, and would otherwise go on as
    /// part of a cluster of the past with others that were.
    pub(crate) async fn heed_on(self: Arc<Self>) {
        let mut ticks = interval(Duration::from_millis(HEED_BEATS * self.options.beat_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.stop.cancelled() => return,
            }
            let silent = self.others().into_iter().filter(|node| self.is_silent(*node)).collect();
            let gone = tokio::select! {
                gone = self.is_given_up(silent) => gone,
                () = self.stop.cancelled() => return,
            };
            if let Some(why) = gone
                && !self.retired.send_replace(true)
            {
                tracing::error!(node = %self.me.node, why = %why, "this node was given up, it must end");
            }
        }
    }

    /// Whether one of these nodes says that this one is a member no more, and its words. Before a
    /// node serves, it asks all.
    pub(crate) async fn is_given_up(&self, nodes: Vec<NodeId>) -> Option<String> {
        join_all(nodes.into_iter().map(|node| self.heed(node))).await.into_iter().flatten().next()
    }

    async fn heed(&self, node: NodeId) -> Option<String> {
        let state = self.system.latest();
        let addr = state.member(node)?.intro.addr.clone();
        let claim = Claim {
            cluster: Some(self.me.cluster),
            node: Some(self.me.node),
            partitions: self.me.partitions,
            run: self.run,
            intro: self.intro.clone(),
        };
        // Who does not answer soon has nothing to say.
        let knock_ms = self.options.join.knock_ms.min(2 * self.options.call_ms);
        let options = JoinOptions { knock_ms, ..self.options.join.clone() };
        match try_all(self.knock.as_ref(), &claim, &[addr], &options).await {
            Err(JoinError::Refused { code, message }) if code == RETIRED => Some(message),
            Ok(_) | Err(_) => None,
        }
    }
}
