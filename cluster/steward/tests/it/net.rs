use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_consensus::Consensus;
use impresario_ids::NodeId;
use impresario_steward::{Gate, Knock, Knocked, Peers, Steward};
use impresario_wire::{
    Answer, Answered, Call, CallHandler, CallTransport, Called, Lane, Me, RaftHandler,
    RaftTransport, WireError,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The network of a test: listeners by address. Calls are encoded and decoded as on the wire, and
/// handled in the runtime of the node that is called, so that they end with it.
#[derive(Default)]
pub(crate) struct Net {
    listeners: Mutex<BTreeMap<String, Listener>>,
    cut: Mutex<BTreeSet<NodeId>>,
    /// Pairs of nodes that have let each other in, the lower one first.
    connected: Mutex<BTreeSet<(NodeId, NodeId)>>,
}

#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) me: Me,
    pub(crate) gate: Gate,
    pub(crate) consensus: Consensus,
    pub(crate) steward: Steward,
    pub(crate) runtime: Handle,
}

impl Net {
    pub(crate) fn listen(&self, addr: &str, listener: Listener) {
        self.listeners.lock().insert(addr.to_owned(), listener);
    }

    pub(crate) fn close(&self, addr: &str) {
        if let Some(gone) = self.listeners.lock().remove(addr) {
            let node = gone.me.node;
            self.connected.lock().retain(|(one, other)| *one != node && *other != node);
        }
    }

    /// Nothing passes between this node and the others, guests included.
    pub(crate) fn cut_off(&self, node: NodeId) {
        self.cut.lock().insert(node);
    }

    pub(crate) fn heal(&self) {
        self.cut.lock().clear();
    }

    fn is_cut(&self, one: NodeId, other: NodeId) -> bool {
        let cut = self.cut.lock();
        cut.contains(&one) != cut.contains(&other)
    }

    fn at(&self, addr: &str) -> Option<Listener> {
        self.listeners.lock().get(addr).cloned()
    }
}

/// A node's way to the others.
#[derive(Clone)]
pub(crate) struct Port {
    net: Arc<Net>,
    me: Me,
    gate: Gate,
    book: Arc<Mutex<BTreeMap<NodeId, String>>>,
}

impl Port {
    pub(crate) fn new(net: &Arc<Net>, me: Me, gate: Gate) -> Self {
        Self { net: Arc::clone(net), me, gate, book: Arc::default() }
    }

    /// As the wire does it: the address must be known, and for a new connection both sides must
    /// let each other in.
    fn reach(&self, to: NodeId) -> Result<Listener, WireError> {
        let unreachable = |why: String| WireError::Unreachable { node: to, why };
        let addr = self.book.lock().get(&to).cloned().ok_or(WireError::UnknownNode(to))?;
        if self.net.is_cut(self.me.node, to) {
            return Err(unreachable("cut".to_owned()));
        }
        let there = self.net.at(&addr).ok_or_else(|| unreachable("nobody listens".to_owned()))?;
        if there.me.node != to {
            return Err(unreachable(format!("{} answered", there.me.node)));
        }
        let pair = (self.me.node.min(to), self.me.node.max(to));
        if !self.net.connected.lock().contains(&pair) {
            let theirs = there.gate.admits(self.me.node, self.me.store);
            let ours = self.gate.admits(to, there.me.store);
            theirs.and(ours).map_err(|refusal| unreachable(refusal.to_string()))?;
            self.net.connected.lock().insert(pair);
        }
        Ok(there)
    }
}

async fn over<T: Send + 'static>(
    to: NodeId,
    within: Duration,
    runtime: Handle,
    handled: impl Future<Output = T> + Send + 'static,
) -> Result<T, WireError> {
    let broken = |why: String| WireError::Broken { node: to, why };
    match timeout(within, runtime.spawn(handled)).await {
        Ok(handled) => handled.map_err(|error| broken(error.to_string())),
        Err(_) => Err(WireError::Timeout(to)),
    }
}

impl RaftTransport for Port {
    fn call(&self, to: NodeId, lane: Lane, group: u16, body: Bytes, within: Duration) -> Answered {
        let (port, me) = (self.clone(), self.me.node);
        Box::pin(async move {
            let Listener { consensus, runtime, .. } = port.reach(to)?;
            let handled = async move { consensus.handle(me, lane, group, body).await };
            let answer = over(to, within, runtime, handled).await??;
            port.reach(to).map(|_| answer)
        })
    }
}

impl CallTransport for Port {
    fn call(&self, to: NodeId, mut call: Call, within: Duration) -> Called {
        let (port, me) = (self.clone(), self.me.node);
        Box::pin(async move {
            let Listener { steward, runtime, .. } = port.reach(to)?;
            call.within_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
            let sent = Call::decode(&call.encode()).expect("a call");
            assert!(Steward::concerns(&sent));
            let handled = async move { steward.handle(me, sent).await.encode() };
            let answer = over(to, within, runtime, handled).await?;
            port.reach(to).map(|_| Answer::decode(&answer).expect("an answer"))
        })
    }
}

impl Peers for Port {
    fn set_address(&self, node: NodeId, addr: &str) {
        self.book.lock().insert(node, addr.to_owned());
    }

    fn evict(&self, node: NodeId) {
        self.book.lock().remove(&node);
        let pair = (self.me.node.min(node), self.me.node.max(node));
        self.net.connected.lock().remove(&pair);
    }
}

/// A guest's way in. It stands beside `near`, so to say: cut off where that node is.
pub(crate) struct Street {
    pub(crate) net: Arc<Net>,
    pub(crate) near: NodeId,
}

impl Knock for Street {
    fn knock(&self, me: Me, addr: &str, question: Bytes, within: Duration) -> Knocked {
        let (net, near, addr) = (Arc::clone(&self.net), self.near, addr.to_owned());
        Box::pin(async move {
            let there = net.at(&addr).filter(|there| !net.is_cut(near, there.me.node));
            let Listener { me: theirs, steward, runtime, .. } = there.ok_or("nobody listens")?;
            let handled = async move { steward.receive(me.store, question).await };
            let answer = over(theirs.node, within, runtime, handled).await;
            answer.map_err(|error| error.to_string())
        })
    }
}
