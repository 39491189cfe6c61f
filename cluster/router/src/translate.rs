//! Failures and rejections as they cross nodes.

use impresario_host::{AskError, Failure};
use impresario_ids::NodeId;
use impresario_kernel::{Coded, Stored, decode};
use impresario_wire::{Failed, Rejected};

/// The queues of [`Failure::Overloaded`]: those of a node, and the way to it.
const QUEUES: [&str; 4] = ["tenant", "partition", "node", PEER];
/// The way to another node is full.
pub(crate) const PEER: &str = "peer";
/// A queue of another release.
const SOME_QUEUE: &str = "remote";

/// A failure as it is sent: its code, and what its text is made of.
pub(crate) fn failed(failure: &Failure) -> Failed {
    let message = match failure {
        Failure::Overloaded { queue, .. } => (*queue).to_owned(),
        Failure::Restarting { reason, .. } | Failure::DeadLettered { reason } => reason.clone(),
        Failure::OutcomeUnknown(why) | Failure::Unavailable(why) | Failure::Damaged(why) => {
            why.clone()
        }
        Failure::NotLeader { leader } => leader.map(|node| node.0.to_string()).unwrap_or_default(),
        Failure::DeadlineExceeded
        | Failure::UnknownTenant
        | Failure::Crashed
        | Failure::KeyReused => String::new(),
    };
    let code = failure.code().to_owned();
    Failed { code, message, retry_after_ms: failure.retry_after_ms() }
}

/// The failure that was sent.
pub(crate) fn failure(failed: Failed) -> Failure {
    let Failed { code, message, retry_after_ms } = failed;
    let retry_after_ms = retry_after_ms.unwrap_or(RETRY_AFTER_MS);
    match code.as_str() {
        "overloaded" => {
            let queue = QUEUES.into_iter().find(|queue| *queue == message);
            Failure::Overloaded { queue: queue.unwrap_or(SOME_QUEUE), retry_after_ms }
        }
        "deadline_exceeded" => Failure::DeadlineExceeded,
        "unknown_tenant" => Failure::UnknownTenant,
        "entity_restarting" => Failure::Restarting { reason: message, retry_after_ms },
        "entity_crashed" => Failure::Crashed,
        "dead_lettered" => Failure::DeadLettered { reason: message },
        "idempotency_key_reused" => Failure::KeyReused,
        "outcome_unknown" => Failure::OutcomeUnknown(message),
        "not_leader" => Failure::NotLeader { leader: message.parse().ok().map(NodeId) },
        "unavailable" => Failure::Unavailable(message),
        "store_damaged" => Failure::Damaged(message),
        // A code of another release.
        _ => Failure::Unavailable(format!("{code}: {message}")),
    }
}

/// What a caller waits who was not told.
const RETRY_AFTER_MS: u64 = 250;

/// The entity's rejection, typed again.
pub(crate) fn rejection<R: Coded + Stored>(rejected: Rejected) -> AskError<R> {
    let Rejected { code, message, body, .. } = rejected;
    match body.as_deref().map(decode::<R>) {
        Some(Ok(rejection)) => AskError::Rejected(rejection),
        // One of another release: refused it was, and asking again would be refused again.
        Some(Err(_)) | None => {
            AskError::Failed(Failure::Unavailable(format!("refused with {code}: {message}")))
        }
    }
}
