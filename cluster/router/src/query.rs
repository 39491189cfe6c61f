//! A question that may have to be asked elsewhere, or again.

use std::sync::Arc;
use std::time::Duration;

use impresario_host::{Deadline, Envelope, Failure, Host};
use impresario_ids::NodeId;
use impresario_kernel::{Entity, EntityKey, decode, encode};
use impresario_wire::CallKind;

use crate::cluster::{Cluster, Letter, Trouble};
use crate::hop::{Hop, Place, Tries};
use crate::parcel;
use crate::permits::Held;

/// Asks the node that decides, wherever that is.
pub(crate) async fn ask<E: Entity>(
    host: &Host,
    cluster: &Cluster,
    entity: EntityKey,
    query: E::Query,
    envelope: Envelope,
    wait: Option<Duration>,
    held: Held,
) -> Result<E::Answer, Failure> {
    let held = Arc::new(held);
    let mut hop = Hop::new(host, cluster, host.partition_of(&entity), wait);
    let question = Question { entity, bytes: encode(&query), envelope };
    let mut fresh = Some(query);
    let (mut tries, mut tried) = (Tries::default(), None);
    loop {
        let said = match hop.next(tried).await {
            Ok(Place::Here) => {
                let query = fresh.take().map_or_else(|| question.again::<E>(), Ok)?;
                let permit = Box::new(Arc::clone(&held));
                let answer = host.query::<E>(&entity, query, envelope, Some(permit)).await;
                answer.map_err(Trouble::Failed)
            }
            Ok(Place::Node(node)) => {
                fresh = None;
                question.there::<E>(host, cluster, &hop, node).await
            }
            Err(why) => return Err(hop.gave_up(why)),
        };
        match said {
            Ok(answer) => return Ok(answer),
            // Asking twice does no harm.
            Err(trouble) => tried = Some(tries.after(trouble, true)?),
        }
    }
}

struct Question {
    entity: EntityKey,
    /// Encoded, because whoever tries it consumes it.
    bytes: Vec<u8>,
    envelope: Envelope,
}

impl Question {
    fn again<E: Entity>(&self) -> Result<E::Query, Failure> {
        decode(&self.bytes).map_err(|error| Failure::Damaged(error.to_string()))
    }

    async fn there<E: Entity>(
        &self,
        host: &Host,
        cluster: &Cluster,
        hop: &Hop<'_>,
        node: NodeId,
    ) -> Result<E::Answer, Trouble> {
        let within = hop.within();
        let within_ms = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        let ends = Deadline(host.clock().now().plus_ms(within_ms));
        let trace = self.envelope.trace;
        let items = vec![parcel::pack(&self.bytes, &self.envelope, ends, trace)];
        let (entity, partition) = (self.entity, hop.partition);
        let letter = Letter { kind: CallKind::Query, entity, partition, items, trace };
        let none = || Err(Trouble::Doubtful("an empty answer".to_owned()));
        let said = cluster.send(node, letter, within).await.pop().unwrap_or_else(none);
        let answer = said.map_err(|trouble| hop.late(trouble))?;
        decode(&answer).map_err(|error| {
            let why = format!("the answer was not understood: {error}");
            Trouble::Hopeless(Failure::Unavailable(why))
        })
    }
}
