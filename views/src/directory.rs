use std::fmt;
use std::sync::Arc;

use impresario_ids::TenantId;
use impresario_journal::Journal;
use impresario_kernel::PartitionId;
use impresario_tenant::{State, Tenant};
use impresario_vault::Vault;
use parking_lot::RwLock;

use self::shelf::{Begun, Reign, Shelf};
use crate::{ViewError, load};

mod shelf;

/// The states of tenants as they were committed last, in memory. The edge asks it for every
/// request, the hosts for every policy.
///
/// On the node that leads a tenant's own partition its state is exact: whoever commits events of a
/// tenant there calls [`Directory::invalidate`] once they are durable, and so does whoever destroys a
/// tenant's keys. A state that was kept from before this node led the tenant is never served.
///
/// On the other nodes it is a copy that may be out of date by as long as it takes them to hear of a
/// change: they are told at once ([`Directory::told`]), and as that may get lost, they ask for the
/// sequences of all the states that they keep ([`Directory::round`]) twice a second. So a change is in
/// force everywhere within a second. While the node that leads the tenant does not answer, the last
/// state that is known is served; one that a cut-off node goes on to lead in vain for up to a few
/// seconds is the same.
pub struct Directory {
    journal: Arc<dyn Journal>,
    vault: Arc<Vault>,
    shelf: RwLock<Shelf>,
}

/// A tenant's state that is kept here and led elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Whose.
    pub tenant: TenantId,
    /// The partition of the tenant's own events.
    pub partition: PartitionId,
    /// The sequence of the last event that is known here.
    pub seq: u64,
}

/// What the leader of a tenant's partition says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The sequence of its last event.
    At(u64),
    /// There is no such tenant, or it is not onboarded.
    Gone,
    /// This node does not lead it.
    NotHere,
}

impl Directory {
    /// An empty directory over a node's store, or over that of a cluster.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, vault: Arc<Vault>) -> Self {
        Self { journal, vault, shelf: RwLock::default() }
    }

    /// The tenant's state; `None` if it was never onboarded, or its keys were destroyed.
    ///
    /// # Errors
    /// If its rows cannot be read or opened.
    pub fn get(&self, tenant: TenantId) -> Result<Option<Arc<State>>, ViewError> {
        Ok(self.find(tenant)?.map(|(state, _)| state))
    }

    fn find(&self, tenant: TenantId) -> Result<Option<(Arc<State>, u64)>, ViewError> {
        let reign = self.reign(self.partition_of(tenant));
        let begun = {
            let shelf = self.shelf.read();
            if let Some(found) = shelf.find(tenant, reign) {
                return Ok(Some(found));
            }
            shelf.begin()
        };
        self.read(tenant, reign, begun)
    }

    /// Reads the tenant's rows and keeps what they say.
    fn read(
        &self,
        tenant: TenantId,
        reign: Reign,
        begun: Begun,
    ) -> Result<Option<(Arc<State>, u64)>, ViewError> {
        // Guessed ids cost no disk read.
        if !self.vault.contains(tenant) {
            return Ok(None);
        }
        let loaded = load::<Tenant>(&*self.journal, &self.vault, &impresario_tenant::key(tenant))?;
        if !loaded.state.is_onboarded() {
            return Ok(None);
        }
        let found = (Arc::new(loaded.state), loaded.seq);
        // What was read while the leadership changed is nobody's exact state.
        let reign = reign.filter(|_| self.reign(self.partition_of(tenant)) == reign);
        self.shelf.write().put(tenant, begun, reign, found.clone());
        Ok(Some(found))
    }

    /// Under which term this node leads a partition.
    fn reign(&self, partition: PartitionId) -> Reign {
        let now = self.journal.leadership(partition);
        now.is_leader().then_some(now.term)
    }

    fn partition_of(&self, tenant: TenantId) -> PartitionId {
        impresario_tenant::key(tenant).partition(self.journal.partitions())
    }

    /// Forgets what is kept of the tenant: the next `get` reads its rows.
    pub fn invalidate(&self, tenant: TenantId) {
        self.shelf.write().invalidate(tenant);
    }

    /// Reads the tenant's rows again. Afterwards no state is served that is older than this call.
    ///
    /// # Errors
    /// If they cannot be read; what was kept is served then as before.
    pub fn renew(&self, tenant: TenantId) -> Result<(), ViewError> {
        let reign = self.reign(self.partition_of(tenant));
        let begun = self.shelf.read().begin();
        if self.read(tenant, reign, begun)?.is_none() {
            self.invalidate(tenant);
        }
        Ok(())
    }

    /// Another node says that it has committed events of the tenant up to `seq`. Whether what is kept
    /// here is something else, so that it is to be renewed.
    pub fn told(&self, tenant: TenantId, seq: u64) -> bool {
        let mut shelf = self.shelf.write();
        shelf.told();
        shelf.differs(tenant, seq)
    }

    /// What is kept here and led elsewhere, to ask those who lead it what they know ([`Directory::standing`]).
    /// To be called at regular times: what was not used for twenty rounds is forgotten.
    #[must_use]
    pub fn round(&self) -> Vec<Elsewhere> {
        let reigns: Vec<Reign> =
            (0..self.journal.partitions()).map(|number| self.reign(PartitionId(number))).collect();
        let reign_of =
            |tenant| reigns.get(usize::from(self.partition_of(tenant).0)).copied().flatten();
        let elsewhere = self.shelf.write().round(reign_of);
        let located =
            |(tenant, seq)| Elsewhere { tenant, partition: self.partition_of(tenant), seq };
        elsewhere.into_iter().map(located).collect()
    }

    /// Takes in what the leader of a tenant's partition says of it. Whether it is to be renewed.
    pub fn heard(&self, tenant: TenantId, standing: Standing) -> bool {
        match standing {
            Standing::At(seq) => self.shelf.read().differs(tenant, seq),
            Standing::Gone => {
                self.invalidate(tenant);
                false
            }
            Standing::NotHere => false,
        }
    }

    /// What this node says of a tenant that it may lead.
    ///
    /// # Errors
    /// If the tenant's rows cannot be read or opened.
    pub fn standing(&self, tenant: TenantId) -> Result<Standing, ViewError> {
        let partition = self.partition_of(tenant);
        if self.reign(partition).is_none() {
            return Ok(Standing::NotHere);
        }
        let found = self.find(tenant)?;
        // What was read while another node took over says nothing.
        if self.reign(partition).is_none() {
            return Ok(Standing::NotHere);
        }
        Ok(found.map_or(Standing::Gone, |(_, seq)| Standing::At(seq)))
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
            .field("states", &self.shelf.read().len())
            .finish_non_exhaustive()
    }
}
