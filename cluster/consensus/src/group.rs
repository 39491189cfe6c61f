use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use impresario_ids::NodeId;
use impresario_journal::{
    CommitError, CommitFuture, CommitIndex, ConfirmFuture, Leadership, Role, Term, Write,
};
use impresario_redb::{Payload, ReplicaError, ReplicaStore};
use openraft::Instant as _;
use openraft::ServerState;
use openraft::async_runtime::watch::{Watch, WatchReceiver};
use openraft::errors::ClientWriteError;
use openraft::raft::ClientWriteResult;
use tokio::sync::oneshot;

use crate::archive::Archive;
use crate::barrier::{self, Barrier};
use crate::error::ConsensusError;
use crate::log::GroupLog;
use crate::machine::Reached;
use crate::office::{ABSENT, Office, Outcome};
use crate::options::Reads;
use crate::receive::Incoming;
use crate::reversion::Acknowledged;
use crate::traffic::Traffic;
use crate::types::{Answer, LogId, Member, Membership, Proposal, Raft, Types};

type ServerMetrics = openraft::metrics::RaftServerMetrics<Types>;

/// One replica on this node.
pub(crate) struct Group {
    pub(crate) id: u16,
    pub(crate) node: NodeId,
    pub(crate) store: ReplicaStore,
    pub(crate) log: GroupLog,
    pub(crate) raft: Raft,
    pub(crate) reached: Reached,
    pub(crate) office: Arc<Office>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) acknowledged: Arc<Acknowledged>,
    pub(crate) barrier: Barrier,
    pub(crate) incoming: tokio::sync::Mutex<Incoming>,
    pub(crate) archive: Archive,
}

impl Group {
    /// Proposes a batch that was decided under `term`. The proposal is on its way when this
    /// returns, so proposals keep the order of the calls.
    pub(crate) fn commit(&self, term: Term, writes: Vec<Write>) -> CommitFuture {
        match self.propose(term, writes) {
            Ok(outcome) => Box::pin(async move {
                let stopped = || CommitError::Unknown("the group has stopped".to_owned());
                outcome.await.unwrap_or_else(|_| Err(stopped()))
            }),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn propose(
        &self,
        term: Term,
        writes: Vec<Write>,
    ) -> Result<oneshot::Receiver<Outcome>, CommitError> {
        self.office.leads(term)?;
        let payload = Payload::of_writes(term.0, writes).map_err(|error| match error {
            ReplicaError::TooLarge { bytes, limit } => CommitError::TooLarge { bytes, limit },
            other => CommitError::Failed(other.to_string()),
        })?;
        let (number, outcome) = self.office.board(term)?;
        let office = Arc::clone(&self.office);
        let answer = Answer::new(move |result| office.settle(number, outcome_of(result)));
        let request = self.raft.write(Proposal(Arc::new(payload)));
        // The core refuses it if it leads under another term, so it is never appended under one.
        let request = request.with_leader(term.0).responder(answer).into_future();
        let mut request = tokio::task::unconstrained(request);
        match (&mut request).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(fatal)) => {
                self.office.settle(number, Err(CommitError::Failed(fatal.to_string())));
            }
            // The core has not kept up with thousands of proposals; this one was not sent. Settled
            // before the request is dropped, which would make it one of unknown outcome.
            None => self.office.settle(number, Err(CommitError::NotLeader { leader: None })),
        }
        drop(request);
        Ok(outcome)
    }

    /// Confirms that this node leads under `term`.
    pub(crate) fn confirm(
        self: Arc<Self>,
        term: Term,
        reads: Reads,
        runtime: &tokio::runtime::Handle,
    ) -> ConfirmFuture {
        if let Err(error) = self.office.leads(term) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (answer, outcome) = oneshot::channel();
        if self.barrier.join(term, answer) {
            runtime.spawn(barrier::run(self, reads));
        }
        Box::pin(async move { outcome.await.unwrap_or(Err(CommitError::Closed)) })
    }

    /// The members that count now, committed or not.
    pub(crate) fn membership(&self) -> Membership {
        self.raft.server_metrics().borrow_watched().membership_config.membership().clone()
    }

    /// The same, and whether it is known here to be committed.
    pub(crate) fn memberships(&self) -> (Membership, bool) {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let now = &metrics.membership_config;
        let committed = metrics.committed_membership_config.log_id() == now.log_id();
        (now.membership().clone(), committed)
    }

    pub(crate) fn is_only_voter(&self) -> bool {
        only_voter(&self.membership(), self.node)
    }

    /// Stands for election at once if nobody else could.
    pub(crate) async fn stand_if_alone(&self) -> Result<(), ConsensusError> {
        let node = self.node;
        let alone = self.raft.with_raft_state(move |state| {
            only_voter(state.membership_state.effective().membership(), node)
        });
        let stopped = |why: String| ConsensusError::Stopped { group: self.id, why };
        if alone.await.map_err(|fatal| stopped(fatal.to_string()))? {
            let elect = self.raft.trigger().elect(false).await;
            elect.map_err(|fatal| stopped(fatal.to_string()))?;
        }
        Ok(())
    }

    /// Follows openraft's view of the leadership and makes it known, until the core ends. The role
    /// of leader is told when the first entry of the reign is applied here, and with it all that
    /// was committed before.
    pub(crate) async fn follow(office: Arc<Office>, raft: Raft, reached: Reached, node: NodeId) {
        let mut server = raft.server_metrics();
        let mut applied = reached.watch();
        loop {
            let (now, pending) = view(&server.borrow_watched(), reached.place().last, node);
            // Who leads alone has nobody to tell that it lives, and nobody to hear of.
            let alone = now.is_leader()
                && is_alone(server.borrow_watched().membership_config.membership(), node);
            raft.runtime_config().tick(!alone);
            office.publish(now);
            let changed = if pending {
                tokio::select! {
                    changed = server.changed() => changed.is_ok(),
                    applied = applied.changed() => applied.is_ok(),
                }
            } else {
                server.changed().await.is_ok()
            };
            if !changed {
                break;
            }
        }
        let why = match &raft.metrics().borrow_watched().running_state {
            Ok(()) => "it was stopped".to_owned(),
            Err(fatal) => fatal.to_string(),
        };
        office.stop(&why);
    }

    /// Lets go of log entries that the state database holds, until the replica ends.
    pub(crate) async fn trim(group: Arc<Self>, keep: Keep) {
        let Ok(mut durable) = group.store.watch_durable(group.id) else { return };
        let mut snapshots = group.raft.watch_snapshot_progress();
        let mut core = group.raft.server_metrics();
        loop {
            let index = *durable.borrow_and_update();
            if let Some(index) = index {
                // openraft purges only what is in a snapshot; the state database is one.
                if group.raft.trigger().snapshot().await.is_err() {
                    return;
                }
                let built = snapshots
                    .wait_until(|last| last.as_ref().is_some_and(|last| last.index() >= index));
                tokio::select! {
                    built = built => if built.is_err() { return },
                    changed = durable.changed() => {
                        if changed.is_err() { return }
                        continue;
                    }
                }
                let kept = if group.is_only_voter() { 0 } else { keep.entries(&group.log) };
                let kept = kept.max(group.unarchived(index, keep));
                if let Some(upto) = index.checked_sub(kept)
                    && group.raft.trigger().purge_log(upto).await.is_err()
                {
                    return;
                }
            }
            tokio::select! {
                changed = durable.changed() => if changed.is_err() { return },
                ended = ended(&mut core) => return ended,
            }
        }
    }

    /// How many entries up to `index` must stay because they are to be archived.
    fn unarchived(&self, index: u64, keep: Keep) -> u64 {
        if keep.archive_bytes == 0 {
            return 0;
        }
        let most = keep.archive_bytes / self.log.average_bytes().max(1);
        let wanted = self.archive.lets_go(keep.grace).map_or(0, |from| index.saturating_sub(from));
        wanted.min(most)
    }

    /// How long no majority has answered this leader. None if it does not lead or needs nobody.
    pub(crate) fn silence(&self) -> Option<(Term, Duration)> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        if metrics.state != ServerState::Leader || metrics.membership_config.voter_ids().count() < 2
        {
            return None;
        }
        let acked = metrics.last_quorum_acked?;
        Some((Term(metrics.current_term), acked.elapsed()))
    }
}

async fn ended<W: Watch, R: WatchReceiver<W, ServerMetrics>>(core: &mut R) {
    while core.changed().await.is_ok() {}
}

/// How much of the log is kept for followers that were away for a moment.
#[derive(Clone, Copy)]
pub(crate) struct Keep {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// The most bytes that stay because they are to be archived.
    pub(crate) archive_bytes: u64,
    /// How long after the start it may be unknown whether anything is archived.
    pub(crate) grace: Duration,
}

impl Keep {
    fn entries(self, log: &GroupLog) -> u64 {
        self.entries.min(self.bytes / log.average_bytes().max(1))
    }
}

fn only_voter(membership: &Membership, node: NodeId) -> bool {
    let voters: BTreeSet<Member> = membership.voter_ids().collect();
    voters.len() == 1 && voters.contains(&Member::from(node))
}

/// Whether this node is the group's only member, learners included.
fn is_alone(membership: &Membership, node: NodeId) -> bool {
    only_voter(membership, node) && membership.nodes().count() == 1
}

/// What this node is, and whether it will lead as soon as more is applied.
fn view(server: &ServerMetrics, applied: Option<LogId>, node: NodeId) -> (Leadership, bool) {
    let term = Term(server.vote.leader_id.term);
    if server.membership_config.get_node(&node.into()).is_none() {
        return (Leadership { term, ..ABSENT }, false);
    }
    let leader: Option<NodeId> = server.current_leader.map(Into::into);
    let leads =
        server.state == ServerState::Leader && server.vote.committed && leader == Some(node);
    if !leads {
        let leader = leader.filter(|leader| *leader != node);
        return (Leadership { term, role: Role::Follower { leader } }, false);
    }
    if applied.is_some_and(|last| last.committed_leader_id().term >= term.0) {
        (Leadership { term, role: Role::Leader }, false)
    } else {
        (Leadership { term, role: Role::Follower { leader: None } }, true)
    }
}

fn outcome_of(result: Option<ClientWriteResult<Types>>) -> Outcome {
    use crate::types::Outcome as Applied;
    match result {
        Some(Ok(response)) => match response.data {
            Applied::Committed(number) => Ok(CommitIndex(number)),
            Applied::Nothing => Err(CommitError::Unknown("it was applied as nothing".to_owned())),
        },
        Some(Err(ClientWriteError::ForwardToLeader(forward))) => {
            Err(CommitError::NotLeader { leader: forward.leader_id.map(Into::into) })
        }
        Some(Err(error)) => Err(CommitError::Unknown(error.to_string())),
        None => Err(CommitError::Unknown("the group has stopped".to_owned())),
    }
}
