//! Which node keeps a tenant's connections to gateways: the one that decides for the tenant.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use impresario_answers::Answers;
use impresario_host::{CommitHook, Committed, NewEffect, Observer, TimerChange};
use impresario_ids::TenantId;
use impresario_kernel::PartitionId;
use impresario_tenant::Tenant;
use impresario_vault::Vault;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::across::Tasks;

/// How often everything is looked at, whatever was told.
const LOOK: Duration = Duration::from_secs(30);
/// The pause before tenants are looked at again that could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Hears of which partitions this node decides for and which tenants change, and has the answers keep
/// the connections of those that are both.
#[derive(Debug)]
pub(crate) struct Gateways {
    partitions: u16,
    led: Mutex<BTreeSet<PartitionId>>,
    due: Mutex<Due>,
    is_due: Notify,
    answers: OnceLock<Answers>,
}

/// Who is to be looked at.
#[derive(Debug, Default)]
struct Due {
    all: bool,
    tenants: BTreeSet<TenantId>,
}

impl Gateways {
    pub(crate) fn new(partitions: u16) -> Arc<Self> {
        Arc::new(Self {
            partitions,
            led: Mutex::default(),
            due: Mutex::default(),
            is_due: Notify::new(),
            answers: OnceLock::new(),
        })
    }

    /// What the host tells of every commit of a tenant. To be told after whoever forgets what was
    /// known of the tenant.
    pub(crate) fn observer(self: &Arc<Self>) -> Observer<Tenant> {
        let gateways = Arc::clone(self);
        Arc::new(move |committed: &Committed<'_, Tenant>| {
            gateways.due.lock().tenants.insert(committed.key.tenant);
            gateways.is_due.notify_one();
        })
    }

    /// Sees to the connections while the tasks are held.
    pub(crate) fn start(self: &Arc<Self>, answers: Answers, vault: Arc<Vault>) -> Tasks {
        // Nobody else sets it.
        let _ = self.answers.set(answers.clone());
        let tasks = Tasks::default();
        tasks.spawn(tend(Arc::clone(self), answers, vault));
        tasks
    }

    fn is_here(&self, tenant: TenantId) -> bool {
        self.led.lock().contains(&self.partition_of(tenant))
    }

    fn partition_of(&self, tenant: TenantId) -> PartitionId {
        impresario_tenant::key(tenant).partition(self.partitions)
    }
}

impl CommitHook for Gateways {
    fn committed(&self, _: PartitionId, _: Vec<NewEffect>, _: Vec<TimerChange>) {}

    fn leads(&self, partition: PartitionId, begun: bool) {
        if begun {
            self.led.lock().insert(partition);
            self.due.lock().all = true;
            self.is_due.notify_one();
            return;
        }
        self.led.lock().remove(&partition);
        if let Some(answers) = self.answers.get() {
            answers.release_gateways(|tenant| self.partition_of(tenant) == partition);
        }
    }
}

async fn tend(gateways: Arc<Gateways>, answers: Answers, vault: Arc<Vault>) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = gateways.is_due.notified() => {}
            _ = look.tick() => gateways.due.lock().all = true,
        }
        let Due { all, mut tenants } = std::mem::take(&mut *gateways.due.lock());
        if all {
            tenants.extend(vault.tenants());
        }
        let mut failed = BTreeSet::new();
        for tenant in tenants.into_iter().filter(|tenant| gateways.is_here(*tenant)) {
            let is_here = || gateways.is_here(tenant);
            if let Err(failure) = answers.tend_gateways(tenant, &is_here).await {
                tracing::debug!(tenant.id = %tenant, code = failure.code(), "a tenant is looked at again");
                failed.insert(tenant);
            }
        }
        if !failed.is_empty() {
            gateways.due.lock().tenants.append(&mut failed);
            tokio::time::sleep(PAUSE).await;
            gateways.is_due.notify_one();
        }
    }
}
