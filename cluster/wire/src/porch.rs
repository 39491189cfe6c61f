//! From a socket to a peer whose name is known: TCP, TLS, hello, and the questions about it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use impresario_ids::{ClusterId, NodeId};
use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, ServerName};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::hello::{self, RunId, Said, Token};
use crate::session::Session;
use crate::tls::{Named, Tls, named_by};
use crate::{Doorman, Hello, Me, Options, Purpose, Refusal};

/// A connection, encrypted or not.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}
pub(crate) type Stream = Box<dyn Duplex>;

/// What both sides of every connection are held against.
pub(crate) struct Porch {
    pub(crate) me: Me,
    pub(crate) options: Options,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) doorman: Arc<dyn Doorman>,
    /// This process.
    pub(crate) run: RunId,
    /// The processes that are spoken to.
    pub(crate) living: Mutex<HashMap<NodeId, (RunId, Weak<Session>)>>,
}

/// A connection whose peer came in.
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    pub(crate) peer: Hello,
    /// What this side told the peer to put before its messages.
    pub(crate) token: Token,
    /// When it should be replaced.
    pub(crate) outdated: Outdated,
}

/// The certificate names a node of this cluster that it does not have to be shown for.
const ANY_NAME: &str = "node.invalid";

impl Porch {
    /// Dials a node and is let in there. Counts failures; the caller logs them.
    pub(crate) async fn dial(
        &self,
        addr: &str,
        wanted: Option<NodeId>,
        purpose: Purpose,
    ) -> Result<Opened, Refusal> {
        let opened = timeout(self.options.handshake(), self.dial_slowly(addr, wanted, purpose));
        let opened = opened.await.unwrap_or(Err(Refusal::TooSlow));
        if let Err(refusal) = &opened {
            count(refusal, "out");
        }
        opened
    }

    async fn dial_slowly(
        &self,
        addr: &str,
        wanted: Option<NodeId>,
        purpose: Purpose,
    ) -> Result<Opened, Refusal> {
        let lost = |error: std::io::Error| Refusal::Lost(error.to_string());
        let tcp = TcpStream::connect(addr).await.map_err(lost)?;
        let remote = tcp.peer_addr().map_err(lost)?;
        self.prepare(&tcp, remote)?;
        let (mut stream, named, outdated) = match &self.tls {
            None => (Box::new(tcp) as Stream, None, Outdated::never()),
            Some(tls) => {
                let material = tls.current();
                let name = ServerName::try_from(ANY_NAME)
                    .map_err(|error| Refusal::Certificate(error.to_string()))?;
                let stream = material.connector.connect(name, tcp).await.map_err(broken)?;
                let named = peer_name(stream.get_ref().1.peer_certificates())?;
                (Box::new(stream) as Stream, Some(named), Outdated::of(tls, material.generation))
            }
        };
        let token = rand::random();
        hello::write(&mut stream, &hello::encode_hello(purpose, &self.me, self.run, token)).await?;
        let peer =
            match hello::read(&mut stream).await.map_err(|error| explain(error, &self.tls))? {
                Said::Refused { code, why } => return Err(Refusal::ByPeer { code, why }),
                Said::Hello(peer) => peer,
            };
        if let Some(wanted) = wanted
            && peer.who.node != wanted
        {
            return Err(Refusal::WrongNode { theirs: peer.who.node, wanted });
        }
        self.judge(&peer, named, purpose == Purpose::Guest)?;
        Ok(Opened { stream, peer, token, outdated })
    }

    /// Lets someone in who dialled here, or not. Logs and counts refusals.
    pub(crate) async fn receive(
        &self,
        tcp: TcpStream,
        remote: SocketAddr,
        crowded: &CancellationToken,
    ) -> Option<Opened> {
        let opened = tokio::select! {
            opened = timeout(self.options.handshake(), self.receive_slowly(tcp, remote)) => {
                opened.unwrap_or(Err(Refusal::TooSlow))
            }
            () = crowded.cancelled() => Err(Refusal::Crowded),
        };
        match opened {
            Ok(opened) => Some(opened),
            Err(refusal) => {
                count(&refusal, "in");
                tracing::warn!(addr = %remote, reason = refusal.reason(), why = %refusal, "connection refused");
                None
            }
        }
    }

    async fn receive_slowly(&self, tcp: TcpStream, remote: SocketAddr) -> Result<Opened, Refusal> {
        self.prepare(&tcp, remote)?;
        let (mut stream, named, outdated) = match &self.tls {
            None => (Box::new(tcp) as Stream, None, Outdated::never()),
            Some(tls) => {
                let material = tls.current();
                let stream = material.acceptor.accept(tcp).await.map_err(broken)?;
                let named = peer_name(stream.get_ref().1.peer_certificates())?;
                (Box::new(stream) as Stream, Some(named), Outdated::of(tls, material.generation))
            }
        };
        match self.greet(&mut stream, named).await {
            Ok((peer, token)) => Ok(Opened { stream, peer, token, outdated }),
            Err(refusal) => {
                // The peer should know why; if it does not listen any more, that is its loss.
                let _ = hello::write(&mut stream, &hello::encode_refusal(&refusal)).await;
                Err(refusal)
            }
        }
    }

    async fn greet(
        &self,
        stream: &mut Stream,
        named: Option<Named>,
    ) -> Result<(Hello, Token), Refusal> {
        let peer = match hello::read(stream).await? {
            Said::Refused { code, why } => return Err(Refusal::ByPeer { code, why }),
            Said::Hello(peer) => peer,
        };
        self.judge(&peer, named, peer.purpose == Purpose::Guest)?;
        let token = rand::random();
        hello::write(stream, &hello::encode_hello(peer.purpose, &self.me, self.run, token)).await?;
        Ok((peer, token))
    }

    fn judge(&self, peer: &Hello, named: Option<Named>, guest: bool) -> Result<(), Refusal> {
        let (me, who) = (&self.me, &peer.who);
        // A guest may not know the cluster yet, nor be known to it.
        let unsaid = guest && (who.cluster == ClusterId::NIL || me.cluster == ClusterId::NIL);
        if who.cluster != me.cluster && !unsaid {
            return Err(Refusal::WrongCluster { theirs: who.cluster, ours: me.cluster });
        }
        let unsaid = guest && (who.partitions == 0 || me.partitions == 0);
        if who.partitions != me.partitions && !unsaid {
            return Err(Refusal::WrongPartitions { theirs: who.partitions, ours: me.partitions });
        }
        if who.node == NodeId(0) && !guest {
            return Err(Refusal::UnknownNode(who.node));
        }
        if who.node == me.node && who.node != NodeId(0) {
            let (known, theirs) = (me.store, who.store);
            return Err(if known == theirs {
                Refusal::Oneself(who.node)
            } else {
                Refusal::OtherStore { node: who.node, known, theirs }
            });
        }
        if let Some(named) = named {
            self.judge_certificate(peer, named, guest)?;
        }
        if !guest && self.has_twin(peer) {
            return Err(Refusal::Twin(who.node));
        }
        self.doorman.admit(peer)
    }

    /// Whether another process of this node is spoken to and lives. One that was started again is
    /// let in as soon as the one before was not heard for a moment.
    fn has_twin(&self, peer: &Hello) -> bool {
        let living = self.living.lock().get(&peer.who.node).cloned();
        living.is_some_and(|(run, session)| {
            run != peer.run && session.upgrade().is_some_and(|session| session.is_lively())
        })
    }

    fn judge_certificate(&self, peer: &Hello, named: Named, guest: bool) -> Result<(), Refusal> {
        if named.cluster != self.me.cluster && self.me.cluster != ClusterId::NIL {
            return Err(Refusal::WrongCluster { theirs: named.cluster, ours: self.me.cluster });
        }
        let no_node_yet = guest && peer.who.node == NodeId(0);
        match named.node {
            Some(node) if node != peer.who.node && !no_node_yet => Err(Refusal::Certificate(
                format!("it is for {node}, shown by one who says to be {}", peer.who.node),
            )),
            None if !guest && self.tls.as_ref().is_some_and(|tls| tls.options().bound_only) => {
                Err(Refusal::Certificate("it names no node".into()))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn prepare(&self, tcp: &TcpStream, remote: SocketAddr) -> Result<(), Refusal> {
        if self.tls.is_none() && !remote.ip().to_canonical().is_loopback() {
            return Err(Refusal::NotLoopback);
        }
        let lost = |error: std::io::Error| Refusal::Lost(error.to_string());
        let pause = Duration::from_millis(self.options.keepalive_ms.max(1_000));
        let socket = SockRef::from(tcp);
        tcp.set_nodelay(true).map_err(lost)?;
        let probes = TcpKeepalive::new().with_time(pause).with_interval(pause).with_retries(3);
        socket.set_tcp_keepalive(&probes).map_err(lost)?;
        let longest = Duration::from_millis(u64::from(self.options.user_timeout_ms));
        socket.set_tcp_user_timeout(Some(longest)).map_err(lost)
    }
}

/// Whether the certificates that a connection was made under were replaced long enough ago.
pub(crate) struct Outdated {
    of: u64,
    generation: Option<watch::Receiver<u64>>,
    wait: Duration,
    until: Option<Instant>,
}

impl Outdated {
    pub(crate) fn never() -> Self {
        Self { of: 0, generation: None, wait: Duration::ZERO, until: None }
    }

    fn of(tls: &Tls, generation: u64) -> Self {
        let longest = tls.options().old_connections_ms;
        // Spread, so that not all connections of a cluster are made anew at once.
        let wait = Duration::from_millis(longest / 2 + rand::random_range(0..=longest / 2));
        Self { of: generation, generation: Some(tls.generation()), wait, until: None }
    }

    /// Whether it is time.
    pub(crate) fn is_past(&mut self) -> bool {
        if self.until.is_none()
            && self.generation.as_ref().is_some_and(|now| *now.borrow() > self.of)
        {
            self.until = Some(Instant::now() + self.wait);
        }
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Waits until it is time. May be given up and taken up again.
    pub(crate) async fn passed(&mut self) {
        if self.until.is_none() {
            let Some(generation) = &mut self.generation else {
                return std::future::pending().await;
            };
            if generation.wait_for(|now| *now > self.of).await.is_err() {
                return std::future::pending().await;
            }
        }
        let until = *self.until.get_or_insert_with(|| Instant::now() + self.wait);
        sleep_until(until).await;
    }
}

fn peer_name(chain: Option<&[CertificateDer<'_>]>) -> Result<Named, Refusal> {
    let leaf = chain
        .and_then(<[_]>::first)
        .ok_or_else(|| Refusal::Certificate("none was shown".into()))?;
    named_by(leaf).map_err(Refusal::Certificate)
}

/// A TLS handshake that failed for a certificate is told from a broken connection.
fn broken(error: std::io::Error) -> Refusal {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => Refusal::Certificate(inner.to_string()),
        None => Refusal::Lost(error.to_string()),
    }
}

/// With TLS 1.3 the dialling side hears only after the handshake that its certificate was refused.
fn explain(refusal: Refusal, tls: &Option<Arc<Tls>>) -> Refusal {
    match refusal {
        Refusal::Lost(why) if tls.is_some() && why.contains("alert") => {
            Refusal::ByPeer { code: "certificate".into(), why }
        }
        refusal => refusal,
    }
}

/// Says why a node cannot be dialled.
pub(crate) fn complain(node: NodeId, addr: &str, purpose: Purpose, refusal: &Refusal) {
    tracing::warn!(peer = %node, addr, purpose = purpose.name(), reason = refusal.reason(), why = %refusal, "dial failed");
}

fn count(refusal: &Refusal, direction: &'static str) {
    metrics::counter!("impresario_wire_refused_total", "reason" => refusal.reason(), "direction" => direction).increment(1);
}
