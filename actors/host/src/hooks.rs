use std::fmt::Debug;
use std::sync::Arc;

use impresario_ids::{TenantId, TraceId};
use impresario_kernel::{Entity, EntityKey, PartitionId, Timestamp};

use crate::Failure;

/// An effect that has just become durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEffect {
    /// The key of its row in `Table::Outbox`.
    pub row_key: Vec<u8>,
    /// The entity that decided it.
    pub entity: EntityKey,
    /// The encoded effect, not sealed.
    pub effect: Vec<u8>,
    /// When it was decided.
    pub at: Timestamp,
    /// The trace it belongs to.
    pub trace: TraceId,
}

/// A timer that has just been durably set, replaced or cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerChange {
    /// Whose timer.
    pub entity: EntityKey,
    /// Its name.
    pub name: Box<str>,
    /// When it is due; `None` if it is gone.
    pub due: Option<Timestamp>,
}

/// Is told of effects and timers after each durable commit, in commit order. Runs in the
/// partition's actor: it must return at once.
pub trait CommitHook: Send + Sync + 'static {
    /// What became durable in one item of a batch. At least one of the lists has an entry.
    fn committed(&self, partition: PartitionId, effects: Vec<NewEffect>, timers: Vec<TimerChange>);

    /// This node has begun to decide for a partition, or ceased to. What was committed before it
    /// began is in the store; what is committed afterwards is told by [`CommitHook::committed`].
    /// After it ceased nothing of the partition may be carried out by this node. Told once at the
    /// start for each partition.
    fn leads(&self, partition: PartitionId, begun: bool) {
        let _ = (partition, begun);
    }
}

/// What an observer of a kind is told.
#[derive(Debug)]
pub struct Committed<'a, E: Entity> {
    /// The entity.
    pub key: &'a EntityKey,
    /// The sequence of the first event.
    pub first_seq: u64,
    /// The host's time of the decision.
    pub at: Timestamp,
    /// The events that became durable, in order.
    pub events: &'a [E::Event],
}

/// Is told of every durable event of a kind, in commit order per partition. Runs in the partition's
/// actor: it must return at once.
pub type Observer<E> = Arc<dyn Fn(&Committed<'_, E>) + Send + Sync>;

/// Where a kind's policy comes from. Called for every turn: it answers from memory, or with a read
/// of microseconds.
pub trait PolicySource<P>: Send + Sync + 'static {
    /// The tenant's policy now.
    ///
    /// # Errors
    /// If it cannot be read; the turn then fails and may be tried again.
    fn policy(&self, tenant: TenantId) -> Result<Arc<P>, Failure>;
}

/// For kinds whose policy is its default.
#[derive(Debug, Default)]
pub struct NoPolicy<P>(Arc<P>);

impl<P: Debug + Send + Sync + 'static> PolicySource<P> for NoPolicy<P> {
    fn policy(&self, _tenant: TenantId) -> Result<Arc<P>, Failure> {
        Ok(Arc::clone(&self.0))
    }
}
