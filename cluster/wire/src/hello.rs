//! The first bytes of every connection.
//!
//! `IMPR`, the lowest and the highest version of the wire that the sender speaks, the length of
//! what follows (little endian, 16 bits), and then the fields of [`Fields`]. The side that dialled
//! speaks first; the other answers with its own, or with why it refuses.

use std::fmt;

use impresario_ids::{ClusterId, NodeId};
use minicbor::{Decode, Encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Lane, Refusal};

const MAGIC: [u8; 4] = *b"IMPR";
/// The lowest and the highest version of the wire that this release speaks.
/// Two nodes speak the highest that both do; a release speaks that of the one before it too.
pub const VERSIONS: (u8, u8) = if cfg!(feature = "next-release") { (1, 2) } else { (1, 1) };

/// The release that this build says it is.
pub const RELEASE: &str =
    if cfg!(feature = "next-release") { "x-next" } else { env!("CARGO_PKG_VERSION") };
const HEADER_BYTES: usize = 8;
const FIELDS_BYTES_MAX: usize = 2_048;

/// The identity of a data folder, made at random when the folder is made. Two folders that say to
/// be the same node differ in it, unless one was copied; the consensus tells copies apart by what
/// they promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct StoreId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Who this node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Me {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node. 0 = none yet.
    pub node: NodeId,
    /// The node's data folder.
    pub store: StoreId,
    /// The partitions of the cluster, without the system group. 0 = not known yet.
    pub partitions: u16,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Raft's messages of one lane, from the dialling node to the other.
    Raft(Lane),
    /// Entity calls in both directions.
    Calls,
    /// Questions of someone who is not a member (yet): one connection, one question.
    Guest,
}

impl Purpose {
    fn code(self) -> u8 {
        match self {
            Self::Raft(lane) => lane as u8,
            Self::Calls => 3,
            Self::Guest => 4,
        }
    }

    fn of(code: u8) -> Option<Self> {
        match code {
            0..=2 => Some(Self::Raft(Lane::ALL[usize::from(code)])),
            3 => Some(Self::Calls),
            4 => Some(Self::Guest),
            _ => None,
        }
    }

    /// For logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raft(lane) => lane.name(),
            Self::Calls => "calls",
            Self::Guest => "guest",
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the connection is for.
    pub purpose: Purpose,
    /// Who it says to be; its certificate does not contradict.
    pub who: Me,
    /// Chosen at random when its process started: another one is another process.
    pub run: RunId,
    /// The release it runs, for the logs.
    pub release: String,
    /// The version of the wire that both speak.
    pub version: u8,
    /// Stands before everything that is sent to it: it knows by it which connection a message
    /// belongs to. Chosen by it at random, known to the two ends only.
    pub(crate) token: Token,
}

/// Tells one start of a node from the next, and a node from a copy of its disk.
pub type RunId = [u8; 16];

/// See [`Hello::token`].
pub(crate) type Token = [u8; 16];

#[derive(Debug, Default, Encode, Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    purpose: u8,
    #[n(1)]
    cluster: Option<ClusterId>,
    #[n(2)]
    node: u64,
    #[n(3)]
    store: StoreId,
    #[n(4)]
    partitions: u16,
    #[n(5)]
    release: String,
    #[n(6)]
    token: StoreId,
    #[n(7)]
    refused: Option<String>,
    #[n(8)]
    why: Option<String>,
    #[n(9)]
    run: StoreId,
    #[cfg(feature = "next-release")]
    #[n(10)]
    next: Option<u64>,
}

/// What one side says first.
#[derive(Debug)]
pub(crate) enum Said {
    Hello(Hello),
    Refused { code: String, why: String },
}

pub(crate) fn encode_hello(purpose: Purpose, me: &Me, run: RunId, token: Token) -> Vec<u8> {
    with_header(&Fields {
        purpose: purpose.code(),
        cluster: Some(me.cluster),
        node: me.node.0,
        store: me.store,
        partitions: me.partitions,
        release: RELEASE.into(),
        token: StoreId(token),
        refused: None,
        why: None,
        run: StoreId(run),
        #[cfg(feature = "next-release")]
        next: Some(2),
    })
}

pub(crate) fn encode_refusal(refusal: &Refusal) -> Vec<u8> {
    let fields = Fields {
        refused: Some(refusal.reason().into()),
        why: Some(refusal.to_string().chars().take(400).collect()),
        ..Fields::default()
    };
    with_header(&fields)
}

fn with_header(fields: &Fields) -> Vec<u8> {
    let body = impresario_kernel::encode(fields);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSIONS.0, VERSIONS.1]);
    bytes.extend_from_slice(&u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// The version that both speak, the highest there is.
fn common(theirs: (u8, u8)) -> Result<u8, Refusal> {
    let version = VERSIONS.1.min(theirs.1);
    if version < VERSIONS.0.max(theirs.0) {
        return Err(Refusal::UnknownVersion { theirs, ours: VERSIONS });
    }
    Ok(version)
}

pub(crate) fn decode(version: u8, fields: &[u8]) -> Result<Said, Refusal> {
    let fields: Fields =
        minicbor::decode(fields).map_err(|error| Refusal::Malformed(error.to_string()))?;
    if let Some(code) = fields.refused {
        return Ok(Said::Refused { code, why: fields.why.unwrap_or_default() });
    }
    let purpose = Purpose::of(fields.purpose)
        .ok_or_else(|| Refusal::Malformed(format!("no purpose {}", fields.purpose)))?;
    let who = Me {
        cluster: fields.cluster.unwrap_or(ClusterId::NIL),
        node: NodeId(fields.node),
        store: fields.store,
        partitions: fields.partitions,
    };
    let release = fields.release.chars().take(64).collect();
    let (run, token) = (fields.run.0, fields.token.0);
    Ok(Said::Hello(Hello { purpose, who, run, release, version, token }))
}

/// Reads what the other side says first.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Said, Refusal> {
    let lost = |error: std::io::Error| Refusal::Lost(error.to_string());
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).await.map_err(lost)?;
    let [m0, m1, m2, m3, from, to, l0, l1] = header;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(Refusal::Malformed("it does not speak this protocol".into()));
    }
    let version = common((from, to))?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length > FIELDS_BYTES_MAX {
        return Err(Refusal::Malformed(format!("a hello of {length} bytes")));
    }
    let mut fields = vec![0; length];
    stream.read_exact(&mut fields).await.map_err(lost)?;
    decode(version, &fields)
}

/// Writes what this side says first.
pub(crate) async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
) -> Result<(), Refusal> {
    let lost = |error: std::io::Error| Refusal::Lost(error.to_string());
    stream.write_all(bytes).await.map_err(lost)?;
    stream.flush().await.map_err(lost)
}
