//! The node of the tour: started in this process, stopped, started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use impresario_config::Config;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::client::Client;
use crate::serve::{LogHandle, Running, ServeOptions, install_metrics};

/// A node on a folder.
pub(crate) struct Node {
    data: PathBuf,
    listen: SocketAddr,
    metrics: PrometheusHandle,
    running: Option<Running>,
}

impl Node {
    /// Starts a node on this folder.
    pub(crate) async fn start(data: &Path, listen: SocketAddr) -> Result<Self> {
        let mut node =
            Self { data: data.to_owned(), listen, metrics: install_metrics()?, running: None };
        node.begin().await?;
        Ok(node)
    }

    async fn begin(&mut self) -> Result<()> {
        let mut config = Config::default();
        config.node.data.clone_from(&self.data);
        config.http.listen = self.listen;
        // The receiver of the tour's webhooks is on this machine.
        config.webhooks.allow_private = true;
        let options =
            ServeOptions { config, logs: LogHandle::none(), metrics: Some(self.metrics.clone()) };
        // Boxed: a whole node is a large future.
        let running =
            Box::pin(crate::serve::start(options)).await.context("the node does not start")?;
        // After a restart the address is the same.
        self.listen = running.address;
        self.running = Some(running);
        Ok(())
    }

    /// Stops it in order and starts it again on the same folder.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.begin().await
    }

    /// Stops it in order.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        match self.running.take() {
            Some(running) => Box::pin(running.stop()).await,
            None => Ok(()),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.data.join("root-token")
    }

    /// A caller with the root token.
    pub(crate) fn root(&self) -> Result<Client> {
        let running = self.running.as_ref().context("the node is not running")?;
        Client::new(&self.url(), &running.root_token)
    }
}
