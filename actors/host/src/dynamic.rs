//! Kinds behind one type, for callers that know an entity only by its key.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use impresario_kernel::{Coded, Entity, EntityKey, PartitionId, Stored, Timestamp, decode, encode};

use crate::active::Message;
use crate::host::Core;
use crate::info::{EntityInfo, KindInfo};
use crate::janitor::Excess;
use crate::kind::{Kind, Slot};
use crate::{AskError, Envelope, Failure, Permit};

/// A durable timer that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FiredTimer {
    pub(crate) name: Box<str>,
    pub(crate) due: Timestamp,
}

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Kind`] without its type.
pub(crate) trait AnyKind: Send + Sync {
    fn name(&self) -> &'static str;
    fn info(&self) -> KindInfo;
    fn top(&self, limit: usize) -> Vec<EntityInfo>;
    fn show<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
    ) -> Boxed<'a, Result<String, Failure>>;
    /// Lets a timer fire. `Ok(Err(code))` if the entity refused; the timer is gone then too.
    fn fire<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        timer: FiredTimer,
        envelope: Envelope,
    ) -> Boxed<'a, Result<(), Failure>>;
    /// Decides an encoded command. `Ok(Err(code))` if the entity refused.
    fn deliver<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        command: &'a [u8],
        envelope: Envelope,
    ) -> Boxed<'a, Result<Result<(), &'static str>, Failure>>;
    /// Decides encoded commands in one turn, each on its own; the answers are encoded too.
    fn carry<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        commands: Vec<(Vec<u8>, Envelope)>,
        permit: Permit,
    ) -> Boxed<'a, Vec<Carried>>;
    /// Answers an encoded question.
    fn carry_query<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        query: &'a [u8],
        envelope: Envelope,
        permit: Permit,
    ) -> Boxed<'a, Result<Vec<u8>, Failure>>;
    /// Passivates what is idle since before `idle_since`, and so much of the least recently used.
    fn passivate(&self, core: &Arc<Core>, idle_since: Timestamp, excess: Excess);
    /// Lets one entity go if it is at rest; asks it for a snapshot first if it needs one.
    fn passivate_key(&self, core: &Arc<Core>, key: &EntityKey);
    fn hold(&self, key: &EntityKey, until: Timestamp, reason: String);
    fn release(&self, key: &EntityKey, now: Timestamp) -> bool;
    fn is_active(&self, key: &EntityKey) -> bool;
    fn drop_matching(&self, matches: &dyn Fn(&EntityKey) -> bool);
    fn active(&self) -> usize;
    /// Roughly the memory of the active entities, in bytes.
    fn memory(&self) -> usize;
    fn forgive(&self, key: &EntityKey);
}

impl<E: Entity> AnyKind for Arc<Kind<E>> {
    fn name(&self) -> &'static str {
        E::KIND.name
    }

    fn info(&self) -> KindInfo {
        let down =
            self.slots.iter().filter(|slot| matches!(slot.value(), Slot::Down { .. })).count();
        KindInfo { kind: E::KIND.name, active: self.slots.len() - down, down }
    }

    fn top(&self, limit: usize) -> Vec<EntityInfo> {
        let mut infos: Vec<EntityInfo> =
            self.slots.iter().map(|slot| self.describe(slot.key(), slot.value())).collect();
        infos.sort_by_key(|info| {
            (std::cmp::Reverse(info.pending), std::cmp::Reverse(info.last_used))
        });
        infos.truncate(limit);
        infos
    }

    fn show<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
    ) -> Boxed<'a, Result<String, Failure>> {
        Box::pin(async move {
            let (reply, shown) = tokio::sync::oneshot::channel();
            self.send(core, &key, |pending| Message::Inspect(reply, pending))?;
            shown.await.map_err(|_| Failure::Crashed)
        })
    }

    fn fire<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        timer: FiredTimer,
        envelope: Envelope,
    ) -> Boxed<'a, Result<(), Failure>> {
        let commands =
            E::on_timer(&timer.name).map(|command| (command, envelope)).into_iter().collect();
        Box::pin(async move {
            match self.ask_group(core, &key, commands, Some(timer), None).await.pop() {
                Some(Err(AskError::Failed(failure))) => Err(failure),
                Some(Ok(_) | Err(AskError::Rejected(_))) | None => Ok(()),
            }
        })
    }

    fn deliver<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        command: &'a [u8],
        envelope: Envelope,
    ) -> Boxed<'a, Result<Result<(), &'static str>, Failure>> {
        Box::pin(async move {
            let command = decode::<E::Command>(command)
                .map_err(|error| Failure::Damaged(error.to_string()))?;
            match self.ask_group(core, &key, vec![(command, envelope)], None, None).await.pop() {
                Some(Ok(_)) => Ok(Ok(())),
                Some(Err(AskError::Rejected(rejection))) => {
                    Ok(Err(impresario_kernel::Coded::code(&rejection)))
                }
                Some(Err(AskError::Failed(failure))) => Err(failure),
                None => Err(Failure::Crashed),
            }
        })
    }

    fn carry<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        commands: Vec<(Vec<u8>, Envelope)>,
        permit: Permit,
    ) -> Boxed<'a, Vec<Carried>> {
        Box::pin(async move {
            let decoded: Result<Vec<_>, _> = commands
                .iter()
                .map(|(bytes, envelope)| Ok((decode::<E::Command>(bytes)?, *envelope)))
                .collect();
            match decoded {
                Ok(group) => {
                    let answers = self.ask_group(core, &key, group, None, permit).await;
                    answers.into_iter().map(Carried::of).collect()
                }
                // One of another release: the node that asked must not guess which.
                Err(error) => {
                    let error: impresario_kernel::CodecError = error;
                    let failure = Failure::Unavailable(format!("not understood here: {error}"));
                    commands.iter().map(|_| Carried::Failed(failure.clone())).collect()
                }
            }
        })
    }

    fn carry_query<'a>(
        &'a self,
        core: &'a Arc<Core>,
        key: EntityKey,
        query: &'a [u8],
        envelope: Envelope,
        permit: Permit,
    ) -> Boxed<'a, Result<Vec<u8>, Failure>> {
        Box::pin(async move {
            let query = decode::<E::Query>(query)
                .map_err(|error| Failure::Unavailable(format!("not understood here: {error}")))?;
            let answer = self.question(core, &key, query, envelope, permit).await?;
            Ok(encode(&answer))
        })
    }

    fn passivate(&self, core: &Arc<Core>, idle_since: Timestamp, excess: Excess) {
        self.passivate_idle(core, idle_since, excess);
    }

    fn passivate_key(&self, core: &Arc<Core>, key: &EntityKey) {
        self.passivate_one(core, key);
    }

    fn hold(&self, key: &EntityKey, until: Timestamp, reason: String) {
        Kind::hold(self, key, until, reason);
    }

    fn release(&self, key: &EntityKey, now: Timestamp) -> bool {
        Kind::release(self, key, now)
    }

    fn is_active(&self, key: &EntityKey) -> bool {
        Kind::is_active(self, key)
    }

    fn drop_matching(&self, matches: &dyn Fn(&EntityKey) -> bool) {
        self.slots.retain(|key, slot| {
            let is_dropped = matches(key);
            if is_dropped && let Slot::Active(activation) = slot {
                activation.actor.stop(None);
                self.meters.active.decrement(1.0);
            }
            !is_dropped
        });
    }

    fn active(&self) -> usize {
        self.slots.len()
    }

    fn memory(&self) -> usize {
        self.slots
            .iter()
            .map(|slot| match slot.value() {
                Slot::Active(activation) => activation.shared.memory(),
                Slot::Down { .. } => 0,
            })
            .sum()
    }

    fn forgive(&self, key: &EntityKey) {
        self.slots.remove_if(
            key,
            |_, slot| matches!(slot, Slot::Down { shared, .. } if shared.is_settled()),
        );
    }
}

/// What became of a command that came from another node, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The reply.
    Replied(Vec<u8>),
    /// The entity refused.
    Rejected {
        /// The stable code.
        code: &'static str,
        /// For people.
        message: String,
        /// For programs, as JSON.
        detail: Option<String>,
        /// The encoded rejection.
        body: Vec<u8>,
    },
    /// The system failed.
    Failed(Failure),
}

impl Carried {
    fn of<R: Stored, J: Coded + Stored>(answer: Result<R, AskError<J>>) -> Self {
        match answer {
            Ok(reply) => Self::Replied(encode(&reply)),
            Err(AskError::Rejected(rejection)) => Self::Rejected {
                code: rejection.code(),
                message: rejection.to_string(),
                detail: rejection.detail(),
                body: encode(&rejection),
            },
            Err(AskError::Failed(failure)) => Self::Failed(failure),
        }
    }
}

/// Every kind of a host.
#[derive(Default)]
pub(crate) struct Kinds {
    by_type: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    by_code: HashMap<u8, Arc<dyn AnyKind>>,
    partitions: u16,
}

impl Kinds {
    pub(crate) fn new(partitions: u16) -> Self {
        Self { partitions, ..Self::default() }
    }

    pub(crate) fn insert<E: Entity>(&mut self, kind: Kind<E>) {
        let kind = Arc::new(kind);
        self.by_code.insert(E::KIND.code, Arc::new(Arc::clone(&kind)));
        self.by_type.insert(TypeId::of::<E>(), Arc::new(kind));
    }

    pub(crate) fn typed<E: Entity>(&self) -> Result<&Arc<Kind<E>>, Failure> {
        // The cast target is `Kind<E>`, held in an `Arc<dyn Any>`.
        self.by_type
            .get(&TypeId::of::<E>())
            .and_then(|kind| kind.downcast_ref::<Arc<Kind<E>>>())
            .ok_or_else(|| {
                Failure::Unavailable(format!("no entities of kind {} here", E::KIND.name))
            })
    }

    pub(crate) fn coded(&self, code: u8) -> Result<&Arc<dyn AnyKind>, Failure> {
        self.by_code
            .get(&code)
            .ok_or_else(|| Failure::Unavailable(format!("no entities of kind {code} here")))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn AnyKind>> {
        self.by_code.values()
    }

    pub(crate) fn drop_partition(&self, partition: PartitionId) {
        for kind in self.all() {
            kind.drop_matching(&|key| key.partition(self.partitions) == partition);
        }
    }
}
