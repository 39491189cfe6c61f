//! Bringing a backup back: into a running cluster that is empty, or (`offline.rs`) a new data folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use impresario_backup::{
    BackupError, Point, Poured, Pourer, Rows, Scratch, Sink, SinkFuture, Subject, Target, replay,
};
use impresario_ids::TenantId;
use impresario_journal::{Table, Write};
use impresario_kernel::PartitionId;
use impresario_redb::{Options, RedbJournal};
use impresario_vault::{CHECK_ROW, Row};
use serde_json::{Value, json};

use super::keys::{check, only_tenants};
use super::{Backups, Failed, Rooms, failed};
use crate::across::backup::{Attempt, Peers};
use crate::across::keys::RESTORING;
use crate::serve::master_key;

/// Keys that are handed over at once.
const KEYS_AT_ONCE: usize = 500;
/// Stages of a restore, as the mark has them.
const POURING: &str = "rows";
const KEYING: &str = "keys";

/// A time as people write it, in milliseconds since 1970.
pub(super) fn parse_time(text: &str) -> Result<i64, Failed> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| time.as_millisecond()).map_err(|_| {
        let message = format!("{text:?} is no time such as 2026-11-20T21:05:00Z");
        Failed::new("parameter_invalid", message)
    })
}

/// The rows of keys in a backup, that of the check among them.
pub(super) async fn key_rows(target: &Target, point: &Point) -> Result<Vec<Row>, Failed> {
    let id = &point.manifest.id;
    let part = point.system().ok_or_else(|| BackupError::Damaged {
        object: id.clone(),
        why: "it has no keys".to_owned(),
    })?;
    let mut keys = Vec::new();
    let mut rows = Rows::of_snapshot(target, part);
    while let Some(page) = rows.next().await? {
        for row in page.into_iter().filter(|row| row.table == Table::Keys) {
            if let Ok(tenant) = <[u8; 16]>::try_from(row.key.as_slice()) {
                keys.push((TenantId::from_bytes(tenant), row.value));
            }
        }
    }
    Ok(keys)
}

/// Pours everything of these tenants, as of the point, into a cluster. Batches are replayed in
/// stores in `scratch`, one at a time.
pub(super) async fn pour(
    target: &Target,
    point: &Point,
    tenants: &BTreeSet<TenantId>,
    sink: &dyn Sink,
    scratch: &Path,
) -> Result<Poured, Failed> {
    let mut pourer = Pourer::new(sink, &Rooms, tenants, point.manifest.partitions);
    for part in &point.manifest.parts {
        let steps = point.steps(part);
        let place = ScratchFolder::new(scratch.join(format!("part-{:05}", part.group)))?;
        let mut rows = replay(target, part, &steps, || place.open()).await?;
        while let Some(page) = rows.next().await? {
            for row in page {
                pourer.pour(part.group, row).await?;
            }
        }
        tracing::info!(partition = part.group, "rows of a partition are poured");
    }
    Ok(pourer.finish().await?)
}

/// A folder that goes with this value.
struct ScratchFolder(PathBuf);

impl ScratchFolder {
    fn new(path: PathBuf) -> Result<Self, Failed> {
        // What an attempt left that was cut short.
        match std::fs::remove_dir_all(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(Self(path))
    }

    fn open(&self) -> Result<Scratch, BackupError> {
        let scratch = |error: String| BackupError::Scratch(error);
        std::fs::create_dir_all(&self.0).map_err(|error| scratch(error.to_string()))?;
        let journal = RedbJournal::open(Options::new(&self.0, 1));
        Ok(Arc::new(journal.map_err(|error| scratch(error.to_string()))?))
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // It is removed at the next attempt otherwise.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The running cluster as a place for rows.
pub(super) struct Running(pub(super) Peers, pub(super) Attempt);

impl Sink for Running {
    fn partitions(&self) -> u16 {
        self.0.partitions()
    }

    fn commit(&self, partition: PartitionId, writes: Vec<Write>) -> SinkFuture {
        let (peers, attempt) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            let done = peers.commit(partition.0, writes, attempt).await;
            done.map_err(|error| BackupError::Sink {
                partition: partition.0,
                why: error.to_string(),
            })
        })
    }
}

impl Backups {
    /// Brings a backup into this cluster, which has no tenants; or goes on with bringing in this very
    /// one.
    pub(super) async fn bring_back(&self, target: &Target, point: Point) -> Result<Value, Failed> {
        let peers = &self.inner.peers;
        if point.manifest.subject != Subject::Cluster {
            return Err(Failed::new("backup_not_found", "this is an archive of one tenant"));
        }
        let keys = key_rows(target, &point).await?;
        check(master_key(&self.inner.config, false).map_err(failed)?, &keys)?;
        let keys = only_tenants(keys);
        let mut stage = self.enter(&point).await?;
        let tenants: BTreeSet<TenantId> = keys.iter().map(|(tenant, _)| *tenant).collect();
        let mut poured = Poured::default();
        if is_at(&stage, &point, POURING) {
            let attempt = attempt(&stage);
            peers.clear(None, &attempt).await?;
            let scratch = self.inner.config.node.data.join("restore-scratch");
            let sink = Running(peers.clone(), attempt);
            poured = pour(target, &point, &tenants, &sink, &scratch).await?;
            let next = mark_of(&point, KEYING);
            let held = Some(stage.as_bytes());
            peers.mark(RESTORING, held, Some(next.as_bytes()), Vec::new()).await?;
            stage = next;
        }
        for some in keys.chunks(KEYS_AT_ONCE) {
            self.inner.keys.adopt(some.to_vec(), attempt(&stage)).await?;
        }
        peers.reread().await;
        peers.filled(&attempt(&stage)).await?;
        peers.mark(RESTORING, Some(stage.as_bytes()), None, Vec::new()).await?;
        tracing::info!(backup.id = %point.manifest.id, tenants = tenants.len(), rows = poured.rows, "backup brought back");
        Ok(told(&point, tenants.len(), &poured))
    }

    /// Marks the cluster as being filled, if it is empty, or goes on with what an earlier attempt has
    /// begun, which cannot go on itself then. What the mark says.
    async fn enter(&self, point: &Point) -> Result<String, Failed> {
        let peers = &self.inner.peers;
        let held = peers.system_rows(Table::Meta, RESTORING).await?;
        if let Some(row) = held.into_iter().find(|row| row.key == RESTORING) {
            let stage = String::from_utf8_lossy(&row.value).into_owned();
            if is_at(&stage, point, KEYING) {
                return Ok(stage);
            }
            if !is_at(&stage, point, POURING) {
                let message = format!("another backup is being brought in: {stage}");
                return Err(Failed::new("restore_not_empty", message));
            }
            let next = mark_of(point, POURING);
            let held = Some(stage.as_bytes());
            peers.mark(RESTORING, held, Some(next.as_bytes()), Vec::new()).await?;
            return Ok(next);
        }
        let known = peers.system_rows(Table::Keys, b"").await?;
        let tenants = known.iter().filter(|row| row.key != CHECK_ROW.as_bytes()).count();
        if tenants > 0 || !peers.is_empty().await? {
            let message = format!(
                "this cluster is not empty ({tenants} tenants): a backup is only brought into an \
                 empty one"
            );
            return Err(Failed::new("restore_not_empty", message));
        }
        let stage = mark_of(point, POURING);
        peers.mark(RESTORING, None, Some(stage.as_bytes()), Vec::new()).await?;
        Ok(stage)
    }
}

/// What the mark says from now on: no other attempt says the same.
fn mark_of(point: &Point, stage: &str) -> String {
    let number: u64 = rand::random();
    format!("{} {} {stage} {number:016x}", point.manifest.id, point.at_ms())
}

/// Whether a mark says that this backup is at this stage.
fn is_at(mark: &str, point: &Point, stage: &str) -> bool {
    let mut words = mark.split(' ');
    let (id, at) = (words.next(), words.next());
    let at = at.and_then(|at| at.parse().ok());
    id == Some(&point.manifest.id) && at == Some(point.at_ms()) && words.next() == Some(stage)
}

fn attempt(mark: &str) -> Attempt {
    Attempt { mark: RESTORING.to_vec(), value: mark.as_bytes().to_vec() }
}

/// What a restore answers.
pub(super) fn told(point: &Point, tenants: usize, poured: &Poured) -> Value {
    let at = jiff::Timestamp::from_millisecond(point.at_ms()).unwrap_or_default();
    json!({
        "backup": point.manifest.id,
        "at": at.to_string(),
        "cuts": point.cuts.len(),
        "tenants": tenants,
        "poured": poured,
    })
}
