//! Shipping committed batches behind the newest backup, so that losing the whole cluster costs what
//! happened since the last cut. The leader of the system group does it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::{StreamExt as _, stream};
use impresario_backup::{Cut, CutPart, Library, Part, SumOf, Target, new_id};
use impresario_journal::Table;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::create::{Moment, Taking};
use super::{Backups, Failed, Inner};
use crate::across::PeerError;
use crate::across::backup::{LOG_GAP, Order};

/// How often it is looked whether this node leads the system group, if nothing is due sooner.
const LOOK: Duration = Duration::from_secs(5);

/// The shipping of this node.
#[derive(Default)]
pub(super) struct Shipping {
    task: Mutex<Option<(watch::Sender<bool>, JoinHandle<()>)>>,
}

/// The chain that is being added to.
struct Chain {
    base: String,
    /// When the backup was taken.
    base_ms: i64,
    /// Cuts so far.
    cuts: u64,
    follows: SumOf,
    /// The last batch of each partition that was shipped.
    shipped: Vec<u64>,
    /// Of the system group's rows that were shipped last.
    keys: Option<SumOf>,
}

impl Shipping {
    /// Ends after the round that is under way.
    pub(super) async fn stop(&self) {
        let task = self.task.lock().take();
        if let Some((stop, task)) = task {
            // It may have ended.
            let _ = stop.send(true);
            let _ = task.await;
        }
    }
}

/// Begins, if a target is configured and anything is to be done there by itself.
pub(super) fn start(backups: &Backups) {
    let options = &backups.inner.options;
    if options.target.is_empty() || (options.ship_ms == 0 && options.every_ms == 0) {
        return;
    }
    let pause = match options.ship_ms {
        0 => LOOK,
        ship_ms => Duration::from_millis(ship_ms),
    };
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(run(Arc::downgrade(&backups.inner), pause, stopped));
    *backups.inner.shipping.task.lock() = Some((stop, task));
}

async fn run(inner: Weak<Inner>, pause: Duration, mut stopped: watch::Receiver<bool>) {
    let mut chain = None;
    loop {
        // Also if whoever could say it is gone.
        let must_stop = tokio::time::timeout(pause, stopped.wait_for(|stop| *stop)).await.is_ok();
        let Some(inner) = inner.upgrade() else { return };
        if must_stop {
            return;
        }
        let backups = Backups { inner };
        if !backups.leads_system() {
            chain = None;
            backups.inner.room.tell_shipping(&Value::Null);
            continue;
        }
        match backups.round(chain.take()).await {
            Ok(next) => chain = Some(next),
            Err(error) => {
                tracing::error!(code = error.code, error = %error, "batches are not shipped, tried again");
                metrics::counter!("impresario_backup_ship_failures_total").increment(1);
                backups.inner.room.tell_shipping(&json!({
                    "failing": true,
                    "code": error.code,
                    "error": error.message,
                }));
            }
        }
    }
}

impl Backups {
    fn leads_system(&self) -> bool {
        let group = self.inner.peers.partitions();
        self.inner.peers.neighbours().consensus().leadership(group).is_leader()
    }

    /// One cut behind the newest backup; first a backup, if one is due.
    async fn round(&self, chain: Option<Chain>) -> Result<Chain, Failed> {
        let target = self.target(None)?;
        let library = Library::of_clusters(target);
        let mut chain = match self.newest(&library, chain).await? {
            Some(chain) if !self.is_due(&chain) => chain,
            Some(_) | None => self.begin(&library).await?,
        };
        if self.inner.options.ship_ms > 0 {
            match self.ship(&library, &mut chain).await {
                Ok(()) => {}
                // What is missing can no longer be had: only a new backup helps.
                Err(error) if error.code == LOG_GAP => {
                    tracing::warn!(
                        "batches to be shipped are gone from the log, a new backup is taken"
                    );
                    chain = self.begin(&library).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(chain)
    }

    fn is_due(&self, chain: &Chain) -> bool {
        let every = i64::try_from(self.inner.options.every_ms).unwrap_or(i64::MAX);
        every > 0 && self.now_ms().saturating_sub(chain.base_ms) >= every
    }

    async fn begin(&self, library: &Library) -> Result<Chain, Failed> {
        let id = new_id(self.now_ms(), rand::random());
        // Under its name, so that it is seen, and that a second one is not begun meanwhile.
        let (backups, target, name) = (self.clone(), library.target().clone(), id.clone());
        let work = async move { backups.take(&target, &name).await };
        self.inner.jobs.run("create", &id, false, work).await?;
        self.load(library, &id).await
    }

    /// The chain behind the newest backup of this cluster; the one given, if that is it.
    async fn newest(
        &self,
        library: &Library,
        chain: Option<Chain>,
    ) -> Result<Option<Chain>, Failed> {
        let mut ids = library.ids().await?;
        while let Some(id) = ids.pop() {
            if chain.as_ref().is_some_and(|chain| chain.base == id) {
                return Ok(chain);
            }
            match library.manifest(&id).await {
                Ok((manifest, _)) if manifest.cluster == self.inner.cluster => {
                    return self.load(library, &id).await.map(Some);
                }
                Ok(_) | Err(impresario_backup::BackupError::Incomplete(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    async fn load(&self, library: &Library, id: &str) -> Result<Chain, Failed> {
        let (manifest, sum) = library.manifest(id).await?;
        let (cuts, follows) = library.cuts(id, sum).await?;
        let mut shipped: Vec<u64> = manifest.parts.iter().map(|part| part.cut).collect();
        for part in cuts.iter().flat_map(|cut| &cut.parts) {
            if let Some(shipped) = shipped.get_mut(usize::from(part.group)) {
                *shipped = part.cut;
            }
        }
        let base_ms = manifest.cut_ms;
        let cuts = cuts.len() as u64;
        Ok(Chain { base: id.to_owned(), base_ms, cuts, follows, shipped, keys: None })
    }

    async fn ship(&self, library: &Library, chain: &mut Chain) -> Result<(), Failed> {
        let moment = self.moment().await?;
        let parts = self.shipped_parts(library, chain, &moment).await?;
        let shipped: Vec<u64> = parts.iter().map(|part| part.cut).collect();
        let keys = self.inner.peers.system_rows(Table::Keys, b"").await?;
        let sum = SumOf::of(&impresario_backup::encode_rows(&keys));
        let is_news = parts.iter().any(|part| !part.log.is_empty()) || chain.keys != Some(sum);
        if is_news {
            let number = chain.cuts + 1;
            let mut system: Option<Part> = None;
            if chain.keys != Some(sum) {
                let taking = Taking { backups: self, library, id: &chain.base, tenant: None };
                let folder = library.shipped(&chain.base);
                system = Some(taking.system(&folder, number, keys).await?);
            }
            let cut = Cut {
                base: chain.base.clone(),
                number,
                at_ms: moment.at_ms,
                parts,
                system,
                follows: chain.follows,
            };
            let Some(follows) = library.put_cut(&cut).await? else {
                // Another node led meanwhile: go on behind what it shipped.
                *chain = self.load(library, &chain.base).await?;
                return Ok(());
            };
            chain.cuts = number;
            chain.follows = follows;
            chain.keys = Some(sum);
            chain.shipped = shipped;
            metrics::counter!("impresario_backup_cuts_total").increment(1);
        }
        let kept = (0_u16..).zip(&chain.shipped).map(|(group, batch)| (group, Some(*batch)));
        self.inner.peers.archived(kept.collect()).await;
        let at = jiff::Timestamp::from_millisecond(moment.at_ms).unwrap_or_default();
        self.inner.room.tell_shipping(&json!({
            "failing": false,
            "base": chain.base,
            "cuts": chain.cuts,
            "at": at.to_string(),
            "at_ms": moment.at_ms,
        }));
        Ok(())
    }

    /// The batches of each partition since the last cut.
    async fn shipped_parts(
        &self,
        library: &Library,
        chain: &Chain,
        moment: &Moment,
    ) -> Result<Vec<CutPart>, Failed> {
        let parallel = usize::try_from(self.inner.options.parallel).unwrap_or(1).max(1);
        let target: &Target = library.target();
        let mut parts: Vec<BoxFuture<'_, _>> = Vec::with_capacity(chain.shipped.len());
        for (group, shipped) in (0_u16..).zip(&chain.shipped) {
            let at = usize::from(group);
            // A leader that is new may not know the last cut yet; then nothing is new.
            let (begun, cut) = (moment.begun[at].max(*shipped), moment.cut[at].max(*shipped));
            let order = Order {
                id: chain.base.clone(),
                target: target.name().to_owned(),
                folder: library.shipped(&chain.base),
                group,
                tenant: None,
                log: Some((*shipped, cut)),
            };
            parts.push(self.shipped_part(order, begun, cut).boxed());
        }
        let done: Vec<_> = stream::iter(parts).buffered(parallel).collect().await;
        Ok(done.into_iter().collect::<Result<_, _>>()?)
    }

    async fn shipped_part(&self, order: Order, begun: u64, cut: u64) -> Result<CutPart, PeerError> {
        let log = if order.log == Some((cut, cut)) {
            Vec::new()
        } else {
            self.inner.peers.write_log(&order).await?
        };
        Ok(CutPart { group: order.group, log, begun, cut })
    }
}
