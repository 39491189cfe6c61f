use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use impresario_ids::TenantId;
use impresario_journal::Journal;
use impresario_tenant::{State, Tenant};
use impresario_vault::Vault;
use parking_lot::RwLock;

use crate::{ViewError, load};

/// States kept in memory; past it one is forgotten for each that comes.
const STATES_MAX: usize = 10_000;

/// The states of tenants as they were committed last, in memory. The edge asks it for every
/// request, the hosts for every policy.
///
/// Whoever commits events of a tenant calls [`Directory::invalidate`] once they are durable, and so
/// does whoever destroys a tenant's keys.
pub struct Directory {
    journal: Arc<dyn Journal>,
    vault: Arc<Vault>,
    cache: RwLock<Cache>,
}

#[derive(Default)]
struct Cache {
    states: HashMap<TenantId, Arc<State>>,
    /// Grows with each invalidation, so that a state read before it is not kept after it.
    generation: u64,
}

impl Directory {
    /// An empty directory over a node's store.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, vault: Arc<Vault>) -> Self {
        Self { journal, vault, cache: RwLock::default() }
    }

    /// The tenant's state; `None` if it was never onboarded, or its keys were destroyed.
    ///
    /// # Errors
    /// If its rows cannot be read or opened.
    pub fn get(&self, tenant: TenantId) -> Result<Option<Arc<State>>, ViewError> {
        let generation = {
            let cache = self.cache.read();
            if let Some(state) = cache.states.get(&tenant) {
                return Ok(Some(Arc::clone(state)));
            }
            cache.generation
        };
        // Guessed ids cost no disk read.
        if !self.vault.contains(tenant) {
            return Ok(None);
        }
        let loaded = load::<Tenant>(&*self.journal, &self.vault, &impresario_tenant::key(tenant))?;
        if !loaded.state.is_onboarded() {
            return Ok(None);
        }
        let state = Arc::new(loaded.state);
        let mut cache = self.cache.write();
        if cache.generation == generation {
            if cache.states.len() >= STATES_MAX {
                let any = cache.states.keys().next().copied();
                any.and_then(|any| cache.states.remove(&any));
            }
            cache.states.insert(tenant, Arc::clone(&state));
        }
        Ok(Some(state))
    }

    /// Forgets what is kept of the tenant: the next `get` reads its rows.
    pub fn invalidate(&self, tenant: TenantId) {
        let mut cache = self.cache.write();
        cache.generation += 1;
        cache.states.remove(&tenant);
    }

    /// Tenants by id, from `after` (exclusive) on, deleted ones too until their keys are destroyed.
    ///
    /// # Errors
    /// If rows cannot be read or opened.
    pub fn tenants(
        &self,
        after: Option<TenantId>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Arc<State>)>, ViewError> {
        let mut ids = self.vault.tenants();
        ids.retain(|id| after.is_none_or(|after| *id > after));
        ids.sort_unstable();
        ids.into_iter()
            .filter_map(|id| self.get(id).map(|state| state.map(|state| (id, state))).transpose())
            .take(limit)
            .collect()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("states", &self.cache.read().states.len())
            .finish_non_exhaustive()
    }
}
