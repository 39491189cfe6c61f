//! One question to one node.

use std::sync::Arc;
use std::time::Duration;

use impresario_ids::{NodeId, TraceId};
use impresario_wire::{Answer, Call, CallKind, Failed, Item, Outcome, Rejected, Target, WireError};

use crate::message::{self, Ask, Told};
use crate::steward::Inner;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing was done: the node does not lead the group.
    NotLeader { leader: Option<NodeId>, term: u64 },
    /// The system group, or the node, refuses.
    Rejected { code: String, message: String },
    /// Nothing was done: the node could not be asked.
    NotSent(String),
    /// It may have been done.
    NoAnswer(String),
    /// It was not done, and the reason does not go away by itself at once.
    Failed(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotLeader { leader: Some(leader), .. } => write!(f, "{leader} leads"),
            Self::NotLeader { leader: None, .. } => f.write_str("it does not lead"),
            Self::Rejected { message, .. } => f.write_str(message),
            Self::NotSent(why) | Self::NoAnswer(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl Inner {
    /// Asks a node, or this one.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        to: NodeId,
        ask: Ask,
        within: Duration,
    ) -> Result<Told, Trouble> {
        if to == self.me.node {
            let answered = tokio::time::timeout(within, self.answer(ask));
            let late = || Err(Trouble::NoAnswer("no answer in time".to_owned()));
            return answered.await.unwrap_or_else(|_| late());
        }
        let item = Item { key: None, body: message::encode(&ask), trace: None };
        let call = Call {
            kind: CallKind::Control,
            target: Target::Node,
            items: vec![item],
            within_ms: 0,
            trace: TraceId::NIL,
            hops: 0,
        };
        let answer = self.calls.call(to, call, within).await;
        if answer.is_ok() {
            self.heard(to);
        }
        understand(answer)
    }
}

fn understand(answer: Result<Answer, WireError>) -> Result<Told, Trouble> {
    match answer {
        Ok(Answer::Done(outcomes)) => match outcomes.into_iter().next() {
            Some(Outcome::Ok(body)) => message::decode(&body).map_err(Trouble::NoAnswer),
            Some(Outcome::Rejected(Rejected { code, message, .. })) => {
                Err(Trouble::Rejected { code, message })
            }
            Some(Outcome::Failed(failed)) => Err(failure(failed)),
            None => Err(Trouble::NoAnswer("an answer without a body".to_owned())),
        },
        Ok(Answer::Failed(failed)) => Err(failure(failed)),
        Ok(Answer::NotLeader { leader, term }) => Err(Trouble::NotLeader { leader, term }),
        Err(error) if error.nothing_done() => Err(Trouble::NotSent(error.to_string())),
        Err(error) => Err(Trouble::NoAnswer(error.to_string())),
    }
}

const UNKNOWN: &str = "outcome_unknown";
const UNAVAILABLE: &str = "unavailable";

fn failure(failed: Failed) -> Trouble {
    if failed.code == UNKNOWN {
        Trouble::NoAnswer(failed.message)
    } else {
        Trouble::Failed(failed.message)
    }
}

/// The other direction: what is answered to another node.
pub(crate) fn answered(told: Result<Told, Trouble>) -> Answer {
    let failed = |code: &str, message| {
        Answer::Failed(Failed { code: code.to_owned(), message, retry_after_ms: None })
    };
    match told {
        Ok(told) => Answer::Done(vec![Outcome::Ok(message::encode(&told))]),
        Err(Trouble::NotLeader { leader, term }) => Answer::NotLeader { leader, term },
        Err(Trouble::Rejected { code, message }) => {
            let rejected = Rejected { code, message, detail: None, body: None };
            Answer::Done(vec![Outcome::Rejected(rejected)])
        }
        Err(Trouble::NoAnswer(why)) => failed(UNKNOWN, why),
        Err(Trouble::NotSent(why) | Trouble::Failed(why)) => failed(UNAVAILABLE, why),
    }
}
