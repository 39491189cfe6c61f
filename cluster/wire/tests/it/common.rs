//! Nodes on loopback sockets, with real certificates.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use impresario_ids::{ClusterId, NodeId};
use impresario_kernel::Timestamp;
use impresario_wire::issue::{self, Pem, Validity};
use impresario_wire::{
    Answer, Answered, Call, CallHandler, GuestHandler, Handled, Handlers, Hello, Lane, Me, Named,
    Options, RaftHandler, RaftTransport, Register, StoreId, TlsOptions, Wire, WireError,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;

pub(crate) const CLUSTER: ClusterId = ClusterId::from_bytes([7; 16]);
pub(crate) const LONG: Duration = Duration::from_secs(20);
pub(crate) const SHORT: Duration = Duration::from_millis(150);

pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "certificates are held against the real time")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_ms(i64::try_from(since.as_millis()).expect("this century"))
}

/// An authority, and a folder for what it signs.
pub(crate) struct Office {
    pub(crate) cluster: ClusterId,
    pub(crate) authority: Pem,
    pub(crate) folder: TempDir,
}

impl Office {
    pub(crate) fn new(cluster: ClusterId) -> Self {
        let authority = issue::authority(cluster, Validity::days(now(), 30)).expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        Self { cluster, authority, folder }
    }

    /// Signs a certificate and writes it where [`Office::files`] says.
    pub(crate) fn issue(&self, name: &str, named: Named, validity: Validity) -> TlsOptions {
        let pem = issue::certificate(&self.authority, named, &["localhost".into()], validity)
            .expect("a certificate");
        let files = self.files(name);
        std::fs::write(&files.authority, &self.authority.certificate).expect("written");
        std::fs::write(&files.key, &pem.key).expect("written");
        std::fs::write(&files.certificate, &pem.certificate).expect("written");
        files
    }

    /// The certificate of a node.
    pub(crate) fn node(&self, node: u64) -> TlsOptions {
        let named = Named { cluster: self.cluster, node: Some(NodeId(node)) };
        self.issue(&format!("node-{node}"), named, Validity::days(now(), 1))
    }

    fn files(&self, name: &str) -> TlsOptions {
        let path = |file: String| -> PathBuf { self.folder.path().join(file) };
        let mut files = TlsOptions::files(
            path(format!("{name}-ca.pem")),
            path(format!("{name}.pem")),
            path(format!("{name}-key.pem")),
        );
        files.check_ms = 0;
        files
    }
}

pub(crate) fn me(node: u64) -> Me {
    let store = StoreId([u8::try_from(node).expect("small"); 16]);
    Me { cluster: CLUSTER, node: NodeId(node), store, partitions: 16 }
}

pub(crate) fn options(tls: Option<TlsOptions>) -> Options {
    let listen = "127.0.0.1:0".parse().expect("an address");
    Options {
        listen,
        plain: tls.is_none(),
        tls,
        redial_ms: 5,
        redial_max_ms: 20,
        ..Options::default()
    }
}

/// Answers with what it was asked, after the gate let it through.
pub(crate) struct Echo {
    pub(crate) gate: Semaphore,
    pub(crate) begun: AtomicUsize,
}

impl Echo {
    pub(crate) fn open() -> Arc<Self> {
        Self::with(Semaphore::MAX_PERMITS)
    }

    pub(crate) fn with(permits: usize) -> Arc<Self> {
        Arc::new(Self { gate: Semaphore::new(permits), begun: AtomicUsize::new(0) })
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

pub(crate) struct Handler(pub(crate) Arc<Echo>);

impl RaftHandler for Handler {
    fn handle(&self, from: NodeId, lane: Lane, group: u16, body: Bytes) -> Answered {
        let echo = Arc::clone(&self.0);
        Box::pin(async move {
            echo.begun.fetch_add(1, Ordering::SeqCst);
            echo.gate.acquire().await.expect("the gate is never closed").forget();
            if &body[..] == b"refuse" {
                return Err(WireError::Refused { node: from, why: "as you wish".into() });
            }
            let answer = [format!("{from} {lane:?} {group} ").as_bytes(), &body].concat();
            Ok(answer.into())
        })
    }
}

impl CallHandler for Handler {
    fn handle(&self, _: NodeId, _: Call) -> Handled {
        Box::pin(async { Answer::Done(Vec::new()) })
    }
}

impl GuestHandler for Handler {
    fn handle(&self, guest: Hello, body: Bytes) -> Answered {
        Box::pin(async move {
            Ok([format!("{} asks ", guest.who.store).as_bytes(), &body].concat().into())
        })
    }
}

pub(crate) fn handlers(echo: &Arc<Echo>) -> Handlers {
    let handler = Arc::new(Handler(Arc::clone(echo)));
    Handlers {
        raft: Arc::clone(&handler) as Arc<dyn RaftHandler>,
        calls: Arc::clone(&handler) as Arc<dyn CallHandler>,
        guests: handler,
    }
}

/// A node that serves Raft and guests.
pub(crate) async fn serve(me: Me, options: Options, echo: &Arc<Echo>) -> Wire {
    let wire = bind(me, options).await;
    wire.serve_raft(handlers(echo)).expect("it serves");
    wire
}

pub(crate) async fn bind(me: Me, options: Options) -> Wire {
    Wire::bind(me, options, Arc::new(Register::new(true))).await.expect("the wire is bound")
}

pub(crate) fn introduce(wire: &Wire, other: &Wire) {
    wire.set_address(other.me().node, &other.local_addr().to_string());
}

/// Asks over Raft's append lane.
pub(crate) async fn ask(wire: &Wire, to: u64, body: &str) -> Result<String, WireError> {
    let body = Bytes::from(body.to_owned());
    let answer = wire.lanes().call(NodeId(to), Lane::Append, 3, body, LONG).await?;
    Ok(String::from_utf8(answer.to_vec()).expect("text"))
}

/// Looks again and again until it holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let looking = async {
        while !holds() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(LONG, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}
