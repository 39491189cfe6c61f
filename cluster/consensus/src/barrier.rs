use std::sync::Arc;

use impresario_journal::{CommitError, Term};
use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::group::Group;
use crate::options::Reads;
use crate::types::{LogId, Types};

type Answer = oneshot::Sender<Result<(), CommitError>>;

/// Reads that wait for the confirmation that this node leads. One round serves all that had come
/// when it began; those that come meanwhile share the next one.
#[derive(Default)]
pub(crate) struct Barrier(Mutex<Round>);

#[derive(Default)]
struct Round {
    under_way: bool,
    waiting: Vec<(Term, Answer)>,
}

impl Barrier {
    /// True if the caller must run the rounds, see [`run`].
    pub(crate) fn join(&self, term: Term, answer: Answer) -> bool {
        let mut round = self.0.lock();
        round.waiting.push((term, answer));
        !std::mem::replace(&mut round.under_way, true)
    }

    fn next(&self) -> Option<Vec<(Term, Answer)>> {
        let mut round = self.0.lock();
        if round.waiting.is_empty() {
            round.under_way = false;
            return None;
        }
        Some(std::mem::take(&mut round.waiting))
    }
}

/// Runs rounds until nobody waits.
pub(crate) async fn run(group: Arc<Group>, reads: Reads) {
    while let Some(waiting) = group.barrier.next() {
        let confirmed = round(&group, reads).await;
        for (term, answer) in waiting {
            let outcome = match &confirmed {
                Ok(now) if *now == term => Ok(()),
                Ok(now) if *now > term => {
                    Err(CommitError::StaleTerm { batch: term.0, current: now.0 })
                }
                Ok(_) => Err(CommitError::NotLeader { leader: None }),
                Err(error) => Err(error.clone()),
            };
            // Whoever asked may have gone.
            let _ = answer.send(outcome);
        }
    }
}

/// Asks once. The term under which this node leads, with all that was committed before applied.
async fn round(group: &Group, reads: Reads) -> Result<Term, CommitError> {
    let policy = match reads {
        Reads::Index => ReadPolicy::ReadIndex,
        Reads::Lease => ReadPolicy::LeaseRead,
    };
    let barrier = group.raft.get_read_linearizer(policy).await.map_err(|error| refusal(&error))?;
    let wanted: LogId = *barrier.read_log_id().log_id();
    let mut reached = group.reached.watch();
    let applied = reached.wait_for(|place| place.last >= Some(wanted)).await;
    applied.map_err(|_| CommitError::Closed)?;
    // The entry to be read up to is the leader's own first one or a later one of it, so its term is
    // the leader's.
    Ok(Term(wanted.committed_leader_id().term))
}

fn refusal(error: &RaftError<Types, LinearizableReadError<Types>>) -> CommitError {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => {
            CommitError::NotLeader { leader: forward.leader_id.map(Into::into) }
        }
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => {
            CommitError::NotLeader { leader: None }
        }
        RaftError::Fatal(fatal) => CommitError::Failed(fatal.to_string()),
    }
}
