use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::Calls;
use crate::book::Book;
use crate::session::Session;

/// How often the gauges of the peers are set.
const METRICS_EVERY: Duration = Duration::from_secs(1);

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerStatus {
    /// Who.
    pub node: NodeId,
    /// Where it is said to be.
    pub addr: String,
    /// Whether entity calls reach it.
    pub connected: bool,
    /// The round trip of the last heartbeat.
    pub rtt: Option<Duration>,
    /// Entity calls under way to it.
    pub in_flight: usize,
    /// Why it is not connected.
    pub why: Option<String>,
    /// The release that it runs; empty if it is not connected.
    pub release: String,
    /// The version of the wire that is spoken with it; 0 if it is not connected.
    pub version: u8,
}

/// What is known of the nodes whose addresses are known.
pub(crate) fn peers(book: &Book, calls: &Calls) -> Vec<PeerStatus> {
    let status = |(node, addr)| {
        let (session, why) = match calls.state(node) {
            Ok(session) => (session, None),
            Err(why) => (None, Some(why)),
        };
        let session = session.as_deref();
        PeerStatus {
            node,
            addr,
            connected: why.is_none(),
            rtt: session.and_then(Session::rtt),
            in_flight: session.map_or(0, Session::in_flight),
            why,
            release: session.map_or_else(String::new, |session| session.release().to_owned()),
            version: session.map_or(0, Session::version),
        }
    };
    book.nodes().into_iter().map(status).collect()
}

/// What the meters of the connections do not count by themselves.
pub(crate) fn record(book: &Book, calls: &Calls) {
    let peers = peers(book, calls);
    metrics::gauge!("impresario_wire_peers").set(peers.len() as f64);
    for peer in peers {
        let label = peer.node.to_string();
        let connected = if peer.connected { 1.0 } else { 0.0 };
        metrics::gauge!("impresario_wire_peer_connected", "peer" => label.clone()).set(connected);
        metrics::gauge!("impresario_wire_peer_calls", "peer" => label.clone())
            .set(peer.in_flight as f64);
        let rtt = peer.rtt.map_or(f64::NAN, |rtt| rtt.as_secs_f64());
        metrics::gauge!("impresario_wire_peer_rtt_seconds", "peer" => label).set(rtt);
    }
}

/// Sets the gauges until `stop`.
pub(crate) async fn watch_peers(book: Arc<Book>, calls: Calls, stop: CancellationToken) {
    let mut looks = interval(METRICS_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => record(&book, &calls),
            () = stop.cancelled() => return,
        }
    }
}
