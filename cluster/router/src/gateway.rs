use std::fmt;
use std::sync::Arc;

use impresario_host::{Carried, Deadline, Envelope, Failure, Host};
use impresario_ids::NodeId;
use impresario_kernel::{EntityKey, PartitionId};
use impresario_wire::{
    Answer, Call, CallHandler, CallKind, Failed, Handled, Outcome, Rejected, Target,
};

use crate::cluster::{name, word};
use crate::permits::Permits;
use crate::{Directions, Router, directions, parcel, translate};

/// Calls that were passed on more often are not answered.
const HOPS_MAX: u8 = 1;

/// The end of the way from other nodes: answers their calls from the entities of this one, and hands
/// what is not for entities to whoever was plugged in. A handle: cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    host: Host,
    permits: Arc<Permits>,
    directions: Arc<dyn Directions>,
    control: Option<Arc<dyn CallHandler>>,
    views: Option<Arc<dyn CallHandler>>,
}

impl Gateway {
    /// The gateway to the entities of a router's host; both share its permits. The directions are
    /// for hints to those who ask wrongly.
    #[must_use]
    pub fn new(router: &Router, directions: Arc<dyn Directions>) -> Self {
        let (host, permits) = router.parts();
        Self { host, permits, directions, control: None, views: None }
    }

    /// Answers calls about the node and the cluster ([`CallKind::Control`]).
    #[must_use]
    pub fn control(mut self, handler: Arc<dyn CallHandler>) -> Self {
        self.control = Some(handler);
        self
    }

    /// Answers questions to the views ([`CallKind::View`]).
    #[must_use]
    pub fn views(mut self, handler: Arc<dyn CallHandler>) -> Self {
        self.views = Some(handler);
        self
    }

    async fn entity(&self, call: Call) -> Answer {
        let kind = call.kind;
        let answer = match call.target {
            _ if call.hops > HOPS_MAX => failed(&unavailable("passed on too often")),
            Target::Entity(entity) => match self.envelopes(call) {
                Ok(items) => self.carry(kind, entity, items).await,
                Err(failure) => failed(&failure),
            },
            Target::Partition(_) | Target::Node => failed(&unavailable("it names no entity")),
        };
        metrics::counter!("impresario_router_carried_total", "kind" => name(kind), "outcome" => word(&answer))
            .increment(1);
        answer
    }

    fn envelopes(&self, call: Call) -> Result<Vec<(Vec<u8>, Envelope)>, Failure> {
        let ends = Deadline(self.host.clock().now().plus_ms(i64::from(call.within_ms)));
        call.items.into_iter().map(|item| parcel::unpack(item, ends, call.trace)).collect()
    }

    async fn carry(
        &self,
        kind: CallKind,
        entity: EntityKey,
        mut items: Vec<(Vec<u8>, Envelope)>,
    ) -> Answer {
        let partition = self.host.partition_of(&entity);
        if self.host.leads(partition).is_none() {
            return self.not_leader(partition);
        }
        let held = match self.permits.take(entity.tenant, partition, items.len()) {
            Ok(held) => Some(Box::new(held) as Box<_>),
            Err(failure) => return failed(&failure),
        };
        let carried = if kind == CallKind::Commands {
            self.host.carry(&entity, items, held).await
        } else {
            let (Some((query, envelope)), true) = (items.pop(), items.is_empty()) else {
                return failed(&unavailable("not understood here: not one question"));
            };
            let answer = self.host.carry_query(&entity, &query, envelope, held).await;
            vec![answer.map_or_else(Carried::Failed, Carried::Replied)]
        };
        let is_elsewhere =
            |carried: &Carried| matches!(carried, Carried::Failed(Failure::NotLeader { .. }));
        if !carried.is_empty() && carried.iter().all(is_elsewhere) {
            return self.not_leader(partition);
        }
        Answer::Done(carried.into_iter().map(outcome).collect())
    }

    /// Nothing was done here.
    fn not_leader(&self, partition: PartitionId) -> Answer {
        let journal = &**self.host.journal();
        let (leader, term) = directions::hint(journal, &*self.directions, partition);
        Answer::NotLeader { leader, term }
    }
}

fn outcome(carried: Carried) -> Outcome {
    match carried {
        Carried::Replied(body) => Outcome::Ok(body),
        Carried::Rejected { code, message, detail, body } => {
            Outcome::Rejected(Rejected { code: code.to_owned(), message, detail, body: Some(body) })
        }
        Carried::Failed(failure) => Outcome::Failed(translate::failed(&failure)),
    }
}

fn failed(failure: &Failure) -> Answer {
    Answer::Failed(translate::failed(failure))
}

fn unavailable(why: &str) -> Failure {
    Failure::Unavailable(why.to_owned())
}

impl CallHandler for Gateway {
    fn handle(&self, from: NodeId, call: Call) -> Handled {
        let plugged = match call.kind {
            CallKind::Commands | CallKind::Query => {
                let gateway = self.clone();
                return Box::pin(async move { gateway.entity(call).await });
            }
            CallKind::View => &self.views,
            CallKind::Control => &self.control,
        };
        if let Some(handler) = plugged {
            return handler.handle(from, call);
        }
        let code = "not_understood".to_owned();
        let message = format!("nobody here answers {} calls", name(call.kind));
        Box::pin(async { Answer::Failed(Failed { code, message, retry_after_ms: None }) })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("me", &self.directions.me()).finish_non_exhaustive()
    }
}
