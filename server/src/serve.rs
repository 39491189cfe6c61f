//! One node, put together: store, vault, entities, outbox, edge.

mod alone;
mod codes;
mod compose;
mod identity;
mod logs;
mod meters;
mod policies;
mod secrets;
mod store;
mod watch;

pub use codes::code_of;
pub use compose::{Running, ServeOptions, start};
pub use logs::LogHandle;
pub use meters::install_metrics;

use std::io::Write;

use anyhow::Context;
use impresario_config::Config;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use store::OpenStore;

/// Serves until the process is told to stop, then drains, passivates and closes.
///
/// # Errors
/// If the node cannot start, or fails while it runs.
pub async fn run(config: Config, ready_line: bool) -> anyhow::Result<()> {
    let logs = logs::start(&config.log).context("logs cannot be written")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let running = start(ServeOptions { config, logs, metrics: None }).await?;
    if ready_line {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{{\"listening\":\"{}\"}}", running.url()).and_then(|()| out.flush())?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
    running.stop().await?;
    tracing::info!("stopped");
    Ok(())
}
