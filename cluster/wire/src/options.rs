use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a node speaks to the other nodes of its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where other nodes reach this one. One port carries everything.
    pub listen: SocketAddr,
    /// Without TLS. Only between loopback addresses; for a laptop and for tests.
    pub plain: bool,
    /// The certificates of mutual TLS. Needed unless `plain`.
    pub tls: Option<TlsOptions>,
    /// A new connection must have said who it is within this long, in milliseconds.
    pub handshake_ms: u64,
    /// Connections that have not yet said who they are, at most. Past it the oldest is dropped.
    pub half_open_max: usize,
    /// Sent bytes that the other side does not acknowledge for this long end a connection, in
    /// milliseconds (`TCP_USER_TIMEOUT`).
    pub user_timeout_ms: u32,
    /// A silent connection is probed after this long, and again each time this long after that, in
    /// milliseconds. The kernel counts whole seconds.
    pub keepalive_ms: u64,
    /// The pause before a failed dial is repeated, in milliseconds; doubled with each failure, each
    /// time spread by half at random.
    pub redial_ms: u64,
    /// The longest such pause, in milliseconds.
    pub redial_max_ms: u64,
    /// The connections of Raft.
    pub lanes: LaneOptions,
    /// Entity calls.
    pub calls: CallOptions,
}

/// Where the certificates are and how they are renewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsOptions {
    /// PEM file with the certificates of the cluster's authority. During a change of the authority
    /// it holds both.
    pub authority: PathBuf,
    /// PEM file with this node's certificate, then those between it and the authority, if any.
    pub certificate: PathBuf,
    /// PEM file with the key of this node's certificate.
    pub key: PathBuf,
    /// Refuse members whose certificate names the cluster but no node.
    pub bound_only: bool,
    /// How often the files are looked at for changes, in milliseconds; 0 = never, only on demand.
    pub check_ms: u64,
    /// Connections made under replaced certificates end at the latest this long after the change,
    /// in milliseconds.
    pub old_connections_ms: u64,
}

impl TlsOptions {
    /// These files, and the defaults.
    #[must_use]
    pub fn files(authority: PathBuf, certificate: PathBuf, key: PathBuf) -> Self {
        Self { authority, certificate, key, ..Self::default() }
    }
}

/// Bounds of Raft's connections. Each lane of each peer has them for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaneOptions {
    /// Calls under way, at most; past it the answer is `Busy`.
    pub in_flight_max: usize,
    /// Bytes of calls that wait to be written, at most; past it the answer is `Busy`.
    pub in_flight_bytes_max: usize,
    /// Bytes of one message, at most.
    pub frame_bytes_max: usize,
    /// Calls of a peer that are handled at the same time, at most; past it they are refused.
    pub handlers_max: usize,
    /// Bytes of a peer's calls that are being handled, at most; past it they are refused.
    pub handlers_bytes_max: usize,
    /// After a call without an answer in time, the peer must give a sign of life within this long,
    /// in milliseconds, or the connection is made anew.
    pub silence_ms: u64,
}

/// Bounds of entity calls. Each peer has them for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallOptions {
    /// A peer hears from this node at least this often, in milliseconds.
    pub heartbeat_ms: u64,
    /// A peer that was not heard for this long is dead: calls to it fail, in milliseconds.
    pub dead_after_ms: u64,
    /// Calls under way to a peer, at most; past it the answer is `Busy`.
    pub in_flight_max: usize,
    /// Bytes of calls under way to a peer, at most; past it the answer is `Busy`.
    pub in_flight_bytes_max: usize,
    /// Bytes of one call or answer, at most.
    pub body_bytes_max: usize,
    /// Longer bodies travel in pieces of this many bytes, and other messages between them.
    pub piece_bytes: usize,
    /// Bytes of short messages that a peer has not yet acknowledged, at most.
    pub window_bytes: usize,
    /// Bytes of pieces that a peer has not yet acknowledged, at most: what a short message may
    /// find before it on its way.
    pub bulk_window_bytes: usize,
    /// Calls of a peer that are handled at the same time, at most; past it they are refused.
    pub handlers_max: usize,
    /// Bytes of a peer's unfinished calls, and of answers that wait to be sent to it, at most; past
    /// it calls are refused.
    pub handlers_bytes_max: usize,
    /// While a connection is replaced, calls under way have this long to end, and new ones wait as
    /// long for the next connection, in milliseconds.
    pub replace_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            plain: false,
            tls: None,
            handshake_ms: 3_000,
            half_open_max: 64,
            user_timeout_ms: 3_000,
            keepalive_ms: 1_000,
            redial_ms: 50,
            redial_max_ms: 2_000,
            lanes: LaneOptions::default(),
            calls: CallOptions::default(),
        }
    }
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            authority: PathBuf::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            bound_only: false,
            check_ms: 10_000,
            old_connections_ms: 300_000,
        }
    }
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self {
            in_flight_max: 1_024,
            in_flight_bytes_max: 64 << 20,
            frame_bytes_max: 32 << 20,
            handlers_max: 1_024,
            handlers_bytes_max: 64 << 20,
            silence_ms: 1_000,
        }
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            heartbeat_ms: 200,
            dead_after_ms: 800,
            in_flight_max: 4_096,
            in_flight_bytes_max: 64 << 20,
            body_bytes_max: 16 << 20,
            piece_bytes: 64 << 10,
            window_bytes: 1 << 20,
            bulk_window_bytes: 256 << 10,
            handlers_max: 4_096,
            handlers_bytes_max: 64 << 20,
            replace_ms: 2_000,
        }
    }
}

/// Options that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {why}")]
pub struct OptionsError {
    /// Which option.
    pub option: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Options {
    /// Whether these options can work together.
    ///
    /// # Errors
    /// The first one that cannot.
    pub fn check(&self) -> Result<(), OptionsError> {
        let rules = [
            (self.plain != self.tls.is_some(), "tls", "give certificates, or say plain"),
            (!self.plain || self.listen.ip().is_loopback(), "plain", "only on a loopback address"),
            (self.handshake_ms > 0, "handshake_ms", "must be above 0"),
            (self.half_open_max > 0, "half_open_max", "must be above 0"),
            (self.redial_ms > 0, "redial_ms", "must be above 0"),
            (self.lanes.in_flight_max > 0, "lanes.in_flight_max", "must be above 0"),
            (self.lanes.handlers_max > 0, "lanes.handlers_max", "must be above 0"),
            (
                u32::try_from(self.lanes.frame_bytes_max).is_ok(),
                "lanes.frame_bytes_max",
                "must fit into 32 bits",
            ),
            (self.calls.heartbeat_ms > 0, "calls.heartbeat_ms", "must be above 0"),
            (
                self.calls.dead_after_ms >= 2 * self.calls.heartbeat_ms,
                "calls.dead_after_ms",
                "must be two heartbeats or more",
            ),
            (
                u32::try_from(self.calls.body_bytes_max).is_ok(),
                "calls.body_bytes_max",
                "must fit into 32 bits",
            ),
            (
                (1_024..=1 << 20).contains(&self.calls.piece_bytes),
                "calls.piece_bytes",
                "must be between 1 KiB and 1 MiB",
            ),
            (
                self.calls.window_bytes >= 2 * self.calls.piece_bytes,
                "calls.window_bytes",
                "must hold two pieces",
            ),
            (
                self.calls.bulk_window_bytes >= 2 * self.calls.piece_bytes,
                "calls.bulk_window_bytes",
                "must hold two pieces",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, option, why)) => Err(OptionsError { option, why }),
            None => Ok(()),
        }
    }

    pub(crate) fn handshake(&self) -> Duration {
        Duration::from_millis(self.handshake_ms)
    }
}
