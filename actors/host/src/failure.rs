use impresario_ids::NodeId;
use impresario_kernel::Coded;

/// Why the system could not do what was asked. Not the caller's mistake: asking again, with the
/// same idempotency key, is safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A queue on the way is full. Nothing was done.
    #[error("overloaded: {queue} is full")]
    Overloaded {
        /// Which queue.
        queue: &'static str,
        /// Wait this long before asking again, in milliseconds.
        retry_after_ms: u64,
    },
    /// The deadline passed. The command may still be carried out.
    #[error("the deadline passed")]
    DeadlineExceeded,
    /// There is no such tenant, or it was erased.
    #[error("no such tenant")]
    UnknownTenant,
    /// The entity crashed and is held back for a moment before it starts again.
    #[error("the entity is restarting after a crash: {reason}")]
    Restarting {
        /// What the crash said.
        reason: String,
        /// Wait this long before asking again, in milliseconds.
        retry_after_ms: u64,
    },
    /// The entity crashed while it handled this or an earlier message. Nothing was done.
    #[error("the entity crashed")]
    Crashed,
    /// The command killed its entity again and again and was set aside in the dead-letter table.
    #[error("the command was set aside: {reason}")]
    DeadLettered {
        /// What the crash said.
        reason: String,
    },
    /// The idempotency key was used before, with something else. Nothing was done.
    #[error("the idempotency key was used with another content")]
    KeyReused,
    /// The commit failed in a way that leaves open whether it is durable.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// Another node decides for the entity, or none does at the moment. Nothing was done.
    #[error("this node does not decide for the entity at the moment")]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// The store cannot be used, or the node is stopping.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Stored bytes cannot be read. Nothing was done.
    #[error("stored bytes cannot be read: {0}")]
    Damaged(String),
}

impl Failure {
    /// The stable code, part of the public interface.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Overloaded { .. } => "overloaded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::UnknownTenant => "unknown_tenant",
            Self::Restarting { .. } => "entity_restarting",
            Self::Crashed => "entity_crashed",
            Self::DeadLettered { .. } => "dead_lettered",
            Self::KeyReused => "idempotency_key_reused",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::NotLeader { .. } => "not_leader",
            Self::Unavailable(_) => "unavailable",
            Self::Damaged(_) => "store_damaged",
        }
    }

    /// How long to wait before asking again, in milliseconds, if asking again can help.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Overloaded { retry_after_ms, .. } | Self::Restarting { retry_after_ms, .. } => {
                Some(*retry_after_ms)
            }
            Self::NotLeader { .. } => Some(250),
            Self::DeadlineExceeded
            | Self::Crashed
            | Self::OutcomeUnknown(_)
            | Self::Unavailable(_) => Some(1_000),
            Self::UnknownTenant
            | Self::DeadLettered { .. }
            | Self::KeyReused
            | Self::Damaged(_) => None,
        }
    }
}

/// Why an ask has no reply: the entity refused it, or the system failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError<R: Coded> {
    /// The entity refused; nothing was committed.
    #[error("{0}")]
    Rejected(R),
    /// The system failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl<R: Coded> AskError<R> {
    /// The stable code of either.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Failed(failure) => failure.code(),
        }
    }
}
