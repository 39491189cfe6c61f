//! A small cluster of one node that remembers its log, and a layout like the product's.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use impresario_backup::{
    BackupError, Home, Layout, LogWriter, Manifest, Misplaced, Part, Point, Poured, Pourer, Row,
    RowWriter, ShippedBatch, Sink, SinkFuture, Subject, Target, replay,
};
use impresario_ids::{ClusterId, TenantId};
use impresario_journal::{Batch, Journal, KeyRange, MemoryJournal, Table, Term, Write};
use impresario_kernel::{EntityKey, PartitionId};

pub(crate) const PIECE: u64 = 64 << 10;

/// Index 1: entities (term = entity); 2: a sum; 3: how many rows of index 1 the partition has.
pub(crate) struct Plan;

impl Layout for Plan {
    fn home(&self, table: Table, key: &[u8], _: &[u8]) -> Result<Home, Misplaced> {
        let entity = |key: &[u8]| EntityKey::from_bytes(key).map(Home::Entity);
        match table {
            Table::Index => match key.get(16) {
                Some(1) => entity(&[&key[..16], &key[17..]].concat()).map_err(|_| Misplaced),
                Some(2) => Ok(Home::Sum),
                Some(3) => Ok(Home::Count),
                _ => Err(Misplaced),
            },
            Table::Keys | Table::Meta => Ok(Home::Own),
            _ => entity(key).map_err(|_| Misplaced),
        }
    }

    fn counted_by(&self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        (table == Table::Index && key.get(16) == Some(&1)).then(|| index(tenant_of(key), 3, &[]))
    }
}

fn tenant_of(key: &[u8]) -> TenantId {
    TenantId::from_bytes(key[..16].try_into().expect("a tenant"))
}

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_bytes([number; 16])
}

pub(crate) fn index(tenant: TenantId, index: u8, term: &[u8]) -> Vec<u8> {
    [tenant.as_bytes().as_slice(), &[index], term].concat()
}

/// A journal that remembers every batch.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) journal: Arc<MemoryJournal>,
    log: Arc<Mutex<BTreeMap<u16, Vec<Vec<Write>>>>>,
}

impl House {
    pub(crate) fn new(partitions: u16) -> Self {
        Self { journal: Arc::new(MemoryJournal::new(partitions)), log: Arc::default() }
    }

    /// One more batch; the log and the rows move together.
    pub(crate) async fn commit(&self, partition: u16, writes: Vec<Write>) {
        let batch =
            Batch { partition: PartitionId(partition), term: Term(0), writes: writes.clone() };
        let commit = {
            let mut log = self.log.lock().expect("the log");
            log.entry(partition).or_default().push(writes);
            self.journal.commit(batch)
        };
        commit.await.expect("a commit");
    }

    pub(crate) fn position(&self, partition: u16) -> u64 {
        self.log.lock().expect("the log").get(&partition).map_or(0, Vec::len) as u64
    }

    /// The rows and the number of the last batch in them, as of one moment.
    pub(crate) fn snapshot(&self, partition: u16) -> (u64, Vec<Row>) {
        let log = self.log.lock().expect("the log");
        let number = log.get(&partition).map_or(0, Vec::len) as u64;
        (number, rows(&*self.journal, partition))
    }

    pub(crate) fn batches(&self, partition: u16, after: u64, to: u64) -> Vec<ShippedBatch> {
        let log = self.log.lock().expect("the log");
        let all = log.get(&partition).into_iter().flatten().zip(1_u64..);
        all.filter(|(_, number)| (after + 1..=to).contains(number))
            .map(|(writes, number)| ShippedBatch { number, writes: writes.clone() })
            .collect()
    }

    /// The rows that the log up to a batch gives.
    pub(crate) async fn replayed(&self, partition: u16, to: u64) -> Vec<Row> {
        let other = House::new(1);
        for batch in self.batches(partition, 0, to) {
            other.commit(0, batch.writes).await;
        }
        rows(&*other.journal, 0)
    }
}

pub(crate) fn rows(journal: &dyn Journal, partition: u16) -> Vec<Row> {
    let mut found = Vec::new();
    for table in Table::ALL {
        let visited = journal.scan(
            PartitionId(partition),
            table,
            &KeyRange::all(),
            false,
            &mut |key, value| {
                found.push(Row { table, key: key.to_vec(), value: value.to_vec() });
                ControlFlow::Continue(())
            },
        );
        visited.expect("the store is readable");
    }
    found
}

/// Writes what one partition holds as of now.
pub(crate) async fn write_part(house: &House, target: &Target, folder: &str, group: u16) -> Part {
    let (batch, rows) = house.snapshot(group);
    let mut writer = RowWriter::new(target.clone(), folder, group, batch, PIECE);
    for row in rows {
        writer.push(row).await.expect("it is written");
    }
    let rows = writer.finish().await.expect("it is written");
    Part { group, batch, rows, log: Vec::new(), begun: batch, cut: batch }
}

pub(crate) async fn write_log(
    house: &House,
    target: &Target,
    folder: &str,
    group: u16,
    (after, to): (u64, u64),
) -> Vec<impresario_backup::FileInfo> {
    let mut writer = LogWriter::new(target.clone(), folder, group, PIECE);
    for batch in house.batches(group, after, to) {
        writer.push(batch).await.expect("it is written");
    }
    writer.finish().await.expect("it is written")
}

pub(crate) fn manifest(id: &str, parts: Vec<Part>) -> Manifest {
    Manifest {
        id: id.to_owned(),
        subject: Subject::Cluster,
        cluster: ClusterId::from_bytes([1; 16]),
        partitions: u16::try_from(parts.len()).expect("few"),
        parts,
        system: None,
        began_ms: 1_000,
        cut_ms: 2_000,
        cut_took_ms: 1,
        release: "test".to_owned(),
    }
}

impl Sink for House {
    fn partitions(&self) -> u16 {
        self.journal.partitions()
    }

    fn commit(&self, partition: PartitionId, writes: Vec<Write>) -> SinkFuture {
        let house = self.clone();
        Box::pin(async move {
            House::commit(&house, partition.0, writes).await;
            Ok(())
        })
    }
}

/// Pours everything, as of the point, into a cluster with so many partitions.
pub(crate) async fn pour(
    target: &Target,
    point: &Point,
    tenants: &BTreeSet<TenantId>,
    partitions: u16,
) -> Result<(House, Poured), BackupError> {
    let house = House::new(partitions);
    let mut pourer = Pourer::new(&house, &Plan, tenants, point.manifest.partitions);
    for part in &point.manifest.parts {
        let scratch = || Ok(Arc::new(MemoryJournal::new(1)) as Arc<dyn Journal>);
        let mut rows = replay(target, part, &point.steps(part), scratch).await?;
        while let Some(page) = rows.next().await? {
            for row in page {
                pourer.pour(part.group, row).await?;
            }
        }
    }
    let poured = pourer.finish().await?;
    Ok((house, poured))
}
