//! The actor of one active entity.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use impresario_ids::TraceId;
use impresario_kernel::{Entity, EntityKey, encode};
use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::crash::{Crash, History};
use crate::host::Core;
use crate::idempotency::Unsettled;
use crate::kind::{Kind, Pending, Shared};
use crate::load::load;
use crate::partition::PartitionHandle;
use crate::seen::Seen;
use crate::turn::{Group, Question};
use crate::writes::Ledger;
use crate::{Failure, turn};

pub(crate) enum Message<E: Entity> {
    Commands(Group<E>, Pending),
    Question(Question<E>, Pending),
    /// Write a snapshot if there are events since the last one.
    Snapshot(Pending),
    /// Show the state as text.
    Inspect(oneshot::Sender<String>, Pending),
}

/// What an activation is made of.
pub(crate) struct Start<E: Entity> {
    pub(crate) core: Arc<Core>,
    pub(crate) kind: Arc<Kind<E>>,
    pub(crate) key: EntityKey,
    pub(crate) shared: Arc<Shared>,
    /// The partition's epoch when this activation began.
    pub(crate) epoch: u64,
    /// Present if the entity crashed lately; its commands are then encoded before they are decided,
    /// so that a killer can be recognised and set aside.
    pub(crate) history: Option<Arc<Mutex<History>>>,
}

/// An entity in memory.
pub(crate) struct Live<E: Entity> {
    pub(crate) state: E::State,
    /// The last event decided, durable or not.
    pub(crate) seq: u64,
    pub(crate) snapshot_seq: u64,
    /// Counts turns that were submitted.
    pub(crate) turn: u64,
    pub(crate) unsettled: Unsettled<E::Reply>,
    pub(crate) seen: Seen,
    /// Events that the store may not have yet.
    pub(crate) tail: VecDeque<Recent<E>>,
}

/// Room for so many turns' events is kept.
const TAIL_ROOM: usize = 8;

/// The events of a decision whose turn is not settled.
pub(crate) struct Recent<E: Entity> {
    pub(crate) turn: u64,
    pub(crate) first_seq: u64,
    pub(crate) events: Arc<Vec<E::Event>>,
}

pub(crate) struct EntityActor<E>(PhantomData<fn() -> E>);

impl<E> Default for EntityActor<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

pub(crate) struct Activated<E: Entity> {
    start: Start<E>,
    live: Option<Box<Live<E>>>,
}

impl<E: Entity> Actor for EntityActor<E> {
    type Msg = Message<E>;
    type State = Activated<E>;
    type Arguments = Start<E>;

    /// Does nothing that can fail: the entity is loaded with its first message, so that a failure
    /// is answered to whoever asked.
    async fn pre_start(
        &self,
        _myself: ActorRef<Message<E>>,
        start: Start<E>,
    ) -> Result<Activated<E>, ActorProcessingErr> {
        Ok(Activated { start, live: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message<E>>,
        message: Message<E>,
        activated: &mut Activated<E>,
    ) -> Result<(), ActorProcessingErr> {
        activated.handle(message).map_err(|crash| {
            activated.start.hold_back(&crash);
            crash.into()
        })
    }
}

impl<E: Entity> Activated<E> {
    fn handle(&mut self, message: Message<E>) -> Result<(), Crash> {
        if self.live.is_none() {
            match Live::load(&self.start) {
                Ok(live) => self.live = Some(Box::new(live)),
                Err(failure) => return refuse(message, failure),
            }
        }
        let Some(live) = self.live.as_deref_mut() else { return Ok(()) };
        match message {
            Message::Commands(group, pending) => {
                turn::decide_group(live, &self.start, group, pending)
            }
            Message::Question(question, pending) => {
                turn::answer(live, &self.start, question, pending)
            }
            Message::Snapshot(pending) => {
                turn::snapshot(live, &self.start, pending);
                Ok(())
            }
            Message::Inspect(reply, _pending) => {
                // Whoever asked may be gone.
                let _ = reply.send(format!("{:#?}", live.state));
                Ok(())
            }
        }
    }
}

/// Answers that the entity could not be loaded. A damaged store ends the activation.
fn refuse<E: Entity>(message: Message<E>, failure: Failure) -> Result<(), Crash> {
    let crash = Crash::new(failure.to_string());
    let is_damage = matches!(failure, Failure::Damaged(_));
    match message {
        Message::Commands(group, _pending) => group.fail(&failure),
        Message::Question(question, _pending) => question.fail(failure),
        Message::Snapshot(_) | Message::Inspect(..) => {}
    }
    if is_damage { Err(crash) } else { Ok(()) }
}

impl<E: Entity> Live<E> {
    fn load(start: &Start<E>) -> Result<Self, Failure> {
        let loading = std::panic::AssertUnwindSafe(|| load::<E>(&start.core, &start.key));
        let loaded = std::panic::catch_unwind(loading).map_err(|panic| {
            Failure::Damaged(format!("a stored event does not apply: {}", Crash::of_panic(&*panic)))
        })??;
        start.kind.meters.activations.increment(1);
        start.shared.seq.store(loaded.seq, Ordering::Relaxed);
        start.shared.stored_bytes.store(loaded.snapshot_bytes, Ordering::Relaxed);
        Ok(Self {
            state: loaded.state,
            seq: loaded.seq,
            snapshot_seq: loaded.snapshot_seq,
            turn: 0,
            unsettled: Unsettled::default(),
            seen: Seen::default(),
            tail: VecDeque::new(),
        })
    }

    /// Forgets what was kept for turns up to `turn`: the store has it now.
    pub(crate) fn settled(&mut self, turn: u64) {
        self.unsettled.settled(turn);
        while self.tail.front().is_some_and(|recent| recent.turn <= turn) {
            self.tail.pop_front();
        }
        if self.tail.is_empty() && self.tail.capacity() > TAIL_ROOM {
            // After a burst the room is given back.
            self.tail = VecDeque::new();
        }
    }
}

impl<E: Entity> Start<E> {
    /// Marks the entity as down for its back-off, before this activation ends.
    fn hold_back(&self, crash: &Crash) {
        let history = self.history.clone().unwrap_or_default();
        let pause_ms = history.lock().crashed(&self.core.options);
        let until = self.core.clock.now().plus_ms(pause_ms);
        tracing::error!(kind = E::KIND.name, entity.key = %self.key, pause_ms, reason = %crash.reason, "entity crashed");
        self.kind.mark_down(&self.key, until, crash.reason.clone(), history);
    }
}

impl<E: Entity> Start<E> {
    pub(crate) fn partition(&self) -> &PartitionHandle {
        self.core.partition(&self.key)
    }

    /// Whether what a turn came to depends on nothing that waits for a commit, and was read while
    /// this node certainly led.
    pub(crate) fn may_answer_at_once(&self) -> bool {
        self.shared.pending() == 1
            && self.partition().is_certain(&*self.core.journal, self.core.partition_of(&self.key))
    }

    /// If the entity crashed lately: the encoded command and its hash, unless it was set aside.
    pub(crate) fn suspect(&self, command: &E::Command) -> Result<Option<Suspect>, Failure> {
        let Some(history) = &self.history else { return Ok(None) };
        let command = encode(command);
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(&command).as_bytes()[..16]);
        if history.lock().is_set_aside(hash, self.core.options.kills_max) {
            return Err(Failure::DeadLettered { reason: "it killed its entity before".to_owned() });
        }
        Ok(Some(Suspect { command, hash }))
    }

    /// Counts a kill; past the limit the command goes into the dead-letter table.
    pub(crate) fn killed(
        &self,
        ledger: &mut Ledger,
        crash: Crash,
        suspect: Option<Suspect>,
        trace: TraceId,
    ) -> (Crash, Failure) {
        let (Some(history), Some(suspect)) = (&self.history, suspect) else {
            return (crash, Failure::Crashed);
        };
        let kills = history.lock().killed_by(suspect.hash);
        if kills < self.core.options.kills_max {
            return (crash, Failure::Crashed);
        }
        let reason = crash.reason.clone();
        match ledger.dead_letter(&self.core, &self.key, &suspect, &reason, kills, trace) {
            Ok(()) => (crash, Failure::DeadLettered { reason }),
            Err(failure) => (crash, failure),
        }
    }
}

/// A command that may be about to kill its entity.
pub(crate) struct Suspect {
    pub(crate) command: Vec<u8>,
    pub(crate) hash: [u8; 16],
}
