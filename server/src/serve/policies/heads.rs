//! How many profiles tenants have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use impresario_ids::TenantId;
use impresario_views::{ViewError, Views};

/// Counts where all partitions are at hand; elsewhere it tells what it knows, and has it counted in
/// the background.
pub(super) struct Heads {
    views: Views,
    known: Arc<DashMap<TenantId, Known>>,
    every: Duration,
}

/// What is known of one tenant.
#[derive(Clone)]
struct Known {
    /// `None` until it was counted once.
    count: Option<u64>,
    asked: Instant,
    is_asked: bool,
    news: Arc<AtomicBool>,
}

/// A number, and whether there is a newer one by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) count: Option<u64>,
    news: Arc<AtomicBool>,
}

impl Counted {
    pub(super) fn is_old(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }
}

impl Heads {
    /// Counts a tenant at most so often.
    pub(super) fn new(views: Views, every: Duration) -> Self {
        Self { views, known: Arc::default(), every }
    }

    /// How many profiles the tenant has, or had lately.
    pub(super) fn count(&self, tenant: TenantId, now: Instant) -> Result<Counted, ViewError> {
        let runtime = tokio::runtime::Handle::try_current();
        let Some(runtime) = runtime.ok().filter(|_| !self.views.is_all_here()) else {
            let count = Some(self.views.profiles_total(tenant)?);
            return Ok(Counted { count, ..Counted::default() });
        };
        let mut known = self.known.entry(tenant).or_insert_with(|| Known {
            count: None,
            asked: now,
            is_asked: false,
            news: Arc::default(),
        });
        known.news.store(false, Ordering::Relaxed);
        let is_due =
            known.count.is_none() || now.saturating_duration_since(known.asked) >= self.every;
        if is_due && !known.is_asked {
            known.is_asked = true;
            known.asked = now;
            let (views, all) = (self.views.clone(), Arc::clone(&self.known));
            runtime.spawn_blocking(move || answered(&all, tenant, &views.profiles_total(tenant)));
        }
        Ok(Counted { count: known.count, news: Arc::clone(&known.news) })
    }
}

fn answered(all: &DashMap<TenantId, Known>, tenant: TenantId, total: &Result<u64, ViewError>) {
    let Some(mut known) = all.get_mut(&tenant) else { return };
    known.is_asked = false;
    match total {
        Ok(total) => {
            known.count = Some(*total);
            known.news.store(true, Ordering::Relaxed);
        }
        Err(error) => {
            tracing::debug!(tenant.id = %tenant, code = error.code(), "profiles not counted");
        }
    }
}
