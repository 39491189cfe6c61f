use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::answering::{Loads, Responder, answer};
use crate::book::Book;
use crate::gateway::Station;
use crate::meters::LineMeters;
use crate::peers::{PeerStatus, peers, record, watch_peers};
use crate::porch::{Opened, Porch};
use crate::tls::Tls;
use crate::{
    Answered, CallHandler, Calls, Doorman, Hello, Me, Options, OptionsError, Purpose, RaftHandler,
    RaftLanes, Refusal, TlsError,
};

/// Connections of one peer for one purpose, at most: the one in use, its successor, and one that
/// nobody noticed to be dead. A further one ends the oldest.
const SAME_MAX: usize = 3;
/// Guests at a time. A further one ends the oldest.
const GUESTS_MAX: usize = 64;
/// How long a guest may stay.
const GUEST_STAY: Duration = Duration::from_secs(60);
/// How long accepting pauses when the process has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers other nodes.
#[derive(Clone)]
pub struct Handlers {
    /// Raft's requests.
    pub raft: Arc<dyn RaftHandler>,
    /// Entity calls.
    pub calls: Arc<dyn CallHandler>,
    /// Questions of those who are not members.
    pub guests: Arc<dyn GuestHandler>,
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handlers").finish_non_exhaustive()
    }
}

/// Answers whoever is let in as a guest, for example a node that wants to join.
pub trait GuestHandler: Send + Sync + 'static {
    /// Answers the one question of a guest.
    fn handle(&self, guest: Hello, body: Bytes) -> Answered;
}

/// Why the wire cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The options cannot work.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificate is for another node or cluster.
    #[error("this node's certificate: {0}")]
    NotMine(String),
    /// The address cannot be listened on.
    #[error("{addr} cannot be listened on: {why}")]
    Listen {
        /// Which address.
        addr: SocketAddr,
        /// Why.
        why: String,
    },
    /// The gateway cannot be started.
    #[error("the gateway cannot be started: {0}")]
    Gateway(String),
    /// It serves already.
    #[error("the wire serves already")]
    ServesAlready,
}

/// A node's end of everything between nodes.
#[derive(Debug)]
pub struct Wire {
    addr: SocketAddr,
    lanes: RaftLanes,
    calls: Calls,
    inner: Arc<Inner>,
    listener: Mutex<Option<TcpListener>>,
    #[expect(dead_code, reason = "stops the tasks when the wire is dropped")]
    guard: DropGuard,
}

struct Inner {
    porch: Arc<Porch>,
    book: Arc<Book>,
    loads: Loads,
    handlers: OnceLock<Handlers>,
    inbound: Mutex<HashMap<(NodeId, Purpose), VecDeque<CancellationToken>>>,
    half_open: Mutex<VecDeque<CancellationToken>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("me", &self.porch.me).finish_non_exhaustive()
    }
}

impl Wire {
    /// Binds the port. [`Wire::lanes`] and [`Wire::calls`] can be handed to others now; nothing is
    /// accepted before [`Wire::serve`].
    ///
    /// # Errors
    /// If the options or certificates cannot be used, or the port is taken.
    pub async fn bind(
        me: Me,
        options: Options,
        doorman: Arc<dyn Doorman>,
    ) -> Result<Self, StartError> {
        let porch = Arc::new(open_porch(me, options, doorman)?);
        let wanted = porch.options.listen;
        let refused =
            |error: std::io::Error| StartError::Listen { addr: wanted, why: error.to_string() };
        let listener = TcpListener::bind(wanted).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let (book, stop) = (Arc::<Book>::default(), CancellationToken::new());
        let lanes = RaftLanes::new(Arc::clone(&porch), Arc::clone(&book), stop.child_token());
        let calls = Calls::new(Arc::clone(&porch), Arc::clone(&book), stop.child_token());
        let inner = Inner {
            loads: Loads::new(porch.options.lanes.clone()),
            porch,
            book,
            handlers: OnceLock::new(),
            inbound: Mutex::default(),
            half_open: Mutex::default(),
            stop: stop.clone(),
            tasks: TaskTracker::new(),
        };
        let (inner, listener) = (Arc::new(inner), Mutex::new(Some(listener)));
        Ok(Self { addr, lanes, calls, inner, listener, guard: stop.drop_guard() })
    }

    /// Lets others in, and starts the gateway of entity calls: one per process.
    ///
    /// # Errors
    /// If the gateway cannot be started, or it serves already.
    pub async fn serve(&self, handlers: Handlers) -> Result<(), StartError> {
        let Some(listener) = self.listener.lock().take() else {
            return Err(StartError::ServesAlready);
        };
        let station = Station::start(&self.inner.porch.me).await?;
        self.calls.serve(station, Arc::clone(&handlers.calls));
        self.open(listener, handlers);
        Ok(())
    }

    /// Lets others in, but carries no entity calls.
    ///
    /// # Errors
    /// If it serves already.
    pub fn serve_raft(&self, handlers: Handlers) -> Result<(), StartError> {
        let listener = self.listener.lock().take().ok_or(StartError::ServesAlready)?;
        self.open(listener, handlers);
        Ok(())
    }

    fn open(&self, listener: TcpListener, handlers: Handlers) {
        if self.inner.handlers.set(handlers).is_err() {
            return;
        }
        let (inner, calls) = (Arc::clone(&self.inner), self.calls.clone());
        self.inner.tasks.spawn(async move { accept(inner, calls, listener).await });
        let (book, calls) = (Arc::clone(&self.inner.book), self.calls.clone());
        self.inner.tasks.spawn(watch_peers(book, calls, self.inner.stop.clone()));
        if let Some(tls) = self.inner.porch.tls.clone()
            && tls.options().check_ms > 0
        {
            self.inner.tasks.spawn(watch_files(tls, self.inner.stop.clone()));
        }
    }

    /// Where it listens; the port is known even if 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Who this node is.
    #[must_use]
    pub fn me(&self) -> Me {
        self.inner.porch.me
    }

    /// From now on this node is reached at `host:port`. Connections that stand are kept.
    pub fn set_address(&self, node: NodeId, addr: &str) {
        if node != self.inner.porch.me.node && self.inner.book.set(node, addr) {
            self.calls.meet(node);
        }
    }

    /// Forgets a node's address and ends all connections with it. Whether it may come back is the
    /// doorman's to say.
    pub fn evict(&self, node: NodeId) {
        self.inner.book.remove(node);
        self.lanes.forget(node);
        self.calls.forget(node);
        self.inner.loads.forget(node);
        self.inner.inbound.lock().retain(|(of, _), tokens| {
            if *of == node {
                tokens.iter().for_each(CancellationToken::cancel);
            }
            *of != node
        });
    }

    /// Raft's way to other nodes.
    #[must_use]
    pub fn lanes(&self) -> RaftLanes {
        self.lanes.clone()
    }

    /// The way of entity calls to other nodes.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// Reads the certificates again. `Ok(true)` if they changed: new connections use them, the old
    /// ones are replaced within `tls.old_connections_ms`.
    ///
    /// # Errors
    /// If they cannot be used; the ones in use stay in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        self.inner.porch.tls.as_ref().map_or(Ok(false), |tls| tls.reload())
    }

    /// What is known of the nodes whose addresses are known.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatus> {
        peers(&self.inner.book, &self.calls)
    }

    /// Sets the gauges of the peers. Done by itself once a second while it serves.
    pub fn record_metrics(&self) {
        record(&self.inner.book, &self.calls);
    }

    /// Ends all connections and waits for their tasks.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

pub(crate) fn open_porch(
    me: Me,
    options: Options,
    doorman: Arc<dyn Doorman>,
) -> Result<Porch, StartError> {
    options.check()?;
    let tls = options.tls.as_ref().map(Tls::open).transpose()?.map(Arc::new);
    if let Some(tls) = &tls {
        let named = tls.current().named;
        let known = me.cluster != impresario_ids::ClusterId::NIL;
        if known && named.cluster != me.cluster {
            return Err(StartError::NotMine(format!("it is for {named}, not {}", me.cluster)));
        }
        if named.node.is_some_and(|node| node != me.node && me.node != NodeId(0)) {
            return Err(StartError::NotMine(format!("it is for {named}, not {}", me.node)));
        }
    }
    Ok(Porch { me, options, tls, doorman, run: rand::random(), living: Mutex::default() })
}

async fn watch_files(tls: Arc<Tls>, stop: CancellationToken) {
    let mut looks = interval(Duration::from_millis(tls.options().check_ms));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.cancelled() => return,
        }
        let tls = Arc::clone(&tls);
        let looked = tokio::task::spawn_blocking(move || tls.reload()).await;
        if let Ok(Err(error)) = looked {
            metrics::counter!("impresario_wire_reload_failures_total").increment(1);
            tracing::error!(error = %error, "new certificates cannot be used, the old ones stay");
        }
    }
}

async fn accept(inner: Arc<Inner>, calls: Calls, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = inner.stop.cancelled() => return,
        };
        match accepted {
            Ok((tcp, remote)) => {
                let crowded = inner.half_opened();
                let entering = Arc::clone(&inner).enter(calls.clone(), tcp, remote, crowded);
                inner.tasks.spawn(entering);
            }
            Err(error) => {
                tracing::warn!(error = %error, "connections cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Inner {
    /// A place among the connections that have not yet said who they are; the oldest makes room.
    fn half_opened(&self) -> CancellationToken {
        let mut places = self.half_open.lock();
        places.retain(|place| !place.is_cancelled());
        while places.len() >= self.porch.options.half_open_max {
            if let Some(oldest) = places.pop_front() {
                oldest.cancel();
            }
        }
        let place = CancellationToken::new();
        places.push_back(place.clone());
        place
    }

    async fn enter(
        self: Arc<Self>,
        calls: Calls,
        tcp: TcpStream,
        remote: SocketAddr,
        crowded: CancellationToken,
    ) {
        let received = tokio::select! {
            received = self.porch.receive(tcp, remote, &crowded) => received,
            () = self.stop.cancelled() => None,
        };
        // The place is free again.
        crowded.cancel();
        let (Some(opened), Some(handlers)) = (received, self.handlers.get()) else { return };
        let (node, purpose) = (opened.peer.who.node, opened.peer.purpose);
        let stop = self.admitted(node, purpose);
        match purpose {
            // It ends itself when it is replaced, forgotten, or the wire stops.
            Purpose::Calls => calls.receive(opened).await,
            Purpose::Raft(lane) => {
                let raft = Arc::clone(&handlers.raft);
                let responder: Responder =
                    Arc::new(move |group, body| raft.handle(node, lane, group, body));
                self.answer(opened, responder, stop.clone()).await;
            }
            Purpose::Guest => {
                let (guests, guest) = (Arc::clone(&handlers.guests), opened.peer.clone());
                let responder: Responder =
                    Arc::new(move |_, body| guests.handle(guest.clone(), body));
                let answered = self.answer(opened, responder, stop.clone());
                let _ = timeout(GUEST_STAY, answered).await;
            }
        }
        stop.cancel();
    }

    async fn answer(&self, opened: Opened, responder: Responder, stop: CancellationToken) {
        let (node, purpose) = (opened.peer.who.node, opened.peer.purpose);
        let mut outdated = opened.outdated;
        let load = self.loads.of(node, purpose);
        let limits = self.loads.limits().clone();
        let meters = LineMeters::new(node, purpose.name());
        let grace = Duration::from_millis(
            self.porch.tls.as_ref().map_or(0, |tls| tls.options().old_connections_ms),
        );
        let late = async {
            // The dialling side replaces it; this is for one that does not.
            outdated.passed().await;
            tokio::time::sleep(grace).await;
        };
        let ended = tokio::select! {
            ended = answer(opened.stream, responder, load, limits, meters, stop) => ended,
            () = late => Ok(()),
        };
        if let Err(error) = ended {
            tracing::info!(peer = %node, purpose = purpose.name(), why = %error, "connection of a peer ended");
        }
    }

    /// Registers a connection that came in; the oldest of too many of the same kind ends.
    fn admitted(&self, node: NodeId, purpose: Purpose) -> CancellationToken {
        let stop = self.stop.child_token();
        let max = if purpose == Purpose::Guest { GUESTS_MAX } else { SAME_MAX };
        let mut inbound = self.inbound.lock();
        let same = inbound.entry((node, purpose)).or_default();
        same.retain(|other| !other.is_cancelled());
        while same.len() >= max {
            if let Some(oldest) = same.pop_front() {
                oldest.cancel();
            }
        }
        same.push_back(stop.clone());
        stop
    }
}

/// Why a question to a cluster has no answer.
#[derive(Debug, thiserror::Error)]
pub enum KnockError {
    /// The own options or certificates cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The node refused this one, or cannot be reached.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The node answered that it cannot help.
    #[error("{0}")]
    Answer(String),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
}
