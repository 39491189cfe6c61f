//! Which node answers what.

use std::time::Duration;

use futures_util::future::join_all;
use impresario_api::codes;
use impresario_http::{Actor, AdminAsk, Operator, Place, PortError};
use impresario_ids::NodeId;
use impresario_kernel::PartitionId;
use impresario_rows::entity_of;
use serde_json::Value;

use super::Admin;
use super::actors::key_of;
use super::merge::merge;
use super::rows::from_hex;
use crate::across::PeerError;
use crate::across::admin::forward;

/// Where an ask is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    Here,
    Node(NodeId),
    Leader(PartitionId),
    Everywhere,
}

/// A leader is looked for so many times, with a pause in between: an election takes about two
/// seconds.
const SEARCHES: u32 = 8;
const SEARCH_PAUSE: Duration = Duration::from_millis(400);
/// How long another node may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long it may take over what walks over all rows, or waits for others.
const LONG_ANSWER: Duration = Duration::from_secs(120);

impl Admin {
    /// Has an ask answered where it belongs.
    pub(super) async fn answer(
        &self,
        by: &Operator,
        ask: AdminAsk,
        place: Place,
    ) -> Result<Value, PortError> {
        match self.whereabouts(&ask, place)? {
            Whereabouts::Here => self.here(ask).await,
            Whereabouts::Node(node) => self.at(node, by, &ask).await,
            Whereabouts::Leader(partition) => self.at_leader(partition, by, &ask).await,
            Whereabouts::Everywhere => self.everywhere(by, ask).await,
        }
    }

    fn whereabouts(&self, ask: &AdminAsk, place: Place) -> Result<Whereabouts, PortError> {
        if let Some(partition) = self.partition_of(ask)? {
            return Ok(Whereabouts::Leader(partition));
        }
        match (place, place_of(ask)) {
            (Place::Node(node), _) => Ok(Whereabouts::Node(node)),
            (Place::All, Spread::Never) => {
                Err(PortError::invalid("this is not asked of all nodes; name one"))
            }
            (Place::All, Spread::Always | Spread::IfAsked) | (Place::Any, Spread::Always) => {
                Ok(Whereabouts::Everywhere)
            }
            (Place::Any, Spread::IfAsked | Spread::Never) => Ok(Whereabouts::Here),
        }
    }

    /// The partition whose leader alone can answer.
    fn partition_of(&self, ask: &AdminAsk) -> Result<Option<PartitionId>, PortError> {
        let of_actor = |actor: &Actor| {
            let key = key_of(actor.tenant, &actor.kind, &actor.id)?;
            Ok(Some(self.parts.host.partition_of(&key)))
        };
        match ask {
            AdminAsk::ActorShow(actor)
            | AdminAsk::ActorTrace { actor, .. }
            | AdminAsk::ActorPassivate(actor)
            | AdminAsk::ActorQuarantine { actor, .. }
            | AdminAsk::ActorRelease(actor) => of_actor(actor),
            AdminAsk::OutboxRetry { id }
            | AdminAsk::OutboxDrop { id }
            | AdminAsk::DeadLetterReplay { id }
            | AdminAsk::DeadLetterDrop { id } => {
                let key = from_hex(id)?;
                let entity =
                    entity_of(&key).ok_or_else(|| PortError::invalid("the id is too short"))?;
                Ok(Some(self.parts.host.partition_of(&entity)))
            }
            _ => Ok(None),
        }
    }

    /// Asks one node.
    async fn at(&self, node: NodeId, by: &Operator, ask: &AdminAsk) -> Result<Value, PortError> {
        let neighbours = &self.parts.neighbours;
        if node == neighbours.me() {
            return self.here(ask.clone()).await;
        }
        if !neighbours.is_member(node) {
            return Err(PortError::not_found(format!("{node} is no member of this cluster")));
        }
        if !neighbours.others().contains(&node) {
            return Err(PortError {
                code: &codes::NODE_UNREACHABLE,
                detail: format!("{node} is not expected to answer: it is dead or leaves"),
            });
        }
        let answer = forward(neighbours, node, by, ask, patience(ask)).await;
        answer.map_err(|error| unreached(node, error, ask.is_act()))
    }

    /// Asks whoever decides for a partition, following it while it moves.
    async fn at_leader(
        &self,
        partition: PartitionId,
        by: &Operator,
        ask: &AdminAsk,
    ) -> Result<Value, PortError> {
        let mut last = PortError::coded(
            codes::NOT_LEADER.name,
            format!("nobody decides for {partition} at the moment"),
        );
        for search in 0..SEARCHES {
            if search > 0 {
                tokio::time::sleep(SEARCH_PAUSE).await;
            }
            let Some(leader) = self.parts.neighbours.leader(partition) else { continue };
            match self.at(leader, by, ask).await {
                // Certainly not done, and somebody else may do it soon.
                Err(error)
                    if error.code == &codes::NOT_LEADER
                        || error.code == &codes::NODE_UNREACHABLE =>
                {
                    last = error;
                }
                answer => return answer,
            }
        }
        Err(last)
    }

    /// Asks every node that is alive, and puts the answers together.
    async fn everywhere(&self, by: &Operator, ask: AdminAsk) -> Result<Value, PortError> {
        let neighbours = &self.parts.neighbours;
        let mut nodes = neighbours.others();
        nodes.push(neighbours.me());
        nodes.sort_unstable();
        let asked = nodes.into_iter().map(|node| {
            let ask = &ask;
            async move {
                if neighbours.is_alive(node) || node == neighbours.me() {
                    (node, self.at(node, by, ask).await)
                } else {
                    let silent = PortError {
                        code: &codes::NODE_UNREACHABLE,
                        detail: "it was not heard of lately".to_owned(),
                    };
                    (node, Err(silent))
                }
            }
        });
        merge(&ask, join_all(asked).await)
    }
}

/// Whether an ask is put to all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    Always,
    IfAsked,
    Never,
}

fn place_of(ask: &AdminAsk) -> Spread {
    match ask {
        AdminAsk::Actors { .. }
        | AdminAsk::Top { .. }
        | AdminAsk::Audit { .. }
        | AdminAsk::Partition { .. } => Spread::Always,
        AdminAsk::Partitions { .. }
        | AdminAsk::Peers
        | AdminAsk::Node
        | AdminAsk::Stores
        | AdminAsk::Config
        | AdminAsk::LogLevel { .. } => Spread::IfAsked,
        _ => Spread::Never,
    }
}

fn patience(ask: &AdminAsk) -> Duration {
    match ask {
        AdminAsk::Partitions { digest: true }
        | AdminAsk::Partition { digest: true, .. }
        | AdminAsk::Snapshot { .. }
        | AdminAsk::Recover { .. }
        | AdminAsk::Drain { .. }
        | AdminAsk::DeadLetterReplay { .. } => LONG_ANSWER,
        _ => ANSWER,
    }
}

/// Why another node has no answer, as the caller should take it.
fn unreached(node: NodeId, error: PeerError, is_act: bool) -> PortError {
    let detail = format!("{node}: {error}");
    match error {
        PeerError::NotSent(_) => PortError { code: &codes::NODE_UNREACHABLE, detail },
        PeerError::Doubtful(_) if is_act => PortError { code: &codes::OUTCOME_UNKNOWN, detail },
        PeerError::Doubtful(_) => PortError { code: &codes::NODE_UNREACHABLE, detail },
        PeerError::Failed { code, message } => PortError::coded(&code, message),
    }
}
