use std::collections::BTreeMap;

use impresario_ids::NodeId;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use parking_lot::Mutex;

use crate::types::{LogId, Member, Types};

/// What the followers of a group have acknowledged to this leader. One that then lacks it came back
/// with old data: its promises are worth nothing, and the leader must not count on it.
#[derive(Default)]
pub(crate) struct Acknowledged(Mutex<BTreeMap<Member, Known>>);

#[derive(Clone, Copy)]
struct Known {
    /// The reign in which it was acknowledged. The next leader begins anew.
    term: u64,
    last: Option<LogId>,
    stale: bool,
}

/// A follower has lost what it had acknowledged.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{node} no longer has the entries up to {last} that it had acknowledged: its data is old")]
pub(crate) struct Stale {
    node: NodeId,
    last: u64,
}

/// What an answer to a request would say.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    term: u64,
    prev: Option<LogId>,
    last: Option<LogId>,
}

impl Asked {
    pub(crate) fn of(request: &AppendEntriesRequest<Types>) -> Self {
        let prev = request.prev_log_id;
        let last = request.entries.last().map_or(prev, |entry| Some(entry.log_id));
        Self { term: request.vote.leader_id.term, prev, last }
    }
}

impl Acknowledged {
    /// Holds an answer against what was acknowledged before.
    ///
    /// # Errors
    /// [`Stale`]: the answer must not be believed.
    pub(crate) fn check(
        &self,
        group: u16,
        member: Member,
        asked: Asked,
        answer: &AppendEntriesResponse<Types>,
    ) -> Result<(), Stale> {
        let mut all = self.0.lock();
        let fresh = Known { term: asked.term, last: None, stale: false };
        let known = all.entry(member).or_insert(fresh);
        if known.term < asked.term {
            *known = fresh;
        } else if known.term > asked.term {
            // Of an earlier reign.
            return Ok(());
        }
        match answer {
            AppendEntriesResponse::Success => known.last = known.last.max(asked.last),
            AppendEntriesResponse::PartialSuccess(last) => known.last = known.last.max(*last),
            AppendEntriesResponse::Conflict if asked.prev <= known.last => {
                let last = known.last.map_or(0, |last| last.index());
                let stale = Stale { node: member.into(), last };
                if !std::mem::replace(&mut known.stale, true) {
                    tracing::error!(group, peer = %stale.node, last, "a follower came back with old data, it is not counted on any more: replace it");
                    metrics::counter!("impresario_raft_stale_replicas_total").increment(1);
                }
                return Err(stale);
            }
            AppendEntriesResponse::Conflict | AppendEntriesResponse::HigherVote(_) => {}
        }
        Ok(())
    }

    /// The member gets a new replica: what an earlier one acknowledged is nothing to it.
    pub(crate) fn forget(&self, member: Member) {
        self.0.lock().remove(&member);
    }

    /// Whether a follower has lost what it had acknowledged to this leader.
    pub(crate) fn is_stale(&self, member: Member) -> bool {
        self.0.lock().get(&member).is_some_and(|known| known.stale)
    }
}
