use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::{
    Answer, Answered, Call, CallHandler, CallTransport, Called, Lane, RaftHandler, RaftTransport,
    WireError,
};

/// A net inside one process, for tests of what is built on the wire. Calls and answers are encoded
/// and decoded as between processes; nothing is bounded.
#[derive(Clone, Default)]
pub struct MemoryNet {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    nodes: BTreeMap<NodeId, Handlers>,
    cut: BTreeSet<(NodeId, NodeId)>,
}

#[derive(Clone, Default)]
struct Handlers {
    raft: Option<Arc<dyn RaftHandler>>,
    calls: Option<Arc<dyn CallHandler>>,
}

/// One node's way into a [`MemoryNet`].
#[derive(Clone)]
pub struct MemoryPort {
    net: MemoryNet,
    me: NodeId,
}

impl MemoryNet {
    /// A net without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This node answers from now on.
    pub fn join(
        &self,
        node: NodeId,
        raft: Option<Arc<dyn RaftHandler>>,
        calls: Option<Arc<dyn CallHandler>>,
    ) {
        self.inner.lock().nodes.insert(node, Handlers { raft, calls });
    }

    /// This node does not answer any more.
    pub fn leave(&self, node: NodeId) {
        self.inner.lock().nodes.remove(&node);
    }

    /// The way of a node to the others.
    #[must_use]
    pub fn port(&self, node: NodeId) -> MemoryPort {
        MemoryPort { net: self.clone(), me: node }
    }

    /// What one node sends to the other is lost from now on, requests and answers.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.inner.lock().cut.insert((from, to));
    }

    /// Nothing is lost any more.
    pub fn heal(&self) {
        self.inner.lock().cut.clear();
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.inner.lock().cut.contains(&(from, to))
    }
}

impl MemoryPort {
    fn handlers(&self, to: NodeId) -> Result<Handlers, WireError> {
        let unreachable = WireError::Unreachable { node: to, why: "it is not in the net".into() };
        self.net.inner.lock().nodes.get(&to).cloned().ok_or(unreachable)
    }

    /// Waits for an answer over a net that may lose the request or the answer.
    async fn over<T>(
        self,
        to: NodeId,
        within: Duration,
        answer: impl Future<Output = Result<T, WireError>>,
    ) -> Result<T, WireError> {
        let lossy = async {
            if self.net.is_cut(self.me, to) {
                return std::future::pending().await;
            }
            let answer = answer.await;
            if self.net.is_cut(to, self.me) {
                return std::future::pending().await;
            }
            answer
        };
        timeout(within, lossy).await.unwrap_or(Err(WireError::Timeout(to)))
    }
}

impl RaftTransport for MemoryPort {
    fn call(&self, to: NodeId, lane: Lane, group: u16, body: Bytes, within: Duration) -> Answered {
        let (port, handlers) = (self.clone(), self.handlers(to));
        Box::pin(async move {
            let none = WireError::Refused { node: to, why: "no handler".into() };
            let handler = handlers?.raft.ok_or(none)?;
            let me = port.me;
            port.over(to, within, async { handler.handle(me, lane, group, body).await }).await
        })
    }
}

impl CallTransport for MemoryPort {
    fn call(&self, to: NodeId, mut call: Call, within: Duration) -> Called {
        let (port, handlers) = (self.clone(), self.handlers(to));
        Box::pin(async move {
            let refused = |why: String| WireError::Refused { node: to, why };
            let handler = handlers?.calls.ok_or_else(|| refused("no handler".into()))?;
            call.within_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
            let sent = Call::decode(&call.encode()).map_err(|error| refused(error.to_string()))?;
            let me = port.me;
            let answer = async {
                let answer = handler.handle(me, sent).await.encode();
                Answer::decode(&answer).map_err(|error| refused(error.to_string()))
            };
            port.over(to, within, answer).await
        })
    }
}

impl std::fmt::Debug for MemoryNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryNet").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MemoryPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryPort").field("me", &self.me).finish_non_exhaustive()
    }
}
