use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::{ClusterId, NodeId};
use impresario_placement::{ClusterState, Introduction};
use impresario_wire::{Me, Options as WireOptions, RunId, StoreId, knock};
use tokio::time::Instant;

use crate::JoinOptions;
use crate::message::{self, JoinAnswer, JoinRequest};

/// The answer to a guest's question, or why there is none.
pub type Knocked = Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>>;

/// Asks a node as a guest: what a node does that is not let in yet.
pub trait Knock: Send + Sync + 'static {
    /// Asks the node at `addr` one question.
    fn knock(&self, me: Me, addr: &str, question: Bytes, within: Duration) -> Knocked;
}

/// [`Knock`] over the wire.
#[derive(Clone, Debug)]
pub struct GuestKnock(pub WireOptions);

impl Knock for GuestKnock {
    fn knock(&self, me: Me, addr: &str, question: Bytes, within: Duration) -> Knocked {
        let (options, addr) = (self.0.clone(), addr.to_owned());
        Box::pin(async move {
            let answer = knock(&options, me, &addr, question, within).await;
            answer.map(|(_, body)| body).map_err(|error| error.to_string())
        })
    }
}

/// What a node says that wants to be let in, for the first time or again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The cluster of its certificate or its data folder. None: whichever answers.
    pub cluster: Option<ClusterId>,
    /// The number that its data folder carries, if any.
    pub node: Option<NodeId>,
    /// The partitions that its store was made for; 0 if it has none yet.
    pub partitions: u16,
    /// Chosen at random at each start.
    pub run: RunId,
    /// What it says of itself, its store's identity included.
    pub intro: Introduction,
}

/// What a node is told that was let in.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// Who it is from now on.
    pub me: Me,
    /// The state of the cluster, with the addresses of the others.
    pub state: ClusterState,
}

/// Why a node is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The cluster refuses this node, and would again.
    #[error("{message}")]
    Refused {
        /// The stable code, one of [`impresario_placement::CODES`].
        code: String,
        /// For people.
        message: String,
    },
    /// No member was found that could let it in, in time.
    #[error("no member lets this node in: {0}")]
    NoAnswer(String),
}

/// Asks the nodes at these addresses to be let in, one after the other, until one answers. The same
/// store always becomes the same node, so this can be called again after any error and any crash.
///
/// # Errors
/// [`JoinError::Refused`] at once, [`JoinError::NoAnswer`] after [`JoinOptions::within_ms`].
pub async fn join(
    knock: &dyn Knock,
    claim: &Claim,
    addrs: &[String],
    options: &JoinOptions,
) -> Result<Welcome, JoinError> {
    let until =
        (options.within_ms > 0).then(|| Instant::now() + Duration::from_millis(options.within_ms));
    let mut pause = Duration::from_millis(options.pause_ms);
    loop {
        let last = match try_all(knock, claim, addrs, options).await? {
            Ok(welcome) => return Ok(welcome),
            Err(last) => last,
        };
        if until.is_some_and(|until| Instant::now() + pause >= until) {
            return Err(JoinError::NoAnswer(last));
        }
        tracing::info!(why = %last, "not let in yet");
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(Duration::from_millis(options.pause_max_ms.max(options.pause_ms)));
    }
}

/// Asks each address once. The inner error is why the last one did not help.
pub(crate) async fn try_all(
    knock: &dyn Knock,
    claim: &Claim,
    addrs: &[String],
    options: &JoinOptions,
) -> Result<Result<Welcome, String>, JoinError> {
    let mut last = "no address is known".to_owned();
    let request = JoinRequest {
        cluster: claim.cluster,
        node: claim.node,
        partitions: claim.partitions,
        run: claim.run,
        intro: claim.intro.clone(),
    };
    let question = Bytes::from(message::encode(&request));
    let within = Duration::from_millis(options.knock_ms);
    let store = StoreId(claim.intro.store.0);
    for addr in addrs {
        let answer = knock.knock(Me::guest(store), addr, question.clone(), within).await;
        let answer = answer.and_then(|body| message::decode::<JoinAnswer>(&body));
        match answer {
            Ok(JoinAnswer::Welcome { cluster, node, partitions, state }) => {
                return Ok(Ok(Welcome { me: Me { cluster, node, store, partitions }, state }));
            }
            Ok(JoinAnswer::Refused { code, message }) => {
                return Err(JoinError::Refused { code, message });
            }
            Ok(JoinAnswer::Later(why)) | Err(why) => last = format!("{addr}: {why}"),
        }
    }
    Ok(Err(last))
}
