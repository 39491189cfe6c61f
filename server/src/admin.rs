//! What operators may ask of this node: the shell's and the admin routes' other end.

mod actors;
mod deliveries;
mod effects;
mod export;
mod node;
mod rows;

use std::sync::Arc;

use impresario_api::{Delivery, Page};
use impresario_config::Config;
use impresario_host::Host;
use impresario_http::{
    AdminPort, Live, PortError, PortFuture, PortStream, PortTyped, SentDelivery,
};
use impresario_ids::{EndpointId, MessageId, TenantId};
use impresario_kernel::Timestamp;
use impresario_outbox::Outbox;
use impresario_router::Router;
use impresario_views::{Directory, Views};

use crate::serve::LogHandle;

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
}

/// The port over this node's parts.
pub(crate) struct Admin {
    parts: AdminParts,
    started: Timestamp,
}

impl Admin {
    pub(crate) fn new(parts: AdminParts) -> Self {
        let started = parts.host.clock().now();
        Self { parts, started }
    }

    fn now(&self) -> Timestamp {
        self.parts.host.clock().now()
    }
}

fn internal(error: impl std::fmt::Display) -> PortError {
    PortError::internal(error.to_string())
}

impl AdminPort for Admin {
    fn node(&self) -> PortFuture<'_> {
        Box::pin(async { Ok(self.node_value()) })
    }

    fn stores(&self) -> PortFuture<'_> {
        Box::pin(async { Ok(self.stores_value()) })
    }

    fn actors_top(&self, kind: Option<String>, limit: usize) -> PortFuture<'_> {
        Box::pin(async move { Ok(self.top_value(kind.as_deref(), limit)) })
    }

    fn actor_show(&self, tenant: TenantId, kind: String, id: String) -> PortFuture<'_> {
        Box::pin(async move { self.show_value(tenant, &kind, &id).await })
    }

    fn timers(&self, tenant: Option<TenantId>, limit: usize) -> PortFuture<'_> {
        Box::pin(async move { self.timers_value(tenant, limit) })
    }

    fn outbox(&self, tenant: Option<TenantId>, limit: usize) -> PortFuture<'_> {
        Box::pin(async move { self.outbox_value(tenant, limit) })
    }

    fn outbox_drop(&self, id: String) -> PortFuture<'_> {
        Box::pin(async move { self.drop_effect(&id).await })
    }

    fn outbox_retry(&self, id: String) -> PortFuture<'_> {
        Box::pin(async move { self.retry_effect(&id).await })
    }

    fn dead_letters(&self, tenant: Option<TenantId>, limit: usize) -> PortFuture<'_> {
        Box::pin(async move { self.dead_letters_value(tenant, limit) })
    }

    fn dead_letter_replay(&self, id: String) -> PortFuture<'_> {
        Box::pin(async move { self.replay_dead_letter(&id).await })
    }

    fn dead_letter_drop(&self, id: String) -> PortFuture<'_> {
        Box::pin(async move { self.drop_dead_letter(&id).await })
    }

    fn config(&self) -> PortFuture<'_> {
        Box::pin(async { serde_json::to_value(&self.parts.config).map_err(internal) })
    }

    fn log_level(&self, set: Option<String>) -> PortFuture<'_> {
        Box::pin(async move {
            if let Some(filter) = set {
                self.parts.logs.set(&filter).map_err(PortError::invalid)?;
                tracing::info!(filter, "log filter set");
            }
            Ok(serde_json::json!({ "filter": self.parts.logs.get() }))
        })
    }

    fn tenants(&self, after: Option<TenantId>, limit: usize) -> PortFuture<'_> {
        Box::pin(async move { self.tenants_value(after, limit) })
    }

    fn export(&self, tenant: TenantId) -> PortStream {
        self.export_stream(tenant)
    }

    fn provision(&self, tenant: TenantId) -> PortFuture<'_> {
        Box::pin(async move {
            self.parts.host.provision(tenant).await.map_err(internal)?;
            Ok(serde_json::json!({ "tenant": tenant }))
        })
    }

    fn deliveries(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        cursor: Option<String>,
        limit: usize,
    ) -> PortTyped<'_, Page<Delivery>> {
        Box::pin(async move { self.deliveries_page(tenant, endpoint, cursor.as_deref(), limit) })
    }

    fn delivery(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        message: MessageId,
    ) -> PortTyped<'_, Option<SentDelivery>> {
        Box::pin(async move { self.sent_delivery(tenant, endpoint, message) })
    }

    fn erase(&self, tenant: TenantId) -> PortFuture<'_> {
        Box::pin(async move {
            self.parts.host.erase(tenant).await.map_err(internal)?;
            self.parts.directory.invalidate(tenant);
            tracing::info!(tenant.id = %tenant, "tenant erased");
            Ok(serde_json::json!({ "tenant": tenant, "erased": true }))
        })
    }

    fn tail(&self, tenant: TenantId) -> PortStream {
        self.tail_stream(tenant)
    }

    fn ready(&self) -> PortFuture<'_> {
        Box::pin(async { self.ready_value() })
    }
}
