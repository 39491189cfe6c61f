//! Tenants come and go.

use impresario_ids::TenantId;
use impresario_journal::{KeyRange, Table, Write};
use impresario_kernel::PartitionId;

use crate::Failure;
use crate::host::Host;

/// Where tenants' keys live, and what says that an erasure is under way.
const SYSTEM: PartitionId = PartitionId(0);
const ERASING: &[u8] = b"erasing/";

impl Host {
    /// Gives the tenant a data key, unless it has one. From then on entities can be asked for.
    ///
    /// # Errors
    /// If the key cannot be stored.
    pub async fn provision(&self, tenant: TenantId) -> Result<(), Failure> {
        let vault = &self.core().vault;
        if vault.contains(tenant) {
            return Ok(());
        }
        let row = vault.provision(tenant)?;
        let write =
            Write::Put { table: Table::Keys, key: tenant.as_bytes().to_vec(), value: row.clone() };
        self.system_commit(SYSTEM, vec![write]).await?;
        vault.activate(tenant, &row)?;
        Ok(())
    }

    /// Destroys the tenant's data keys, which makes everything sealed for it unreadable wherever a
    /// copy may be, then removes its rows from every table. If the process dies on the way, the
    /// removal goes on at the next start ([`Host::finish_erasures`]).
    ///
    /// # Errors
    /// If a commit failed; asking again goes on.
    pub async fn erase(&self, tenant: TenantId) -> Result<(), Failure> {
        let key = tenant.as_bytes().to_vec();
        let writes = vec![
            Write::Put { table: Table::Meta, key: [ERASING, &key].concat(), value: Vec::new() },
            Write::Delete { table: Table::Keys, key },
        ];
        self.core().vault.forget(tenant);
        self.system_commit(SYSTEM, writes).await?;
        self.remove_rows(tenant).await
    }

    async fn remove_rows(&self, tenant: TenantId) -> Result<(), Failure> {
        for kind in self.kinds().all() {
            kind.drop_matching(&|key| key.tenant == tenant);
        }
        let KeyRange { from, to } = KeyRange::prefix(tenant.as_bytes());
        for number in 0..self.core().journal.partitions() {
            let tables = Table::ALL.into_iter().filter(|table| *table != Table::Meta);
            let writes = tables
                .map(|table| Write::DeleteRange { table, from: from.clone(), to: to.clone() })
                .collect();
            // Comes after whatever the dropped activations had submitted.
            self.system_commit(PartitionId(number), writes).await?;
        }
        let done = Write::Delete { table: Table::Meta, key: [ERASING, tenant.as_bytes()].concat() };
        self.system_commit(SYSTEM, vec![done]).await
    }

    /// Goes on with erasures that a crash interrupted. To be called once after the start.
    ///
    /// # Errors
    /// If the store cannot be read or a commit failed.
    pub async fn finish_erasures(&self) -> Result<(), Failure> {
        let mut tenants = Vec::new();
        self.core().journal.scan(
            SYSTEM,
            Table::Meta,
            &KeyRange::prefix(ERASING),
            false,
            &mut |key, _| {
                if let Ok(bytes) = <[u8; 16]>::try_from(&key[ERASING.len()..]) {
                    tenants.push(TenantId::from_bytes(bytes));
                }
                std::ops::ControlFlow::Continue(())
            },
        )?;
        for tenant in tenants {
            self.remove_rows(tenant).await?;
        }
        Ok(())
    }
}
