use impresario_ids::TenantId;
use impresario_journal::{Get, Table};
use impresario_profile::index;
use impresario_rows::{counter, index_key};

use crate::{ViewError, Views};

impl Views {
    /// How many profiles the tenant has: one counter per partition, however many profiles there are.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn profiles_total(&self, tenant: TenantId) -> Result<u64, ViewError> {
        let key = index_key(tenant, index::PROFILE_COUNT, None, &[]);
        let get = |partition| Get { partition, table: Table::Index, key: key.clone() };
        let gets: Vec<_> = self.partitions().map(get).collect();
        let values = self.journal.get_many(&gets)?;
        let sum: i64 = values.iter().flatten().map(|value| counter(value)).sum();
        Ok(u64::try_from(sum).unwrap_or_default())
    }

    /// Whether [`Views::profiles_total`] needs no other node: it then takes microseconds.
    #[must_use]
    pub fn is_all_here(&self) -> bool {
        self.partitions().all(|partition| self.journal.leadership(partition).is_leader())
    }
}
