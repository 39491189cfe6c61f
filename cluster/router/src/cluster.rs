//! Calls to other nodes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use impresario_host::Failure;
use impresario_ids::{NodeId, TraceId};
use impresario_kernel::{EntityKey, PartitionId};
use impresario_wire::{
    Answer, Call, CallKind, CallTransport, Item, Outcome, Rejected, Target, WireError,
};

use crate::translate::{self, PEER};
use crate::{Directions, Options};

/// What a router needs to reach other nodes.
pub(crate) struct Cluster {
    pub(crate) calls: Arc<dyn CallTransport>,
    pub(crate) directions: Arc<dyn Directions>,
    pub(crate) options: Options,
    seeds: AtomicU64,
}

/// Why an item of a call, or of a try on this node, has no reply.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The entity refused.
    Rejected(Rejected),
    /// As the host said, here or there.
    Failed(Failure),
    /// Nothing was done, and nothing will be: not to be sent again.
    Hopeless(Failure),
    /// Nothing was done: it did not arrive.
    NotSent,
    /// It is not known whether it was done.
    Doubtful(String),
}

/// One call, before it is known who gets it.
pub(crate) struct Letter {
    pub(crate) kind: CallKind,
    pub(crate) entity: EntityKey,
    pub(crate) partition: PartitionId,
    pub(crate) items: Vec<Item>,
    pub(crate) trace: TraceId,
}

impl Cluster {
    pub(crate) fn new(
        calls: Arc<dyn CallTransport>,
        directions: Arc<dyn Directions>,
        options: Options,
    ) -> Self {
        Self { calls, directions, options, seeds: AtomicU64::new(0) }
    }

    pub(crate) fn next_seed(&self) -> u64 {
        let node = self.directions.me().0.rotate_left(32);
        self.seeds.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) ^ node
    }

    /// Calls a node. One result per item, in their order.
    pub(crate) async fn send(
        &self,
        to: NodeId,
        letter: Letter,
        within: Duration,
    ) -> Vec<Result<Vec<u8>, Trouble>> {
        let Letter { kind, entity, partition, items, trace } = letter;
        let count = items.len();
        let (target, within_ms, hops) = (Target::Entity(entity), 0, 0);
        let call = Call { kind, target, items, within_ms, trace, hops };
        let answered = self.calls.call(to, call, within).await;
        count_hop(kind, &answered);
        let trouble = match answered {
            Ok(Answer::Done(outcomes)) if outcomes.len() == count => {
                return outcomes.into_iter().map(opened).collect();
            }
            Ok(Answer::Done(outcomes)) => {
                Trouble::Doubtful(format!("{} answers to {count} items", outcomes.len()))
            }
            Ok(Answer::Failed(failed)) => Trouble::Failed(translate::failure(failed)),
            Ok(Answer::NotLeader { leader, term }) => {
                self.directions.learn(partition, term, leader);
                Trouble::Failed(Failure::NotLeader { leader })
            }
            Err(WireError::Busy(_)) => {
                let retry_after_ms = self.options.retry_after_ms;
                Trouble::Hopeless(Failure::Overloaded { queue: PEER, retry_after_ms })
            }
            Err(error @ WireError::TooLarge { .. }) => {
                Trouble::Hopeless(Failure::Unavailable(error.to_string()))
            }
            Err(error) if error.nothing_done() => Trouble::NotSent,
            Err(error) => Trouble::Doubtful(error.to_string()),
        };
        tracing::debug!(node = to.0, partition = partition.0, trace = %trace, trouble = ?trouble, "remote ask not answered");
        vec![Err(trouble); count]
    }
}

fn opened(outcome: Outcome) -> Result<Vec<u8>, Trouble> {
    match outcome {
        Outcome::Ok(body) => Ok(body),
        Outcome::Rejected(rejected) => Err(Trouble::Rejected(rejected)),
        Outcome::Failed(failed) => Err(Trouble::Failed(translate::failure(failed))),
    }
}

pub(crate) fn name(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Commands => "commands",
        CallKind::Query => "query",
        CallKind::View => "view",
        CallKind::Control => "control",
    }
}

/// What became of a call, for the metrics.
pub(crate) fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Done(_) => "done",
        Answer::Failed(_) => "failed",
        Answer::NotLeader { .. } => "not_leader",
    }
}

pub(crate) fn count_hop(kind: CallKind, answered: &Result<Answer, WireError>) {
    let outcome = match answered {
        Ok(answer) => word(answer),
        Err(WireError::UnknownNode(_)) => "unknown_node",
        Err(WireError::Unreachable { .. }) => "unreachable",
        Err(WireError::Broken { .. }) => "broken",
        Err(WireError::Timeout(_)) => "timeout",
        Err(WireError::Busy(_)) => "busy",
        Err(WireError::Refused { .. }) => "refused",
        Err(WireError::TooLarge { .. }) => "too_large",
    };
    metrics::counter!("impresario_router_hops_total", "kind" => name(kind), "outcome" => outcome)
        .increment(1);
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("me", &self.directions.me()).finish_non_exhaustive()
    }
}
