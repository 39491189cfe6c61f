//! The active entities of one kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use impresario_kernel::{Entity, EntityKey, Timestamp};
use metrics::{Counter, Gauge, Histogram};
use parking_lot::Mutex;
use ractor::ActorRef;

use crate::active::Message;
use crate::crash::History;
use crate::{Observer, PolicySource};

/// Everything the host keeps for entities of kind `E`.
pub(crate) struct Kind<E: Entity> {
    pub(crate) slots: DashMap<EntityKey, Slot<E>>,
    pub(crate) policy: Arc<dyn PolicySource<E::Policy>>,
    pub(crate) observers: Vec<Observer<E>>,
    pub(crate) meters: Meters,
}

/// What is known of an entity that is, or was, active.
pub(crate) enum Slot<E: Entity> {
    Active(Activation<E>),
    /// Crashed and held back. Its last activation is kept for what it still has under way.
    Down {
        until: Timestamp,
        reason: String,
        shared: Arc<Shared>,
        history: Arc<Mutex<History>>,
    },
}

pub(crate) struct Activation<E: Entity> {
    pub(crate) actor: ActorRef<Message<E>>,
    pub(crate) shared: Arc<Shared>,
}

/// Measured: an idle ractor actor with its slot here.
const ACTOR_BYTES: usize = 9_000;
/// A state in memory takes about this many times its stored form.
const STATE_FACTOR: usize = 3;

/// What an activation, its messages and the janitor all see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Messages that are in the mailbox, or whose outcome is not released yet.
    pending: AtomicU32,
    last_used_ms: AtomicI64,
    /// There are events since the last snapshot.
    pub(crate) dirty: AtomicBool,
    pub(crate) seq: AtomicU64,
    /// The length of the last stored state that was read or written.
    pub(crate) stored_bytes: AtomicUsize,
    /// Every turn up to this one was released.
    pub(crate) settled_turn: AtomicU64,
}

impl Shared {
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn pending(&self) -> u32 {
        self.pending.load(Ordering::SeqCst)
    }

    /// Roughly the memory of this activation, in bytes.
    pub(crate) fn memory(&self) -> usize {
        ACTOR_BYTES + STATE_FACTOR * self.stored_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn last_used(&self) -> Timestamp {
        Timestamp::from_ms(self.last_used_ms.load(Ordering::Relaxed))
    }

    /// Counts a message until the guard is dropped: after its outcome was released, or when a dead
    /// actor's mailbox is emptied.
    pub(crate) fn enter(self: &Arc<Self>, now: Timestamp) -> Pending {
        self.pending.fetch_add(1, Ordering::SeqCst);
        self.last_used_ms.store(now.as_ms(), Ordering::Relaxed);
        Pending(Arc::clone(self))
    }
}

#[derive(Debug)]
pub(crate) struct Pending(Arc<Shared>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Handles of the kind's metrics, looked up once.
pub(crate) struct Meters {
    pub(crate) active: Gauge,
    pub(crate) activations: Counter,
    pub(crate) passivations: Counter,
    pub(crate) restarts: Counter,
    pub(crate) commands: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) queries: Counter,
    pub(crate) decide_seconds: Histogram,
    pub(crate) mailbox_seconds: Histogram,
    pub(crate) commit_seconds: Histogram,
}

impl Meters {
    fn of(kind: &'static str) -> Self {
        Self {
            active: metrics::gauge!("impresario_entities_active", "kind" => kind),
            activations: metrics::counter!("impresario_entity_activations_total", "kind" => kind),
            passivations: metrics::counter!("impresario_entity_passivations_total", "kind" => kind),
            restarts: metrics::counter!("impresario_entity_restarts_total", "kind" => kind),
            commands: metrics::counter!("impresario_entity_commands_total", "kind" => kind),
            duplicates: metrics::counter!("impresario_entity_duplicates_total", "kind" => kind),
            queries: metrics::counter!("impresario_entity_queries_total", "kind" => kind),
            decide_seconds: metrics::histogram!("impresario_entity_decide_seconds", "kind" => kind),
            mailbox_seconds: metrics::histogram!("impresario_entity_mailbox_seconds", "kind" => kind),
            commit_seconds: metrics::histogram!("impresario_entity_commit_seconds", "kind" => kind),
        }
    }
}

impl<E: Entity> Kind<E> {
    pub(crate) fn new(
        policy: Arc<dyn PolicySource<E::Policy>>,
        observers: Vec<Observer<E>>,
    ) -> Self {
        Self { slots: DashMap::new(), policy, observers, meters: Meters::of(E::KIND.name) }
    }

    /// Takes a crashed activation out of service until its pause is over.
    pub(crate) fn mark_down(
        &self,
        key: &EntityKey,
        until: Timestamp,
        reason: String,
        history: Arc<Mutex<History>>,
    ) {
        self.meters.restarts.increment(1);
        if let Some(mut slot) = self.slots.get_mut(key)
            && let Slot::Active(activation) = &*slot
        {
            let shared = Arc::clone(&activation.shared);
            self.meters.active.decrement(1.0);
            *slot = Slot::Down { until, reason, shared, history };
        }
    }
}
