mod ask;
mod chat;
mod talk;

pub use ask::{Actor, AdminAsk, Operator, Place, Rows};
pub use chat::{Chat, ChatSign, ChatSigns, Embedded, Said};
pub use talk::{ChatFile, Hook, HookAnswer, Image, ModelCallFilter, Talk, Translated};

use std::future::Future;
use std::pin::Pin;

use futures_util::stream::Stream;
use impresario_api::codes::{self, Code};
use impresario_api::{Delivery, Page};
use impresario_ids::{EndpointId, MessageId, TenantId};
use impresario_kernel::Personal;
use serde_json::Value;

/// A JSON answer that is on the way.
pub type PortFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, PortError>> + Send + 'a>>;
/// JSON values that keep coming until the receiver goes.
pub type PortStream = Pin<Box<dyn Stream<Item = Value> + Send>>;

/// Why an operator's request was not done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct PortError {
    /// The stable code.
    pub code: &'static Code,
    /// For the operator.
    pub detail: String,
}

impl PortError {
    /// There is nothing by that name.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self { code: &codes::ADMIN_NOT_FOUND, detail: detail.into() }
    }

    /// The request cannot be meant.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self { code: &codes::PARAMETER_INVALID, detail: detail.into() }
    }

    /// Refused or failed under a code that came from elsewhere.
    #[must_use]
    pub fn coded(code: &str, detail: impl Into<String>) -> Self {
        Self { code: Code::named(code).unwrap_or(&codes::INTERNAL), detail: detail.into() }
    }

    /// It failed on our side.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self { code: &codes::INTERNAL, detail: detail.into() }
    }
}

/// A typed answer that is on the way.
pub type PortTyped<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// What was once sent to a webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentDelivery {
    /// The event type.
    pub kind: String,
    /// The body, byte for byte.
    pub body: Personal<String>,
}

/// What the operators' routes and the shell can ask of a node. The server implements it over the
/// host, the stores and the outbox; the edge only checks the root token and passes on.
pub trait AdminPort: Send + Sync + 'static {
    /// Whatever operators ask that is answered by one JSON value. What changes something is put on
    /// record with `by`, before and after, and goes on if the caller leaves.
    fn ask(&self, by: Operator, ask: AdminAsk, place: Place) -> PortFuture<'_>;
    /// Everything the tenant has, as JSON values one after the other (one per line when served).
    fn export(&self, tenant: TenantId) -> PortStream;
    /// Makes the tenant's data key, durably, so that its entities can be written. Doing it again
    /// changes nothing.
    fn provision(&self, tenant: TenantId) -> PortFuture<'_>;
    /// The newest deliveries to an endpoint, from `cursor` (the answer's `next`) on.
    fn deliveries(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        cursor: Option<String>,
        limit: usize,
    ) -> PortTyped<'_, Page<Delivery>>;
    /// The event type and the body of a past delivery; `None` if there is no such delivery.
    fn delivery(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        message: MessageId,
    ) -> PortTyped<'_, Option<SentDelivery>>;
    /// Destroys the tenant's data keys and then its rows. The tenant was deleted before.
    fn erase(&self, tenant: TenantId) -> PortFuture<'_>;
    /// What happens in a tenant from now on.
    fn tail(&self, tenant: TenantId) -> PortStream;
    /// Whether the node can take requests, with the reasons if not.
    fn ready(&self) -> PortFuture<'_>;
}
