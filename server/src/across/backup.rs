//! What nodes ask each other to take backups and to bring rows back: each partition's leader writes
//! its own part into the target, and commits what is poured into it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use impresario_backup::{BackupError, FileInfo, Options, Part, decode_batches};
use impresario_consensus::Consensus;
use impresario_host::{CommitHook, Host};
use impresario_ids::{NodeId, TenantId};
use impresario_journal::{KeyRange, Table, Write};
use impresario_kernel::{PartitionId, decode, encode};
use impresario_outbox::Hook;
use impresario_vault::CHECK_ROW;
use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use super::keys::{Keys, RESTORING};
use super::{Answered, Refused, Room};

mod attempt;
mod peers;
mod write;

pub(crate) use attempt::Attempt;
pub(crate) use peers::Peers;
use write::write;

/// The mark of this room.
pub(crate) const MARK: u8 = 6;

/// How long a node is waited for that writes; then it is asked again.
const TURN: Duration = Duration::from_secs(2);
/// How long one question may take.
const CALL: Duration = Duration::from_secs(10);

/// Batches that the log of the asked node no longer has.
pub(crate) const LOG_GAP: &str = "log_gap";
const UNAVAILABLE: &str = "unavailable";

/// What is written of a partition: everything, or what belongs to one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(crate) struct Order {
    /// The backup's name.
    #[n(0)]
    pub(crate) id: String,
    #[n(1)]
    pub(crate) target: String,
    /// Where in the target.
    #[n(2)]
    pub(crate) folder: String,
    #[n(3)]
    pub(crate) group: u16,
    #[n(4)]
    pub(crate) tenant: Option<TenantId>,
    /// `None`: the rows as of now. Otherwise the batches behind the first number, up to the second.
    #[n(5)]
    pub(crate) log: Option<(u64, u64)>,
}

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Ask {
    /// Write; asked again until it is done.
    #[n(0)]
    Write(#[n(0)] Order),
    /// How far is what you lead?
    #[n(1)]
    Positions,
    /// Keep batches of these groups that are later than these; `None`: keep none for archives.
    #[n(2)]
    Archived(#[n(0)] Vec<(u16, Option<u64>)>),
    /// Commit these writes (an object of one batch).
    #[n(3)]
    Commit {
        #[n(0)]
        partition: u16,
        #[cbor(n(1), with = "minicbor::bytes")]
        writes: Vec<u8>,
        /// Refused if there is a later one.
        #[n(2)]
        attempt: Option<Attempt>,
    },
    /// Read effects and timers again from the store.
    #[n(4)]
    Reread,
    /// Is there a row in this partition that belongs to a tenant?
    #[n(5)]
    IsEmpty(#[n(0)] u16),
    /// Remove the rows of a tenant, or of all, from a partition.
    #[n(6)]
    Clear {
        #[n(0)]
        partition: u16,
        #[n(1)]
        tenant: Option<TenantId>,
        /// Refused if there is a later one.
        #[n(2)]
        attempt: Option<Attempt>,
    },
    /// Of the system group's leader: change a row of it, if it holds what is expected.
    #[n(7)]
    Mark {
        #[cbor(n(0), with = "minicbor::bytes")]
        key: Vec<u8>,
        #[n(1)]
        expected: Option<minicbor::bytes::ByteVec>,
        #[n(2)]
        value: Option<minicbor::bytes::ByteVec>,
        /// Rows of the same table that go with it.
        #[n(3)]
        forget: Vec<minicbor::bytes::ByteVec>,
    },
    /// Of the system group's leader: how far is shipping?
    #[n(9)]
    Shipping,
    /// Of the system group's leader: rows of a table that begin so.
    #[n(8)]
    Read {
        #[n(0)]
        table: u8,
        #[cbor(n(1), with = "minicbor::bytes")]
        prefix: Vec<u8>,
    },
    /// Let nobody but this attempt fill the partition; or nobody at all.
    #[n(10)]
    Fill {
        #[n(0)]
        partition: u16,
        #[n(1)]
        attempt: Attempt,
        #[n(2)]
        is_over: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Wrote {
    #[n(0)]
    NotYet,
    #[n(1)]
    Rows(#[n(0)] Part),
    #[n(2)]
    Log(#[n(0)] Vec<FileInfo>),
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Position {
    #[n(0)]
    group: u16,
    #[n(1)]
    batches: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Pair {
    #[cbor(n(0), with = "minicbor::bytes")]
    key: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    value: Vec<u8>,
}

type Done = Result<Wrote, Refused>;

/// This node's end.
pub(crate) struct BackupRoom {
    consensus: Consensus,
    host: Host,
    hook: Arc<Hook>,
    options: Options,
    keys: Arc<Keys>,
    /// Held for writing while another attempt takes over.
    filling: tokio::sync::RwLock<()>,
    /// How far shipping is, as JSON, while this node does it.
    shipping: Mutex<String>,
    /// What is being written here.
    writing: Mutex<BTreeMap<Order, watch::Receiver<Option<Done>>>>,
}

impl BackupRoom {
    pub(crate) fn new(
        consensus: Consensus,
        host: Host,
        hook: Arc<Hook>,
        options: Options,
        keys: Arc<Keys>,
    ) -> Arc<Self> {
        Arc::new(Self {
            consensus,
            host,
            hook,
            options,
            keys,
            filling: tokio::sync::RwLock::default(),
            shipping: Mutex::default(),
            writing: Mutex::default(),
        })
    }

    pub(crate) fn tell_shipping(&self, how: &Value) {
        *self.shipping.lock() = how.to_string();
    }

    fn partitions(&self) -> u16 {
        self.host.journal().partitions()
    }

    async fn answered(&self, ask: Ask) -> Result<Vec<u8>, Refused> {
        match ask {
            Ask::Write(order) => self.write(order).await.map(|wrote| encode(&wrote)),
            Ask::Positions => Ok(encode(&self.positions().await)),
            Ask::Archived(groups) => {
                for (group, archived) in groups {
                    // Whoever holds no replica keeps no log.
                    let _ = self.consensus.archived(group, archived);
                }
                Ok(Vec::new())
            }
            Ask::Commit { partition, writes, attempt } => {
                let _filling = self.filling.read().await;
                self.check_attempt(partition, attempt.as_ref())?;
                let batches =
                    decode_batches("a commit", &writes).map_err(|error| refused(&error))?;
                let writes = batches.into_iter().flat_map(|batch| batch.writes).collect();
                self.commit(partition, writes).await
            }
            Ask::Reread => {
                self.reread();
                Ok(Vec::new())
            }
            Ask::IsEmpty(partition) => {
                self.host
                    .leads(PartitionId(partition))
                    .ok_or_else(|| not_now("another node decides here"))?;
                Ok(encode(&self.is_empty(partition)?))
            }
            Ask::Clear { partition, tenant, attempt } => {
                let _filling = self.filling.read().await;
                self.check_attempt(partition, attempt.as_ref())?;
                self.clear(partition, tenant).await
            }
            Ask::Fill { partition, attempt, is_over } => {
                // What was let in before is committed before.
                let _filling = self.filling.write().await;
                let write = if is_over { attempt.end() } else { attempt.admit() };
                self.commit(partition, vec![write]).await
            }
            Ask::Mark { key, expected, value, forget } => {
                let forget = forget.into_iter().map(Vec::from).collect();
                self.mark(key, expected.map(Vec::from), value.map(Vec::from), forget).await
            }
            Ask::Shipping => Ok(self.shipping.lock().clone().into_bytes()),
            Ask::Read { table, prefix } => self.read(table, &prefix).await,
        }
    }

    /// That no later attempt fills the partition.
    fn check_attempt(&self, partition: u16, attempt: Option<&Attempt>) -> Result<(), Refused> {
        let Some(attempt) = attempt else { return Ok(()) };
        let (host, partition) = (&self.host, PartitionId(partition));
        host.leads(partition).ok_or_else(|| not_now("another node decides here"))?;
        let admitted = attempt.is_admitted(&**host.journal(), partition);
        if admitted.map_err(|error| not_now(&error))? { Ok(()) } else { Err(overtaken()) }
    }

    async fn clear(&self, partition: u16, tenant: Option<TenantId>) -> Result<Vec<u8>, Refused> {
        if let Some(tenant) = tenant {
            let removed = self.host.remove_tenant(PartitionId(partition), tenant).await;
            return removed.map(|()| Vec::new()).map_err(|failure| not_now(&failure));
        }
        self.check_no_tenants()?;
        let KeyRange { from, to } = KeyRange::all();
        let tables = Table::ALL.into_iter().filter(|table| *table != Table::Meta);
        let delete = |table| Write::DeleteRange { table, from: from.clone(), to: to.clone() };
        self.commit(partition, tables.map(delete).collect()).await
    }

    async fn commit(&self, partition: u16, writes: Vec<Write>) -> Result<Vec<u8>, Refused> {
        let done = self.host.system_commit(PartitionId(partition), writes).await;
        done.map(|()| Vec::new()).map_err(|failure| Refused {
            code: failure.code().to_owned(),
            message: failure.to_string(),
        })
    }

    /// Begins, or goes on waiting. What is done is told once, then forgotten.
    async fn write(&self, order: Order) -> Done {
        let mut outcome = {
            let mut writing = self.writing.lock();
            match writing.get(&order) {
                Some(outcome) => outcome.clone(),
                None => {
                    let (tell, outcome) = watch::channel(None);
                    let (consensus, options) = (self.consensus.clone(), self.options.clone());
                    let work = order.clone();
                    tokio::spawn(async move {
                        let done = write(&consensus, &options, &work).await;
                        // Nobody may be waiting.
                        let _ = tell.send(Some(done));
                    });
                    writing.insert(order.clone(), outcome.clone());
                    outcome
                }
            }
        };
        let waited = tokio::time::timeout(TURN, outcome.wait_for(Option::is_some)).await;
        let done = match waited {
            Err(_) => return Ok(Wrote::NotYet),
            Ok(Ok(done)) => done.clone(),
            Ok(Err(_)) => None,
        };
        self.writing.lock().remove(&order);
        done.unwrap_or_else(|| Err(not_now("the writing of a part was broken off")))
    }

    /// Of what this node certainly leads. All that was acknowledged before the call is in them.
    async fn positions(&self) -> Vec<Position> {
        let noted = (0..self.partitions()).map(|group| async move {
            let (journal, partition) = (self.host.journal(), PartitionId(group));
            let now = journal.leadership(partition);
            let is_led = now.is_leader() && journal.confirm(partition, now.term).await.is_ok();
            is_led.then(|| Position { group, batches: self.consensus.system(group).applied() })
        });
        futures_util::future::join_all(noted).await.into_iter().flatten().collect()
    }

    /// Pumps begin again with the durable rows, for rows that came past the host.
    fn reread(&self) {
        for group in 0..self.partitions() {
            let partition = PartitionId(group);
            self.hook.leads(partition, false);
            // Looked at again afterwards, because the host may have told of an end in between.
            if self.host.leads(partition).is_some() {
                self.hook.leads(partition, true);
                if self.host.leads(partition).is_none() {
                    self.hook.leads(partition, false);
                }
            }
        }
    }

    fn is_empty(&self, partition: u16) -> Result<bool, Refused> {
        let mut empty = true;
        for table in Table::ALL.into_iter().filter(|table| *table != Table::Meta) {
            let journal = self.host.journal();
            let visited = journal.scan(
                PartitionId(partition),
                table,
                &KeyRange::all(),
                false,
                &mut |_, _| {
                    empty = false;
                    std::ops::ControlFlow::Break(())
                },
            );
            visited.map_err(|error| not_now(&error))?;
        }
        Ok(empty)
    }

    /// All rows go only where nobody could miss them.
    fn check_no_tenants(&self) -> Result<(), Refused> {
        let system = self.consensus.system(self.partitions());
        let mut tenants = 0_u64;
        let visited = system.scan(Table::Keys, &KeyRange::all(), false, &mut |key, _| {
            tenants += u64::from(key != CHECK_ROW.as_bytes());
            std::ops::ControlFlow::Continue(())
        });
        visited.map_err(|error| not_now(&error))?;
        if tenants == 0 {
            return Ok(());
        }
        Err(Refused {
            code: "restore_not_empty".to_owned(),
            message: format!("{tenants} tenants are here"),
        })
    }

    async fn mark(
        &self,
        key: Vec<u8>,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        forget: Vec<Vec<u8>>,
    ) -> Result<Vec<u8>, Refused> {
        // Keys are given under the same lock.
        let _keys = self.keys.hold().await;
        let system = self.consensus.system(self.partitions());
        let now = system.leadership();
        if !now.is_leader() {
            return Err(not_now("another node leads the system group"));
        }
        system.confirm(now.term).await.map_err(|error| not_now(&error))?;
        if key == RESTORING && expected.is_none() && value.is_some() {
            self.check_no_tenants()?;
        }
        let held = system.get(Table::Meta, &key).map_err(|error| not_now(&error))?;
        if held == value {
            return Ok(Vec::new());
        }
        if held != expected {
            return Err(overtaken());
        }
        let table = Table::Meta;
        let mut writes: Vec<Write> =
            forget.into_iter().map(|key| Write::Delete { table, key }).collect();
        writes.push(match value {
            Some(value) => Write::Put { table, key, value },
            None => Write::Delete { table, key },
        });
        let done = system.commit(now.term, writes).await;
        done.map(|_| Vec::new()).map_err(|error| not_now(&error))
    }

    async fn read(&self, table: u8, prefix: &[u8]) -> Result<Vec<u8>, Refused> {
        let table = Table::from_code(table).ok_or_else(|| not_now("there is no such table"))?;
        let system = self.consensus.system(self.partitions());
        let now = system.leadership();
        if !now.is_leader() {
            return Err(not_now("another node leads the system group"));
        }
        system.confirm(now.term).await.map_err(|error| not_now(&error))?;
        let mut rows = Vec::new();
        let range = KeyRange::prefix(prefix);
        let visited = system.scan(table, &range, false, &mut |key, value| {
            rows.push(Pair { key: key.to_vec(), value: value.to_vec() });
            std::ops::ControlFlow::Continue(())
        });
        visited.map_err(|error| not_now(&error))?;
        Ok(encode(&rows))
    }
}

impl Room for BackupRoom {
    fn answer(&self, _: NodeId, body: Vec<u8>) -> Answered<'_> {
        Box::pin(async move {
            let ask: Ask = decode(&body).map_err(|error| not_now(&error))?;
            self.answered(ask).await
        })
    }
}

fn not_now<E: std::fmt::Display + ?Sized>(why: &E) -> Refused {
    Refused { code: UNAVAILABLE.to_owned(), message: why.to_string() }
}

fn overtaken() -> Refused {
    Refused {
        code: "backup_running".to_owned(),
        message: "something else is being brought in, or the same by a later attempt".to_owned(),
    }
}

fn refused(error: &BackupError) -> Refused {
    Refused { code: error.code().to_owned(), message: error.to_string() }
}
