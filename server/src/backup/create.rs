//! Taking a backup: rows of every partition, then a cut through all of them, then the batches that
//! lead there, then the tenants' keys, then the manifest.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::{StreamExt as _, stream};
use impresario_backup::{FileInfo, Library, Manifest, Part, RowWriter, Subject, Target};
use impresario_ids::TenantId;
use impresario_journal::Table;
use serde_json::{Value, json};

use super::{Backups, Failed};
use crate::across::PeerError;
use crate::across::backup::{LOG_GAP, Order, Peers};

/// How often parts are written anew because the log went too far meanwhile.
const ROUNDS: u32 = 5;

/// A moment in all partitions.
pub(super) struct Moment {
    pub(super) at_ms: i64,
    pub(super) took_ms: u64,
    pub(super) begun: Vec<u64>,
    pub(super) cut: Vec<u64>,
}

/// What one backup is made with.
pub(super) struct Taking<'a> {
    pub(super) backups: &'a Backups,
    pub(super) library: &'a Library,
    pub(super) id: &'a str,
    pub(super) tenant: Option<TenantId>,
}

/// What all partitions hold at one moment.
pub(super) struct Taken {
    pub(super) parts: Vec<Part>,
    pub(super) at_ms: i64,
    pub(super) took_ms: u64,
}

impl Backups {
    /// Takes a backup of the cluster.
    pub(super) async fn take(&self, target: &Target, id: &str) -> Result<Value, Failed> {
        let library = Library::of_clusters(target.clone());
        if library.manifest(id).await.is_ok() {
            return Err(Failed::new("backup_running", format!("{id} is complete already")));
        }
        let manifest = self.take_cluster(&library, id).await?;
        self.forget_old(&library).await?;
        Ok(json!({
            "id": id,
            "target": target.name(),
            "partitions": manifest.partitions,
            "rows": manifest.rows(),
            "bytes": manifest.bytes(),
            "objects": manifest.files().count(),
            "took_ms": manifest.cut_ms.saturating_sub(manifest.began_ms),
            "cut_took_ms": manifest.cut_took_ms,
        }))
    }

    pub(super) async fn take_cluster(
        &self,
        library: &Library,
        id: &str,
    ) -> Result<Manifest, Failed> {
        let began_ms = self.now_ms();
        let taking = Taking { backups: self, library, id, tenant: None };
        let taken = taking.partitions().await?;
        let keys = self.inner.peers.system_rows(Table::Keys, b"").await?;
        let folder = library.folder(id);
        let system = taking.system(&folder, 0, keys).await?;
        let manifest = Manifest {
            id: id.to_owned(),
            subject: Subject::Cluster,
            cluster: self.inner.cluster,
            partitions: self.inner.peers.partitions(),
            parts: taken.parts,
            system: Some(system),
            began_ms,
            cut_ms: taken.at_ms,
            cut_took_ms: taken.took_ms,
            release: env!("CARGO_PKG_VERSION").to_owned(),
        };
        library.put_manifest(&manifest).await?;
        tracing::info!(backup.id = id, bytes = manifest.bytes(), "backup complete");
        if !self.ships() {
            let groups = (0..self.inner.peers.partitions()).map(|group| (group, None));
            self.inner.peers.archived(groups.collect()).await;
        }
        Ok(manifest)
    }

    /// Whether the logs are kept for shipping anyway.
    pub(super) fn ships(&self) -> bool {
        self.inner.options.ship_ms > 0 && !self.inner.options.target.is_empty()
    }

    /// Removes the oldest complete backups past those that are to be kept.
    async fn forget_old(&self, library: &Library) -> Result<(), Failed> {
        let keep = usize::try_from(self.inner.options.keep).unwrap_or(usize::MAX);
        if keep == 0 {
            return Ok(());
        }
        let mut complete = Vec::new();
        for id in library.ids().await? {
            // Those of another cluster in the same target are not ours to remove.
            if library
                .manifest(&id)
                .await
                .is_ok_and(|(manifest, _)| manifest.cluster == self.inner.cluster)
            {
                complete.push(id);
            }
        }
        let old = complete.len().saturating_sub(keep);
        for id in &complete[..old] {
            library.delete(id).await?;
            tracing::info!(backup.id = %id, "old backup removed");
        }
        Ok(())
    }
}

impl Taking<'_> {
    fn peers(&self) -> &Peers {
        &self.backups.inner.peers
    }

    fn order(&self, group: u16, log: Option<(u64, u64)>) -> Order {
        Order {
            id: self.id.to_owned(),
            target: self.library.target().name().to_owned(),
            folder: self.library.folder(self.id),
            group,
            tenant: self.tenant,
            log,
        }
    }

    /// Every partition's rows and batches up to one moment.
    pub(super) async fn partitions(&self) -> Result<Taken, Failed> {
        let mut parts: BTreeMap<u16, Part> = BTreeMap::new();
        for _ in 0..ROUNDS {
            self.rows(&mut parts).await?;
            let moment = self.backups.moment().await?;
            let logs = self.logs(&parts, &moment).await?;
            let mut is_whole = true;
            for (group, log) in logs {
                let at = usize::from(group);
                match (log, parts.get_mut(&group)) {
                    (Some(log), Some(part)) => {
                        part.log = log;
                        part.begun = moment.begun[at];
                        part.cut = moment.cut[at];
                    }
                    _ => {
                        tracing::warn!(
                            partition = group,
                            "the log was cut, the rows are written again"
                        );
                        parts.remove(&group);
                        is_whole = false;
                    }
                }
            }
            if is_whole {
                let Moment { at_ms, took_ms, .. } = moment;
                return Ok(Taken { parts: parts.into_values().collect(), at_ms, took_ms });
            }
        }
        Err(Failed::new("unavailable", "the log is cut faster than rows are written"))
    }

    /// Rows of the partitions that are not there yet.
    async fn rows(&self, parts: &mut BTreeMap<u16, Part>) -> Result<(), Failed> {
        let missing: Vec<u16> =
            (0..self.peers().partitions()).filter(|group| !parts.contains_key(group)).collect();
        let is_first = parts.is_empty();
        let writing: Vec<BoxFuture<'_, _>> =
            missing.into_iter().map(|group| self.part(group, is_first).boxed()).collect();
        let mut writing = stream::iter(writing).buffer_unordered(self.parallel());
        while let Some(part) = writing.next().await {
            let part = part?;
            parts.insert(part.group, part);
        }
        Ok(())
    }

    /// What an earlier attempt wrote, or the rows as of now.
    async fn part(&self, group: u16, may_resume: bool) -> Result<Part, Failed> {
        if may_resume && let Some(part) = self.library.part(self.id, group).await? {
            return Ok(part);
        }
        let part = self.peers().write_rows(&self.order(group, None)).await?;
        self.library.put_part(self.id, &part).await?;
        Ok(part)
    }

    /// The batches of each part up to the moment; `None` where the log has them no longer.
    async fn logs(
        &self,
        parts: &BTreeMap<u16, Part>,
        moment: &Moment,
    ) -> Result<Vec<(u16, Option<Vec<FileInfo>>)>, Failed> {
        let mut logs: Vec<BoxFuture<'_, _>> = Vec::with_capacity(parts.len());
        for part in parts.values() {
            let cut = moment.cut[usize::from(part.group)];
            logs.push(self.log(self.order(part.group, Some((part.batch, cut)))).boxed());
        }
        let done: Vec<_> = stream::iter(logs).buffer_unordered(self.parallel()).collect().await;
        Ok(done.into_iter().collect::<Result<_, _>>()?)
    }

    async fn log(&self, order: Order) -> Result<(u16, Option<Vec<FileInfo>>), PeerError> {
        match self.peers().write_log(&order).await {
            Ok(files) => Ok((order.group, Some(files))),
            Err(PeerError::Failed { code, .. }) if code == LOG_GAP => Ok((order.group, None)),
            Err(error) => Err(error),
        }
    }

    /// Rows of the system group, written by this node.
    pub(super) async fn system(
        &self,
        folder: &str,
        number: u64,
        rows: Vec<impresario_backup::Row>,
    ) -> Result<Part, Failed> {
        let group = self.peers().partitions();
        let target = self.library.target().clone();
        let piece_bytes = self.backups.inner.options.piece_bytes;
        let mut writer = RowWriter::new(target, folder, group, number, piece_bytes);
        for row in rows {
            writer.push(row).await?;
        }
        let rows = writer.finish().await?;
        Ok(Part { group, batch: 0, rows, log: Vec::new(), begun: 0, cut: 0 })
    }

    fn parallel(&self) -> usize {
        usize::try_from(self.backups.inner.options.parallel).unwrap_or(1).max(1)
    }
}

impl Backups {
    /// Notes how far every partition is, twice. What was acknowledged before the first note is in it
    /// everywhere. An effect that one partition removed before its first note was received before the
    /// second of any other: so a cut at the second notes loses none, if those that were removed
    /// between a partition's two notes are kept.
    pub(super) async fn moment(&self) -> Result<Moment, Failed> {
        let at_ms = self.now_ms();
        let begun = self.inner.peers.positions().await?;
        let cut = self.inner.peers.positions().await?;
        let took_ms = u64::try_from(self.now_ms().saturating_sub(at_ms)).unwrap_or_default();
        Ok(Moment { at_ms, took_ms, begun, cut })
    }
}
