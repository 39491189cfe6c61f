use impresario_ids::TenantId;
use impresario_journal::Table;
use impresario_kernel::{EntityKey, PartitionId};

/// Where a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// To an entity: it lies in that one's partition.
    Entity(EntityKey),
    /// It is a number to which every partition may have added: what matters is the sum over all of
    /// them.
    Sum,
    /// It is a number that counts other rows of its partition ([`Layout::counted_by`]): made anew
    /// from those.
    Count,
    /// To a tenant as a whole: it may lie anywhere, once.
    Anywhere,
    /// To the partition in which it is: it stays behind when rows are divided anew.
    Own,
}

/// A row of no kind that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misplaced;

/// What the keys of rows mean. The storage below knows only that all but those of [`Table::Meta`]
/// begin with a tenant.
pub trait Layout: Send + Sync {
    /// Where a row belongs: by its key, and in a few cases by what it says.
    ///
    /// # Errors
    /// [`Misplaced`] if this release does not know such rows: then nobody can say where they go.
    fn home(&self, table: Table, key: &[u8], value: &[u8]) -> Result<Home, Misplaced>;

    /// The key, in the same table, of the number that counts rows such as this one in each partition.
    fn counted_by(&self, table: Table, key: &[u8]) -> Option<Vec<u8>>;
}

/// The tenant of a row, whose table is not [`Table::Meta`].
pub(crate) fn tenant_of(key: &[u8]) -> Option<TenantId> {
    key.first_chunk().map(|bytes| TenantId::from_bytes(*bytes))
}

/// One partition for a row that may be in any: spread by its key, always the same.
pub(crate) fn anywhere(tenant: TenantId, table: Table, key: &[u8], partitions: u16) -> PartitionId {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(key).as_bytes()[..16]);
    EntityKey { tenant, kind: table.code(), id }.partition(partitions)
}
