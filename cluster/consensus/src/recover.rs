//! A group that has lost its quorum for ever goes on with one replica.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use impresario_ids::NodeId;
use impresario_redb::LogEntry;
use impresario_wire::Lane;

use crate::ballot::Ballot;
use crate::consensus::{Consensus, Inner};
use crate::error::ConsensusError;
use crate::group::Group;
use crate::log::awaited;
use crate::message::{self, Request};
use crate::office::ABSENT;
use crate::stored::{id_bytes, payload_of};
use crate::types::{EntryPayload, LogId, Member, Membership, Types, Vote};

/// How often all members are asked before a quorum counts as lost.
const ROUNDS: usize = 3;

/// Who of a group answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// Those who vote; in the middle of a change, the old and the new ones.
    pub voters: BTreeSet<NodeId>,
    /// Members that answer, this node included, voters or not.
    pub answering: BTreeSet<NodeId>,
    /// Whether those are enough to elect a leader.
    pub enough: bool,
}

/// What a group was started again from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The group.
    pub group: u16,
    /// The term of the entry that made this node the only voter.
    pub term: u64,
    /// The last entry of the log before it. Acknowledged entries after it are lost.
    pub last: u64,
    /// The voters before.
    pub voters: BTreeSet<NodeId>,
    /// Those of them that did not answer.
    pub lost: BTreeSet<NodeId>,
}

/// What a member answered.
type Votes = BTreeMap<Member, (Vote, Option<LogId>)>;

impl Consensus {
    /// Asks all members of a group whether they are there. Changes nothing.
    ///
    /// # Errors
    /// If there is no replica of the group here or it has stopped.
    pub async fn quorum(&self, group: u16) -> Result<Quorum, ConsensusError> {
        let group = self.0.group(group)?;
        Ok(self.0.ask_all(&group).await?.0)
    }

    /// Makes this node's replica the only voter of a group whose quorum is lost **for ever**. What
    /// the lost members had acknowledged and this replica never saw is lost with them; everything
    /// that is in its log is kept and becomes committed. The lost members' stores must never be
    /// used again: together they could still elect a leader of the past.
    ///
    /// Must be called on the survivor with the longest log, and on that one only.
    ///
    /// # Errors
    /// [`ConsensusError::QuorumAnswers`] and [`ConsensusError::Behind`] if it must not be done, and
    /// if the store fails: then it may be called again.
    pub async fn recover(&self, group: u16, reason: &str) -> Result<Recovered, ConsensusError> {
        let inner = &self.0;
        let changing = inner.changing.lock().await;
        let replica = inner.group(group)?;
        tracing::error!(group, node = %inner.node, reason, "a recovery without a quorum is asked for");
        let (quorum, votes) = inner.ask_all(&replica).await?;
        if quorum.enough {
            return Err(ConsensusError::QuorumAnswers { group, answering: quorum.answering });
        }
        let last = may_recover(&replica, &votes)?;
        let term = votes
            .values()
            .map(|(vote, _)| vote.leader_id.term)
            .chain(replica.log.vote().map(|vote| vote.leader_id.term))
            .chain([last.committed_leader_id().term])
            .max()
            .map_or(1, |term| term + 1);
        inner.end(&replica).await?;
        let rewritten = rewrite(&replica, LogId::new_term_index(term, last.index() + 1)).await;
        // Whether it was written or not: what is in the store is what the replica is now.
        let started = inner.start(group).await?;
        rewritten?;
        tracing::error!(
            group,
            node = %inner.node,
            reason,
            term,
            last = last.index(),
            voters = ?quorum.voters,
            answering = ?quorum.answering,
            "the group goes on without its quorum: acknowledged commits may be missing"
        );
        metrics::counter!("impresario_raft_recoveries_total").increment(1);
        started.stand_if_alone().await?;
        drop(changing);
        self.await_leader(group, inner.options.change_timeout()).await?;
        let lost = quorum.voters.difference(&quorum.answering).copied().collect();
        Ok(Recovered { group, term, last: last.index(), voters: quorum.voters, lost })
    }
}

/// The last entry here, if nobody who answers has more.
fn may_recover(replica: &Group, votes: &Votes) -> Result<LogId, ConsensusError> {
    let group = replica.id;
    let stopped = |why: String| ConsensusError::Stopped { group, why };
    let mine = replica.log.last().map_err(|error| stopped(error.to_string()))?;
    let Some(mine) = mine.filter(|_| replica.log.may_vote()) else {
        let why = "the replica here has never been filled".to_owned();
        return Err(ConsensusError::Members { group, why });
    };
    let more = votes.iter().find(|(_, (_, last))| *last > Some(mine));
    match more {
        Some((member, _)) => Err(ConsensusError::Behind { group, node: (*member).into() }),
        None => Ok(mine),
    }
}

/// Puts an entry at the end of the log that makes this node the only member, as if it had been the
/// leader of that entry's term. The vote comes first: a term that was promised is never taken back.
async fn rewrite(replica: &Arc<Group>, at: LogId) -> Result<(), ConsensusError> {
    let (store, group) = (replica.store.clone(), replica.id);
    let stopped = |error: std::io::Error| ConsensusError::Stopped { group, why: error.to_string() };
    let member = Member::from(replica.node);
    let vote = Vote::new_committed(at.committed_leader_id().term, member);
    let ballot = Ballot { vote: Some(vote), floor: None };
    let (done, saved) = awaited();
    store.save_vote(group, ballot.encode(), done);
    saved.await.map_err(stopped)?;
    let membership = Membership::new_with_defaults(vec![[member].into()], []);
    let payload = payload_of(&EntryPayload::Membership(membership));
    let entry = LogEntry { index: at.index(), id: id_bytes(&at), payload };
    let (done, appended) = awaited();
    store.append(group, vec![entry], done);
    appended.await.map_err(stopped)
}

impl Inner {
    /// Ends a replica's core; the store keeps what it has.
    pub(crate) async fn end(&self, replica: &Group) -> Result<(), ConsensusError> {
        let group = replica.id;
        if let Some(place) = self.groups.write().get_mut(usize::from(group)) {
            *place = None;
        }
        let stopped = replica.raft.shutdown().await;
        stopped.map_err(|error| ConsensusError::Stopped { group, why: error.to_string() })?;
        // Pieces of a snapshot that are under way are waited for, later ones find it removed.
        let _incoming = replica.incoming.lock().await;
        replica.reached.remove();
        replica.office.publish(ABSENT);
        Ok(())
    }

    async fn ask_all(&self, group: &Group) -> Result<(Quorum, Votes), ConsensusError> {
        let membership = group.membership();
        let me = Member::from(self.node);
        if membership.get_node(&me).is_none() {
            let why = format!("{} is no member of it", self.node);
            return Err(ConsensusError::Members { group: group.id, why });
        }
        let members: BTreeSet<Member> = membership.nodes().map(|(member, ())| *member).collect();
        let mut votes = Votes::new();
        for _ in 0..ROUNDS {
            let silent =
                members.iter().filter(|member| **member != me && !votes.contains_key(*member));
            let asked = join_all(silent.map(|member| self.ask_one(group, *member))).await;
            votes.extend(asked.into_iter().flatten());
            if is_quorum(&membership, me, &votes) {
                break;
            }
        }
        let answering = votes.keys().copied().chain([me]).map(Into::into).collect();
        let voters = membership.voter_ids().map(Into::into).collect();
        let enough = is_quorum(&membership, me, &votes);
        Ok((Quorum { voters, answering, enough }, votes))
    }

    /// Asks one member whether it would vote for this node: that obliges it to nothing.
    async fn ask_one(
        &self,
        group: &Group,
        member: Member,
    ) -> Option<(Member, (Vote, Option<LogId>))> {
        let term = group.log.vote().map_or(0, |vote| vote.leader_id.term);
        let last = group.log.last().ok().flatten();
        let vote = Vote::new(term, self.node.into());
        let request = openraft::raft::VoteRequest::<Types>::new(vote, last);
        let within = Duration::from_millis(2 * self.options.election_max_ms);
        let body = Request::PreVote(request).encode();
        let answer = self.transport.call(member.into(), Lane::Pulse, group.id, body, within).await;
        match answer {
            Ok(answer) => {
                let answer = message::decode_vote_answer(&answer).ok()?;
                Some((member, (answer.vote, answer.last_log_id)))
            }
            Err(error) => {
                tracing::warn!(group = group.id, peer = %NodeId::from(member), %error, "a member does not answer");
                None
            }
        }
    }
}

/// Whether these and this node could elect a leader: with every set of voters there is.
fn is_quorum(membership: &Membership, me: Member, votes: &Votes) -> bool {
    membership.get_joint_config().iter().all(|voters| {
        let there = voters.iter().filter(|voter| **voter == me || votes.contains_key(*voter));
        there.count() > voters.len() / 2
    })
}
