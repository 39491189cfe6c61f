use std::fmt;
use std::sync::Arc;

use impresario_ids::TenantId;

use crate::edge::Shared;

/// The day's requests of all tenants, for whoever passes them between nodes. A handle.
#[derive(Clone)]
pub struct RequestCounts(Arc<Shared>);

impl fmt::Debug for RequestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestCounts").field("meters", &self.0.meters).finish()
    }
}

impl RequestCounts {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The day, in days of the Unix epoch (UTC).
    #[must_use]
    pub fn day(&self) -> i64 {
        self.0.now().day()
    }

    /// What this node has counted on a day.
    #[must_use]
    pub fn own(&self, day: i64) -> Vec<(TenantId, u64)> {
        self.0.meters.counts(day)
    }

    /// This node has counted at least so many on that day, although it may have forgotten.
    pub fn raise_own(&self, day: i64, tenant: TenantId, used: u64) {
        self.0.meters.raise(day, tenant, used);
    }

    /// All other nodes together have counted at least so many on that day.
    pub fn note_elsewhere(&self, day: i64, tenant: TenantId, used: u64) {
        self.0.meters.note_elsewhere(day, tenant, used);
    }
}
