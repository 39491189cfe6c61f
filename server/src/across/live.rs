//! Live changes for subscribers of other nodes.
//!
//! A node tells the others for which tenants somebody listens to it, when that begins and every second;
//! they send it the changes of those tenants that are committed with them. Nothing waits for it: what
//! does not arrive is lost, and its subscribers are told so (`lagged`), as are those who listen when a
//! node goes silent or did not know of them for a while. Changes in the first moments after a subscription may not come.
//!
//! In the same way whoever watches a conversation is poked when something happens in it elsewhere. A poke
//! only says to look again, so watchers are also poked whenever something may have been missed.

mod book;
mod tell;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use impresario_http::{Live, LiveEvent, Relay};
use impresario_ids::{ConversationId, NodeId, TenantId};
use impresario_kernel::{decode, encode};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::book::{Book, Bundle};
use self::tell::{Change, Lost, Noted, Poke, Tell, Told};
use super::tasks::{Spawner, Tasks};
use super::{Answered, Neighbours, Refused, Room};
use crate::talk::Pokes;

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

/// Of which tenants somebody wants to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wishes {
    changes: BTreeSet<TenantId>,
    /// What happens in conversations.
    talks: BTreeSet<TenantId>,
}

impl Wishes {
    fn names(&self, tenant: TenantId) -> bool {
        self.changes.contains(&tenant) || self.talks.contains(&tenant)
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.talks.is_empty()
    }
}

struct Inner {
    live: Arc<Live>,
    pokes: Arc<Pokes>,
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
pub(crate) fn start(
    live: Arc<Live>,
    pokes: Arc<Pokes>,
    neighbours: &Neighbours,
    queue_max: usize,
) -> Tasks {
    let tasks = Tasks::default();
    if neighbours.steward().is_none() {
        return tasks;
    }
    let inner = Arc::new(Inner {
        live: Arc::clone(&live),
        pokes: Arc::clone(&pokes),
        neighbours: neighbours.clone(),
        tasks: tasks.spawner(),
        any: AtomicBool::new(false),
        book: RwLock::new(Book::new(queue_max)),
        senders: Mutex::default(),
    });
    // The tasks hold what is behind these.
    neighbours.board().open(MARK, Arc::new(Ear(Arc::downgrade(&inner))));
    live.relay(Arc::new(Mouth(Arc::downgrade(&inner))));
    let weak = Arc::downgrade(&inner);
    pokes.pass_on(Box::new(move |talk| {
        if let Some(inner) = weak.upgrade() {
            inner.pass_talk(talk);
        }
    }));
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
    let (mut firsts, mut begun) = (inner.live.watch_firsts(), inner.pokes.watch_begun());
    // What each node has confirmed.
    let mut confirmed: BTreeMap<NodeId, Wishes> = BTreeMap::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = firsts.changed() => if changed.is_err() { return },
            changed = begun.changed() => if changed.is_err() { return },
        }
        inner.tidy();
        let wishes = inner.wishes();
        let mut nodes = inner.neighbours.others();
        nodes.retain(|node| inner.neighbours.is_alive(*node));
        confirmed.retain(|node, before| {
            let stays = nodes.contains(node);
            if !stays {
                // It may have taken its last changes with it.
                inner.missed(before, &wishes);
            }
            stays
        });
        let body = encode(&Tell::Wants {
            changes: wishes.changes.iter().copied().collect(),
            talks: Some(wishes.talks.iter().copied().collect()),
        });
        let asks = nodes
            .iter()
            .filter(|node| !wishes.is_empty() || confirmed.contains_key(node))
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
                inner.missed(&before, &wishes);
            }
            // What happened between the beginning of a watch and now was not told.
            let unheard = wishes.talks.difference(&before.talks);
            unheard.for_each(|tenant| inner.pokes.poke_all(*tenant));
            if !wishes.is_empty() {
                confirmed.insert(node, wishes.clone());
            }
        }
    }
}

impl Inner {
    /// Of whom somebody on this node wants to hear.
    fn wishes(&self) -> Wishes {
        let mut changes: BTreeSet<TenantId> = self.live.tenants().into_iter().collect();
        let mut talks = self.pokes.tenants();
        if changes.len().max(talks.len()) > TENANTS_MAX {
            tracing::warn!(
                tenants = changes.len(),
                talks = talks.len(),
                "too many tenants are listened to here for all of their changes to come from other nodes"
            );
            changes = changes.into_iter().take(TENANTS_MAX).collect();
            talks = talks.into_iter().take(TENANTS_MAX).collect();
        }
        Wishes { changes, talks }
    }

    /// Something may have been missed of what was wanted and still is.
    fn missed(&self, before: &Wishes, now: &Wishes) {
        before.changes.intersection(&now.changes).for_each(|tenant| self.live.lost(*tenant, 0));
        before.talks.intersection(&now.talks).for_each(|tenant| self.pokes.poke_all(*tenant));
    }

    fn pass_talk(&self, talk: (TenantId, ConversationId)) {
        let wanted = self.any.load(Ordering::Relaxed) && self.book.read().are_talks_wanted(talk.0);
        if wanted {
            let waiting = {
                let mut book = self.book.write();
                book.put_talk(talk);
                book.waiting()
            };
            self.wake(&waiting);
        }
    }

    fn wake(&self, waiting: &[NodeId]) {
        let senders = self.senders.lock();
        waiting.iter().filter_map(|node| senders.get(node)).for_each(|sender| sender.notify_one());
    }

    fn is_wanted(&self, tenant: TenantId) -> bool {
        self.any.load(Ordering::Relaxed) && self.book.read().is_wanted(tenant)
    }

    fn pass(&self, tenant: TenantId, event: &LiveEvent) {
        let waiting = {
            let mut book = self.book.write();
            book.put(tenant, || Change::of(event));
            book.waiting()
        };
        self.wake(&waiting);
    }

    fn tidy(&self) {
        if self.any.load(Ordering::Relaxed) {
            let mut book = self.book.write();
            book.tidy(Instant::now());
            self.any.store(!book.is_empty(), Ordering::Relaxed);
        }
    }

    /// A node says what it wants.
    fn note(self: &Arc<Self>, node: NodeId, wishes: Wishes) -> Noted {
        let wants_any = !wishes.is_empty();
        let known = {
            let mut book = self.book.write();
            let known = book.wants(node, wishes, Instant::now());
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
    let poke = |(tenant, conversation): &(TenantId, ConversationId)| Poke {
        tenant: *tenant,
        conversation: *conversation,
    };
    encode(&Tell::Changes {
        changes: bundle.changes.iter().map(told).collect(),
        lost: bundle.lost.iter().map(lost).collect(),
        talks: (!bundle.talks.is_empty()).then(|| bundle.talks.iter().map(poke).collect()),
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
                Ok(Tell::Wants { changes, talks }) => {
                    let changes = changes.into_iter().take(TENANTS_MAX).collect();
                    let talks = talks.into_iter().flatten().take(TENANTS_MAX).collect();
                    Ok(encode(&inner.note(from, Wishes { changes, talks })))
                }
                Ok(Tell::Changes { changes, lost, talks }) => {
                    for Lost { tenant, count } in lost {
                        inner.live.lost(tenant, count);
                        inner.pokes.poke_all(tenant);
                    }
                    for Poke { tenant, conversation } in talks.into_iter().flatten() {
                        inner.pokes.poke((tenant, conversation));
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
