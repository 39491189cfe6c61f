use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use impresario_consensus::Consensus;
use impresario_ids::{NodeId, TraceId};
use impresario_journal::Role;
use impresario_kernel::PartitionId;
use impresario_placement::GroupId;
use impresario_steward::Steward;
use impresario_wire::{
    Answer, Call, CallHandler, CallKind, CallTransport, Failed, Handled, Item, Outcome, Target,
    WireError,
};
use parking_lot::RwLock;

/// What a room answers, on its way.
pub(crate) type Answered<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Refused>> + Send + 'a>>;

/// Why a room does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Stable, for programs.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
}

/// One subject that nodes talk about.
pub(crate) trait Room: Send + Sync + 'static {
    /// Answers another node, or this one.
    fn answer(&self, from: NodeId, body: Vec<u8>) -> Answered<'_>;
}

/// The rooms of a node, each behind the first byte of a control call's body. The steward's byte is
/// 1 ([`Steward::concerns`]).
#[derive(Clone, Default)]
pub(crate) struct Board {
    rooms: Arc<RwLock<BTreeMap<u8, Arc<dyn Room>>>>,
}

/// Why a neighbour did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PeerError {
    /// It was certainly not asked.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may have been asked.
    #[error("no answer: {0}")]
    Doubtful(String),
    /// It refuses, or failed.
    #[error("{message}")]
    Failed {
        /// Stable, for programs.
        code: String,
        /// For people.
        message: String,
    },
}

/// The way from this node to the others. A handle: cheap to clone.
#[derive(Clone)]
pub(crate) struct Neighbours {
    inner: Arc<Inner>,
}

struct Inner {
    me: NodeId,
    consensus: Consensus,
    board: Board,
    others: Option<Others>,
}

/// What only a member of a cluster has.
pub(crate) struct Others {
    pub(crate) steward: Steward,
    pub(crate) calls: Arc<dyn CallTransport>,
}

impl Board {
    /// Answers, from now on, control calls whose body begins with `mark`.
    pub(crate) fn open(&self, mark: u8, room: Arc<dyn Room>) {
        self.rooms.write().insert(mark, room);
    }

    async fn answer(&self, from: NodeId, mut body: Vec<u8>) -> Result<Vec<u8>, Refused> {
        let mark = body.first().copied();
        let room = mark.and_then(|mark| self.rooms.read().get(&mark).cloned());
        match room {
            Some(room) => {
                body.remove(0);
                room.answer(from, body).await
            }
            // A later release asks, or this node is still starting.
            None => Err(Refused {
                code: UNAVAILABLE.to_owned(),
                message: format!("there is no room {mark:?} here"),
            }),
        }
    }
}

const UNAVAILABLE: &str = "unavailable";

impl CallHandler for Board {
    fn handle(&self, from: NodeId, call: Call) -> Handled {
        let board = self.clone();
        Box::pin(async move {
            let body = call.items.into_iter().next().map(|item| item.body).unwrap_or_default();
            match board.answer(from, body).await {
                Ok(body) => Answer::Done(vec![Outcome::Ok(body)]),
                Err(Refused { code, message }) => {
                    Answer::Failed(Failed { code, message, retry_after_ms: None })
                }
            }
        })
    }
}

impl Neighbours {
    pub(crate) fn new(
        me: NodeId,
        consensus: Consensus,
        board: Board,
        others: Option<Others>,
    ) -> Self {
        Self { inner: Arc::new(Inner { me, consensus, board, others }) }
    }

    /// This node.
    pub(crate) fn me(&self) -> NodeId {
        self.inner.me
    }

    /// This node's replicas.
    pub(crate) fn consensus(&self) -> &Consensus {
        &self.inner.consensus
    }

    /// This node's rooms.
    pub(crate) fn board(&self) -> &Board {
        &self.inner.board
    }

    /// What looks after the cluster; `None` on a node that is alone.
    pub(crate) fn steward(&self) -> Option<&Steward> {
        self.inner.others.as_ref().map(|others| &others.steward)
    }

    /// The other members that have not left.
    pub(crate) fn others(&self) -> Vec<NodeId> {
        let Some(steward) = self.steward() else { return Vec::new() };
        let state = steward.state();
        let members = state.members().filter(|member| member.status.is_present());
        members.map(|member| member.node).filter(|node| *node != self.me()).collect()
    }

    /// Whether a node is a member, as far as this node has heard.
    pub(crate) fn is_member(&self, node: NodeId) -> bool {
        let Some(steward) = self.steward() else { return node == self.me() };
        steward.state().member(node).is_some_and(|member| !member.status.is_final())
    }

    /// Whether a node answered lately.
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        match self.steward() {
            Some(steward) => steward.is_alive(node),
            None => node == self.me(),
        }
    }

    /// Who decides for a partition, or for the system group, as far as this node has heard.
    pub(crate) fn leader(&self, partition: PartitionId) -> Option<NodeId> {
        let now = self.inner.consensus.leadership(partition.0);
        match now.role {
            Role::Leader => return Some(self.me()),
            Role::Follower { .. } | Role::Absent => {}
        }
        let heard = match self.steward() {
            Some(steward) => steward.leaders().of(GroupId(partition.0)),
            None => now.leader(),
        };
        // Of itself this node knows better than what it once told.
        heard.filter(|leader| *leader != self.me())
    }

    /// Whether nobody is heard that leads the system group: this node is in a minority, or all are.
    pub(crate) fn is_cut_off(&self) -> bool {
        let Some(steward) = self.steward() else { return false };
        let system = steward.state().settings().map(|settings| PartitionId(settings.partitions));
        let leader = system.and_then(|system| self.leader(system));
        !leader.is_some_and(|leader| self.is_alive(leader))
    }

    /// Asks a node, or this one, in the room behind `mark`.
    ///
    /// # Errors
    /// See [`PeerError`].
    pub(crate) async fn ask(
        &self,
        to: NodeId,
        mark: u8,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Vec<u8>, PeerError> {
        let mut marked = Vec::with_capacity(body.len() + 1);
        marked.push(mark);
        marked.extend_from_slice(&body);
        if to == self.me() {
            let answer = self.inner.board.answer(to, marked);
            return match tokio::time::timeout(within, answer).await {
                Ok(answer) => {
                    answer.map_err(|Refused { code, message }| PeerError::Failed { code, message })
                }
                Err(_) => Err(PeerError::Doubtful("no answer in time".to_owned())),
            };
        }
        let Some(others) = &self.inner.others else {
            return Err(PeerError::NotSent(format!("{to} is unknown: this node is alone")));
        };
        let item = Item { key: None, trace: None, body: marked };
        let call = Call {
            kind: CallKind::Control,
            target: Target::Node,
            items: vec![item],
            within_ms: 0,
            trace: TraceId::NIL,
            hops: 0,
        };
        understood(others.calls.call(to, call, within).await)
    }
}

fn understood(answer: Result<Answer, WireError>) -> Result<Vec<u8>, PeerError> {
    match answer {
        Ok(Answer::Done(outcomes)) => match outcomes.into_iter().next() {
            Some(Outcome::Ok(body)) => Ok(body),
            Some(Outcome::Rejected(rejected)) => {
                Err(PeerError::Failed { code: rejected.code, message: rejected.message })
            }
            Some(Outcome::Failed(failed)) => {
                Err(PeerError::Failed { code: failed.code, message: failed.message })
            }
            None => Err(PeerError::Doubtful("an answer without a body".to_owned())),
        },
        Ok(Answer::Failed(failed)) => {
            Err(PeerError::Failed { code: failed.code, message: failed.message })
        }
        Ok(Answer::NotLeader { .. }) => {
            Err(PeerError::Failed { code: UNAVAILABLE.to_owned(), message: "not led there".into() })
        }
        Err(error) if error.nothing_done() => Err(PeerError::NotSent(error.to_string())),
        Err(error) => Err(PeerError::Doubtful(error.to_string())),
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("rooms", &self.rooms.read().len()).finish()
    }
}

impl fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighbours").field("me", &self.inner.me).finish_non_exhaustive()
    }
}
