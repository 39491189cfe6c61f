//! Backups of the cluster that this node belongs to, and rows that come back: what the admin routes
//! and the command line call.
//!
//! A backup is taken by the node that is asked: it has every partition's leader write its rows and
//! the batches behind them into the target, and writes the manifest last. Shipping is done by the
//! leader of the system group. What is brought in (a backup into an empty cluster, one tenant into a
//! running one) begins with a mark in the system group and ends with the tenants' keys: until they
//! are there nobody can ask for a tenant, so nothing half-done can be seen, and what was interrupted
//! is done again or cleared.

pub(crate) mod args;
mod create;
mod error;
mod jobs;
mod keys;
mod layout;
mod offline;
mod restore;
mod ship;
mod tenants;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use impresario_backup::{Library, Options, Target, new_id, verify};
use impresario_config::Config;
use impresario_host::Host;
use impresario_ids::{ClusterId, TenantId};
use impresario_outbox::Hook;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use args::{BackupCommand, RestoreArgs, TenantCommand};
pub(crate) use error::{Failed, failed};
pub(crate) use layout::Rooms;

pub(crate) use crate::across::backup::MARK;
use crate::across::backup::{BackupRoom, Peers};
use crate::across::keys::Keys;
use crate::across::{Neighbours, Room};
use jobs::Jobs;

/// What backups are made of on this node.
pub(crate) struct BackupParts {
    pub(crate) neighbours: Neighbours,
    pub(crate) cluster: ClusterId,
    pub(crate) host: Host,
    pub(crate) hook: Arc<Hook>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) config: Config,
    /// Has every node forget what it remembers of a tenant, and waits until all that was decided
    /// before is committed.
    pub(crate) settle: Arc<dyn impresario_outbox::Settle>,
}

/// The backups of the cluster. A handle: cheap to clone.
#[derive(Clone)]
pub(crate) struct Backups {
    inner: Arc<Inner>,
}

struct Inner {
    peers: Peers,
    cluster: ClusterId,
    host: Host,
    keys: Arc<Keys>,
    config: Config,
    options: Options,
    settle: Arc<dyn impresario_outbox::Settle>,
    room: Arc<BackupRoom>,
    jobs: Jobs,
    shipping: ship::Shipping,
}

/// What an admin route asks for, with the document that was sent.
pub(crate) enum BackupCall {
    List(Value),
    Create(Value),
    Verify(Value),
    Restore(Value),
    Shipping,
    TenantExport(TenantId, Value),
    TenantImport(TenantId, Value),
}

/// Where.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TargetAsk {
    /// Instead of the configured one.
    pub(crate) target: Option<String>,
}

/// Take a backup.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CreateAsk {
    pub(crate) target: Option<String>,
    /// One that was cut short, to go on with.
    pub(crate) id: Option<String>,
    /// Answer at once; [`Backups::status`] tells how it goes.
    pub(crate) background: bool,
}

/// Read all of a backup.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VerifyAsk {
    pub(crate) target: Option<String>,
    /// The newest, if not given.
    pub(crate) id: Option<String>,
    pub(crate) background: bool,
}

/// Bring a backup into this cluster, which is empty.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RestoreAsk {
    pub(crate) target: Option<String>,
    /// The newest of the time wanted, if not given.
    pub(crate) id: Option<String>,
    /// RFC 3339: no later than this.
    pub(crate) until: Option<String>,
    pub(crate) background: bool,
}

/// Take a tenant out.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExportAsk {
    pub(crate) target: Option<String>,
    /// What the tenant's key is wrapped by on the way. Without it only a cluster with the same
    /// master key can bring the tenant in.
    pub(crate) passphrase: Option<String>,
    pub(crate) background: bool,
}

/// Bring a tenant in.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ImportAsk {
    pub(crate) target: Option<String>,
    /// The newest of the tenant, if not given.
    pub(crate) archive: Option<String>,
    pub(crate) passphrase: Option<String>,
    pub(crate) background: bool,
}

impl Backups {
    pub(crate) fn new(parts: BackupParts) -> Self {
        let options = parts.config.backup.clone();
        let partitions = parts.host.journal().partitions();
        let consensus = parts.neighbours.consensus().clone();
        let (host, keys) = (parts.host.clone(), Arc::clone(&parts.keys));
        let room = BackupRoom::new(consensus, host, parts.hook, options.clone(), keys);
        Self {
            inner: Arc::new(Inner {
                peers: Peers::new(parts.neighbours, partitions),
                cluster: parts.cluster,
                host: parts.host,
                keys: parts.keys,
                config: parts.config,
                options,
                settle: parts.settle,
                room,
                jobs: Jobs::default(),
                shipping: ship::Shipping::default(),
            }),
        }
    }

    /// To be opened on the board behind [`MARK`].
    pub(crate) fn room(&self) -> Arc<dyn Room> {
        Arc::clone(&self.inner.room) as Arc<dyn Room>
    }

    /// Opens the room, and begins to ship if a target is configured.
    pub(crate) fn start(&self) {
        self.inner.peers.neighbours().board().open(MARK, self.room());
        ship::start(self);
    }

    /// Ships no more.
    pub(crate) async fn stop(&self) {
        self.inner.shipping.stop().await;
    }

    /// Takes a backup.
    pub(crate) async fn create(&self, ask: CreateAsk) -> Result<Value, Failed> {
        let target = self.target(ask.target.as_deref())?;
        let id = match &ask.id {
            Some(id) if !impresario_backup::is_id(id) => {
                return Err(Failed::new("backup_not_found", format!("{id:?} is no backup's name")));
            }
            Some(id) => id.clone(),
            None => new_id(self.now_ms(), rand::random()),
        };
        let backups = self.clone();
        let work = {
            let id = id.clone();
            async move { backups.take(&target, &id).await }
        };
        self.inner.jobs.run("create", &id, ask.background, work).await
    }

    /// What there is in a target.
    pub(crate) async fn list(&self, ask: TargetAsk) -> Result<Value, Failed> {
        let target = self.target(ask.target.as_deref())?;
        let name = target.name().to_owned();
        let backups = Library::of_clusters(target).list().await?;
        Ok(json!({ "target": name, "backups": backups }))
    }

    /// Reads all of a backup.
    pub(crate) async fn verify(&self, ask: VerifyAsk) -> Result<Value, Failed> {
        let target = self.target(ask.target.as_deref())?;
        let point = Library::of_clusters(target.clone()).point(ask.id.as_deref(), None).await?;
        let id = point.manifest.id.clone();
        let name = format!("verify-{id}");
        let work = async move {
            let checked = verify(&target, &point).await;
            Ok(json!({ "id": id, "whole": checked.problems.is_empty(), "checked": checked }))
        };
        self.inner.jobs.run("verify", &name, ask.background, work).await
    }

    /// Brings a backup into this cluster.
    pub(crate) async fn restore(&self, ask: RestoreAsk) -> Result<Value, Failed> {
        let target = self.target(ask.target.as_deref())?;
        let until = ask.until.as_deref().map(restore::parse_time).transpose()?;
        let point = Library::of_clusters(target.clone()).point(ask.id.as_deref(), until).await?;
        let name = format!("restore-{}", point.manifest.id);
        let backups = self.clone();
        let work = async move { backups.bring_back(&target, point).await };
        self.inner.jobs.run("restore", &name, ask.background, work).await
    }

    /// How far shipping is, and the work that this node did lately or does.
    pub(crate) async fn shipping(&self) -> Value {
        let shipping = self.inner.peers.shipping().await;
        json!({
            "target": self.inner.options.target,
            "ship_ms": self.inner.options.ship_ms,
            "shipping": shipping,
            "work": self.inner.jobs.all(),
        })
    }

    /// Whatever an admin route asks for.
    pub(crate) async fn asked(&self, call: BackupCall) -> Result<Value, Failed> {
        match call {
            BackupCall::List(ask) => self.list(parse(ask)?).await,
            BackupCall::Create(ask) => self.create(parse(ask)?).await,
            BackupCall::Verify(ask) => self.verify(parse(ask)?).await,
            BackupCall::Restore(ask) => self.restore(parse(ask)?).await,
            BackupCall::Shipping => Ok(self.shipping().await),
            BackupCall::TenantExport(tenant, ask) => self.tenant_export(tenant, parse(ask)?).await,
            BackupCall::TenantImport(tenant, ask) => self.tenant_import(tenant, parse(ask)?).await,
        }
    }

    /// Writes an archive of a tenant.
    pub(crate) async fn tenant_export(
        &self,
        tenant: TenantId,
        ask: ExportAsk,
    ) -> Result<Value, Failed> {
        let target = self.target(ask.target.as_deref())?;
        let id = new_id(self.now_ms(), rand::random());
        let name = format!("export-{tenant}");
        let backups = self.clone();
        let work = async move { backups.take_out(&target, tenant, &id, ask.passphrase).await };
        self.inner.jobs.run("tenant export", &name, ask.background, work).await
    }

    /// Brings a tenant in from an archive.
    pub(crate) async fn tenant_import(
        &self,
        tenant: TenantId,
        ask: ImportAsk,
    ) -> Result<Value, Failed> {
        let target = self.target(ask.target.as_deref())?;
        let library = Library::of_tenant(target.clone(), tenant);
        let point = library.point(ask.archive.as_deref(), None).await?;
        let name = format!("import-{tenant}");
        let backups = self.clone();
        let work = async move { backups.bring_in(&target, tenant, point, ask.passphrase).await };
        self.inner.jobs.run("tenant import", &name, ask.background, work).await
    }

    fn target(&self, name: Option<&str>) -> Result<Target, Failed> {
        open_target(name, &self.inner.options)
    }

    fn now_ms(&self) -> i64 {
        self.inner.host.clock().now().as_ms()
    }
}

fn parse<T: serde::de::DeserializeOwned>(ask: Value) -> Result<T, Failed> {
    serde_json::from_value(ask).map_err(|error| Failed::new("parameter_invalid", error))
}

/// The target of this name, or the configured one.
pub(crate) fn open_target(name: Option<&str>, options: &Options) -> Result<Target, Failed> {
    let name = name.unwrap_or(&options.target);
    if name.is_empty() {
        let message = "no target: name one, or configure backup.target";
        return Err(Failed::new("backup_target_invalid", message));
    }
    Ok(Target::open(name, options)?)
}

impl std::fmt::Debug for Backups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backups").field("cluster", &self.inner.cluster).finish_non_exhaustive()
    }
}
