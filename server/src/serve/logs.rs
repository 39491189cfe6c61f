//! Logs, and changing what is logged at run time.

use std::io::IsTerminal;

use impresario_config::{Log, LogFormat};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Changes the filter of a running process.
#[derive(Clone, Debug)]
pub struct LogHandle {
    filter: Option<reload::Handle<EnvFilter, Registry>>,
}

impl LogHandle {
    /// For processes whose logs are not ours to change.
    #[must_use]
    pub fn none() -> Self {
        Self { filter: None }
    }

    /// The filter now.
    #[must_use]
    pub fn get(&self) -> String {
        let shown =
            self.filter.as_ref().and_then(|filter| filter.with_current(ToString::to_string).ok());
        shown.unwrap_or_else(|| "off".to_owned())
    }

    /// Sets the filter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&self, text: &str) -> Result<(), String> {
        let filter = EnvFilter::try_new(text).map_err(|error| error.to_string())?;
        let handle = self.filter.as_ref().ok_or("this process does not write logs")?;
        handle.reload(filter).map_err(|error| error.to_string())
    }
}

/// Starts logging to the standard error stream.
///
/// # Errors
/// If the filter cannot be read, or this process logs already.
pub(crate) fn start(log: &Log) -> anyhow::Result<LogHandle> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&log.filter)?);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match log.format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init()?,
        LogFormat::Pretty => {
            registry.with(layer.with_ansi(std::io::stderr().is_terminal())).try_init()?
        }
    }
    Ok(LogHandle { filter: Some(handle) })
}
