//! One live conversation with a peer: the link, the way its parcels leave, and the tasks that
//! answer calls.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::link::{Event, Link, NotTaken};
use crate::meters::{LineMeters, Pulse};
use crate::parcel::{Nack, Say};
use crate::{Answer, Call, CallHandler, CallOptions, FrameError, Hello, WireError};

/// Hands one parcel on; `false` if there is no way any more. Must not wait.
pub(crate) type Port = Box<dyn Fn(Vec<u8>) -> bool + Send + Sync>;

/// See the module.
pub(crate) struct Session {
    peer: NodeId,
    limits: CallOptions,
    link: Mutex<Link>,
    port: OnceLock<Port>,
    handler: Arc<dyn CallHandler>,
    /// Something settled, or the peer said that it leaves.
    changed: Notify,
    signs: Mutex<Signs>,
    /// The release that the peer runs.
    release: String,
    /// The version of the wire that is spoken with it.
    version: u8,
    begun: Instant,
    /// When bytes of the peer last arrived, in milliseconds after `begun`.
    bytes_at_ms: AtomicU64,
    pub(crate) ended: CancellationToken,
    pulse: Pulse,
    meters: LineMeters,
}

#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    leave: bool,
    left: bool,
    rtt: Option<Duration>,
}

/// Why a call was not taken by a session.
pub(crate) enum NotAsked {
    Error(WireError),
    /// The connection is being replaced; ask the next one.
    Leaving,
}

impl Session {
    pub(crate) fn new(
        hello: &Hello,
        limits: CallOptions,
        handler: Arc<dyn CallHandler>,
    ) -> Arc<Self> {
        let peer = hello.who.node;
        let link = Link::new(peer, limits.clone(), hello.token, Instant::now());
        Arc::new(Self {
            peer,
            limits,
            link: Mutex::new(link),
            port: OnceLock::new(),
            handler,
            changed: Notify::new(),
            signs: Mutex::default(),
            release: hello.release.clone(),
            version: hello.version,
            begun: Instant::now(),
            bytes_at_ms: AtomicU64::new(0),
            ended: CancellationToken::new(),
            pulse: Pulse::new(peer),
            meters: LineMeters::new(peer, "calls"),
        })
    }

    /// Parcels leave this way from now on.
    pub(crate) fn open(&self, port: Port) {
        if self.port.set(port).is_ok() {
            self.pulse.alive(true);
            self.flush();
        }
    }

    /// Sends what may be sent. In the link's order, so under its lock.
    fn flush(&self) {
        let Some(port) = self.port.get() else { return };
        let mut link = self.link.lock();
        while let Some(parcel) = link.next() {
            if !port(parcel) {
                self.ended.cancel();
                return;
            }
        }
    }

    /// Takes in a parcel of the peer.
    pub(crate) fn take(self: &Arc<Self>, rest: &[u8]) {
        let event = self.link.lock().receive(rest, Instant::now());
        match event {
            Ok(Event::Call { id, body, since }) => self.begin(id, body, since),
            Ok(Event::Beat(rtt)) => {
                self.pulse.beat(rtt);
                self.signs.lock().rtt = Some(rtt);
            }
            Ok(Event::Leave) => self.signs.lock().leave = true,
            Ok(Event::Left) => self.signs.lock().left = true,
            Ok(Event::Nothing) => {}
            Err(why) => {
                tracing::error!(peer = %self.peer, why, "peer does not keep to the protocol");
                self.ended.cancel();
            }
        }
        self.flush();
        self.changed.notify_waiters();
    }

    fn begin(self: &Arc<Self>, id: u64, body: Vec<u8>, since: Instant) {
        let session = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut unanswered = Unanswered { session: Some(Arc::clone(&session)), id };
            let answer = session.handle(&body, since).await;
            unanswered.session = None;
            match answer {
                Ok(Some(answer)) => session.answer(id, &answer),
                Ok(None) => session.link.lock().forget(id),
                Err(error) => {
                    metrics::counter!("impresario_wire_not_understood_total", "peer" => session.peer.to_string()).increment(1);
                    session.link.lock().refuse(id, Nack::NotUnderstood, error.to_string());
                    session.flush();
                }
            }
            session.changed.notify_waiters();
        });
        self.link.lock().handled_by(id, task.abort_handle());
    }

    /// The answer to a call, or `None` if it came too late.
    async fn handle(&self, body: &[u8], since: Instant) -> Result<Option<Answer>, FrameError> {
        let call = Call::decode(body)?;
        let within =
            Duration::from_millis(u64::from(call.within_ms)).saturating_sub(since.elapsed());
        Ok(timeout(within, self.handler.handle(self.peer, call)).await.ok())
    }

    fn answer(&self, id: u64, answer: &Answer) {
        if self.link.lock().is_handling(id) {
            let body = Bytes::from(answer.encode_as(self.version));
            self.link.lock().answer(id, body);
            self.flush();
        }
    }

    /// Asks the peer.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, NotAsked> {
        let (id, answer) = match self.link.lock().ask(body) {
            Ok(asked) => asked,
            Err(NotTaken::Busy) => {
                self.meters.busy.increment(1);
                return Err(NotAsked::Error(WireError::Busy(self.peer)));
            }
            Err(NotTaken::Leaving) => return Err(NotAsked::Leaving),
        };
        let _asking = Asking { session: Arc::clone(self), id, in_flight: self.meters.enter() };
        self.flush();
        let late = WireError::Timeout(self.peer);
        let broken = || WireError::Broken { node: self.peer, why: "it was closed".into() };
        match timeout(within, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(broken())).map_err(NotAsked::Error),
            Err(_) => Err(NotAsked::Error(late)),
        }
    }

    /// Sends heartbeats until the peer is dead. The reason.
    pub(crate) async fn beat(&self) -> String {
        let period = Duration::from_millis((self.limits.heartbeat_ms / 2).max(1));
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.ended.cancelled() => return "the connection was closed".into(),
            }
            let bytes_at =
                self.begun + Duration::from_millis(self.bytes_at_ms.load(Ordering::Relaxed));
            let alive = self.link.lock().tick(Instant::now(), bytes_at);
            if !alive {
                metrics::counter!("impresario_wire_peer_deaths_total", "peer" => self.peer.to_string()).increment(1);
                return format!("not heard for {} ms", self.limits.dead_after_ms);
            }
            self.flush();
        }
    }

    /// Bytes of the peer arrived. They may wait long in the queues of ractor, but they show that it
    /// lives.
    pub(crate) fn stirred(&self) {
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.bytes_at_ms.store(ms, Ordering::Relaxed);
    }

    /// Waits until the peer asks for another connection.
    pub(crate) async fn asked_to_leave(&self) {
        self.until(|_, signs| signs.leave).await;
    }

    /// Settles everything under way so that the connection can be replaced without losing a call.
    /// The side that dialled does this.
    pub(crate) async fn part(&self) {
        self.say(Say::Leave);
        self.until(|link, signs| signs.left && link.is_idle()).await;
        let nonce = self.link.lock().barrier(Instant::now());
        self.flush();
        self.until(|link, _| link.ponged(nonce)).await;
    }

    /// The other side's part of it: asks for it if the peer did not, and waits until the peer
    /// closes the connection.
    pub(crate) async fn agree_to_part(&self) {
        self.say(Say::Leave);
        // This would overtake calls that still wait to be sent.
        self.until(|link, _| link.in_flight() == 0).await;
        self.say(Say::Left);
        self.ended.cancelled().await;
    }

    /// Takes no more calls of this side's, and tells the peer.
    fn say(&self, say: Say) {
        self.link.lock().leave(say);
        self.flush();
    }

    async fn until(&self, holds: impl Fn(&Link, &Signs) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(&self.link.lock(), &self.signs.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Whether the peer lives for certain: it was heard within the last two heartbeats.
    pub(crate) fn is_lively(&self) -> bool {
        let silence = self.link.lock().silence(Instant::now());
        !self.ended.is_cancelled() && silence < Duration::from_millis(2 * self.limits.heartbeat_ms)
    }

    pub(crate) fn release(&self) -> &str {
        &self.release
    }

    pub(crate) fn version(&self) -> u8 {
        self.version
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.signs.lock().rtt
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.link.lock().in_flight()
    }

    pub(crate) fn meters(&self) -> &LineMeters {
        &self.meters
    }

    /// Ends it: whoever waits is told why.
    pub(crate) fn end(&self, why: &str) {
        self.ended.cancel();
        self.link.lock().end(why);
        self.pulse.alive(false);
        self.changed.notify_waiters();
    }
}

/// A call of this side that waits: given up when dropped.
struct Asking {
    session: Arc<Session>,
    id: u64,
    #[expect(dead_code, reason = "it counts while it is held")]
    in_flight: crate::meters::InFlight,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.session.link.lock().give_up(self.id);
        self.session.flush();
        self.session.changed.notify_waiters();
    }
}

/// A call of the peer that is handled: refused if the handler crashes.
struct Unanswered {
    session: Option<Arc<Session>>,
    id: u64,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.link.lock().refuse(self.id, Nack::Lost, "the handler crashed".into());
            session.flush();
        }
    }
}
