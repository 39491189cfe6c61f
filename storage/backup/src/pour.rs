use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use impresario_ids::TenantId;
use impresario_journal::{Table, Write};
use impresario_kernel::PartitionId;
use serde::Serialize;

use crate::layout::{anywhere, tenant_of};
use crate::{BackupError, Home, Layout, Row};

/// Bytes of rows that go into one commit.
const COMMIT_BYTES: usize = 512 << 10;
/// Commits under way at once.
const UNDER_WAY: usize = 8;

/// The outcome of taking rows.
pub type SinkFuture = Pin<Box<dyn Future<Output = Result<(), BackupError>> + Send>>;

/// The cluster that rows are poured into.
pub trait Sink: Send + Sync {
    /// How many partitions it has.
    fn partitions(&self) -> u16;

    /// Commits writes in one batch. Writes of different calls may be committed in any order.
    fn commit(&self, partition: PartitionId, writes: Vec<Write>) -> SinkFuture;
}

/// What was poured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Poured {
    /// Rows that were written as they were.
    pub rows: u64,
    /// Numbers that were added to those of other partitions.
    pub sums: u64,
    /// Rows of tenants that have no keys (any more): nobody could read them.
    pub forgotten: u64,
    /// Rows about the old partitions themselves, which have no meaning here.
    pub left: u64,
}

/// Puts each row into its partition of another cluster.
pub struct Pourer<'a> {
    sink: &'a dyn Sink,
    layout: &'a dyn Layout,
    /// Only rows of these.
    tenants: &'a BTreeSet<TenantId>,
    /// The two clusters have equally many partitions: every row stays in its own.
    stays: bool,
    partitions: Vec<Filling>,
    under_way: FuturesUnordered<SinkFuture>,
    poured: Poured,
}

#[derive(Default)]
struct Filling {
    writes: Vec<Write>,
    bytes: usize,
    /// Rows, by the key of the number that counts them.
    counted: BTreeMap<(u8, Vec<u8>), i64>,
}

impl<'a> Pourer<'a> {
    /// Pours rows of these tenants out of a cluster of `partitions` into `sink`.
    #[must_use]
    pub fn new(
        sink: &'a dyn Sink,
        layout: &'a dyn Layout,
        tenants: &'a BTreeSet<TenantId>,
        partitions: u16,
    ) -> Self {
        let wanted = sink.partitions();
        Self {
            sink,
            layout,
            tenants,
            stays: wanted == partitions,
            partitions: (0..wanted).map(|_| Filling::default()).collect(),
            under_way: FuturesUnordered::new(),
            poured: Poured::default(),
        }
    }

    /// Takes a row of partition `from`.
    ///
    /// # Errors
    /// [`BackupError::Unroutable`], [`BackupError::Sink`].
    pub async fn pour(&mut self, from: u16, row: Row) -> Result<(), BackupError> {
        let unroutable = || BackupError::Unroutable {
            table: row.table.code(),
            key: row.key.iter().take(48).map(|byte| format!("{byte:02x}")).collect(),
        };
        let home = self.layout.home(row.table, &row.key, &row.value);
        let home = home.map_err(|_| unroutable())?;
        if row.table == Table::Meta
            || row.table == Table::Keys
            || (home == Home::Own && !self.stays)
        {
            self.poured.left += 1;
            return Ok(());
        }
        let tenant = tenant_of(&row.key).ok_or_else(unroutable)?;
        if !self.tenants.contains(&tenant) {
            self.poured.forgotten += 1;
            return Ok(());
        }
        if self.stays {
            self.poured.rows += 1;
            return self.put(PartitionId(from), row).await;
        }
        let count = u16::try_from(self.partitions.len()).unwrap_or(u16::MAX);
        match home {
            Home::Entity(entity) => {
                let to = entity.partition(count);
                if let Some(counter) = self.layout.counted_by(row.table, &row.key) {
                    let counted = &mut self.partitions[usize::from(to.0)].counted;
                    *counted.entry((row.table.code(), counter)).or_default() += 1;
                }
                self.poured.rows += 1;
                self.put(to, row).await
            }
            Home::Anywhere => {
                self.poured.rows += 1;
                let to = anywhere(tenant, row.table, &row.key, count);
                self.put(to, row).await
            }
            Home::Sum => {
                let to = anywhere(tenant, row.table, &row.key, count);
                self.poured.sums += 1;
                let Row { table, key, value } = row;
                match <[u8; 8]>::try_from(value.as_slice()) {
                    Ok(number) => {
                        let delta = i64::from_be_bytes(number);
                        self.write(to, Write::Add { table, key, delta }, 48).await
                    }
                    // No number: as good as none.
                    Err(_) => Ok(()),
                }
            }
            Home::Count | Home::Own => Ok(()),
        }
    }

    /// Commits what is left.
    ///
    /// # Errors
    /// [`BackupError::Sink`].
    pub async fn finish(mut self) -> Result<Poured, BackupError> {
        for number in 0..self.partitions.len() {
            let to = PartitionId(u16::try_from(number).unwrap_or(u16::MAX));
            let counted = std::mem::take(&mut self.partitions[number].counted);
            for ((table, key), count) in counted {
                let Some(table) = Table::from_code(table) else { continue };
                let value = count.to_be_bytes().to_vec();
                self.write(to, Write::Put { table, key, value }, 64).await?;
            }
            self.flush(to).await?;
        }
        while let Some(done) = self.under_way.next().await {
            done?;
        }
        Ok(self.poured)
    }

    async fn put(&mut self, to: PartitionId, row: Row) -> Result<(), BackupError> {
        let bytes = row.key.len() + row.value.len() + 24;
        let Row { table, key, value } = row;
        self.write(to, Write::Put { table, key, value }, bytes).await
    }

    async fn write(
        &mut self,
        to: PartitionId,
        write: Write,
        bytes: usize,
    ) -> Result<(), BackupError> {
        let Some(filling) = self.partitions.get_mut(usize::from(to.0)) else {
            let why = "there is no such partition".to_owned();
            return Err(BackupError::Sink { partition: to.0, why });
        };
        filling.writes.push(write);
        filling.bytes += bytes;
        if filling.bytes < COMMIT_BYTES { Ok(()) } else { self.flush(to).await }
    }

    async fn flush(&mut self, to: PartitionId) -> Result<(), BackupError> {
        let filling = &mut self.partitions[usize::from(to.0)];
        if filling.writes.is_empty() {
            return Ok(());
        }
        filling.bytes = 0;
        let writes = std::mem::take(&mut filling.writes);
        self.under_way.push(self.sink.commit(to, writes));
        while self.under_way.len() >= UNDER_WAY {
            match self.under_way.next().await {
                Some(done) => done?,
                None => break,
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Pourer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pourer").field("poured", &self.poured).finish_non_exhaustive()
    }
}
