//! The gateway: one connection that is kept, through which free text comes.

mod connection;
mod session;

use std::time::Duration;

use impresario_messages::Event;
use tokio::sync::mpsc::Sender;

use crate::Settings;
use session::{Next, Session};

/// Messages in guilds and direct ones, their text, and reactions to them.
pub const INTENTS: u64 = (1 << 9) | (1 << 10) | (1 << 12) | (1 << 13) | (1 << 15);

/// How the connection is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// The tenant's id of the connection, for the addresses.
    pub connection: String,
    /// Where the gateway is, without a query. Only the operator may set it, never a tenant.
    pub url: String,
    /// What we want to hear of.
    pub intents: u64,
    /// The shortest wait before another connection, in milliseconds; it doubles.
    pub wait_ms_min: u64,
    /// The longest wait, in milliseconds.
    pub wait_ms_max: u64,
    /// The longest time for connecting and for the first word of the gateway, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Random bits: what spreads the beats and the waits of many nodes.
    pub seed: u64,
    /// DER certificates to trust instead of the system's.
    pub roots: Vec<Vec<u8>>,
}

impl Options {
    /// Discord's own gateway.
    #[must_use]
    pub fn new(connection: impl Into<String>, seed: u64) -> Self {
        Self {
            connection: connection.into(),
            url: "wss://gateway.discord.gg".to_owned(),
            intents: INTENTS,
            wait_ms_min: 1_000,
            wait_ms_max: 60_000,
            connect_timeout_ms: 20_000,
            seed,
            roots: Vec::new(),
        }
    }
}

/// Why the connection is not kept any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// Nobody takes the events any more.
    #[error("nobody takes the events")]
    SinkClosed,
    /// Discord will never let this bot in as it is set up: a wrong token (4004), a wrong shard, an
    /// intent that the bot may not have (4014).
    #[error("the gateway refuses the bot for good (close code {0})")]
    Refused(u16),
}

/// Keeps the connection and hands on what comes, until the future is dropped. A full `sink` slows
/// the reading down; the beats go on. Events that came while the connection was lost are caught up
/// by resuming, so one can come twice: they have the same id.
///
/// # Errors
/// It only ends with one.
pub async fn run(settings: &Settings, options: &Options, sink: &Sender<Event>) -> Ended {
    let mut session = Session::new(settings, options, sink);
    let mut wait_ms = options.wait_ms_min.max(1);
    loop {
        let greeted = session.greetings();
        match session.once().await {
            Next::Ended(ended) => return ended,
            Next::Fresh => session.forget(),
            Next::Resume => {}
        }
        if session.greetings() > greeted {
            wait_ms = options.wait_ms_min.max(1);
        }
        let spread_ms = session.spread(wait_ms);
        tracing::info!(wait_ms = spread_ms, "the gateway connection ended, connecting again");
        tokio::time::sleep(Duration::from_millis(spread_ms)).await;
        wait_ms = wait_ms.saturating_mul(2).min(options.wait_ms_max.max(1));
    }
}
