//! One node, put together: store, vault, entities, outbox, edge.

mod alone;
mod codes;
mod compass;
mod compose;
mod identity;
mod logs;
mod member;
mod meters;
mod node;
mod policies;
mod replicas;
mod running;
mod secrets;
mod watch;

pub use codes::code_of;
pub use compose::{ServeOptions, start};
pub use logs::LogHandle;
pub use meters::install_metrics;
pub use running::Running;

use std::io::Write;
use std::pin::pin;

use anyhow::{Context, bail};
use impresario_config::Config;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as watch_channel;

use member::LEFT;

pub(crate) use node::OpenNode;
pub(crate) use secrets::master_key;

/// Serves until the process is told to stop, then drains, passivates and closes.
///
/// # Errors
/// If the node cannot start, or fails while it runs.
pub async fn run(config: Config, ready_line: bool) -> anyhow::Result<()> {
    let logs = logs::start(&config.log).context("logs cannot be written")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut hangup = signal(SignalKind::hangup()).context("signals cannot be received")?;
    let running = tokio::select! {
        running = start(ServeOptions { config, logs, metrics: None }) => running?,
        // A node that waits for its cluster can be told to stop too.
        _ = terminate.recv() => return Ok(()),
        _ = tokio::signal::ctrl_c() => return Ok(()),
    };
    if ready_line {
        let line = serde_json::json!({
            "listening": running.url(),
            "node": running.me.node.to_string(),
            "cluster": running.me.cluster.to_string(),
        });
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())?;
    }
    let refused = running.must_stop();
    let mut end = pin!(end(refused));
    let why = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = tokio::signal::ctrl_c() => break None,
            _ = hangup.recv() => running.reload(),
            why = &mut end => break Some(why),
        }
    };
    tracing::info!("stopping");
    running.stop().await?;
    tracing::info!("stopped");
    match why {
        Some(Refused::Left) | None => Ok(()),
        Some(Refused::Because(why)) => bail!("this node must not go on: {why}"),
    }
}

/// Why a node must not go on.
enum Refused {
    /// It has left, as it was told to.
    Left,
    Because(String),
}

/// Waits until the node must not go on.
async fn end(must_stop: Option<watch_channel::Receiver<Option<String>>>) -> Refused {
    let Some(mut must_stop) = must_stop else { return std::future::pending().await };
    match must_stop.wait_for(Option::is_some).await.map(|why| why.clone()) {
        Ok(Some(why)) if why != LEFT => Refused::Because(why),
        Ok(_) => Refused::Left,
        // Who would tell is gone: the node is being stopped.
        Err(_) => std::future::pending().await,
    }
}
