//! Putting a node's parts together, and taking them apart in the right order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use impresario_config::Config;
use impresario_host::clock::{Clock, SystemClock};
use impresario_host::{Host, HostBuilder, HostParts, NoPolicy};
use impresario_http::{AdminPort, Edge, EdgeParts, Live};
use impresario_ids::{ProfileId, TenantId};
use impresario_outbox::{Hook, Outbox, Parts};
use impresario_profile::Profile;
use impresario_quarantine::Quarantine;
use impresario_router::{Failure, Router};
use impresario_segment::Segment;
use impresario_tenant::Tenant;
use impresario_views::{Cursor, Directory, Views};
use metrics_exporter_prometheus::PrometheusHandle;
use rand::RngCore;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::meters::install_metrics;
use super::policies::{Policies, SegmentPolicies, failure_of, tenant_state};
use super::{LogHandle, OpenStore, secrets, watch};
use crate::admin::{Admin, AdminParts};

/// What a node is started with.
#[derive(Debug)]
pub struct ServeOptions {
    /// All options.
    pub config: Config,
    /// The process's logs.
    pub logs: LogHandle,
    /// Renders the process's metrics. There is one recorder in a process: who starts a second node
    /// hands in what [`install_metrics`] gave for the first.
    pub metrics: Option<PrometheusHandle>,
}

/// A node that serves.
#[derive(Debug)]
pub struct Running {
    /// Where the edge listens.
    pub address: SocketAddr,
    /// What operators authenticate with.
    pub root_token: String,
    is_tls: bool,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), impresario_http::ServeError>>,
    outbox: Arc<Outbox>,
    host: Host,
    drain: Duration,
}

impl Running {
    /// The edge's address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Stops: no new requests, open ones end; effects under way end; every entity is passivated;
    /// the store closes.
    ///
    /// # Errors
    /// If the edge failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        // The edge may have ended by itself.
        let _ = self.shutdown.send(());
        let served = self.serving.await.context("the edge panicked")?;
        self.outbox.stop(self.drain).await;
        self.host.stop().await;
        served.context("the edge failed")
    }
}

/// Starts a node and returns once it listens.
///
/// # Errors
/// If a part does not start; what was started before is dropped.
pub async fn start(options: ServeOptions) -> anyhow::Result<Running> {
    let ServeOptions { config, logs, metrics } = options;
    let store = OpenStore::open(&config).await?;
    let root_token = secrets::root_token(&config.node.data)?;
    let metrics = metrics.map_or_else(install_metrics, Ok)?;

    let directory = Arc::new(Directory::new(Arc::clone(&store.journal), Arc::clone(&store.vault)));
    let views = Views::new(Arc::clone(&store.journal), Arc::clone(&store.vault));
    let live = Arc::new(Live::new(config.http.live_buffer, config.http.subscribers_max));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let hook = Hook::new(config.node.partitions, config.outbox.queue_rows_max);

    let host = host(&config, &store, &clock, (&directory, &views), &live, &hook).await?;
    host.finish_erasures().await.context("an interrupted erasure cannot go on")?;
    let router = Router::new(host.clone(), config.router.clone());
    let outbox = Arc::new(outbox(&config, &host, &router, &directory, &views, hook).await?);
    let admin: Arc<dyn AdminPort> = Arc::new(Admin::new(AdminParts {
        host: host.clone(),
        router: router.clone(),
        outbox: Arc::clone(&outbox),
        directory: Arc::clone(&directory),
        views: views.clone(),
        live: Arc::clone(&live),
        config: config.clone(),
        logs,
    }));
    let parts = EdgeParts {
        router,
        views,
        directory,
        live,
        admin,
        clock: Arc::new(move || clock.now()),
        random: Arc::new(fill_random),
        options: config.http.clone(),
        metrics,
        root_token_hash: *blake3::hash(root_token.as_bytes()).as_bytes(),
        quota_file: Some(config.node.data.join("request-counts")),
    };
    listen(&config, parts, root_token, outbox, host)
}

async fn host(
    config: &Config,
    store: &OpenStore,
    clock: &Arc<dyn Clock>,
    (directory, views): (&Arc<Directory>, &Views),
    live: &Arc<Live>,
    hook: &Arc<Hook>,
) -> anyhow::Result<Host> {
    let mut seed = [0; 8];
    fill_random(&mut seed);
    let parts = HostParts {
        journal: Arc::clone(&store.journal),
        vault: Arc::clone(&store.vault),
        clock: Arc::clone(clock),
        options: config.host.clone(),
        seed: u64::from_le_bytes(seed),
    };
    let host = HostBuilder::new(parts)
        .entity::<Tenant>(
            Arc::new(NoPolicy::default()),
            vec![watch::tenants(Arc::clone(directory))],
        )
        .entity::<Profile>(
            Arc::new(Policies::new(Arc::clone(directory), views.clone())),
            vec![watch::profiles(Arc::clone(live))],
        )
        .entity::<Segment>(
            Arc::new(SegmentPolicies(Arc::clone(directory))),
            vec![watch::segments(Arc::clone(live))],
        )
        .entity::<Quarantine>(Arc::new(NoPolicy::default()), Vec::new())
        .hook(Arc::clone(hook) as Arc<dyn impresario_host::CommitHook>)
        .start()
        .await;
    host.context("the host does not start")
}

async fn outbox(
    config: &Config,
    host: &Host,
    router: &Router,
    directory: &Arc<Directory>,
    views: &Views,
    hook: Arc<Hook>,
) -> anyhow::Result<Outbox> {
    let sender =
        impresario_webhooks::Sender::new(&config.webhooks).context("webhooks cannot be sent")?;
    let directory = Arc::clone(directory);
    let views = views.clone();
    let parts = Parts {
        host: host.clone(),
        router: router.clone(),
        tenants: Arc::new(move |tenant: TenantId| tenant_state(&directory, tenant)),
        profiles: Arc::new(move |tenant: TenantId, after: Option<ProfileId>, limit: usize| {
            profile_ids(&views, tenant, after, limit)
        }),
        sender: Arc::new(sender),
        options: config.outbox.clone(),
    };
    Outbox::start(parts, hook).await.context("the outbox does not start")
}

/// One page of a walk over a tenant's profiles.
fn profile_ids(
    views: &Views,
    tenant: TenantId,
    after: Option<ProfileId>,
    limit: usize,
) -> Result<Vec<ProfileId>, Failure> {
    let after = after.map(Cursor::after_profile);
    let page = views.profiles(tenant, after.as_ref(), limit).map_err(failure_of)?;
    Ok(page.items.into_iter().map(|item| item.id).collect())
}

fn listen(
    config: &Config,
    parts: EdgeParts,
    root_token: String,
    outbox: Arc<Outbox>,
    host: Host,
) -> anyhow::Result<Running> {
    let bound = impresario_http::bind(Edge::new(parts)).context("the edge does not listen")?;
    let address = bound.address();
    let (shutdown, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve(async move {
        // A dropped sender stops the edge too.
        let _ = stopped.await;
    }));
    let drain = Duration::from_millis(config.http.drain_ms);
    tracing::info!(%address, data = %config.node.data.display(), "listening");
    Ok(Running {
        address,
        root_token,
        is_tls: config.http.tls.is_some(),
        shutdown,
        serving,
        outbox,
        host,
        drain,
    })
}

/// Fills with bytes of this thread's generator: cryptographically strong, seeded and reseeded by the
/// operating system, without a system call for each request.
fn fill_random(bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}
