use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router, middleware};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::log::Log;
use crate::script::Script;
use crate::{Entry, Rule, attend, channels, llm};

/// The farm's script and log; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Farm {
    pub(crate) script: Arc<Script>,
    pub(crate) log: Arc<Log>,
}

impl Farm {
    /// A farm without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule behind the others.
    pub fn script(&self, rule: Rule) {
        self.script.add([rule]);
    }

    /// Forgets all rules and the log.
    pub fn clear(&self) {
        self.script.clear();
        self.log.clear();
    }

    /// All requests so far, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.log.entries()
    }

    /// How many answers were charged, by the caller's request id.
    #[must_use]
    pub fn charged(&self) -> BTreeMap<String, u32> {
        self.log.charged()
    }

    /// How many requests went to a path that contains this.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.log.count(path)
    }

    /// Waits until so many requests have begun to a path that contains this; for ever if they never do.
    pub async fn begun(&self, path: &str, count: usize) {
        let mut changes = self.log.watch();
        loop {
            changes.mark_unchanged();
            if self.log.count(path) >= count || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the log is as wanted; for ever if it never is, so bound it from outside.
    pub async fn wait(&self, wanted: impl Fn(&[Entry]) -> bool + Send) {
        let mut changes = self.log.watch();
        loop {
            changes.mark_unchanged();
            if wanted(&self.log.entries()) {
                return;
            }
            // The farm itself holds the sender, so it cannot have gone.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Everything the farm serves.
    pub fn router(&self) -> Router {
        let providers = llm::routes()
            .merge(channels::routes())
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(middleware::from_fn_with_state(self.clone(), attend::attend));
        Router::new()
            .route("/_script", post(add_rules).get(list_rules).delete(forget))
            .route("/_log", get(list_log))
            .route("/_charged", get(list_charged))
            .merge(providers)
            .with_state(self.clone())
    }

    /// Serves on `address` (port 0 takes a free one) until the answer is dropped.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(&self, address: SocketAddr) -> std::io::Result<Running> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        // Small pieces are to arrive as small pieces, and at once.
        let listener = listener.tap_io(|stream| {
            let _without = stream.set_nodelay(true);
        });
        let router = self.router();
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Running { address, farm: self.clone(), task })
    }

    /// A new farm on a free port of the loopback address.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn local() -> std::io::Result<Running> {
        Self::new().start(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }
}

/// A farm that serves; dropping it ends that.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its script and log.
    pub farm: Farm,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// The base URL of a provider, without a slash at the end.
    #[must_use]
    pub fn url(&self, provider: &str) -> String {
        format!("http://{}/{provider}", self.address)
    }

    /// Serves until the socket fails.
    ///
    /// # Errors
    /// The socket's.
    pub async fn forever(mut self) -> std::io::Result<()> {
        (&mut self.task).await.map_err(std::io::Error::other)?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One rule or a list of them.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Rules {
    Many(Vec<Rule>),
    One(Box<Rule>),
}

async fn add_rules(State(farm): State<Farm>, Json(rules): Json<Rules>) -> StatusCode {
    match rules {
        Rules::Many(rules) => farm.script.add(rules),
        Rules::One(rule) => farm.script.add([*rule]),
    }
    StatusCode::NO_CONTENT
}

async fn list_rules(State(farm): State<Farm>) -> Json<Vec<Rule>> {
    Json(farm.script.rules())
}

async fn forget(State(farm): State<Farm>) -> StatusCode {
    farm.clear();
    StatusCode::NO_CONTENT
}

async fn list_log(State(farm): State<Farm>) -> Json<Vec<Entry>> {
    Json(farm.log())
}

async fn list_charged(State(farm): State<Farm>) -> Json<BTreeMap<String, u32>> {
    Json(farm.charged())
}
