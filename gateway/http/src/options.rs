use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How the edge listens and what it lets in. Every size is in bytes, every time in the unit of its
/// name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where to listen. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Certificate and key; without them the edge speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Connections at once; more are closed at once. Default 10 000.
    pub connections_max: usize,
    /// The whole head of a request must arrive within this time (slow-loris). Default 10 000.
    pub head_timeout_ms: u64,
    /// The whole body of a request must arrive within this time. Default 20 000.
    pub body_timeout_ms: u64,
    /// How long the edge waits for the entities behind one request. Default 10 000.
    pub answer_timeout_ms: u64,
    /// How long open requests may take after the stop began. Default 10 000.
    pub drain_ms: u64,
    /// Largest body, compressed and not: a tracking batch may have this much. Default 512 000.
    pub body_bytes_max: usize,
    /// Largest single tracking event. Default 32 768.
    pub event_bytes_max: usize,
    /// Most events in a batch. Default 2 500.
    pub batch_events_max: usize,
    /// Profiles of one batch that are asked at the same time. Default 512.
    pub batch_concurrency: usize,
    /// Live connections (WebSocket and SSE) of one tenant at once. Default 1 000.
    pub subscribers_max: usize,
    /// Changes kept for a live connection that is slow; older ones are counted and dropped.
    /// Default 1 024.
    pub live_buffer: usize,
    /// Seconds between pings on live connections. Default 15.
    pub live_ping_s: u64,
    /// Longest life of a user token that a tenant signs or asks for. Default 86 400.
    pub token_ttl_max_s: u64,
    /// Tenants whose request counters are kept in memory at once. Default 10 000.
    pub metered_tenants_max: usize,
    /// Tenants that get a label of their own in `/metrics`; the rest share `other`. Default 100.
    pub metrics_tenants_max: usize,
    /// Whether each request is logged at `info` (it always is at `debug`). Default false.
    pub access_log: bool,
    /// Whether `/metrics` may be read without the root token. Default true.
    pub metrics_public: bool,
    /// Whether the addresses of clients are added to events that ask for it with `context.direct`.
    /// Default true.
    pub client_addresses: bool,
}

/// The edge's certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A PEM file with the certificate and the chain above it.
    pub certificate: PathBuf,
    /// A PEM file with the private key.
    pub key: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            connections_max: 10_000,
            head_timeout_ms: 10_000,
            body_timeout_ms: 20_000,
            answer_timeout_ms: 10_000,
            drain_ms: 10_000,
            body_bytes_max: 512_000,
            event_bytes_max: 32_768,
            batch_events_max: 2_500,
            batch_concurrency: 512,
            subscribers_max: 1_000,
            live_buffer: 1_024,
            live_ping_s: 15,
            token_ttl_max_s: 86_400,
            metered_tenants_max: 10_000,
            metrics_tenants_max: 100,
            access_log: false,
            metrics_public: true,
            client_addresses: true,
        }
    }
}

/// An option that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("http.{option} must be {expected}")]
pub struct OptionsError {
    /// The name of the option.
    pub option: &'static str,
    /// What would be accepted.
    pub expected: &'static str,
}

impl Options {
    /// Refuses options that cannot be meant.
    ///
    /// # Errors
    /// The first option that is out of range.
    pub fn validate(&self) -> Result<(), OptionsError> {
        let checks = [
            (self.connections_max > 0, "connections_max", "at least 1"),
            (self.head_timeout_ms >= 100, "head_timeout_ms", "at least 100"),
            (self.body_timeout_ms >= 100, "body_timeout_ms", "at least 100"),
            (self.answer_timeout_ms >= 100, "answer_timeout_ms", "at least 100"),
            (
                (1_024..=64 << 20).contains(&self.body_bytes_max),
                "body_bytes_max",
                "1 024 to 67 108 864",
            ),
            (
                (1_024..=self.body_bytes_max).contains(&self.event_bytes_max),
                "event_bytes_max",
                "1 024 to body_bytes_max",
            ),
            ((1..=100_000).contains(&self.batch_events_max), "batch_events_max", "1 to 100 000"),
            ((1..=4_096).contains(&self.batch_concurrency), "batch_concurrency", "1 to 4 096"),
            (self.live_buffer > 0, "live_buffer", "at least 1"),
            (self.live_ping_s > 0, "live_ping_s", "at least 1"),
            (self.metered_tenants_max > 0, "metered_tenants_max", "at least 1"),
            (
                (60..=30 * 86_400).contains(&self.token_ttl_max_s),
                "token_ttl_max_s",
                "60 to 2 592 000",
            ),
        ];
        match checks.into_iter().find(|(holds, ..)| !holds) {
            Some((_, option, expected)) => Err(OptionsError { option, expected }),
            None => Ok(()),
        }
    }
}
