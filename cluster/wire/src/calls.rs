use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::book::Book;
use crate::gateway::Station;
use crate::porch::{Opened, Porch, complain};
use crate::session::{NotAsked, Session};
use crate::{Answer, Call, CallHandler, CallTransport, Called, Purpose, WireError};

/// The way of entity calls to other nodes, over ractor_cluster. A handle: cheap to clone.
///
/// Between two nodes there is one connection; the node with the lower number dials it, as soon as
/// it knows the address of the other, and again whenever it breaks.
#[derive(Clone)]
pub struct Calls {
    core: Arc<Core>,
}

struct Core {
    porch: Arc<Porch>,
    book: Arc<Book>,
    stop: CancellationToken,
    serving: OnceLock<Serving>,
    peers: Mutex<HashMap<NodeId, Arc<Peer>>>,
    serial: AtomicU64,
}

struct Serving {
    /// None while it is started again.
    station: Mutex<Option<Arc<Station>>>,
    handler: Arc<dyn CallHandler>,
}

impl Serving {
    fn station(&self) -> Option<Arc<Station>> {
        self.station.lock().clone()
    }
}

struct Peer {
    node: NodeId,
    place: watch::Sender<Place>,
    /// Calls that wait while the connection is replaced.
    waiting: Semaphore,
    /// The connection that is there or comes up; a newer one ends it.
    newest: Mutex<CancellationToken>,
    /// Held while a connection is handed over and lives: one at a time.
    turn: tokio::sync::Mutex<()>,
    stop: CancellationToken,
}

#[derive(Clone)]
enum Place {
    Up(Arc<Session>),
    /// The connection is being replaced.
    Replaced,
    Down(String),
}

/// How a session ended.
enum Ended {
    Replaced,
    Broken(String),
}

impl Calls {
    pub(crate) fn new(porch: Arc<Porch>, book: Arc<Book>, stop: CancellationToken) -> Self {
        let core = Core {
            porch,
            book,
            stop,
            serving: OnceLock::new(),
            peers: Mutex::default(),
            serial: AtomicU64::new(1),
        };
        Self { core: Arc::new(core) }
    }

    pub(crate) fn serve(&self, station: Station, handler: Arc<dyn CallHandler>) {
        let station = Arc::new(station);
        let place = Mutex::new(Some(Arc::clone(&station)));
        if self.core.serving.set(Serving { station: place, handler }).is_err() {
            station.stop();
            return;
        }
        tokio::spawn(Arc::clone(&self.core).keep(station));
        for (node, _) in self.core.book.nodes() {
            self.meet(node);
        }
    }

    /// A node's address became known.
    pub(crate) fn meet(&self, node: NodeId) {
        if node != self.core.porch.me.node && self.core.serving.get().is_some() {
            self.core.peer(node);
        }
    }

    pub(crate) fn forget(&self, node: NodeId) {
        if let Some(peer) = self.core.peers.lock().remove(&node) {
            peer.stop.cancel();
        }
    }

    /// Takes a connection that a peer dialled.
    pub(crate) async fn receive(&self, opened: Opened) {
        let peer = self.core.peer(opened.peer.who.node);
        let _ = Arc::clone(&self.core).live(&peer, opened, false).await;
    }

    /// The conversation with a node, none while its connection is replaced, or why there is none.
    pub(crate) fn state(&self, node: NodeId) -> Result<Option<Arc<Session>>, String> {
        let peer = self.core.peers.lock().get(&node).cloned();
        match peer.map(|peer| peer.place.borrow().clone()) {
            Some(Place::Up(session)) => Ok(Some(session)),
            Some(Place::Replaced) => Ok(None),
            Some(Place::Down(why)) => Err(why),
            None => Err("not met yet".into()),
        }
    }
}

impl Core {
    fn peer(self: &Arc<Self>, node: NodeId) -> Arc<Peer> {
        let mut peers = self.peers.lock();
        if let Some(peer) = peers.get(&node) {
            return Arc::clone(peer);
        }
        let peer = Arc::new(Peer {
            node,
            place: watch::Sender::new(Place::Down("not connected yet".into())),
            waiting: Semaphore::new(self.porch.options.calls.in_flight_max),
            newest: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            stop: self.stop.child_token(),
        });
        peers.insert(node, Arc::clone(&peer));
        if node > self.porch.me.node {
            tokio::spawn(Arc::clone(self).dial(Arc::clone(&peer)));
        }
        peer
    }

    /// Starts the gateway again whenever it ends, with ever longer pauses if that does not help.
    /// Its connections end with it and are made anew.
    async fn keep(self: Arc<Self>, mut station: Arc<Station>) {
        let mut backoff = Backoff::new(&self.porch.options);
        while let Some(serving) = self.serving.get() {
            let began = Instant::now();
            tokio::select! {
                () = station.failed.cancelled() => {}
                () = self.stop.cancelled() => return station.stop(),
            }
            tracing::error!("the gateway of entity calls ended, it is started again");
            metrics::counter!("impresario_wire_gateway_restarts_total").increment(1);
            serving.station.lock().take();
            // Another one beside it would get into its way.
            let _ = timeout(self.porch.options.handshake(), station.gone.cancelled()).await;
            if began.elapsed() > self.porch.options.handshake() {
                backoff.reset();
            }
            station = loop {
                tokio::select! {
                    () = sleep_until(Instant::now() + backoff.pause()) => {}
                    () = self.stop.cancelled() => return,
                }
                match Station::start(&self.porch.me).await {
                    Ok(station) => break Arc::new(station),
                    Err(error) => tracing::error!(%error, "the gateway cannot be started"),
                }
            };
            *serving.station.lock() = Some(Arc::clone(&station));
        }
    }

    /// Keeps a connection to a peer until it is forgotten.
    async fn dial(self: Arc<Self>, peer: Arc<Peer>) {
        let mut backoff = Backoff::new(&self.porch.options);
        let mut connections = 0_u64;
        loop {
            let Some(addr) = self.book.get(peer.node) else {
                tokio::select! {
                    () = self.book.moved(peer.node, None) => continue,
                    () = peer.stop.cancelled() => return,
                }
            };
            let dialled = tokio::select! {
                dialled = self.porch.dial(&addr, Some(peer.node), Purpose::Calls) => dialled,
                () = peer.stop.cancelled() => return,
            };
            match dialled {
                Ok(opened) => {
                    if connections > 0 {
                        metrics::counter!("impresario_wire_redials_total", "peer" => peer.node.to_string(), "lane" => "calls").increment(1);
                    }
                    connections += 1;
                    let begun = Instant::now();
                    let ended = Arc::clone(&self).live(&peer, opened, true).await;
                    if begun.elapsed() > self.porch.options.handshake() {
                        backoff.reset();
                    }
                    if matches!(ended, Ended::Replaced) {
                        continue;
                    }
                }
                Err(refusal) => {
                    if backoff.is_news() {
                        complain(peer.node, &addr, Purpose::Calls, &refusal);
                    }
                    peer.place.send_replace(Place::Down(refusal.to_string()));
                }
            }
            tokio::select! {
                () = sleep_until(Instant::now() + backoff.pause()) => {}
                () = self.book.moved(peer.node, Some(&addr)) => backoff.reset(),
                () = peer.stop.cancelled() => return,
            }
        }
    }

    /// Speaks over a connection until it ends.
    async fn live(self: Arc<Self>, peer: &Arc<Peer>, opened: Opened, dialled: bool) -> Ended {
        let Some(serving) = self.serving.get() else { return Ended::Broken("not serving".into()) };
        let Some(station) = serving.station() else {
            return Ended::Broken("the gateway is started again".into());
        };
        let limits = self.porch.options.calls.clone();
        let session = Session::new(&opened.peer, limits, Arc::clone(&serving.handler));
        let older = std::mem::replace(&mut *peer.newest.lock(), session.ended.clone());
        older.cancel();
        let turn = peer.turn.lock().await;
        let label = format!("{}/{}", peer.node, self.serial.fetch_add(1, Ordering::Relaxed));
        let token = opened.token;
        let mut outdated = opened.outdated;
        let handed = station.hand_over(&session, peer.node, &label, token, opened.stream, dialled);
        let handed = timeout(self.porch.options.handshake(), handed)
            .await
            .unwrap_or_else(|_| Err("it was not ready in time".into()));
        let ended = match handed {
            Ok(()) => {
                tracing::info!(peer = %peer.node, release = opened.peer.release, "peer connected");
                let living = (opened.peer.run, Arc::downgrade(&session));
                self.porch.living.lock().insert(peer.node, living);
                peer.place.send_replace(Place::Up(Arc::clone(&session)));
                tokio::select! {
                    ended = self.until_ended(peer, &session, &mut outdated, dialled) => ended,
                    () = station.failed.cancelled() => Ended::Broken("the gateway ended".into()),
                }
            }
            Err(why) => Ended::Broken(why),
        };
        let why = match &ended {
            Ended::Replaced => "its connection was replaced".to_owned(),
            Ended::Broken(why) => {
                tracing::warn!(peer = %peer.node, why, "peer lost");
                peer.place.send_replace(Place::Down(why.clone()));
                why.clone()
            }
        };
        session.end(&why);
        station.withdraw(&session, &label, &token).await;
        drop(turn);
        ended
    }

    async fn until_ended(
        &self,
        peer: &Peer,
        session: &Arc<Session>,
        outdated: &mut crate::porch::Outdated,
        dialled: bool,
    ) -> Ended {
        let orderly = async {
            tokio::select! {
                () = outdated.passed() => {}
                () = session.asked_to_leave() => {}
            }
            peer.place.send_replace(Place::Replaced);
            if dialled {
                // What takes longer is cut off.
                let _ = timeout(self.replace_wait(), session.part()).await;
            } else {
                let _ = timeout(2 * self.replace_wait(), session.agree_to_part()).await;
            }
        };
        let replaced = async {
            orderly.await;
            self.after(peer, String::new())
        };
        tokio::select! {
            ended = replaced => ended,
            why = session.beat() => self.after(peer, why),
            () = session.ended.cancelled() => self.after(peer, "the connection was closed".into()),
            () = peer.stop.cancelled() => Ended::Broken("it was forgotten".into()),
        }
    }

    /// A connection that ends while it is being replaced did what it should.
    fn after(&self, peer: &Peer, why: String) -> Ended {
        if !matches!(*peer.place.borrow(), Place::Replaced) {
            return Ended::Broken(why);
        }
        // If the next one does not come, those who wait must hear of it.
        let (place, wait) = (peer.place.clone(), self.replace_wait());
        tokio::spawn(async move {
            let mut changes = place.subscribe();
            let came = changes.wait_for(|place| !matches!(place, Place::Replaced));
            if timeout(wait, came).await.is_err() {
                place.send_if_modified(|place| {
                    let late = matches!(place, Place::Replaced);
                    if late {
                        *place = Place::Down("its connection was not replaced".into());
                    }
                    late
                });
            }
        });
        Ended::Replaced
    }

    fn replace_wait(&self) -> Duration {
        Duration::from_millis(self.porch.options.calls.replace_ms)
    }

    /// The session to a peer, waiting for it only while a connection is replaced.
    async fn session(&self, peer: &Peer, until: Instant) -> Result<Arc<Session>, WireError> {
        let unreachable = |why: String| WireError::Unreachable { node: peer.node, why };
        let mut place = peer.place.subscribe();
        let now = place.borrow_and_update().clone();
        let now = match now {
            Place::Replaced => {
                let Ok(_waiting) = peer.waiting.try_acquire() else {
                    return Err(WireError::Busy(peer.node));
                };
                let until = until.min(Instant::now() + self.replace_wait());
                let settled = place.wait_for(|place| !matches!(place, Place::Replaced));
                match timeout_at(until, settled).await {
                    Ok(Ok(place)) => place.clone(),
                    Ok(Err(_)) | Err(_) => {
                        return Err(unreachable("its connection is being replaced".into()));
                    }
                }
            }
            now => now,
        };
        match now {
            Place::Up(session) => Ok(session),
            Place::Down(why) => Err(unreachable(why)),
            Place::Replaced => Err(unreachable("its connection is being replaced".into())),
        }
    }

    async fn ask(
        self: Arc<Self>,
        to: NodeId,
        mut call: Call,
        within: Duration,
    ) -> Result<Answer, WireError> {
        let until = Instant::now() + within;
        let peer = self.peers.lock().get(&to).cloned();
        let Some(peer) = peer else {
            return Err(match self.book.get(to) {
                Some(_) => WireError::Unreachable { node: to, why: "not connected yet".into() },
                None => WireError::UnknownNode(to),
            });
        };
        loop {
            let session = self.session(&peer, until).await?;
            let left = until.saturating_duration_since(Instant::now());
            call.within_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
            let body = Bytes::from(call.encode_as(session.version()));
            let limit = self.porch.options.calls.body_bytes_max;
            if body.len() > limit {
                return Err(WireError::TooLarge { bytes: body.len(), limit });
            }
            match session.ask(body, left).await {
                Ok(answer) => {
                    let refused = |why: String| WireError::Refused { node: to, why };
                    return Answer::decode(&answer).map_err(|error| refused(error.to_string()));
                }
                Err(NotAsked::Error(error)) => return Err(error),
                Err(NotAsked::Leaving) => peer.leaving(&session),
            }
        }
    }
}

impl Peer {
    /// The session takes no calls; whoever comes next waits for its successor.
    fn leaving(&self, session: &Arc<Session>) {
        let ended = session.ended.is_cancelled();
        self.place.send_if_modified(|place| {
            let same = matches!(place, Place::Up(up) if Arc::ptr_eq(up, session));
            if same {
                *place = if ended {
                    Place::Down("the connection was closed".into())
                } else {
                    Place::Replaced
                };
            }
            same
        });
    }
}

impl CallTransport for Calls {
    fn call(&self, to: NodeId, call: Call, within: Duration) -> Called {
        let core = Arc::clone(&self.core);
        if to != core.porch.me.node {
            return Box::pin(core.ask(to, call, within));
        }
        Box::pin(async move {
            let closed = WireError::Unreachable { node: to, why: "not serving yet".into() };
            let handled = core.serving.get().ok_or(closed)?.handler.handle(to, call);
            timeout(within, handled).await.map_err(|_| WireError::Timeout(to))
        })
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}
