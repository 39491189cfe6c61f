use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_consensus::Consensus;
use impresario_ids::NodeId;
use impresario_wire::{Answered, Lane, RaftHandler, RaftTransport, WireError};
use parking_lot::Mutex;
use tokio::runtime::Handle;

/// The network of a test.
#[derive(Default)]
pub(crate) struct Net {
    nodes: Mutex<BTreeMap<NodeId, (Consensus, Handle)>>,
    weather: Mutex<Weather>,
}

#[derive(Default)]
struct Weather {
    dice: Dice,
    /// Of a thousand messages, how many are lost on each way.
    lost: u64,
    /// The longest delay of a message, in milliseconds.
    delay: u64,
    /// From whom to whom nothing passes.
    cut: BTreeSet<(NodeId, NodeId)>,
}

/// What happens to a message.
enum Fate {
    Passes(Duration),
    Lost,
    Cut,
}

impl Net {
    pub(crate) fn join(&self, node: NodeId, consensus: Consensus, runtime: Handle) {
        self.nodes.lock().insert(node, (consensus, runtime));
    }

    pub(crate) fn leave(&self, node: NodeId) {
        self.nodes.lock().remove(&node);
    }

    /// Nothing passes between the two groups of nodes.
    pub(crate) fn split(&self, some: &[NodeId], others: &[NodeId]) {
        for (a, b) in some.iter().flat_map(|a| others.iter().map(move |b| (*a, *b))) {
            self.cut(a, b);
            self.cut(b, a);
        }
    }

    pub(crate) fn cut(&self, from: NodeId, to: NodeId) {
        self.weather.lock().cut.insert((from, to));
    }

    pub(crate) fn storm(&self, seed: u64, lost: u64, delay: u64) {
        let mut weather = self.weather.lock();
        weather.dice = Dice(seed);
        weather.lost = lost;
        weather.delay = delay;
    }

    pub(crate) fn heal(&self) {
        *self.weather.lock() = Weather::default();
    }

    fn fate(&self, from: NodeId, to: NodeId) -> Fate {
        let mut weather = self.weather.lock();
        if weather.cut.contains(&(from, to)) {
            return Fate::Cut;
        }
        let (lost, delay) = (weather.lost, weather.delay);
        if weather.dice.below(1000) < lost {
            return Fate::Lost;
        }
        Fate::Passes(Duration::from_millis(weather.dice.below(delay + 1)))
    }

    /// One way of a message. False if it never arrives.
    async fn pass(&self, from: NodeId, to: NodeId) -> bool {
        match self.fate(from, to) {
            Fate::Passes(Duration::ZERO) => true,
            Fate::Passes(delay) => {
                // It is on its way for so long.
                let _ = tokio::time::timeout(delay, std::future::pending::<()>()).await;
                true
            }
            Fate::Lost | Fate::Cut => false,
        }
    }
}

/// A node's end of the network.
pub(crate) struct Port {
    pub(crate) net: Arc<Net>,
    pub(crate) node: NodeId,
}

impl RaftTransport for Port {
    fn call(&self, to: NodeId, lane: Lane, group: u16, body: Bytes, within: Duration) -> Answered {
        let (net, from) = (Arc::clone(&self.net), self.node);
        let unreachable = move |why: &str| WireError::Unreachable { node: to, why: why.to_owned() };
        let call = async move {
            if let Fate::Cut = net.fate(from, to) {
                return Err(unreachable("cut"));
            }
            if !net.pass(from, to).await {
                return std::future::pending().await;
            }
            let found = net.nodes.lock().get(&to).cloned();
            let Some((consensus, runtime)) = found else { return Err(unreachable("down")) };
            let handled =
                runtime.spawn(async move { consensus.handle(from, lane, group, body).await });
            let Ok(answer) = handled.await else { return Err(unreachable("down")) };
            if !net.pass(to, from).await {
                return std::future::pending().await;
            }
            answer
        };
        Box::pin(async move {
            match tokio::time::timeout(within, call).await {
                Ok(answer) => answer,
                Err(_) => Err(WireError::Timeout(to)),
            }
        })
    }
}

/// Splitmix64.
#[derive(Default)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }
}
