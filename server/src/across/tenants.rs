//! Keeping the directories of all nodes true, within a second.
//!
//! Whoever commits events of a tenant tells the others at once; what gets lost is found by asking,
//! twice a second, those who lead the tenants whose states are kept here ([`Directory::round`]). States
//! that turn out to be old are read again in the background; the old ones are served meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use impresario_host::{Committed, Failure, Host, Observer};
use impresario_ids::{NodeId, TenantId};
use impresario_kernel::{decode, encode};
use impresario_tenant::Tenant;
use impresario_views::{Directory, Elsewhere, Standing};
use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::tasks::Tasks;
use super::{Answered, Neighbours, Refused, Room, settle};

/// The mark of this room.
pub(crate) const MARK: u8 = 3;

/// How often the leaders are asked for what they know of the states that are kept here.
const ROUND: Duration = Duration::from_millis(500);
/// How long an answer to that may take.
const ROUND_WITHIN: Duration = Duration::from_millis(400);
/// How long news may take.
const NEWS_WITHIN: Duration = Duration::from_millis(300);
/// Tenants in one message.
const TENANTS_MAX: usize = 4_096;
/// States that are read again at a time.
const RENEWALS_MAX: usize = 8;

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Ask {
    /// Events of these tenants were committed.
    #[n(0)]
    Changed(#[n(0)] Vec<Change>),
    /// What do you, who leads them, know of these?
    #[n(1)]
    Standings(#[n(0)] Vec<TenantId>),
    /// See that nothing is decided any more by an older state of this tenant than the present one.
    #[n(2)]
    Settle(#[n(0)] TenantId),
}

/// A tenant and the sequence of its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Change {
    #[n(0)]
    tenant: TenantId,
    #[n(1)]
    seq: u64,
}

/// What was asked for with [`Ask::Standings`], in its order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Standings(#[n(0)] Vec<Known>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum Known {
    #[n(0)]
    At(#[n(0)] u64),
    #[n(1)]
    Gone,
    #[n(2)]
    NotHere,
}

impl From<Standing> for Known {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::At(seq) => Self::At(seq),
            Standing::Gone => Self::Gone,
            Standing::NotHere => Self::NotHere,
        }
    }
}

impl From<Known> for Standing {
    fn from(known: Known) -> Self {
        match known {
            Known::At(seq) => Self::At(seq),
            Known::Gone => Self::Gone,
            Known::NotHere => Self::NotHere,
        }
    }
}

/// The directory's way to those of the other nodes. A handle: cheap to clone.
#[derive(Clone)]
pub(crate) struct Tenants {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Arc<Directory>,
    /// Whether there is anybody to be told.
    talks: AtomicBool,
    /// What the others are to be told next.
    news: Mutex<BTreeMap<TenantId, u64>>,
    has_news: Notify,
    /// What is to be read again next.
    old: Mutex<BTreeSet<TenantId>>,
    has_old: Notify,
}

impl Tenants {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        let inner = Inner {
            directory,
            talks: AtomicBool::new(false),
            news: Mutex::default(),
            has_news: Notify::new(),
            old: Mutex::default(),
            has_old: Notify::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Hears of every commit of a tenant on this node.
    pub(crate) fn observer(&self) -> Observer<Tenant> {
        let tenants = self.clone();
        Arc::new(move |committed: &Committed<'_, Tenant>| {
            let last = committed.first_seq + committed.events.len() as u64;
            tenants.changed(committed.key.tenant, last.saturating_sub(1));
        })
    }

    /// The tenant's last event is `seq` now: so it is read again here, and the others are told.
    pub(crate) fn changed(&self, tenant: TenantId, seq: u64) {
        self.inner.directory.invalidate(tenant);
        if self.inner.talks.load(Ordering::Relaxed) {
            let mut news = self.inner.news.lock();
            let known = news.entry(tenant).or_default();
            *known = seq.max(*known);
            drop(news);
            self.inner.has_news.notify_one();
        }
    }

    /// Opens the room, and keeps the directory true while the tasks are held. A node that is alone
    /// has the room only.
    pub(crate) fn start(&self, neighbours: &Neighbours, host: Host) -> Tasks {
        let tasks = Tasks::default();
        let room = Office { inner: Arc::clone(&self.inner), host };
        neighbours.board().open(MARK, Arc::new(room));
        if neighbours.steward().is_some() {
            self.inner.talks.store(true, Ordering::Relaxed);
            tasks.spawn(tell(Arc::clone(&self.inner), neighbours.clone()));
            tasks.spawn(look(Arc::clone(&self.inner), neighbours.clone()));
            tasks.spawn(renew(Arc::clone(&self.inner)));
        }
        tasks
    }
}

/// Tells the others what changed, all that came together in one message.
async fn tell(inner: Arc<Inner>, neighbours: Neighbours) {
    loop {
        inner.has_news.notified().await;
        let news = std::mem::take(&mut *inner.news.lock());
        let changes: Vec<_> =
            news.into_iter().map(|(tenant, seq)| Change { tenant, seq }).collect();
        let nodes: Vec<_> =
            neighbours.others().into_iter().filter(|node| neighbours.is_alive(*node)).collect();
        for changes in changes.chunks(TENANTS_MAX) {
            let body = encode(&Ask::Changed(changes.to_vec()));
            let asks =
                nodes.iter().map(|node| neighbours.ask(*node, MARK, body.clone(), NEWS_WITHIN));
            let lost = join_all(asks).await.iter().filter(|answer| answer.is_err()).count();
            metrics::counter!("impresario_tenants_news_lost_total").increment(lost as u64);
        }
    }
}

/// Asks the leaders, again and again, whether what is kept here is what they know.
async fn look(inner: Arc<Inner>, neighbours: Neighbours) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let mut by_leader: BTreeMap<NodeId, Vec<Elsewhere>> = BTreeMap::new();
        for kept in inner.directory.round() {
            if let Some(leader) = neighbours.leader(kept.partition)
                && leader != neighbours.me()
            {
                by_leader.entry(leader).or_default().push(kept);
            }
        }
        let asks = by_leader.iter().flat_map(|(leader, kept)| {
            kept.chunks(TENANTS_MAX).map(|kept| compare(&inner, &neighbours, *leader, kept))
        });
        join_all(asks).await;
    }
}

async fn compare(inner: &Inner, neighbours: &Neighbours, leader: NodeId, kept: &[Elsewhere]) {
    let body = encode(&Ask::Standings(kept.iter().map(|kept| kept.tenant).collect()));
    let answer = match neighbours.ask(leader, MARK, body, ROUND_WITHIN).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(node = leader.0, %error, "tenants' states not compared");
            return;
        }
    };
    let known = match decode::<Standings>(&answer) {
        Ok(Standings(known)) if known.len() == kept.len() => known,
        Ok(_) | Err(_) => {
            tracing::warn!(node = leader.0, "tenants' standings not understood");
            return;
        }
    };
    let old = kept.iter().zip(known).map(|(kept, known)| (kept.tenant, Standing::from(known)));
    inner.put_old(old.filter(|(id, known)| inner.directory.heard(*id, *known)).map(|(id, _)| id));
}

/// Reads again what is old.
async fn renew(inner: Arc<Inner>) {
    loop {
        inner.has_old.notified().await;
        let old: Vec<_> = std::mem::take(&mut *inner.old.lock()).into_iter().collect();
        for some in old.chunks(RENEWALS_MAX) {
            join_all(some.iter().map(|tenant| renew_one(&inner.directory, *tenant))).await;
        }
    }
}

/// Afterwards nothing is served here that is older than the call.
pub(super) async fn renew_one(directory: &Arc<Directory>, tenant: TenantId) -> Result<(), Failure> {
    let directory = Arc::clone(directory);
    let renewed = tokio::task::spawn_blocking(move || directory.renew(tenant)).await;
    let renewed = match renewed {
        Ok(renewed) => renewed.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    renewed.map_err(|why| {
        tracing::debug!(tenant.id = %tenant, why, "a tenant's state was not read again");
        // As a rule because the partition has no leader for a moment.
        Failure::NotLeader { leader: None }
    })
}

impl Inner {
    fn put_old(&self, tenants: impl Iterator<Item = TenantId>) {
        let mut old = self.old.lock();
        old.extend(tenants);
        if !old.is_empty() {
            self.has_old.notify_one();
        }
    }

    fn note(&self, changes: &[Change]) {
        let old = changes.iter().filter(|it| self.directory.told(it.tenant, it.seq));
        self.put_old(old.map(|it| it.tenant));
    }

    fn standings(&self, tenants: &[TenantId]) -> Standings {
        let standing = |tenant: &TenantId| {
            // What cannot be read now says nothing.
            self.directory.standing(*tenant).unwrap_or(Standing::NotHere).into()
        };
        Standings(tenants.iter().map(standing).collect())
    }
}

/// Where the other nodes ask.
struct Office {
    inner: Arc<Inner>,
    host: Host,
}

impl Room for Office {
    fn answer(&self, from: NodeId, body: Vec<u8>) -> Answered<'_> {
        Box::pin(async move {
            let ask = decode::<Ask>(&body).map_err(|error| Refused {
                code: "not_understood".to_owned(),
                message: error.to_string(),
            })?;
            match ask {
                Ask::Changed(changes) => {
                    self.inner.note(&changes);
                    Ok(Vec::new())
                }
                Ask::Standings(tenants) => {
                    // Of what is led here: from memory, as a rule.
                    Ok(encode(&self.inner.standings(&tenants)))
                }
                Ask::Settle(tenant) => {
                    let settled = settle::here(&self.inner.directory, &self.host, tenant).await;
                    tracing::debug!(node = from.0, tenant.id = %tenant, done = settled.is_ok(), "settled for a sweep");
                    let refused = |failure: Failure| Refused {
                        code: failure.code().to_owned(),
                        message: failure.to_string(),
                    };
                    settled.map(|()| Vec::new()).map_err(refused)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: impresario_kernel::Stored + PartialEq + std::fmt::Debug>(what: &T, want: &str) {
        let hex: String = encode(what).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, want);
        assert_eq!(decode::<T>(&encode(what)).ok().as_ref(), Some(what));
    }

    /// The bytes of a release: later ones must read them, and it must read theirs.
    #[test]
    fn messages_are_as_released() {
        let tenant = TenantId::from_bytes([1; 16]);
        check(
            &Ask::Changed(vec![Change { tenant, seq: 7 }]),
            "8200818182500101010101010101010101010101010107",
        );
        check(&Ask::Standings(vec![tenant]), "820181815001010101010101010101010101010101");
        check(&Ask::Settle(tenant), "8202815001010101010101010101010101010101");
        check(
            &Standings(vec![Known::At(7), Known::Gone, Known::NotHere]),
            "818382008107820180820280",
        );
    }
}
