//! The one remotable actor of a node, and what ractor_cluster needs around it.
//!
//! ractor_cluster has no failure detector, no redial and no bounds; it carries parcels, and
//! everything else is done above it (`link`, `session`, `calls`). It insists on a listener of its
//! own: that one sits on a loopback address behind a TLS that nobody passes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use parking_lot::Mutex;
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{
    IncomingEncryptionMode, NodeEventSubscription, NodeServer, NodeServerMessage,
};
use ractor_net::message::{BoxedDowncastErr, SerializedMessage};
use ractor_net::{Actor, ActorId, ActorProcessingErr, ActorRef};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::bidi::Bidi;
use crate::hello::Token;
use crate::parcel;
use crate::porch::Stream;
use crate::session::{Port, Session};
use crate::{Me, StartError};

/// How long an ended session of ractor_cluster may take to be gone.
const GONE_WAIT: Duration = Duration::from_secs(2);

/// Opaque to ractor_cluster: see `parcel`.
#[derive(Debug)]
pub(crate) struct Letter(Vec<u8>);

impl ractor_net::Message for Letter {
    fn serializable() -> bool {
        true
    }

    fn serialize(self) -> Result<SerializedMessage, BoxedDowncastErr> {
        Ok(SerializedMessage::Cast { variant: String::new(), args: self.0, metadata: None })
    }

    fn deserialize(message: SerializedMessage) -> Result<Self, BoxedDowncastErr> {
        match message {
            SerializedMessage::Cast { args, .. } => Ok(Self(args)),
            // An error would end the gateway; what no gateway sends is dropped instead.
            SerializedMessage::Call { .. } | SerializedMessage::CallReply(..) => {
                Ok(Self(Vec::new()))
            }
        }
    }
}

/// The live sessions by the token that stands before their parcels.
#[derive(Default)]
pub(crate) struct Desk {
    sessions: Mutex<HashMap<Token, Arc<Session>>>,
}

impl Desk {
    fn sort(&self, letter: &[u8]) {
        let Ok((token, rest)) = parcel::open(letter) else {
            tracing::warn!(bytes = letter.len(), "parcel of an unknown version dropped");
            return;
        };
        let session = self.sessions.lock().get(&token).cloned();
        // The rest of a connection that ended may still arrive.
        if let Some(session) = session {
            let taken = catch_unwind(AssertUnwindSafe(|| session.take(rest)));
            if taken.is_err() {
                // The conversation with one peer is lost, not the gateway.
                tracing::error!("a parcel could not be handled, its connection is closed");
                session.ended.cancel();
            }
        }
    }
}

struct Gateway;

impl Actor for Gateway {
    type Msg = Letter;
    type State = Arc<Desk>;
    type Arguments = Arc<Desk>;

    async fn pre_start(
        &self,
        _: ActorRef<Letter>,
        desk: Arc<Desk>,
    ) -> Result<Arc<Desk>, ActorProcessingErr> {
        Ok(desk)
    }

    async fn handle(
        &self,
        _: ActorRef<Letter>,
        Letter(letter): Letter,
        desk: &mut Arc<Desk>,
    ) -> Result<(), ActorProcessingErr> {
        desk.sort(&letter);
        Ok(())
    }
}

/// The gateway of this process. One per process: ractor's registries are the process's.
pub(crate) struct Station {
    gateway: ActorRef<Letter>,
    server: ActorRef<NodeServerMessage>,
    desk: Arc<Desk>,
    labels: Arc<Labels>,
    /// Cancelled when an actor of this station ended: it is useless then.
    pub(crate) failed: CancellationToken,
    /// Cancelled when all of them have ended, so that another station may begin.
    pub(crate) gone: CancellationToken,
}

/// Connections that were handed over, by the label that ractor_cluster tells their events under.
#[derive(Default)]
struct Labels(Mutex<HashMap<String, Handed>>);

struct Handed {
    ready: Option<oneshot::Sender<NodeServerSessionInformation>>,
    ended: CancellationToken,
    gone: CancellationToken,
}

struct Listener(Arc<Labels>);

impl NodeEventSubscription for Listener {
    fn node_session_opened(&self, _: NodeServerSessionInformation) {}

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        if let Some(handed) = self.0.0.lock().get(&session.peer_addr) {
            handed.ended.cancel();
            handed.gone.cancel();
        }
    }

    fn node_session_authenicated(&self, _: NodeServerSessionInformation) {}

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        let ready =
            self.0.0.lock().get_mut(&session.peer_addr).and_then(|handed| handed.ready.take());
        if let Some(ready) = ready {
            let _ = ready.send(session);
        }
    }
}

fn group(node: NodeId) -> String {
    format!("impresario-gateway/{node}")
}

impl Station {
    pub(crate) async fn start(me: &Me) -> Result<Self, StartError> {
        let refused = |error: ractor_net::SpawnErr| StartError::Gateway(error.to_string());
        let desk = Arc::new(Desk::default());
        let (gateway, mut gateway_ended) =
            Actor::spawn(None, Gateway, Arc::clone(&desk)).await.map_err(refused)?;
        ractor_net::pg::join(group(me.node), vec![gateway.get_cell()]);
        let server = NodeServer::new(
            0,
            me.cluster.to_string(),
            "impresario".into(),
            me.node.to_string(),
            Some(nobody()?),
            None,
        )
        .with_listen_addr(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (server, mut server_ended) = Actor::spawn(None, server, ()).await.map_err(refused)?;
        let labels = Arc::new(Labels::default());
        let subscription = Box::new(Listener(Arc::clone(&labels)));
        server
            .cast(NodeServerMessage::SubscribeToEvents { id: "wire".into(), subscription })
            .map_err(|error| StartError::Gateway(error.to_string()))?;
        let (failed, gone) = (CancellationToken::new(), CancellationToken::new());
        let (ended, all_ended) = (failed.clone(), gone.clone());
        let (to_gateway, to_server) = (gateway.clone(), server.clone());
        tokio::spawn(async move {
            // One without the other is of no use.
            let other = tokio::select! {
                _ = &mut gateway_ended => {
                    to_server.stop(None);
                    server_ended
                }
                _ = &mut server_ended => {
                    to_gateway.stop(None);
                    gateway_ended
                }
            };
            ended.cancel();
            let _ = other.await;
            all_ended.cancel();
        });
        Ok(Self { gateway, server, desk, labels, failed, gone })
    }

    pub(crate) fn stop(&self) {
        self.server.stop(None);
        self.gateway.stop(None);
    }

    /// Hands a connection over and opens the session on it. Until [`Station::withdraw`], parcels
    /// under this token reach the session.
    pub(crate) async fn hand_over(
        &self,
        session: &Arc<Session>,
        peer: NodeId,
        label: &str,
        token: Token,
        stream: Stream,
        dialled: bool,
    ) -> Result<(), String> {
        let (ready, is_ready) = oneshot::channel();
        let ended = session.ended.clone();
        let handed =
            Handed { ready: Some(ready), ended: ended.clone(), gone: CancellationToken::new() };
        self.labels.0.lock().insert(label.to_owned(), handed);
        self.desk.sessions.lock().insert(token, Arc::clone(session));
        let stream = Box::new(Bidi::new(stream, label, session));
        let message = NodeServerMessage::ConnectionOpenedExternal { stream, is_server: !dialled };
        self.server.cast(message).map_err(|error| error.to_string())?;
        let info = tokio::select! {
            info = is_ready => info.map_err(|_| "it ended before it was ready")?,
            () = ended.cancelled() => return Err("it ended before it was ready".into()),
        };
        session.open(find(peer, info.node_id)?);
        Ok(())
    }

    /// Ends a connection that was handed over, and waits until ractor_cluster forgot it: it would
    /// hold the next one of the same peer for a duplicate.
    pub(crate) async fn withdraw(&self, session: &Session, label: &str, token: &Token) {
        session.ended.cancel();
        self.desk.sessions.lock().remove(token);
        let gone = self.labels.0.lock().get(label).map(|handed| handed.gone.clone());
        if let Some(gone) = gone {
            let gone = async {
                tokio::select! { () = gone.cancelled() => {} () = self.failed.cancelled() => {} }
            };
            let _ = timeout(GONE_WAIT, gone).await;
        }
        self.labels.0.lock().remove(label);
    }
}

/// The peer's gateway, as the session of this number knows it. References to remote actors die
/// with their session, so each new one is looked up anew.
fn find(peer: NodeId, session_id: u64) -> Result<Port, String> {
    let is_its =
        |id: ActorId| matches!(id, ActorId::Remote { node_id, .. } if node_id == session_id);
    let cell = ractor_net::pg::get_members(&group(peer))
        .into_iter()
        .find(|cell| is_its(cell.get_id()))
        .ok_or("it has no gateway")?;
    let gateway = ActorRef::<Letter>::from(cell);
    Ok(Box::new(move |parcel| gateway.cast(Letter(parcel)).is_ok()))
}

/// A way in that nobody can use.
fn nobody() -> Result<IncomingEncryptionMode, StartError> {
    #[derive(Debug)]
    struct Nobody;
    impl ResolvesServerCert for Nobody {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| StartError::Gateway(error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Nobody));
    Ok(IncomingEncryptionMode::Tls(tokio_rustls::TlsAcceptor::from(Arc::new(config))))
}
