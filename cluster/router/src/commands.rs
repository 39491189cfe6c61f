//! Commands that may have to be asked elsewhere, or again.

use std::sync::Arc;
use std::time::Duration;

use impresario_host::{AskError, Deadline, Envelope, Failure, Host};
use impresario_ids::{NodeId, TraceId};
use impresario_kernel::{Entity, EntityKey, decode, encode};
use impresario_wire::CallKind;

use crate::cluster::{Cluster, Letter, Trouble};
use crate::hop::{Hop, Place, Tries, together};
use crate::permits::Held;
use crate::search::{Tried, Why};
use crate::{parcel, translate};

pub(crate) type Answer<E> = Result<<E as Entity>::Reply, AskError<<E as Entity>::Rejection>>;

/// A command without an answer.
struct Open {
    /// Its place among the commands.
    place: usize,
    /// Encoded, because whoever tries it consumes it.
    bytes: Vec<u8>,
    envelope: Envelope,
    tries: Tries,
}

/// Commands for one entity that were asked together.
struct Batch<E: Entity> {
    entity: EntityKey,
    answers: Vec<Option<Answer<E>>>,
    open: Vec<Open>,
    /// As they came, until the first try.
    fresh: Option<Vec<(E::Command, Envelope)>>,
}

/// Asks the node that decides, wherever that is.
pub(crate) async fn ask<E: Entity>(
    host: &Host,
    cluster: &Cluster,
    entity: EntityKey,
    commands: Vec<(E::Command, Envelope)>,
    wait: Option<Duration>,
    held: Held,
) -> Vec<Answer<E>> {
    let held = Arc::new(held);
    let mut hop = Hop::new(host, cluster, host.partition_of(&entity), wait);
    let mut batch = Batch::<E>::new(entity, commands);
    let mut tried = None;
    while !batch.open.is_empty() {
        tried = match hop.next(tried).await {
            Ok(Place::Here) => batch.here(host, &held).await,
            Ok(Place::Node(node)) => batch.there(host, cluster, &hop, node).await,
            Err(why) => {
                batch.give_up(&hop, why);
                None
            }
        };
    }
    let answers = batch.answers.into_iter();
    answers.map(|answer| answer.unwrap_or(Err(AskError::Failed(Failure::Crashed)))).collect()
}

impl<E: Entity> Batch<E> {
    fn new(entity: EntityKey, commands: Vec<(E::Command, Envelope)>) -> Self {
        let open = commands.iter().enumerate().map(|(place, (command, envelope))| Open {
            place,
            bytes: encode(command),
            envelope: *envelope,
            tries: Tries::default(),
        });
        let open: Vec<Open> = open.collect();
        let answers = open.iter().map(|_| None).collect();
        Self { entity, answers, open, fresh: Some(commands) }
    }

    async fn here(&mut self, host: &Host, held: &Arc<Held>) -> Option<Tried> {
        let commands = match self.fresh.take() {
            Some(commands) => Ok(commands),
            None => self.again(),
        };
        let said = match commands {
            Ok(commands) => {
                let permit = Box::new(Arc::clone(held));
                host.ask_many::<E>(&self.entity, commands, Some(permit)).await
            }
            Err(failure) => vec![Err(AskError::Failed(failure)); self.open.len()],
        };
        self.sort(said.into_iter().map(|answer| match answer {
            Err(AskError::Failed(failure)) => Err(Trouble::Failed(failure)),
            answer => Ok(answer),
        }))
    }

    /// The open commands once more.
    fn again(&self) -> Result<Vec<(E::Command, Envelope)>, Failure> {
        let commands = self.open.iter().map(|open| Ok((decode(&open.bytes)?, open.envelope)));
        let commands: Result<_, impresario_kernel::CodecError> = commands.collect();
        commands.map_err(|error| Failure::Damaged(error.to_string()))
    }

    async fn there(
        &mut self,
        host: &Host,
        cluster: &Cluster,
        hop: &Hop<'_>,
        node: NodeId,
    ) -> Option<Tried> {
        self.fresh = None;
        let within = hop.within();
        let within_ms = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let ends = Deadline(host.clock().now().plus_ms(within_ms));
        let trace = self.open.first().map_or(TraceId::NIL, |open| open.envelope.trace);
        let items = self.open.iter();
        let items =
            items.map(|open| parcel::pack(&open.bytes, &open.envelope, ends, trace)).collect();
        let (entity, partition) = (self.entity, hop.partition);
        let letter = Letter { kind: CallKind::Commands, entity, partition, items, trace };
        let said = cluster.send(node, letter, within).await;
        self.sort(said.into_iter().map(|said| match said {
            Ok(reply) => Ok(decode::<E::Reply>(&reply).map_err(|error| {
                let why = format!("the reply was not understood: {error}");
                AskError::Failed(Failure::OutcomeUnknown(why))
            })),
            Err(Trouble::Rejected(rejected)) => Ok(Err(translate::rejection(rejected))),
            Err(trouble) => Err(hop.late(trouble)),
        }))
    }

    /// Keeps the answers. What is to be tried again stays open; where, is returned.
    fn sort(&mut self, said: impl Iterator<Item = Result<Answer<E>, Trouble>>) -> Option<Tried> {
        let mut next = None;
        for (mut open, said) in std::mem::take(&mut self.open).into_iter().zip(said) {
            let answer = match said {
                Ok(answer) => answer,
                Err(trouble) => match open.tries.after(trouble, open.envelope.key.is_some()) {
                    Ok(tried) => {
                        next = Some(next.map_or(tried, |next| together(next, tried)));
                        self.open.push(open);
                        continue;
                    }
                    Err(failure) => Err(AskError::Failed(failure)),
                },
            };
            self.answers[open.place] = Some(answer);
        }
        next
    }

    fn give_up(&mut self, hop: &Hop<'_>, why: Why) {
        let failure = hop.gave_up(why);
        for mut open in self.open.drain(..) {
            let failure = open.tries.in_doubt(failure.clone());
            self.answers[open.place] = Some(Err(AskError::Failed(failure)));
        }
    }
}
