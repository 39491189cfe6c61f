//! Live changes for subscribers of other nodes.
//!
//! A node tells the others for which tenants somebody listens to it, when that begins and every second;
//! they send it the changes of those tenants that are committed with them. Nothing waits for it: what
//! does not arrive is lost, and its subscribers are told so (`lagged`), as are those who listen when a
//! node goes silent or did not know of them for a while. Changes in the first moments after a subscription may not come.

mod book;

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use impresario_http::{Live, LiveEvent, Relay};
use impresario_ids::{NodeId, TenantId};
use impresario_kernel::{decode, encode};
use minicbor::{Decode, Encode};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::book::{Book, Bundle};
use super::tasks::{Spawner, Tasks};
use super::{Answered, Neighbours, Refused, Room};

/// The mark of this room.
pub(crate) const MARK: u8 = 4;

/// How often the others are told who listens here.
const ANNOUNCE: Duration = Duration::from_secs(1);
const ANNOUNCE_WITHIN: Duration = Duration::from_millis(800);
/// How long changes may be on their way.
const PASS_WITHIN: Duration = Duration::from_secs(1);
/// The pause after changes did not arrive.
const PAUSE: Duration = Duration::from_millis(200);
/// Tenants that one node may listen to elsewhere.
const TENANTS_MAX: usize = 16_384;

/// What one node tells another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Tell {
    /// Somebody listens here to these tenants, and to no others.
    #[n(0)]
    Wants(#[n(0)] Vec<TenantId>),
    /// What was committed with me.
    #[n(1)]
    Changes {
        #[n(0)]
        changes: Vec<Told>,
        #[n(1)]
        lost: Vec<Lost>,
    },
}

/// The answer to [`Tell::Wants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Noted {
    /// Whether the node was known to listen, so that nothing was missed since it last said so.
    #[n(0)]
    known: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Told {
    #[n(0)]
    tenant: TenantId,
    #[n(1)]
    change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Lost {
    #[n(0)]
    tenant: TenantId,
    #[n(1)]
    count: u64,
}

/// A [`LiveEvent`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Change {
    #[n(0)]
    kind: String,
    #[n(1)]
    profile: Option<String>,
    #[n(2)]
    segment: Option<String>,
    #[n(3)]
    at: String,
    /// JSON.
    #[n(4)]
    data: String,
}

impl Change {
    fn of(event: &LiveEvent) -> Self {
        Self {
            kind: event.kind.to_string(),
            profile: event.profile.clone(),
            segment: event.segment.clone(),
            at: event.at.clone(),
            data: event.data.to_string(),
        }
    }

    fn event(self) -> LiveEvent {
        LiveEvent {
            kind: Cow::Owned(self.kind),
            profile: self.profile,
            segment: self.segment,
            at: self.at,
            // What is not understood is not shown.
            data: serde_json::from_str(&self.data).unwrap_or_default(),
        }
    }

    /// Bytes, about.
    fn size(&self) -> usize {
        64 + self.kind.len() + self.data.len()
    }
}

struct Inner {
    live: Arc<Live>,
    neighbours: Neighbours,
    tasks: Spawner,
    /// Whether anybody elsewhere wants anything: spares each commit the lock.
    any: AtomicBool,
    book: RwLock<Book>,
    /// Nodes to which something is being sent, each with what wakes its sender.
    senders: Mutex<BTreeMap<NodeId, Arc<Notify>>>,
}

/// Opens the room, and passes changes on while the tasks are held. `queue_max` is how many changes
/// may wait for one node.
pub(crate) fn start(live: Arc<Live>, neighbours: &Neighbours, queue_max: usize) -> Tasks {
    let tasks = Tasks::default();
    if neighbours.steward().is_none() {
        return tasks;
    }
    let inner = Arc::new(Inner {
        live: Arc::clone(&live),
        neighbours: neighbours.clone(),
        tasks: tasks.spawner(),
        any: AtomicBool::new(false),
        book: RwLock::new(Book::new(queue_max)),
        senders: Mutex::default(),
    });
    // The tasks hold what is behind these.
    neighbours.board().open(MARK, Arc::new(Ear(Arc::downgrade(&inner))));
    live.relay(Arc::new(Mouth(Arc::downgrade(&inner))));
    tasks.spawn(announce(inner));
    tasks
}

/// Where changes of this node go.
struct Mouth(Weak<Inner>);

impl Relay for Mouth {
    fn is_wanted(&self, tenant: TenantId) -> bool {
        self.0.upgrade().is_some_and(|inner| inner.is_wanted(tenant))
    }

    fn pass(&self, tenant: TenantId, event: &LiveEvent) {
        if let Some(inner) = self.0.upgrade()
            && inner.is_wanted(tenant)
        {
            inner.pass(tenant, event);
        }
    }
}

/// Tells the others who listens here, when that changes and at regular times.
async fn announce(inner: Arc<Inner>) {
    let mut ticks = interval(ANNOUNCE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut firsts = inner.live.watch_firsts();
    // What each node has confirmed.
    let mut confirmed: BTreeMap<NodeId, BTreeSet<TenantId>> = BTreeMap::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = firsts.changed() => if changed.is_err() { return },
        }
        inner.tidy();
        let mut tenants: BTreeSet<TenantId> = inner.live.tenants().into_iter().collect();
        if tenants.len() > TENANTS_MAX {
            tracing::warn!(
                tenants = tenants.len(),
                "too many tenants are listened to here for all of their changes to come from other nodes"
            );
            tenants = tenants.into_iter().take(TENANTS_MAX).collect();
        }
        let mut nodes = inner.neighbours.others();
        nodes.retain(|node| inner.neighbours.is_alive(*node));
        confirmed.retain(|node, listened| {
            let stays = nodes.contains(node);
            if !stays {
                // It may have taken its last changes with it.
                listened.intersection(&tenants).for_each(|tenant| inner.live.lost(*tenant, 0));
            }
            stays
        });
        let body = encode(&Tell::Wants(tenants.iter().copied().collect()));
        let asks = nodes
            .iter()
            .filter(|node| !tenants.is_empty() || confirmed.contains_key(node))
            .map(async |node| {
                (*node, inner.neighbours.ask(*node, MARK, body.clone(), ANNOUNCE_WITHIN).await)
            });
        for (node, answer) in join_all(asks).await {
            let noted = match answer.map(|answer| decode::<Noted>(&answer)) {
                Ok(Ok(noted)) => noted,
                Ok(Err(_)) | Err(_) => {
                    tracing::debug!(node = node.0, "live interest not announced");
                    continue;
                }
            };
            let before = confirmed.remove(&node).unwrap_or_default();
            if !noted.known {
                before.intersection(&tenants).for_each(|tenant| inner.live.lost(*tenant, 0));
            }
            if !tenants.is_empty() {
                confirmed.insert(node, tenants.clone());
            }
        }
    }
}

impl Inner {
    fn is_wanted(&self, tenant: TenantId) -> bool {
        self.any.load(Ordering::Relaxed) && self.book.read().is_wanted(tenant)
    }

    fn pass(&self, tenant: TenantId, event: &LiveEvent) {
        let waiting = {
            let mut book = self.book.write();
            book.put(tenant, || Change::of(event));
            book.waiting()
        };
        let senders = self.senders.lock();
        waiting.iter().filter_map(|node| senders.get(node)).for_each(|sender| sender.notify_one());
    }

    fn tidy(&self) {
        if self.any.load(Ordering::Relaxed) {
            let mut book = self.book.write();
            book.tidy(Instant::now());
            self.any.store(!book.is_empty(), Ordering::Relaxed);
        }
    }

    /// A node says what it wants.
    fn note(self: &Arc<Self>, node: NodeId, tenants: Vec<TenantId>) -> Noted {
        let tenants: BTreeSet<_> = tenants.into_iter().take(TENANTS_MAX).collect();
        let wants_any = !tenants.is_empty();
        let known = {
            let mut book = self.book.write();
            let known = book.wants(node, tenants, Instant::now());
            self.any.store(!book.is_empty(), Ordering::Relaxed);
            known
        };
        if wants_any {
            let mut senders = self.senders.lock();
            if let Entry::Vacant(place) = senders.entry(node) {
                let wake = Arc::new(Notify::new());
                place.insert(Arc::clone(&wake));
                self.tasks.spawn(send(Arc::clone(self), node, wake));
            }
        }
        Noted { known }
    }

    fn take(&self, node: NodeId) -> Option<Bundle> {
        self.book.write().take(node, Instant::now())
    }
}

/// Sends to one node what it wants, one message after the other, until it wants nothing any more.
async fn send(inner: Arc<Inner>, node: NodeId, wake: Arc<Notify>) {
    loop {
        // Also to see that the node was forgotten.
        let _ = tokio::time::timeout(book::FORGET_AFTER, wake.notified()).await;
        loop {
            let Some(bundle) = inner.take(node) else {
                inner.senders.lock().remove(&node);
                return;
            };
            if bundle.is_empty() {
                break;
            }
            let message = message(&bundle);
            if let Err(error) = inner.neighbours.ask(node, MARK, message, PASS_WITHIN).await {
                let lost = bundle.changes.len() as u64;
                tracing::debug!(node = node.0, lost, %error, "live changes not passed on");
                metrics::counter!("impresario_live_passing_lost_total").increment(lost);
                inner.book.write().lose(node, bundle);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            metrics::counter!("impresario_live_passed_total")
                .increment(bundle.changes.len() as u64);
        }
    }
}

fn message(bundle: &Bundle) -> Vec<u8> {
    let told =
        |(tenant, change): &(TenantId, Change)| Told { tenant: *tenant, change: change.clone() };
    let lost = |(tenant, count): (&TenantId, &u64)| Lost { tenant: *tenant, count: *count };
    encode(&Tell::Changes {
        changes: bundle.changes.iter().map(told).collect(),
        lost: bundle.lost.iter().map(lost).collect(),
    })
}

/// Where the other nodes tell.
struct Ear(Weak<Inner>);

impl Room for Ear {
    fn answer(&self, from: NodeId, body: Vec<u8>) -> Answered<'_> {
        Box::pin(async move {
            let Some(inner) = self.0.upgrade() else {
                let (code, message) = ("unavailable".to_owned(), "it stops".to_owned());
                return Err(Refused { code, message });
            };
            match decode::<Tell>(&body) {
                Ok(Tell::Wants(tenants)) => Ok(encode(&inner.note(from, tenants))),
                Ok(Tell::Changes { changes, lost }) => {
                    for Lost { tenant, count } in lost {
                        inner.live.lost(tenant, count);
                    }
                    for Told { tenant, change } in changes {
                        inner.live.deliver(tenant, change.event());
                    }
                    Ok(Vec::new())
                }
                Err(error) => {
                    Err(Refused { code: "not_understood".to_owned(), message: error.to_string() })
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check<T: impresario_kernel::Stored + PartialEq + std::fmt::Debug>(what: &T, want: &str) {
        let hex: String = encode(what).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, want);
        assert_eq!(decode::<T>(&encode(what)).ok().as_ref(), Some(what));
    }

    fn event() -> LiveEvent {
        LiveEvent {
            kind: "segment.left".into(),
            profile: Some("p".to_owned()),
            segment: None,
            at: "t".to_owned(),
            data: json!({ "version": 1 }),
        }
    }

    /// The bytes of a release: later ones must read them, and it must read theirs.
    #[test]
    fn messages_are_as_released() {
        let tenant = TenantId::from_bytes([1; 16]);
        check(&Tell::Wants(vec![tenant]), "820081815001010101010101010101010101010101");
        let changes = vec![Told { tenant, change: Change::of(&event()) }];
        check(
            &Tell::Changes { changes, lost: vec![Lost { tenant, count: 3 }] },
            "82018281825001010101010101010101010101010101856c7365676d656e742e6c6566746170f661746d7b2276657273696f6e223a317d8182500101010101010101010101010101010103",
        );
        check(&Noted { known: true }, "81f5");
    }

    #[test]
    fn a_change_is_the_same_on_the_other_side() {
        let bare = LiveEvent { data: serde_json::Value::Null, ..event() };
        for event in [event(), bare] {
            assert_eq!(Change::of(&event).event(), event);
        }
    }
}
