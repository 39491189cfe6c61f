//! Putting a node's parts together.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use impresario_answers::Answers;
use impresario_budget::Budget;
use impresario_config::Config;
use impresario_conversation::Conversation;
use impresario_host::clock::{Clock, SystemClock};
use impresario_host::{Committed, Host, HostBuilder, HostParts, NoPolicy, Observer};
use impresario_http::{AdminPort, Edge, EdgeParts, Live};
use impresario_ids::{ProfileId, TenantId};
use impresario_journal::Journal;
use impresario_knowledge::Document;
use impresario_outbox::{Asking, Hook, Outbox, Parts};
use impresario_profile::Profile;
use impresario_quarantine::Quarantine;
use impresario_router::{ClusterReads, Directions, Failure, Gateway, ReadsHere, Router};
use impresario_segment::Segment;
use impresario_tenant::Tenant;
use impresario_views::{Cursor, Directory, Views};
use impresario_wire::Me;
use metrics_exporter_prometheus::PrometheusHandle;
use rand::RngCore;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::compass::Compass;
use super::meters::{install_metrics, record_on};
use super::node::OpenNode;
use super::policies::{
    Assistants, ConversationPolicies, DocumentPolicies, Policies, SegmentPolicies, failure_of,
    tenant_state,
};
use super::running::{House, Running};
use super::{LogHandle, secrets, watch};
use crate::across::keys::Keys;
use crate::across::tenants::Tenants;
use crate::across::{Tasks, live as live_across, quotas, settle};
use crate::admin::{Admin, AdminParts};
use crate::backup::{BackupParts, Backups};
use crate::talk::{Chats, Gateways, Pokes, Talks};

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

/// What a node is made of before it has an edge.
struct Ground {
    node: OpenNode,
    /// The journal, reaching to other nodes where they decide.
    reads: Arc<dyn Journal>,
    across: Option<Arc<ClusterReads>>,
    directions: Option<Arc<dyn Directions>>,
    directory: Arc<Directory>,
    views: Views,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    hook: Arc<Hook>,
    tenants: Tenants,
    pokes: Arc<Pokes>,
    gateways: Arc<Gateways>,
    /// Made when there is a way to entities; documents that change before are found anyway.
    answers: Arc<OnceLock<Answers>>,
}

impl Ground {
    fn new(node: OpenNode) -> Self {
        let config = &node.config;
        let directions = node.member.as_ref().map(|member| {
            let consensus = node.neighbours.consensus().clone();
            let steward = member.steward.clone();
            Arc::new(Compass { me: node.me.node, consensus, steward }) as Arc<dyn Directions>
        });
        let across = node.member.as_ref().zip(directions.as_ref()).map(|(member, directions)| {
            Arc::new(ClusterReads::new(
                Arc::clone(&node.journal),
                member.calls(),
                Arc::clone(directions),
                config.router.reads.clone(),
                Handle::current(),
            ))
        });
        let reads = match &across {
            Some(across) => Arc::clone(across) as Arc<dyn Journal>,
            None => Arc::clone(&node.journal),
        };
        let directory = Arc::new(Directory::new(Arc::clone(&reads), Arc::clone(&node.vault)));
        let views = Views::new(Arc::clone(&reads), Arc::clone(&node.vault));
        let live = Arc::new(Live::new(config.http.live_buffer, config.http.subscribers_max));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let hook = Hook::new(config.node.partitions, config.outbox.queue_rows_max);
        let tenants = Tenants::new(Arc::clone(&directory));
        let (pokes, answers) = (Arc::default(), Arc::default());
        let gateways = Gateways::new(config.node.partitions);
        Self {
            node,
            reads,
            across,
            directions,
            directory,
            views,
            live,
            clock,
            hook,
            tenants,
            pokes,
            gateways,
            answers,
        }
    }

    async fn host(&self) -> anyhow::Result<Host> {
        let (directory, views, live) = (&self.directory, &self.views, &self.live);
        let mut seed = [0; 8];
        fill_random(&mut seed);
        let parts = HostParts {
            journal: Arc::clone(&self.node.journal),
            vault: Arc::clone(&self.node.vault),
            clock: Arc::clone(&self.clock),
            options: self.node.config.host.clone(),
            seed: u64::from_le_bytes(seed),
        };
        let host = HostBuilder::new(parts)
            .entity::<Tenant>(
                Arc::new(NoPolicy::default()),
                vec![self.tenants.observer(), self.gateways.observer()],
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
            .entity::<Document>(
                Arc::new(DocumentPolicies(Arc::clone(directory))),
                vec![self.documents_observer()],
            )
            .entity::<Conversation>(
                Arc::new(Assistants(Arc::clone(directory), ConversationPolicies::default())),
                vec![self.pokes.observer()],
            )
            .entity::<Budget>(Arc::new(NoPolicy::default()), Vec::new())
            .hook(Arc::clone(&self.hook) as Arc<dyn impresario_host::CommitHook>)
            .hook(Arc::clone(&self.gateways) as Arc<dyn impresario_host::CommitHook>)
            .start()
            .await;
        host.context("the host does not start")
    }

    /// The way to entities; other nodes are answered from here on.
    fn router(&self, host: &Host) -> Router {
        let options = self.node.config.router.clone();
        let (Some(member), Some(directions)) = (&self.node.member, &self.directions) else {
            return Router::new(host.clone(), options);
        };
        let reads = ReadsHere::new(
            Arc::clone(&self.node.journal),
            Arc::clone(directions),
            options.reads.clone(),
        );
        let router =
            Router::clustered(host.clone(), options, member.calls(), Arc::clone(directions));
        member.answer(Gateway::new(&router, Arc::clone(directions)).views(Arc::new(reads)));
        router
    }

    fn documents_observer(&self) -> Observer<Document> {
        let answers = Arc::clone(&self.answers);
        Arc::new(move |committed: &Committed<'_, Document>| {
            if let Some(answers) = answers.get() {
                answers.document_changed(committed.key.tenant);
            }
        })
    }

    /// What answers for tenants. Reads the model's weights, if there are any.
    fn answers(&self, router: &Router) -> anyhow::Result<Answers> {
        let config = &self.node.config;
        let (directory, clock) = (Arc::clone(&self.directory), Arc::clone(&self.clock));
        let made = crate::talk::open(crate::talk::Ground {
            options: config.answers.clone(),
            data: &config.node.data,
            router: router.clone(),
            views: self.views.clone(),
            tenants: Arc::new(move |tenant: TenantId| {
                let directory = Arc::clone(&directory);
                aside(move || tenant_state(&directory, tenant))
            }),
            clock: Arc::new(move || clock.now()),
            vault: Arc::clone(&self.node.vault),
            is_clustered: self.node.member.is_some(),
        })?;
        // Nobody else sets it.
        let _ = self.answers.set(made.clone());
        Ok(made)
    }

    async fn outbox(
        &self,
        host: &Host,
        router: &Router,
        answers: &Answers,
    ) -> anyhow::Result<Outbox> {
        let config = &self.node.config;
        let sender = impresario_webhooks::Sender::new(&config.webhooks)
            .context("webhooks cannot be sent")?;
        let (directory, views) = (Arc::clone(&self.directory), self.views.clone());
        let (neighbours, keys) = (self.node.neighbours.clone(), Arc::clone(&self.node.keys));
        let parts = Parts {
            host: host.clone(),
            router: router.clone(),
            settle: settle::everywhere(neighbours, Arc::clone(&directory), host.clone()),
            tenants: Arc::new(move |tenant: TenantId| {
                let directory = Arc::clone(&directory);
                aside(move || tenant_state(&directory, tenant))
            }),
            profiles: Arc::new(move |tenant: TenantId, after: Option<ProfileId>, limit: usize| {
                let views = views.clone();
                aside(move || profile_ids(&views, tenant, after, limit))
            }),
            errands: answers.errands(),
            sender: Arc::new(sender),
            is_gone: Arc::new(move |tenant| keys.is_gone(tenant)),
            options: config.outbox.clone(),
        };
        let outbox = Outbox::start(parts, Arc::clone(&self.hook)).await;
        outbox.context("the outbox does not start")
    }

    fn backups(&self, host: &Host) -> Backups {
        let neighbours = self.node.neighbours.clone();
        Backups::new(BackupParts {
            cluster: self.node.me.cluster,
            host: host.clone(),
            hook: Arc::clone(&self.hook),
            keys: Arc::clone(&self.node.keys),
            config: self.node.config.clone(),
            settle: settle::everywhere(
                neighbours.clone(),
                Arc::clone(&self.directory),
                host.clone(),
            ),
            neighbours,
        })
    }

    /// Lets go of what is kept beside the entities when a tenant is erased.
    fn forget_with(&self, answers: &Answers) {
        let answers = answers.clone();
        self.node.keys.on_forgotten(Box::new(move |tenant| {
            let answers = answers.clone();
            drop(tokio::task::spawn_blocking(move || answers.forget(tenant)));
        }));
    }

    /// What runs beside the edge.
    fn tasks(&self, host: &Host, answers: &Answers) -> Vec<Tasks> {
        let neighbours = &self.node.neighbours;
        vec![
            self.tenants.start(neighbours, host.clone()),
            live_across::start(
                Arc::clone(&self.live),
                Arc::clone(&self.pokes),
                neighbours,
                self.node.config.http.live_buffer,
            ),
            record_on(neighbours.consensus().clone(), Arc::clone(&self.node.journal)),
            self.gateways.start(answers.clone(), Arc::clone(&self.node.vault)),
        ]
    }
}

/// Starts a node and returns once it listens.
///
/// # Errors
/// If a part does not start; what was started before is dropped.
pub async fn start(options: ServeOptions) -> anyhow::Result<Running> {
    let ServeOptions { config, logs, metrics } = options;
    let metrics = metrics.map_or_else(install_metrics, Ok)?;
    let node = OpenNode::open(&config).await?;
    let config = node.config.clone();
    let root_token = secrets::root_token(&config.node.data)?;
    let ground = Ground::new(node);
    let host = ground.host().await?;
    ground.node.keys.serve(host.clone());
    let router = ground.router(&host);
    let answers = ground.answers(&router)?;
    ground.forget_with(&answers);
    let outbox = Arc::new(ground.outbox(&host, &router, &answers).await?);
    let backups = ground.backups(&host);
    let neighbours = &ground.node.neighbours;
    let mut tasks = ground.tasks(&host, &answers);
    tasks.push(share_root(Arc::clone(&ground.node.keys), &root_token));
    let admin = Admin::open(AdminParts {
        host: host.clone(),
        router: router.clone(),
        outbox: Arc::clone(&outbox),
        directory: Arc::clone(&ground.directory),
        views: ground.views.clone(),
        live: Arc::clone(&ground.live),
        config: config.clone(),
        logs,
        neighbours: neighbours.clone(),
        reads: Arc::clone(&ground.reads),
        wire: ground.node.member.as_ref().map(|member| Arc::clone(&member.wire)),
        metrics: metrics.clone(),
        keys: Arc::clone(&ground.node.keys),
        backups: backups.clone(),
    })?;
    let admin: Arc<dyn AdminPort> = Arc::new(admin);
    let clock = Arc::clone(&ground.clock);
    let root_token_hash = *blake3::hash(root_token.as_bytes()).as_bytes();
    let roots = Arc::clone(&ground.node.keys);
    let parts = EdgeParts {
        router,
        views: ground.views.clone(),
        directory: Arc::clone(&ground.directory),
        live: Arc::clone(&ground.live),
        admin,
        clock: Arc::new(move || clock.now()),
        random: Arc::new(fill_random),
        options: config.http.clone(),
        metrics,
        root_token_hash,
        root_tokens: Arc::new(move |hash| roots.is_root(hash)),
        quota_file: Some(config.node.data.join("request-counts")),
        talk: Talks::new(answers.clone(), neighbours),
        chat: Chats::new(answers.clone(), Arc::clone(&ground.pokes)),
    };
    let edge = Edge::new(parts);
    tasks.push(quotas::start(edge.request_counts(), neighbours));
    backups.start();
    let consensus = neighbours.consensus().clone();
    let across = ground.across.clone();
    let OpenNode { me, keys, member, .. } = ground.node;
    let house = House { outbox, backups, host, keys, member, consensus, across, tasks, answers };
    listen(&config, edge, root_token, me, house)
}

/// Makes this node's root token good at the others too.
fn share_root(keys: Arc<Keys>, token: &str) -> Tasks {
    let hash = *blake3::hash(token.as_bytes()).as_bytes();
    let tasks = Tasks::default();
    tasks.spawn(async move { keys.share_root(hash).await });
    tasks
}

/// Asks what may have to ask another node, and blocks meanwhile, on a thread that may be blocked.
fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Asking<T> {
    let working = tokio::task::spawn_blocking(work);
    Box::pin(async move { working.await.unwrap_or(Err(Failure::Crashed)) })
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
    edge: Edge,
    root_token: String,
    me: Me,
    house: House,
) -> anyhow::Result<Running> {
    let bound = impresario_http::bind(edge).context("the edge does not listen")?;
    let address = bound.address();
    let (shutdown, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve(async move {
        // A dropped sender stops the edge too.
        let _ = stopped.await;
    }));
    let drain = Duration::from_millis(config.http.drain_ms);
    let is_tls = config.http.tls.is_some();
    tracing::info!(%address, node = %me.node, data = %config.node.data.display(), "listening");
    Ok(Running { address, root_token, me, is_tls, shutdown, serving, house, drain })
}

/// Fills with bytes of this thread's generator: cryptographically strong, seeded and reseeded by the
/// operating system, without a system call for each request.
fn fill_random(bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}
