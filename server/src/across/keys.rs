//! The tenants' keys of a cluster: rows of the system group, which every node has a replica of.
//!
//! They are given and destroyed where the system group is led, and followed everywhere else. A
//! tenant's rows are removed by the leaders of the partitions; until that is done a row says so, and
//! whoever leads the system group goes on with it.

mod ledger;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use impresario_host::Host;
use impresario_ids::{NodeId, TenantId};
use impresario_kernel::{PartitionId, decode, encode};
use impresario_vault::{Row, Vault};
use minicbor::{Decode, Encode};
use tokio::time::Instant;

use super::{Answered, Neighbours, PeerError, Refused, Room};
pub(crate) use ledger::{Ledger, LedgerError, RESTORING};

use super::backup::Attempt;

/// The mark of this room.
pub(crate) const MARK: u8 = 2;

/// How long a request may take, with the search for who leads.
const WITHIN: Duration = Duration::from_secs(10);
/// How long one node may take.
const CALL: Duration = Duration::from_secs(3);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// Committed keys are read again at most this often.
const SYNC_EVERY: Duration = Duration::from_millis(100);
/// How often it is looked for erasures that were interrupted.
const LOOK: Duration = Duration::from_secs(2);
/// Partitions that are asked at a time.
const PARTITIONS_AT_A_TIME: usize = 8;

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Ask {
    /// Of the system group's leader: make a key, unless there is one. The answer is [`Given`].
    #[n(0)]
    Provision(#[n(0)] TenantId),
    /// Of the system group's leader: destroy the key, and note that the rows must go.
    #[n(1)]
    Destroy(#[n(0)] TenantId),
    /// Of a partition's leader: remove the tenant's rows.
    #[n(2)]
    Remove {
        #[n(0)]
        tenant: TenantId,
        #[n(1)]
        partition: u16,
    },
    /// Of the system group's leader: every row is gone.
    #[n(3)]
    Removed(#[n(0)] TenantId),
    /// Follow what was committed up to here.
    #[n(4)]
    Follow(#[n(0)] u64),
    /// Of the system group's leader: keep these rows too; refused if a tenant among them has
    /// another one, or if there is a later attempt.
    #[n(5)]
    Adopt(#[n(0)] Vec<Adopted>, #[n(1)] Option<Attempt>),
    /// Of the system group's leader: the root token of a node has this hash.
    #[n(6)]
    Root {
        #[n(0)]
        node: NodeId,
        #[cbor(n(1), with = "minicbor::bytes")]
        hash: [u8; 32],
    },
}

/// A tenant's key, and from which version of the keys on it is among them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Given {
    #[cbor(n(0), with = "minicbor::bytes")]
    row: Vec<u8>,
    #[n(1)]
    version: u64,
}

/// A wrapped key that comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Adopted {
    #[n(0)]
    tenant: TenantId,
    #[cbor(n(1), with = "minicbor::bytes")]
    row: Vec<u8>,
}

/// Why keys could not be given or destroyed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// Nobody that leads was found in time. Asking again is safe.
    #[error("the keys cannot be changed now: {0}")]
    Unavailable(String),
    /// It is refused.
    #[error("{message}")]
    Refused {
        /// Stable, for programs.
        code: String,
        /// For people.
        message: String,
    },
}

/// The keys' room, and the way to those of the other nodes.
pub(crate) struct Keys {
    ledger: Ledger,
    vault: Arc<Vault>,
    neighbours: Neighbours,
    partitions: u16,
    host: OnceLock<Host>,
    /// Told of every tenant whose keys are forgotten on this node.
    forgets: OnceLock<Forgets>,
}

/// What else is to be forgotten of an erased tenant.
type Forgets = Box<dyn Fn(TenantId) + Send + Sync>;

impl Keys {
    /// Opens the room. Until [`Keys::serve`] no rows are removed here.
    pub(crate) fn open(
        ledger: Ledger,
        vault: Arc<Vault>,
        neighbours: Neighbours,
        partitions: u16,
    ) -> Arc<Self> {
        let rows = ledger.clone();
        // A row that cannot be read is as good as none: the tenant is unknown until it can.
        vault.look_in(Box::new(move |tenant| rows.row(tenant).ok().flatten()));
        let host = OnceLock::new();
        let forgets = OnceLock::new();
        let keys = Arc::new(Self { ledger, vault, neighbours, partitions, host, forgets });
        keys.neighbours.board().open(MARK, Arc::new(Arc::downgrade(&keys)));
        keys
    }

    /// Begins to follow the committed keys and to end erasures, for as long as somebody holds
    /// these keys.
    pub(crate) fn serve(self: &Arc<Self>, host: Host) {
        // Called once.
        let _ = self.host.set(host);
        tokio::spawn(follow(Arc::downgrade(self), self.ledger.clone()));
        tokio::spawn(finish(Arc::downgrade(self)));
    }

    /// Gives the tenant a key, unless it has one.
    pub(crate) async fn provision(&self, tenant: TenantId) -> Result<(), KeysError> {
        if self.vault.contains(tenant) {
            return Ok(());
        }
        let given = self.ask_system(&Ask::Provision(tenant)).await?;
        let Given { row, version } = decode(&given).map_err(|error| unavailable(&error))?;
        // A replica here that lags would have the key forgotten again; one of another node would
        // have that node say that there is no such tenant.
        let (followed, ()) =
            tokio::join!(self.ledger.await_version(version, WITHIN), self.tell(version));
        followed.map_err(|error| unavailable(&error))?;
        self.vault.activate(tenant, &row).map_err(|error| unavailable(&error))
    }

    /// Keeps wrapped keys that come from a backup or from another cluster.
    pub(crate) async fn adopt(&self, rows: Vec<Row>, attempt: Attempt) -> Result<(), KeysError> {
        let rows = rows.into_iter().map(|(tenant, row)| Adopted { tenant, row });
        let version = self.ask_system(&Ask::Adopt(rows.collect(), Some(attempt))).await?;
        let version: u64 = decode(&version).map_err(|error| unavailable(&error))?;
        let (followed, ()) =
            tokio::join!(self.ledger.await_version(version, WITHIN), self.tell(version));
        followed.map_err(|error| unavailable(&error))?;
        self.sync();
        Ok(())
    }

    /// No key is given while this is held, at this node.
    pub(crate) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.ledger.hold().await
    }

    /// Makes the root token of this node good at every node. Tries until it is.
    pub(crate) async fn share_root(&self, hash: [u8; 32]) {
        let node = self.neighbours.me();
        while let Err(error) = self.ask_system(&Ask::Root { node, hash }).await {
            tracing::debug!(error = %error, "the root token is good only here so far");
        }
    }

    /// Whether this is the hash of a member's root token.
    pub(crate) fn is_root(&self, hash: &[u8; 32]) -> bool {
        let tokens = self.ledger.root_tokens().unwrap_or_default();
        let node = tokens.into_iter().find(|(_, known)| blake3::Hash::from(*known) == *hash);
        node.is_some_and(|(node, _)| self.neighbours.is_member(node))
    }

    /// Whether the tenant is certainly no more.
    pub(crate) fn is_gone(&self, tenant: TenantId) -> bool {
        self.ledger.is_erased(tenant).unwrap_or(false)
    }

    /// Destroys the tenant's keys, which makes everything sealed for it unreadable wherever a copy
    /// may be, then has its rows removed from every partition. What is not done when this fails is
    /// done later.
    pub(crate) async fn erase(&self, tenant: TenantId) -> Result<(), KeysError> {
        let version = self.ask_system(&Ask::Destroy(tenant)).await?;
        let version: u64 = decode(&version).map_err(|error| unavailable(&error))?;
        self.tell(version).await;
        self.sync();
        self.remove(tenant).await
    }

    /// Has every other node that answers follow the keys up to here.
    async fn tell(&self, version: u64) {
        let alive = self.neighbours.others().into_iter();
        let alive = alive.filter(|node| self.neighbours.is_alive(*node));
        let told = alive.map(|node| {
            let body = encode(&Ask::Follow(version));
            self.neighbours.ask(node, MARK, body, CALL)
        });
        for answer in futures_util::future::join_all(told).await {
            if let Err(error) = answer {
                tracing::warn!(error = %error, "a node hears of a change of the keys later");
            }
        }
    }

    async fn remove(&self, tenant: TenantId) -> Result<(), KeysError> {
        let removals = (0..self.partitions).map(|partition| self.remove_from(tenant, partition));
        let mut removals = stream::iter(removals).buffer_unordered(PARTITIONS_AT_A_TIME);
        while let Some(removed) = removals.next().await {
            removed?;
        }
        self.ask_system(&Ask::Removed(tenant)).await?;
        Ok(())
    }

    async fn remove_from(&self, tenant: TenantId, partition: u16) -> Result<(), KeysError> {
        self.ask_leader(PartitionId(partition), &Ask::Remove { tenant, partition }).await?;
        Ok(())
    }

    async fn ask_system(&self, ask: &Ask) -> Result<Vec<u8>, KeysError> {
        self.ask_leader(PartitionId(self.partitions), ask).await
    }

    /// Everything that is asked may be asked twice.
    async fn ask_leader(&self, group: PartitionId, ask: &Ask) -> Result<Vec<u8>, KeysError> {
        let until = Instant::now() + WITHIN;
        loop {
            let error = match self.neighbours.leader(group) {
                None => "nobody leads".to_owned(),
                Some(leader) => match self.neighbours.ask(leader, MARK, encode(ask), CALL).await {
                    Ok(answer) => return Ok(answer),
                    Err(PeerError::Failed { code, message }) if code != UNAVAILABLE => {
                        return Err(KeysError::Refused { code, message });
                    }
                    Err(error) => error.to_string(),
                },
            };
            if Instant::now() + PAUSE >= until {
                return Err(KeysError::Unavailable(error));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Has this called for every tenant whose keys are forgotten from now on. It must not block.
    pub(crate) fn on_forgotten(&self, forgets: Forgets) {
        // There is one who sets it.
        let _ = self.forgets.set(forgets);
    }

    /// Follows what is committed here.
    fn sync(&self) {
        let synced = self.ledger.rows().map(|rows| self.vault.sync(&rows));
        match synced {
            Ok(Ok(synced)) => {
                for tenant in synced.forgotten {
                    tracing::info!(tenant.id = %tenant, "the keys of an erased tenant are forgotten");
                    if let Some(forgets) = self.forgets.get() {
                        forgets(tenant);
                    }
                }
            }
            Ok(Err(error)) => {
                tracing::error!(error = %error, "a committed key cannot be used")
            }
            Err(error) => tracing::warn!(error = %error, "the committed keys cannot be read"),
        }
    }

    async fn answered(&self, from: NodeId, ask: Ask) -> Result<Vec<u8>, Refused> {
        match ask {
            Ask::Provision(tenant) => {
                let (row, version) = self.ledger.provision(&self.vault, tenant).await?;
                Ok(encode(&Given { row, version }))
            }
            Ask::Destroy(tenant) => Ok(encode(&self.ledger.destroy(tenant).await?)),
            Ask::Removed(tenant) => {
                self.ledger.removed(tenant).await?;
                Ok(Vec::new())
            }
            Ask::Adopt(rows, attempt) => {
                let rows = rows.into_iter().map(|adopted| (adopted.tenant, adopted.row));
                Ok(encode(&self.ledger.adopt(rows.collect(), attempt.as_ref()).await?))
            }
            // Nobody speaks for another one.
            Ask::Root { node, .. } if node != from => Err(Refused {
                code: "not_understood".to_owned(),
                message: format!("{from} is not {node}"),
            }),
            Ask::Root { node, hash } => {
                self.ledger.share_root(node, hash).await?;
                Ok(Vec::new())
            }
            Ask::Follow(version) => {
                self.ledger.await_version(version, CALL).await?;
                self.sync();
                Ok(Vec::new())
            }
            Ask::Remove { tenant, partition } => {
                let host = self.host.get().ok_or_else(|| not_now("the node is starting"))?;
                let removed = host.remove_tenant(PartitionId(partition), tenant).await;
                removed.map_err(|failure| not_now(&failure))?;
                Ok(Vec::new())
            }
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

/// Weak, because the board holds it and the keys hold the board.
impl Room for Weak<Keys> {
    fn answer(&self, from: NodeId, body: Vec<u8>) -> Answered<'_> {
        Box::pin(async move {
            let keys = self.upgrade().ok_or_else(|| not_now("the node is stopping"))?;
            let ask: Ask = decode(&body).map_err(|error| not_now(&error))?;
            keys.answered(from, ask).await
        })
    }
}

const UNAVAILABLE: &str = "unavailable";

fn unavailable(error: &dyn std::fmt::Display) -> KeysError {
    KeysError::Unavailable(error.to_string())
}

fn not_now<E: std::fmt::Display + ?Sized>(why: &E) -> Refused {
    Refused { code: UNAVAILABLE.to_owned(), message: why.to_string() }
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        let code = match &error {
            LedgerError::Taken(_) | LedgerError::Erasing(_) => "tenant_exists",
            LedgerError::Restoring | LedgerError::Overtaken => "backup_running",
            LedgerError::Commit(_)
            | LedgerError::Read(_)
            | LedgerError::Vault(_)
            | LedgerError::Behind => UNAVAILABLE,
        };
        Self { code: code.to_owned(), message: error.to_string() }
    }
}

/// Takes new keys into use, and forgets destroyed ones, as they are committed.
async fn follow(keys: Weak<Keys>, ledger: Ledger) {
    let mut seen = None;
    loop {
        let version = ledger.version().ok();
        if version != seen {
            seen = version;
            let Some(keys) = keys.upgrade() else { return };
            keys.sync();
        }
        let next = ledger.await_change();
        tokio::time::sleep(SYNC_EVERY).await;
        if keys.strong_count() == 0 {
            return;
        }
        // Looks in between, too: whether anybody still holds the keys.
        let _ = tokio::time::timeout(LOOK, next).await;
    }
}

/// Ends erasures that were interrupted, while this node leads the system group.
async fn finish(keys: Weak<Keys>) {
    loop {
        let Some(held) = keys.upgrade() else { return };
        if held.ledger.leads() {
            for tenant in held.ledger.erasing().unwrap_or_default() {
                if let Err(error) = held.remove(tenant).await {
                    tracing::warn!(tenant.id = %tenant, error = %error, "an erasure goes on later");
                }
            }
        }
        drop(held);
        tokio::time::sleep(LOOK).await;
    }
}
