//! What operators ask of a node that another one answers.
//!
//! The frame has numbered fields, and JSON inside: an ask of a later release is refused as one that
//! is not understood, and a later field of an answer is passed on to the operator as it is.

use std::time::Duration;

use impresario_http::{AdminAsk, Operator, PortError};
use impresario_ids::NodeId;
use minicbor::{Decode, Encode};
use serde_json::Value;

use super::{Answered, Neighbours, PeerError, Refused, Room};
use crate::admin::WeakAdmin;

/// The first byte of such calls.
pub(crate) const MARK: u8 = 5;
/// How long a line of the record is tried to be told.
const TELL_WITHIN: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Letter {
    /// Answer this for an operator.
    #[n(0)]
    Ask {
        /// An [`AdminAsk`] as JSON.
        #[n(0)]
        ask: String,
        /// The [`Operator`] as JSON.
        #[n(1)]
        by: String,
    },
    /// Keep this line of the record of operators' acts.
    #[n(1)]
    Keep {
        /// The line.
        #[n(0)]
        line: String,
    },
}

/// Where other nodes ask.
pub(crate) struct Desk {
    admin: WeakAdmin,
}

impl Desk {
    pub(crate) fn new(admin: WeakAdmin) -> Self {
        Self { admin }
    }

    async fn read(&self, from: NodeId, body: &[u8]) -> Result<Value, PortError> {
        let admin = self
            .admin
            .upgrade()
            .ok_or_else(|| PortError::coded("unavailable", "the node is stopping"))?;
        match minicbor::decode(body) {
            Ok(Letter::Ask { ask, by }) => {
                let ask: AdminAsk = serde_json::from_str(&ask)
                    .map_err(|error| PortError::invalid(format!("not understood: {error}")))?;
                if ask.is_act() {
                    tracing::info!(%from, by, act = ?ask, "an operator's act, passed on");
                }
                admin.here(ask).await
            }
            Ok(Letter::Keep { line }) => {
                admin.keep(line).await?;
                Ok(Value::Null)
            }
            Err(error) => Err(PortError::invalid(format!("not understood: {error}"))),
        }
    }
}

impl Room for Desk {
    fn answer(&self, from: NodeId, body: Vec<u8>) -> Answered<'_> {
        Box::pin(async move {
            match self.read(from, &body).await {
                Ok(value) => Ok(value.to_string().into_bytes()),
                Err(error) => {
                    Err(Refused { code: error.code.name.to_owned(), message: error.detail })
                }
            }
        })
    }
}

fn written(letter: &Letter) -> Vec<u8> {
    // Writing to a vector does not fail, and texts have no other way to.
    minicbor::to_vec(letter).unwrap_or_default()
}

/// Has another node answer.
///
/// # Errors
/// See [`PeerError`].
pub(crate) async fn forward(
    neighbours: &Neighbours,
    to: NodeId,
    by: &Operator,
    ask: &AdminAsk,
    within: Duration,
) -> Result<Value, PeerError> {
    let text = |json: serde_json::Result<String>| {
        json.map_err(|error| PeerError::NotSent(error.to_string()))
    };
    let letter = Letter::Ask {
        ask: text(serde_json::to_string(ask))?,
        by: text(serde_json::to_string(by))?,
    };
    let body = neighbours.ask(to, MARK, written(&letter), within).await?;
    serde_json::from_slice(&body).map_err(|error| PeerError::Doubtful(error.to_string()))
}

/// Tells every other node a line of the record, as far as they answer.
pub(crate) fn tell(neighbours: &Neighbours, line: &str) {
    for node in neighbours.others() {
        let (neighbours, letter) = (neighbours.clone(), Letter::Keep { line: line.to_owned() });
        tokio::spawn(async move {
            let told = neighbours.ask(node, MARK, written(&letter), TELL_WITHIN).await;
            if let Err(error) = told {
                tracing::debug!(%node, %error, "a line of the record was not told");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_by_every_release() {
        let ask = Letter::Ask { ask: "{}".to_owned(), by: "b".to_owned() };
        let keep = Letter::Keep { line: "l".to_owned() };
        for (letter, hex) in [(ask, "820082627b7d6162"), (keep, "820181616c")] {
            let bytes = written(&letter);
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text, hex);
            assert_eq!(minicbor::decode::<Letter>(&bytes).expect("it reads"), letter);
        }
    }

    #[test]
    fn asks_survive_their_json() {
        for ask in [
            AdminAsk::Cluster,
            AdminAsk::Settings(impresario_api::ClusterSettings {
                replicas: Some(3),
                ..Default::default()
            }),
            AdminAsk::Drain { member: NodeId(2), within_ms: 5 },
            AdminAsk::ActorTrace {
                actor: impresario_http::Actor {
                    tenant: impresario_ids::TenantId::NIL,
                    kind: "profile".to_owned(),
                    id: "prf".to_owned(),
                },
                limit: 3,
            },
            AdminAsk::Backup { order: serde_json::json!({ "target": "/b" }) },
        ] {
            let text = serde_json::to_string(&ask).expect("it writes");
            assert_eq!(serde_json::from_str::<AdminAsk>(&text).expect("it reads"), ask, "{text}");
        }
    }
}
