//! Finding or starting the activation of an entity, and handing it a message.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use dashmap::mapref::entry::Entry;
use impresario_kernel::{Entity, EntityKey, Timestamp};
use parking_lot::Mutex;
use ractor::ActorRuntime;
use tokio::sync::oneshot;

use crate::active::{EntityActor, Message, Start};
use crate::crash::History;
use crate::dynamic::FiredTimer;
use crate::host::Core;
use crate::kind::{Activation, Kind, Pending, Shared, Slot};
use crate::turn::{Group, Question};
use crate::{AskError, Envelope, Failure, Permit};

/// The answers to a group of commands, in order.
pub(crate) type Answers<E> = Vec<Result<<E as Entity>::Reply, AskError<<E as Entity>::Rejection>>>;

/// What became of a message for an activation that should be there.
enum Sent<F> {
    Delivered,
    NotActive(F),
    /// The actor was gone: the runtime ended it behind our back.
    Ended,
}

/// An entity that crashed is asked for again while its last messages are still being settled.
const SETTLING_RETRY_MS: u64 = 20;

impl<E: Entity> Kind<E> {
    /// Hands the message made by `make` to the entity's activation, which is started if need be.
    pub(crate) fn send(
        self: &Arc<Self>,
        core: &Arc<Core>,
        key: &EntityKey,
        make: impl FnOnce(Pending) -> Message<E>,
    ) -> Result<(), Failure> {
        core.check(key)?;
        let now = core.clock.now();
        // The slot's guard must be gone before `start_with` locks the slot's entry.
        let make = match self.send_to_active(key, now, make) {
            Sent::Delivered => return Ok(()),
            Sent::NotActive(make) => make,
            Sent::Ended => {
                let until = now.plus_ms(core.options.restart_backoff_ms);
                self.mark_down(key, until, "it ended without a word".to_owned(), Arc::default());
                return Err(Failure::Crashed);
            }
        };
        self.start_with(core, key, now, make)
    }

    fn send_to_active<F: FnOnce(Pending) -> Message<E>>(
        &self,
        key: &EntityKey,
        now: Timestamp,
        make: F,
    ) -> Sent<F> {
        let Some(slot) = self.slots.get(key) else { return Sent::NotActive(make) };
        let Slot::Active(activation) = slot.value() else { return Sent::NotActive(make) };
        match activation.actor.send_message(make(activation.shared.enter(now))) {
            Ok(()) => Sent::Delivered,
            Err(_) => Sent::Ended,
        }
    }

    fn start_with(
        self: &Arc<Self>,
        core: &Arc<Core>,
        key: &EntityKey,
        now: Timestamp,
        make: impl FnOnce(Pending) -> Message<E>,
    ) -> Result<(), Failure> {
        // The entry's lock makes the activation single.
        let activation = match self.slots.entry(*key) {
            Entry::Vacant(vacant) => {
                let activation = self.start(core, key, None)?;
                vacant.insert(Slot::Active(activation))
            }
            Entry::Occupied(occupied) => {
                let history = match occupied.get() {
                    Slot::Active(_) => None,
                    Slot::Down { until, reason, shared, history } => {
                        Some(may_start(*until, reason, shared, history, now)?)
                    }
                };
                match history {
                    None => occupied.into_ref(),
                    Some(history) => {
                        let mut slot = occupied.into_ref();
                        *slot = Slot::Active(self.start(core, key, history)?);
                        slot
                    }
                }
            }
        };
        let Slot::Active(activation) = &*activation else { return Err(Failure::Crashed) };
        activation
            .actor
            .send_message(make(activation.shared.enter(now)))
            .map_err(|_| Failure::Crashed)
    }

    fn start(
        self: &Arc<Self>,
        core: &Arc<Core>,
        key: &EntityKey,
        history: Option<Arc<Mutex<History>>>,
    ) -> Result<Activation<E>, Failure> {
        let shared = Arc::new(Shared::default());
        let start = Start {
            core: Arc::clone(core),
            kind: Arc::clone(self),
            key: *key,
            shared: Arc::clone(&shared),
            epoch: core.partition(key).epoch.load(Ordering::SeqCst),
            history,
        };
        let supervisor = core.partition(key).actor.get_cell();
        let (actor, _started) =
            ActorRuntime::spawn_linked_instant(None, EntityActor::default(), start, supervisor)
                .map_err(|error| Failure::Unavailable(error.to_string()))?;
        self.meters.active.increment(1.0);
        Ok(Activation { actor, shared })
    }

    /// Asks the entity to decide these commands in one turn.
    pub(crate) async fn ask_group(
        self: &Arc<Self>,
        core: &Arc<Core>,
        key: &EntityKey,
        commands: Vec<(E::Command, Envelope)>,
        timer: Option<FiredTimer>,
        permit: Permit,
    ) -> Answers<E> {
        let count = commands.len();
        let (reply, answers) = oneshot::channel();
        let sent = Instant::now();
        let epoch = core.partition(key).epoch.load(Ordering::SeqCst);
        let group = Group { commands, timer, sent, permit, reply };
        let failure = match self.send(core, key, |pending| Message::Commands(group, pending)) {
            Ok(()) => match answers.await {
                Ok(answers) => return answers,
                Err(_) => vanished(core, key, epoch),
            },
            Err(failure) => failure,
        };
        (0..count).map(|_| Err(AskError::Failed(failure.clone()))).collect()
    }

    pub(crate) async fn question(
        self: &Arc<Self>,
        core: &Arc<Core>,
        key: &EntityKey,
        query: E::Query,
        envelope: Envelope,
        permit: Permit,
    ) -> Result<E::Answer, Failure> {
        let (reply, answer) = oneshot::channel();
        let epoch = core.partition(key).epoch.load(Ordering::SeqCst);
        let question = Question { query, envelope, permit, reply };
        self.send(core, key, |pending| Message::Question(question, pending))?;
        answer.await.unwrap_or_else(|_| Err(vanished(core, key, epoch)))
    }
}

/// Why a message was dropped with the mailbox it was in: its entity crashed, or the partition's
/// activations were thrown away. Nothing was done with it.
fn vanished(core: &Core, key: &EntityKey, epoch: u64) -> Failure {
    let partition = core.partition(key);
    match partition.check() {
        Err(failure) => failure,
        Ok(()) if partition.epoch.load(Ordering::SeqCst) != epoch => {
            Failure::NotLeader { leader: None }
        }
        Ok(()) => Failure::Crashed,
    }
}

/// The crash history to go on with, if the entity may start again now.
fn may_start(
    until: Timestamp,
    reason: &str,
    shared: &Shared,
    history: &Arc<Mutex<History>>,
    now: Timestamp,
) -> Result<Option<Arc<Mutex<History>>>, Failure> {
    let wait_ms = until.since_ms(now);
    let retry_after_ms = if wait_ms > 0 {
        u64::try_from(wait_ms).unwrap_or(SETTLING_RETRY_MS)
    } else if shared.is_settled() {
        return Ok((!History::is_well_again(until, now)).then(|| Arc::clone(history)));
    } else {
        SETTLING_RETRY_MS
    };
    Err(Failure::Restarting { reason: reason.to_owned(), retry_after_ms })
}
