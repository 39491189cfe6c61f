use impresario_ids::TenantId;
use impresario_journal::{ReadError, Table};
use impresario_profile::index;
use impresario_rows::{counter, index_key};

use crate::{ViewError, Views};

impl Views {
    /// How many profiles the tenant has: one counter per partition, however many profiles there are.
    ///
    /// A node that holds only some of the partitions takes what they have for their share of all:
    /// profiles are spread evenly by a hash.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn profiles_total(&self, tenant: TenantId) -> Result<u64, ViewError> {
        let key = index_key(tenant, index::PROFILE_COUNT, None, &[]);
        let (mut sum, mut held, mut all) = (0_i64, 0_u64, 0_u64);
        for partition in self.partitions() {
            all += 1;
            match self.journal.get(partition, Table::Index, &key) {
                Ok(value) => {
                    held += 1;
                    sum += value.as_deref().map_or(0, counter);
                }
                Err(ReadError::NoPartition(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(share_of_all(u64::try_from(sum).unwrap_or_default(), held, all))
    }
}

fn share_of_all(sum: u64, held: u64, all: u64) -> u64 {
    if held == all { sum } else { sum.saturating_mul(all) / held.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_that_are_elsewhere_are_taken_to_be_like_those_that_are_here() {
        let got = [(12, 16, 16), (12, 4, 16), (0, 0, 16), (7, 2, 3)]
            .map(|(sum, held, all)| share_of_all(sum, held, all));
        assert_eq!(got, [12, 48, 0, 10]);
    }
}
