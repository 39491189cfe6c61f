//! Tenants go.

use impresario_ids::TenantId;
use impresario_journal::{KeyRange, Table, Write};
use impresario_kernel::PartitionId;

use crate::Failure;
use crate::host::Host;

impl Host {
    /// Removes every row of a tenant from a partition that is decided for here, after whatever its
    /// entities had submitted. The tenant's keys must be gone before, so that nothing of it is
    /// decided any more; asking again changes nothing.
    ///
    /// # Errors
    /// If the commit failed.
    pub async fn remove_tenant(
        &self,
        partition: PartitionId,
        tenant: TenantId,
    ) -> Result<(), Failure> {
        for kind in self.kinds().all() {
            kind.drop_matching(&|key| key.tenant == tenant && self.partition_of(key) == partition);
        }
        let KeyRange { from, to } = KeyRange::prefix(tenant.as_bytes());
        let tables = Table::ALL.into_iter().filter(|table| *table != Table::Meta);
        let writes =
            tables.map(|table| Write::DeleteRange { table, from: from.clone(), to: to.clone() });
        self.system_commit(partition, writes.collect()).await
    }
}
