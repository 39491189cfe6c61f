//! Model calls of all nodes: each keeps the traces of the calls that it made.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use impresario_answers::{Answers, CallRow, CallTrace};
use impresario_ids::{CallId, NodeId, TenantId};
use impresario_kernel::{decode, encode};
use minicbor::{Decode, Encode};
use serde::de::DeserializeOwned;

use super::{Answered, Neighbours, Refused, Room};

/// The mark of this room.
pub(crate) const MARK: u8 = 8;

/// A node that takes longer is left out.
const WITHIN: Duration = Duration::from_secs(2);

/// What one node asks another. The answer is JSON.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Ask {
    /// [`CallRow`]s, the newest first.
    #[n(0)]
    List {
        #[n(0)]
        tenant: TenantId,
        #[n(1)]
        conversation: Option<String>,
        /// Only calls that come after this place.
        #[n(2)]
        after: Option<Place>,
        #[n(3)]
        limit: u32,
    },
    /// A [`CallTrace`], or null.
    #[n(1)]
    One {
        #[n(0)]
        tenant: TenantId,
        #[n(1)]
        call: CallId,
    },
}

/// A place in the list.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Place {
    #[n(0)]
    at_ms: i64,
    #[n(1)]
    id: String,
}

impl Place {
    /// `1763700000000.cal_…`
    fn read(text: &str) -> Option<Self> {
        let (at_ms, id) = text.split_once('.')?;
        Some(Self { at_ms: at_ms.parse().ok()?, id: id.to_owned() })
    }

    fn of(row: &CallRow) -> String {
        format!("{}.{}", row.at_ms, row.id)
    }
}

/// Looks for model calls on all nodes.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    answers: Answers,
    neighbours: Neighbours,
}

impl Calls {
    /// Opens the room.
    pub(crate) fn open(answers: Answers, neighbours: Neighbours) -> Self {
        neighbours.board().open(MARK, Arc::new(Desk(answers.clone())));
        Self { answers, neighbours }
    }

    /// The newest calls of all nodes that answer, and where the next page begins; `None` if `cursor` is
    /// not one of this list.
    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        conversation: Option<String>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Option<(Vec<CallRow>, Option<String>)> {
        let after = match cursor {
            None => None,
            Some(text) => Some(Place::read(text)?),
        };
        let limit_sent = u32::try_from(limit).unwrap_or(u32::MAX);
        let ask = Ask::List { tenant, conversation, after, limit: limit_sent };
        let told: Vec<Vec<CallRow>> = self.ask_all(&ask).await;
        let mut rows = local(&self.answers, &ask);
        rows.extend(told.into_iter().flatten());
        rows.sort_by(|a, b| (Reverse(a.at_ms), &b.id).cmp(&(Reverse(b.at_ms), &a.id)));
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more || rows.len() == limit).map(Place::of);
        Some((rows, next))
    }

    /// One call, wherever it was made.
    pub(crate) async fn one(&self, tenant: TenantId, call: CallId) -> Option<CallTrace> {
        if let Some(found) = kept(&self.answers, tenant, call).await {
            return Some(found);
        }
        let told: Vec<Option<CallTrace>> = self.ask_all(&Ask::One { tenant, call }).await;
        told.into_iter().flatten().next()
    }

    /// What the others answer. Who does not is left out: its calls are nowhere else.
    async fn ask_all<T: DeserializeOwned>(&self, ask: &Ask) -> Vec<T> {
        let mut nodes = self.neighbours.others();
        nodes.retain(|node| self.neighbours.is_alive(*node));
        let asked = nodes.into_iter().map(async |node| {
            let answer = self.neighbours.ask(node, MARK, encode(ask), WITHIN).await;
            let read = |body: Vec<u8>| serde_json::from_slice(&body).ok();
            let read = answer.ok().and_then(read);
            if read.is_none() {
                tracing::warn!(node = node.0, "a node did not tell its model calls");
            }
            read
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

/// The calls of this node.
fn local(answers: &Answers, ask: &Ask) -> Vec<CallRow> {
    let Ask::List { tenant, conversation, after, limit } = ask else { return Vec::new() };
    let after = after.as_ref().map(|place| (place.at_ms, place.id.as_str()));
    answers.calls(*tenant, conversation.as_deref(), after, *limit as usize)
}

async fn kept(answers: &Answers, tenant: TenantId, call: CallId) -> Option<CallTrace> {
    let answers = answers.clone();
    // It reads from disk.
    tokio::task::spawn_blocking(move || answers.call(tenant, call)).await.ok().flatten()
}

/// Where other nodes ask.
struct Desk(Answers);

impl Room for Desk {
    fn answer(&self, _from: NodeId, body: Vec<u8>) -> Answered<'_> {
        Box::pin(async move {
            let refused = |code: &str, message: String| Refused { code: code.to_owned(), message };
            let ask = decode::<Ask>(&body);
            let ask = ask.map_err(|error| refused("not_understood", error.to_string()))?;
            let json = match &ask {
                Ask::List { .. } => serde_json::to_vec(&local(&self.0, &ask)),
                Ask::One { tenant, call } => {
                    serde_json::to_vec(&kept(&self.0, *tenant, *call).await)
                }
            };
            json.map_err(|error| refused("internal", error.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_are_as_released() {
        let tenant = TenantId::from_bytes([1; 16]);
        let after = Place::read("1763700000000.cal_x");
        assert_eq!(after.as_ref().map(|place| place.id.as_str()), Some("cal_x"));
        assert_eq!((Place::read("cal_x"), Place::read("x.cal")), (None, None));
        let list = Ask::List { tenant, conversation: None, after, limit: 50 };
        let one = Ask::One { tenant, call: CallId::from_bytes([2; 16]) };
        for (ask, want) in [
            (
                list,
                "8200845001010101010101010101010101010101f6821b0000019aa4b645006563616c5f781832",
            ),
            (one, "82018250010101010101010101010101010101015002020202020202020202020202020202"),
        ] {
            let hex: String = encode(&ask).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, want);
            assert_eq!(decode::<Ask>(&encode(&ask)).ok(), Some(ask));
        }
    }
}
