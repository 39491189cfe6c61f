//! What operators may ask: the shell's and the admin routes' other end, on any node of a cluster.
//!
//! An ask is answered here, by the node that is named, by the node that decides for the row or the
//! entity it is about, or by every node that is alive; [`place`] says which. What changes something
//! is put on record before it is begun, and again when its end is known ([`audit`]).

mod actors;
mod audit;
mod backups;
mod cluster;
mod deliveries;
mod effects;
mod export;
mod heat;
mod here;
mod merge;
mod node;
mod partitions;
mod place;
mod rows;
mod trace;
mod waits;

use std::ops::Deref;
use std::sync::{Arc, Weak};

use anyhow::Context;
use impresario_api::codes;
use impresario_api::{Delivery, Page};
use impresario_config::Config;
use impresario_host::Host;
use impresario_http::{
    AdminAsk, AdminPort, Live, Operator, Place, PortError, PortFuture, PortStream, PortTyped,
    SentDelivery,
};
use impresario_ids::{ClusterId, EndpointId, MessageId, TenantId, TraceId};
use impresario_journal::Journal;
use impresario_kernel::Timestamp;
use impresario_outbox::Outbox;
use impresario_router::{Failure, Router};
use impresario_steward::Identity;
use impresario_views::{Directory, Views};
use impresario_wire::Wire;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

use crate::across::Neighbours;
use crate::across::admin::{Desk, MARK};
use crate::across::keys::{Keys, KeysError};
use crate::backup::Backups;
use crate::serve::LogHandle;
use audit::{Act, Audit};
use heat::Heat;

pub(crate) use partitions::record_metrics;

/// What the port looks at.
pub(crate) struct AdminParts {
    pub(crate) host: Host,
    pub(crate) router: Router,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) views: Views,
    pub(crate) live: Arc<Live>,
    pub(crate) config: Config,
    pub(crate) logs: LogHandle,
    pub(crate) neighbours: Neighbours,
    /// Reads of every partition, wherever it is led.
    pub(crate) reads: Arc<dyn Journal>,
    /// `None` on a node that is alone.
    pub(crate) wire: Option<Arc<Wire>>,
    /// Renders the process's metrics.
    pub(crate) metrics: PrometheusHandle,
    /// The tenants' keys, in the whole cluster.
    pub(crate) keys: Arc<Keys>,
    pub(crate) backups: Backups,
}

/// The port over this node's parts. A handle: cheap to clone.
#[derive(Clone)]
pub(crate) struct Admin(Arc<Inner>);

pub(crate) struct Inner {
    parts: AdminParts,
    started: Timestamp,
    heat: Heat,
    audit: Arc<Audit>,
    /// Of a node that is alone: its data folder says.
    cluster: Option<ClusterId>,
}

impl Deref for Admin {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Admin {
    /// The port; from now on this node also answers what other nodes pass on.
    ///
    /// # Errors
    /// If the record of what operators do cannot be opened.
    pub(crate) fn open(parts: AdminParts) -> anyhow::Result<Self> {
        let data = &parts.config.node.data;
        let audit = Audit::open(data).context("the record of operators' acts cannot be opened")?;
        let identity = Identity::open(data).ok().and_then(|identity| identity.me());
        let admin = Self(Arc::new(Inner {
            started: parts.host.clock().now(),
            heat: Heat::default(),
            audit: Arc::new(audit),
            cluster: identity.map(|me| me.cluster),
            parts,
        }));
        admin.parts.neighbours.board().open(MARK, Arc::new(Desk::new(admin.weak())));
        Ok(admin)
    }

    fn weak(&self) -> WeakAdmin {
        WeakAdmin(Arc::downgrade(&self.0))
    }

    fn now(&self) -> Timestamp {
        self.parts.host.clock().now()
    }

    /// Puts an act on record, does it, and puts its outcome on record.
    async fn audited(
        &self,
        by: &Operator,
        act: &str,
        detail: Value,
        doing: impl Future<Output = Result<Value, PortError>>,
    ) -> Result<Value, PortError> {
        let act = Act::new(self.now(), self.parts.neighbours.me(), by, act, detail);
        self.note(act.begun()).await?;
        let outcome = doing.await;
        let code = outcome.as_ref().err().map(|error| (error.code.name, error.detail.as_str()));
        let ended = act.ended(self.now(), code);
        if let Err(error) = self.note(ended).await {
            tracing::error!(%error, "the outcome of an operator's act is not on record");
        }
        outcome
    }

    /// Keeps a line of the record here, durably, and tells the others.
    async fn note(&self, line: Value) -> Result<(), PortError> {
        let audit = Arc::clone(&self.audit);
        let text = line.to_string();
        let kept = text.clone();
        let outcome = tokio::task::spawn_blocking(move || audit.append(&kept)).await;
        outcome.map_err(internal)?.map_err(|error| {
            internal(format!("nothing was done: it cannot be put on record: {error}"))
        })?;
        crate::across::admin::tell(&self.parts.neighbours, &text);
        Ok(())
    }

    /// Keeps a line that another node has written.
    pub(crate) async fn keep(&self, line: String) -> Result<(), PortError> {
        let audit = Arc::clone(&self.audit);
        let kept = tokio::task::spawn_blocking(move || audit.append(&line)).await;
        kept.map_err(internal)?.map_err(internal)
    }
}

/// Does not keep the node's parts alive.
#[derive(Clone)]
pub(crate) struct WeakAdmin(Weak<Inner>);

impl WeakAdmin {
    pub(crate) fn upgrade(&self) -> Option<Admin> {
        self.0.upgrade().map(Admin)
    }
}

fn internal(error: impl std::fmt::Display) -> PortError {
    PortError::internal(error.to_string())
}

/// What a part of this node could not do, under its own code.
fn failed(failure: Failure) -> PortError {
    match failure {
        Failure::UnknownTenant => PortError::not_found("there is no such tenant"),
        other => PortError::coded(other.code(), other.to_string()),
    }
}

fn keyless(error: KeysError) -> PortError {
    let detail = error.to_string();
    match error {
        KeysError::Unavailable(_) => PortError { code: &codes::UNAVAILABLE, detail },
        KeysError::Refused { code, .. } => PortError::coded(&code, detail),
    }
}

/// An act of the program itself, on behalf of the root token.
fn the_root() -> Operator {
    Operator { token: "root".to_owned(), peer: None, trace: TraceId::NIL }
}

impl AdminPort for Admin {
    fn ask(&self, by: Operator, ask: AdminAsk, place: Place) -> PortFuture<'_> {
        let admin = self.clone();
        if !ask.is_act() {
            return Box::pin(async move { admin.answer(&by, ask, place).await });
        }
        // An act goes on if its caller leaves, and its end is put on record.
        let doing = tokio::spawn(async move {
            let detail = json!({ "ask": &ask, "place": place });
            let doing = admin.answer(&by, ask.clone(), place);
            admin.audited(&by, audit::name_of(&ask), detail, doing).await
        });
        Box::pin(async move { doing.await.unwrap_or_else(|error| Err(internal(error))) })
    }

    fn export(&self, tenant: TenantId) -> PortStream {
        self.export_stream(tenant)
    }

    fn provision(&self, tenant: TenantId) -> PortFuture<'_> {
        Box::pin(async move {
            self.parts.keys.provision(tenant).await.map_err(keyless)?;
            Ok(json!({ "tenant": tenant }))
        })
    }

    fn deliveries(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        cursor: Option<String>,
        limit: usize,
    ) -> PortTyped<'_, Page<Delivery>> {
        Box::pin(
            async move { self.deliveries_page(tenant, endpoint, cursor.as_deref(), limit).await },
        )
    }

    fn delivery(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        message: MessageId,
    ) -> PortTyped<'_, Option<SentDelivery>> {
        Box::pin(async move { self.sent_delivery(tenant, endpoint, message).await })
    }

    fn erase(&self, tenant: TenantId) -> PortFuture<'_> {
        Box::pin(async move {
            let detail = json!({ "tenant": tenant });
            let erasing = async {
                self.parts.keys.erase(tenant).await.map_err(keyless)?;
                self.parts.directory.invalidate(tenant);
                tracing::info!(tenant.id = %tenant, "tenant erased");
                Ok(json!({ "tenant": tenant, "erased": true }))
            };
            self.audited(&the_root(), "tenant_erase", detail, erasing).await
        })
    }

    fn tail(&self, tenant: TenantId) -> PortStream {
        self.tail_stream(tenant)
    }

    fn ready(&self) -> PortFuture<'_> {
        Box::pin(async { self.ready_value() })
    }
}

/// What needs a cluster was asked of a node without one.
fn alone() -> PortError {
    PortError {
        code: &codes::CLUSTER_ALONE,
        detail: "this node was started without --cluster-listen".to_owned(),
    }
}
