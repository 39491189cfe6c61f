use std::pin::Pin;
use std::sync::Arc;

use impresario_ids::{ProfileId, TenantId};
use impresario_router::Failure;

/// What a port gives: its answer, once it is known.
///
/// Everything that the outbox carries out is polled under a lock of its reign, so a port never
/// blocks: a wait inside a poll would stop whoever ends the reign, then the other tasks of the reign,
/// and with the last worker of the runtime the whole node. What has to block does so on a thread of
/// its own.
pub type Asking<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Where the outbox learns of a tenant's webhook endpoints. A closure will do.
pub trait Tenants: Send + Sync + 'static {
    /// The tenant's state as of a recent commit.
    ///
    /// # Errors
    /// [`Failure::UnknownTenant`] if there is none; other failures are tried again.
    fn state(&self, tenant: TenantId) -> Asking<Arc<impresario_tenant::State>>;
}

impl<F> Tenants for F
where
    F: Fn(TenantId) -> Asking<Arc<impresario_tenant::State>> + Send + Sync + 'static,
{
    fn state(&self, tenant: TenantId) -> Asking<Arc<impresario_tenant::State>> {
        self(tenant)
    }
}

/// Where the outbox learns which profiles a tenant has. A closure will do.
pub trait ProfileWalk: Send + Sync + 'static {
    /// Up to `limit` profiles in the order of their ids, those after `after`; empty at the end. A
    /// profile that exists throughout the walk is met; one that appears meanwhile may be missed,
    /// because it was decided under the new policy already.
    ///
    /// # Errors
    /// If the profiles cannot be read; the walk begins anew later.
    fn page(
        &self,
        tenant: TenantId,
        after: Option<ProfileId>,
        limit: usize,
    ) -> Asking<Vec<ProfileId>>;
}

impl<F> ProfileWalk for F
where
    F: Fn(TenantId, Option<ProfileId>, usize) -> Asking<Vec<ProfileId>> + Send + Sync + 'static,
{
    fn page(
        &self,
        tenant: TenantId,
        after: Option<ProfileId>,
        limit: usize,
    ) -> Asking<Vec<ProfileId>> {
        self(tenant, after, limit)
    }
}

/// What [`Settle::settle`] gives: the outcome, once it is known.
pub type Settling = Asking<()>;

/// How a sweep makes sure that the whole system has heard of what it is about. A closure will do.
pub trait Settle: Send + Sync + 'static {
    /// Waits until every turn that was decided under an older policy of the tenant than the one in
    /// force when this was called is committed or has failed, on every node that decides for
    /// anything. What is decided afterwards sees that policy, or a newer one.
    ///
    /// # Errors
    /// If that is not certain; it is tried again later.
    fn settle(&self, tenant: TenantId) -> Settling;
}

impl<F> Settle for F
where
    F: Fn(TenantId) -> Settling + Send + Sync + 'static,
{
    fn settle(&self, tenant: TenantId) -> Settling {
        self(tenant)
    }
}
