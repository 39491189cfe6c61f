//! The node of the tour: started in this process, stopped, started again; or a cluster that runs
//! already.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use impresario_config::Config;
use metrics_exporter_prometheus::PrometheusHandle;

use super::door::Door;
use crate::client::Client;
use crate::serve::{LogHandle, Running, ServeOptions, install_metrics};

/// A node on a folder.
pub(crate) struct Own {
    data: PathBuf,
    listen: SocketAddr,
    /// The folder of the embedding model.
    model: Option<PathBuf>,
    metrics: PrometheusHandle,
    running: Option<Running>,
}

/// Nodes that run elsewhere.
pub(crate) struct Elsewhere {
    door: Door,
    token_file: PathBuf,
    token: String,
}

/// What the tour asks.
pub(crate) enum Node {
    Own(Box<Own>),
    Elsewhere(Elsewhere),
}

impl Node {
    /// Starts a node on this folder.
    pub(crate) async fn start(
        data: &Path,
        listen: SocketAddr,
        model: Option<&Path>,
    ) -> Result<Self> {
        let (data, model) = (data.to_owned(), model.map(Path::to_owned));
        let mut own = Own { data, listen, model, metrics: install_metrics()?, running: None };
        own.begin().await?;
        Ok(Self::Own(Box::new(own)))
    }

    /// Uses the nodes at these addresses; the operator's token is in this file.
    pub(crate) async fn elsewhere(urls: &[String], token_file: &Path) -> Result<Self> {
        let token = std::fs::read_to_string(token_file)
            .with_context(|| format!("cannot read {}", token_file.display()))?;
        let door = Door::open(urls).await?;
        let (token, token_file) = (token.trim().to_owned(), token_file.to_owned());
        Ok(Self::Elsewhere(Elsewhere { door, token_file, token }))
    }

    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Elsewhere(_))
    }

    /// Stops it in order and starts it again on the same folder. A node that is not ours is left
    /// alone.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        match self {
            Self::Own(own) => own.begin().await,
            Self::Elsewhere(_) => Ok(()),
        }
    }

    /// Stops it in order, if it is ours.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let running = match self {
            Self::Own(own) => own.running.take(),
            Self::Elsewhere(_) => None,
        };
        match running {
            Some(running) => Box::pin(running.stop()).await,
            None => Ok(()),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Own(own) => format!("http://{}", own.listen),
            Self::Elsewhere(nodes) => format!("http://{}", nodes.door.address()),
        }
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        match self {
            Self::Own(own) => own.data.join("root-token"),
            Self::Elsewhere(nodes) => nodes.token_file.clone(),
        }
    }

    /// A caller with the root token.
    pub(crate) fn root(&self) -> Result<Client> {
        let token = match self {
            Self::Own(own) => &own.running.as_ref().context("the node is not running")?.root_token,
            Self::Elsewhere(nodes) => &nodes.token,
        };
        Client::new(&self.url(), token)
    }
}

impl Own {
    async fn begin(&mut self) -> Result<()> {
        let mut config = Config::default();
        config.node.data.clone_from(&self.data);
        config.http.listen = self.listen;
        if let Some(model) = &self.model {
            config.answers.model_folder = model.display().to_string();
        }
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
}
