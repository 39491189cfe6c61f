//! What is measured of each peer. Peers are members of the cluster, so the labels are bounded.

use std::time::Duration;

use impresario_ids::NodeId;
use metrics::{Counter, Gauge, Histogram};

/// One kind of traffic with one peer.
#[derive(Clone)]
pub(crate) struct LineMeters {
    pub(crate) sent: Counter,
    pub(crate) received: Counter,
    pub(crate) busy: Counter,
    pub(crate) redials: Counter,
    in_flight: Gauge,
}

/// Counts as under way until it is dropped.
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl LineMeters {
    pub(crate) fn new(node: NodeId, lane: &'static str) -> Self {
        let peer = node.to_string();
        Self {
            sent: metrics::counter!("impresario_wire_bytes_total", "peer" => peer.clone(), "lane" => lane, "direction" => "out"),
            received: metrics::counter!("impresario_wire_bytes_total", "peer" => peer.clone(), "lane" => lane, "direction" => "in"),
            busy: metrics::counter!("impresario_wire_busy_total", "peer" => peer.clone(), "lane" => lane),
            redials: metrics::counter!("impresario_wire_redials_total", "peer" => peer.clone(), "lane" => lane),
            in_flight: metrics::gauge!("impresario_wire_in_flight", "peer" => peer, "lane" => lane),
        }
    }

    pub(crate) fn enter(&self) -> InFlight {
        self.in_flight.increment(1.0);
        InFlight(self.in_flight.clone())
    }
}

/// The heartbeats of one peer.
#[derive(Clone)]
pub(crate) struct Pulse {
    rtt: Histogram,
    alive: Gauge,
}

impl Pulse {
    pub(crate) fn new(node: NodeId) -> Self {
        let peer = node.to_string();
        Self {
            rtt: metrics::histogram!("impresario_wire_rtt_seconds", "peer" => peer.clone()),
            alive: metrics::gauge!("impresario_wire_peer_alive", "peer" => peer),
        }
    }

    pub(crate) fn beat(&self, rtt: Duration) {
        self.rtt.record(rtt.as_secs_f64());
    }

    pub(crate) fn alive(&self, alive: bool) {
        self.alive.set(if alive { 1.0 } else { 0.0 });
    }
}
