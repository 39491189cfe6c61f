//! A node that serves, and how it is taken apart in the right order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use impresario_answers::Answers;
use impresario_consensus::Consensus;
use impresario_host::Host;
use impresario_outbox::Outbox;
use impresario_router::ClusterReads;
use impresario_wire::Me;
use tokio::sync::{oneshot, watch as told};
use tokio::task::JoinHandle;

use super::member::Member;
use crate::across::Tasks;
use crate::across::keys::Keys;
use crate::backup::Backups;

/// A node that serves.
#[derive(Debug)]
pub struct Running {
    /// Where the edge listens.
    pub address: SocketAddr,
    /// What operators authenticate with.
    pub root_token: String,
    /// Which node of which cluster it is.
    pub me: Me,
    pub(super) is_tls: bool,
    pub(super) shutdown: oneshot::Sender<()>,
    pub(super) serving: JoinHandle<Result<(), impresario_http::ServeError>>,
    pub(super) house: House,
    pub(super) drain: Duration,
}

/// What runs behind the edge.
#[derive(Debug)]
pub(super) struct House {
    pub(super) outbox: Arc<Outbox>,
    pub(super) backups: Backups,
    pub(super) host: Host,
    pub(super) keys: Arc<Keys>,
    pub(super) member: Option<Member>,
    pub(super) consensus: Consensus,
    pub(super) across: Option<Arc<ClusterReads>>,
    pub(super) tasks: Vec<Tasks>,
    pub(super) answers: Answers,
}

impl Running {
    /// The edge's address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Tells when and why this node must not go on; never, if it is alone.
    #[must_use]
    pub fn must_stop(&self) -> Option<told::Receiver<Option<String>>> {
        self.house.member.as_ref().map(Member::must_stop)
    }

    /// Looks at the certificates between nodes again.
    pub fn reload(&self) {
        let Some(member) = &self.house.member else { return };
        match member.wire.reload() {
            Ok(true) => tracing::info!("new certificates between nodes are in use"),
            Ok(false) => tracing::info!("the certificates between nodes are as before"),
            Err(error) => {
                tracing::error!(error = %error, "the certificates between nodes stay as they were");
            }
        }
    }

    /// Stops: what this node leads is handed over; no new requests, open ones end; effects under
    /// way end; every entity is passivated; the store closes.
    ///
    /// # Errors
    /// If the edge failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        if let Some(member) = &self.house.member {
            member.hand_over().await;
        }
        // The edge may have ended by itself.
        let _ = self.shutdown.send(());
        let served = self.serving.await.context("the edge panicked")?;
        self.house.stop(self.drain).await;
        served.context("the edge failed")
    }
}

impl House {
    async fn stop(self, drain: Duration) {
        // Their loops end with them.
        drop(self.tasks);
        self.answers.release_gateways(|_| true);
        self.backups.stop().await;
        self.outbox.stop(drain).await;
        // Only caches: a stop that is in a hurry may leave them.
        let _ = tokio::task::spawn_blocking(move || self.answers.close()).await;
        drop(self.keys);
        if let Some(across) = &self.across {
            across.stop().await;
        }
        // Closes the store where nobody else holds it.
        self.host.stop().await;
        if let Some(member) = &self.member {
            member.stop().await;
        }
        self.consensus.shutdown().await;
    }
}
