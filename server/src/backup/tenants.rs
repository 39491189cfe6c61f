//! One tenant out of a running cluster, and into another.

use std::collections::BTreeSet;

use impresario_backup::{Library, Manifest, Point, Row, Subject, Target};
use impresario_ids::TenantId;
use impresario_journal::Table;
use impresario_vault::CHECK_ROW;
use serde_json::{Value, json};

use super::create::Taking;
use super::keys::{unwrapped, wrapped};
use super::restore::{Running, key_rows, pour, told};
use super::{Backups, Failed, failed};
use crate::across::backup::Attempt;
use crate::serve::master_key;

/// Rows of the system group that say which archive is being brought in for a tenant.
const IMPORTING: &[u8] = b"importing/";
/// What the keys' room notes of a tenant that is no more: one that comes back is one again.
const ERASED: &[u8] = b"erased/";
const ERASING: &[u8] = b"erasing/";

impl Backups {
    /// Writes an archive of a tenant: its rows of every partition up to one moment, and its keys.
    pub(super) async fn take_out(
        &self,
        target: &Target,
        tenant: TenantId,
        id: &str,
        passphrase: Option<String>,
    ) -> Result<Value, Failed> {
        let peers = &self.inner.peers;
        let began_ms = self.now_ms();
        let rows: Vec<_> = peers
            .system_rows(Table::Keys, b"")
            .await?
            .into_iter()
            .filter(|row| row.key == tenant.as_bytes() || row.key == CHECK_ROW.as_bytes())
            .filter_map(|row| {
                let key: [u8; 16] = row.key.try_into().ok()?;
                Some((TenantId::from_bytes(key), row.value))
            })
            .collect();
        if rows.iter().all(|(known, _)| *known != tenant) {
            return Err(Failed::new("unknown_tenant", format!("there is no {tenant} here")));
        }
        let is_for_all = passphrase.is_some();
        let master = master_key(&self.inner.config, false).map_err(failed)?;
        let keys = wrapped(rows, master, passphrase, (tenant, id.to_owned())).await?;
        self.inner.settle.settle(tenant).await.map_err(|error| Failed::new(error.code(), error))?;

        let library = Library::of_tenant(target.clone(), tenant);
        let taking = Taking { backups: self, library: &library, id, tenant: Some(tenant) };
        let taken = taking.partitions().await?;
        let folder = library.folder(id);
        let keys = keys.into_iter().map(|(tenant, value)| Row {
            table: Table::Keys,
            key: tenant.as_bytes().to_vec(),
            value,
        });
        let system = taking.system(&folder, 0, keys.collect()).await?;
        let manifest = Manifest {
            id: id.to_owned(),
            subject: Subject::Tenant(tenant),
            cluster: self.inner.cluster,
            partitions: peers.partitions(),
            parts: taken.parts,
            system: Some(system),
            began_ms,
            cut_ms: taken.at_ms,
            cut_took_ms: taken.took_ms,
            release: env!("CARGO_PKG_VERSION").to_owned(),
        };
        library.put_manifest(&manifest).await?;
        if !self.ships() {
            peers.archived((0..peers.partitions()).map(|group| (group, None)).collect()).await;
        }
        tracing::info!(tenant.id = %tenant, archive.id = id, "tenant exported");
        Ok(json!({
            "tenant": tenant,
            "archive": id,
            "target": target.name(),
            "bytes": manifest.bytes(),
            "rows": manifest.rows(),
            "with_passphrase": is_for_all,
        }))
    }

    /// Brings a tenant in, which is not here. Its keys come last: until then nobody can ask for it.
    /// What was interrupted is begun anew from the same archive, or, if the keys were there, ended.
    pub(super) async fn bring_in(
        &self,
        target: &Target,
        tenant: TenantId,
        point: Point,
        passphrase: Option<String>,
    ) -> Result<Value, Failed> {
        let peers = &self.inner.peers;
        if point.manifest.tenant() != Some(tenant) {
            return Err(Failed::new("backup_not_found", format!("no archive of {tenant}")));
        }
        let rows = key_rows(target, &point).await?;
        let master = master_key(&self.inner.config, false).map_err(failed)?;
        let archive = point.manifest.id.clone();
        let keys = unwrapped(rows, master, passphrase, (tenant, archive.clone())).await?;
        let mark = [IMPORTING, tenant.as_bytes()].concat();
        let (attempt, door) = self.open_door(tenant, mark, &archive).await?;
        let mut poured = impresario_backup::Poured::default();
        if door == Door::Open {
            peers.clear(Some(tenant), &attempt).await?;
            let tenants = BTreeSet::from([tenant]);
            let scratch = self.inner.config.node.data.join(format!("import-scratch-{tenant}"));
            let sink = Running(peers.clone(), attempt.clone());
            poured = pour(target, &point, &tenants, &sink, &scratch).await?;
            self.inner.keys.adopt(keys, attempt.clone()).await?;
        }
        peers.reread().await;
        peers.filled(&attempt).await?;
        peers.mark(&attempt.mark, Some(&attempt.value), None, Vec::new()).await?;
        self.inner.settle.settle(tenant).await.map_err(|error| Failed::new(error.code(), error))?;
        if door == Door::Another {
            return Err(is_here_already(tenant));
        }
        tracing::info!(tenant.id = %tenant, archive.id = archive, rows = poured.rows, "tenant imported");
        let mut answer = told(&point, 1, &poured);
        answer["tenant"] = json!(tenant);
        Ok(answer)
    }

    /// Marks the tenant as being brought in, if it is not here.
    async fn open_door(
        &self,
        tenant: TenantId,
        mark: Vec<u8>,
        archive: &str,
    ) -> Result<(Attempt, Door), Failed> {
        let peers = &self.inner.peers;
        let held = peers.system_rows(Table::Meta, &mark).await?;
        let is_here = !peers.system_rows(Table::Keys, tenant.as_bytes()).await?.is_empty();
        let number: u64 = rand::random();
        let attempt = Attempt { value: format!("{archive} {number:016x}").into_bytes(), mark };
        if let Some(row) = held.first() {
            if is_here {
                let known = String::from_utf8_lossy(&row.value);
                let is_same = known.split(' ').next() == Some(archive);
                let door = if is_same { Door::Same } else { Door::Another };
                return Ok((Attempt { value: row.value.clone(), ..attempt }, door));
            }
            // An attempt was cut short; nothing of it can be seen. If it still runs somewhere, it can
            // bring neither rows nor keys from here on.
            let value = Some(&attempt.value[..]);
            peers.mark(&attempt.mark, Some(&row.value), value, Vec::new()).await?;
            return Ok((attempt, Door::Open));
        }
        let erasing = [ERASING, tenant.as_bytes()].concat();
        if is_here || !peers.system_rows(Table::Meta, &erasing).await?.is_empty() {
            return Err(is_here_already(tenant));
        }
        let forget = vec![[ERASED, tenant.as_bytes()].concat()];
        peers.mark(&attempt.mark, None, Some(&attempt.value), forget).await?;
        Ok((attempt, Door::Open))
    }
}

/// What is there of a tenant that is to be brought in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Nothing that can be seen.
    Open,
    /// Everything, from this archive; an attempt was cut short at its end.
    Same,
    /// The same, from another archive. It is ended, and then the tenant is here.
    Another,
}

fn is_here_already(tenant: TenantId) -> Failed {
    Failed::new("tenant_exists", format!("{tenant} is here: erase it first, or leave it"))
}
