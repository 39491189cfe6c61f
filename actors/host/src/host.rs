//! The host itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use impresario_ids::{TenantId, TraceId};
use impresario_journal::{Journal, KeyRange, ReadError, Table, Term, Visitor, Write};
use impresario_kernel::{Entity, EntityKey, PartitionId, Timestamp};
use impresario_rows::{DeadLetterRow, aad, decode_row};
use impresario_vault::{Vault, VaultError};
use ractor::ActorRef;
use tokio::sync::oneshot;

use crate::builder::HostParts;
use crate::clock::Clock;
use crate::dynamic::{Carried, FiredTimer, Kinds};
use crate::janitor::{Excess, Sweep};
use crate::load::load;
use crate::partition::{Item, PartitionHandle};
use crate::turns::Turns;
use crate::{AskError, Deadline, EntityInfo, Envelope, Failure, KindInfo, Loaded, Options, Permit};

/// Runs the entities of this node. A handle: cheap to clone.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    kinds: Arc<OnceLock<Kinds>>,
    none: Kinds,
    janitor: OnceLock<ActorRef<Sweep>>,
}

/// What every activation needs.
pub(crate) struct Core {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    partitions: Vec<PartitionHandle>,
    seeds: AtomicU64,
    pub(crate) turns: Turns,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("kinds", &self.info()).finish_non_exhaustive()
    }
}

type Outcome = oneshot::Receiver<Result<(), Failure>>;

async fn outcome_of(outcome: Outcome) -> Result<(), Failure> {
    outcome.await.unwrap_or_else(|_| Err(unavailable("the node is stopping")))
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> Failure {
    Failure::Unavailable(error.to_string())
}

impl Host {
    pub(crate) fn of(
        parts: HostParts,
        kinds: Kinds,
        shared_kinds: Arc<OnceLock<Kinds>>,
        partitions: Vec<PartitionHandle>,
    ) -> Self {
        let core = Arc::new(Core {
            journal: parts.journal,
            vault: parts.vault,
            clock: parts.clock,
            options: parts.options,
            partitions,
            seeds: AtomicU64::new(parts.seed),
            turns: Turns::default(),
        });
        // The partitions' actors hold the same place; nobody else fills it.
        let _ = shared_kinds.set(kinds);
        let none = Kinds::new(1);
        Self {
            inner: Arc::new(Inner { core, kinds: shared_kinds, none, janitor: OnceLock::new() }),
        }
    }

    /// Remembers the janitor, to stop it with the host.
    pub(crate) fn swept_by(&self, janitor: ActorRef<Sweep>) {
        let _ = self.inner.janitor.set(janitor);
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    pub(crate) fn kinds(&self) -> &Kinds {
        self.inner.kinds.get().unwrap_or(&self.inner.none)
    }

    /// The host's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.core().clock
    }

    /// The host's journal, for reading. Only the host commits.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.core().journal
    }

    /// The tenants' data keys.
    #[must_use]
    pub fn vault(&self) -> &Arc<Vault> {
        &self.core().vault
    }

    /// The partition that holds an entity.
    #[must_use]
    pub fn partition_of(&self, key: &EntityKey) -> PartitionId {
        self.core().partition_of(key)
    }

    /// Asks an entity to decide commands in one turn, each on its own, and waits until everything
    /// they led to is durable. Answers come in the order of the commands.
    ///
    /// Dropping the future does not take the commands back.
    pub async fn ask_many<E: Entity>(
        &self,
        key: &EntityKey,
        commands: Vec<(E::Command, Envelope)>,
        permit: Permit,
    ) -> Vec<Result<E::Reply, AskError<E::Rejection>>> {
        match self.kinds().typed::<E>() {
            Ok(kind) => kind.ask_group(self.core(), key, commands, None, permit).await,
            Err(failure) => {
                commands.iter().map(|_| Err(AskError::Failed(failure.clone()))).collect()
            }
        }
    }

    /// Asks an entity to decide one command; see [`Host::ask_many`].
    ///
    /// # Errors
    /// The entity's rejection, or why the system could not carry it out.
    pub async fn ask<E: Entity>(
        &self,
        key: &EntityKey,
        command: E::Command,
        envelope: Envelope,
    ) -> Result<E::Reply, AskError<E::Rejection>> {
        let mut answers = self.ask_many::<E>(key, vec![(command, envelope)], None).await;
        answers.pop().unwrap_or(Err(AskError::Failed(Failure::Crashed)))
    }

    /// Asks an entity a question. The answer is linearizable: it reflects every command answered
    /// before, and nothing that is not durable.
    ///
    /// # Errors
    /// Why the system could not answer.
    pub async fn query<E: Entity>(
        &self,
        key: &EntityKey,
        query: E::Query,
        envelope: Envelope,
        permit: Permit,
    ) -> Result<E::Answer, Failure> {
        self.kinds().typed::<E>()?.question(self.core(), key, query, envelope, permit).await
    }

    /// As [`Host::ask_many`], for commands that came encoded from another node.
    pub async fn carry(
        &self,
        key: &EntityKey,
        commands: Vec<(Vec<u8>, Envelope)>,
        permit: Permit,
    ) -> Vec<Carried> {
        match self.kinds().coded(key.kind) {
            Ok(kind) => kind.carry(self.core(), *key, commands, permit).await,
            Err(failure) => commands.iter().map(|_| Carried::Failed(failure.clone())).collect(),
        }
    }

    /// As [`Host::query`], for a question that came encoded from another node.
    ///
    /// # Errors
    /// Why the system could not answer.
    pub async fn carry_query(
        &self,
        key: &EntityKey,
        query: &[u8],
        envelope: Envelope,
        permit: Permit,
    ) -> Result<Vec<u8>, Failure> {
        let kind = self.kinds().coded(key.kind)?;
        kind.carry_query(self.core(), *key, query, envelope, permit).await
    }

    /// Reads an entity from the store without activating it. May be older than its last commit.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn peek<E: Entity>(&self, key: &EntityKey) -> Result<Loaded<E>, Failure> {
        load::<E>(self.core(), key)
    }

    /// Lets a durable timer fire. When this is `Ok`, the timer's row is gone, unless it was
    /// replaced by one with another due time.
    ///
    /// # Errors
    /// If the turn failed; the timer is still there then.
    pub async fn fire_timer(
        &self,
        key: &EntityKey,
        name: &str,
        due: Timestamp,
    ) -> Result<(), Failure> {
        let timer = FiredTimer { name: name.into(), due };
        let envelope = self.inner_envelope(
            None,
            TraceId::derived(&[&key.to_bytes(), name.as_bytes(), &due.as_ms().to_be_bytes()]),
        );
        self.kinds().coded(key.kind)?.fire(self.core(), *key, timer, envelope).await
    }

    /// An envelope for the system's own commands: they wait as long as it takes.
    #[must_use]
    pub fn inner_envelope(&self, key: Option<crate::IdempotencyKey>, trace: TraceId) -> Envelope {
        Envelope { key, deadline: Deadline(Timestamp::from_ms(i64::MAX)), trace }
    }

    /// Commits rows that belong to no entity's decision (attempts of an effect, a delivered
    /// effect's row, keys), in order with the partition's other commits.
    ///
    /// # Errors
    /// If the commit failed.
    pub async fn system_commit(
        &self,
        partition: PartitionId,
        writes: Vec<Write>,
    ) -> Result<(), Failure> {
        outcome_of(self.submit(partition, writes)?).await
    }

    /// Submits rows; the outcome comes later.
    fn submit(&self, partition: PartitionId, writes: Vec<Write>) -> Result<Outcome, Failure> {
        let handle = self
            .core()
            .partitions
            .get(usize::from(partition.0))
            .ok_or_else(|| Failure::Unavailable(format!("no partition {partition} here")))?;
        // In the reign that the caller saw, or not at all.
        let epoch = handle.epoch.load(Ordering::SeqCst);
        handle.check()?;
        let (reply, outcome) = oneshot::channel();
        let release = Box::new(move |outcome: &Result<(), Failure>| {
            // Whoever asked may be gone.
            let _ = reply.send(outcome.clone());
        });
        handle.submit(Item { writes, ..Item::empty(epoch, release) });
        Ok(outcome)
    }

    /// Waits until everything that was decided on this node before this call is committed or has
    /// failed. What is decided here afterwards sees every policy that was in force when this was
    /// called. What a deposed leader had decided is committed by its successor, which shows it from
    /// its first answer on, or never.
    ///
    /// # Errors
    /// If a partition that this node decides for cannot commit.
    pub async fn settle(&self) -> Result<(), Failure> {
        self.core().turns.over().await;
        let submitted: Vec<_> = (0..self.core().journal.partitions())
            .map(|number| self.submit(PartitionId(number), Vec::new()))
            .collect();
        for outcome in submitted {
            let settled = match outcome {
                Ok(outcome) => outcome_of(outcome).await,
                Err(failure) => Err(failure),
            };
            match settled {
                Ok(()) | Err(Failure::NotLeader { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Decides a set-aside command again, and drops its row if it does not kill any more. `Ok(Err)`
    /// carries the code of a rejection; the row is dropped then too.
    ///
    /// # Errors
    /// If there is no such row, or it failed again.
    pub async fn replay_dead_letter(
        &self,
        row_key: &[u8],
    ) -> Result<Result<(), &'static str>, Failure> {
        let key = EntityKey::from_bytes(row_key).map_err(unavailable)?;
        let core = self.core();
        let value = core
            .get(&key, Table::DeadLetters, row_key)?
            .ok_or_else(|| unavailable("there is no such dead letter"))?;
        let row: DeadLetterRow =
            decode_row(&value).map_err(|error| Failure::Damaged(error.to_string()))?;
        let command = core.open(key.tenant, Table::DeadLetters, row_key, &row.body)?;
        let kind = self.kinds().coded(key.kind)?;
        kind.forgive(&key);
        let outcome =
            kind.deliver(core, key, &command, self.inner_envelope(None, row.trace)).await?;
        self.drop_dead_letter(row_key).await?;
        Ok(outcome)
    }

    /// Forgets a set-aside command.
    ///
    /// # Errors
    /// If the commit failed.
    pub async fn drop_dead_letter(&self, row_key: &[u8]) -> Result<(), Failure> {
        let key = EntityKey::from_bytes(row_key).map_err(unavailable)?;
        let write = Write::Delete { table: Table::DeadLetters, key: row_key.to_vec() };
        self.system_commit(self.partition_of(&key), vec![write]).await
    }

    /// Every kind and how many of its entities are active.
    #[must_use]
    pub fn info(&self) -> Vec<KindInfo> {
        let mut infos: Vec<KindInfo> = self.kinds().all().map(|kind| kind.info()).collect();
        infos.sort_by_key(|info| info.kind);
        infos
    }

    /// The busiest active entities of a kind (by its name), or of all kinds.
    #[must_use]
    pub fn top(&self, kind: Option<&str>, limit: usize) -> Vec<EntityInfo> {
        let kinds = self.kinds().all().filter(|any| kind.is_none_or(|name| any.name() == name));
        let mut infos: Vec<EntityInfo> = kinds.flat_map(|any| any.top(limit)).collect();
        infos.sort_by_key(|info| {
            (std::cmp::Reverse(info.pending), std::cmp::Reverse(info.last_used))
        });
        infos.truncate(limit);
        infos
    }

    /// An entity's state as text, personal data hidden.
    ///
    /// # Errors
    /// If it cannot be activated.
    pub async fn show(&self, key: EntityKey) -> Result<String, Failure> {
        self.kinds().coded(key.kind)?.show(self.core(), key).await
    }

    /// The term under which this node decides for a partition, if it does.
    #[must_use]
    pub fn leads(&self, partition: PartitionId) -> Option<Term> {
        self.core().partitions.get(usize::from(partition.0))?.standing.read().check().ok()
    }

    /// The partitions that are out of service, and why.
    #[must_use]
    pub fn failed_partitions(&self) -> HashMap<PartitionId, String> {
        (0_u16..)
            .zip(&self.core().partitions)
            .filter_map(|(number, handle)| {
                Some((PartitionId(number), handle.standing.read().failure()?.to_owned()))
            })
            .collect()
    }

    /// Passivates everything, waits until all that was submitted is settled, stops the actors and
    /// closes the journal. Nobody should be asking any more.
    pub async fn stop(&self) {
        if let Some(janitor) = self.inner.janitor.get() {
            janitor.stop(None);
        }
        // First pass: snapshots; later passes: whatever has become quiescent.
        for _ in 0..STOP_PASSES {
            for kind in self.kinds().all() {
                kind.passivate(self.core(), Timestamp::from_ms(i64::MAX), Excess::default());
            }
            if self.kinds().all().all(|kind| kind.active() == 0) {
                break;
            }
            // Comes after everything submitted so far.
            for number in 0..self.core().journal.partitions() {
                let _ = self.system_commit(PartitionId(number), Vec::new()).await;
            }
            tokio::task::yield_now().await;
        }
        for handle in &self.core().partitions {
            handle.actor.stop(None);
        }
        self.core().journal.close();
    }
}

/// A stop gives entities this many chances to become quiescent.
const STOP_PASSES: usize = 1_000;

impl Core {
    pub(crate) fn partition_of(&self, key: &EntityKey) -> PartitionId {
        key.partition(self.journal.partitions())
    }

    pub(crate) fn partition(&self, key: &EntityKey) -> &PartitionHandle {
        &self.partitions[usize::from(self.partition_of(key).0)]
    }

    /// Whether the entity may be asked for at all.
    pub(crate) fn check(&self, key: &EntityKey) -> Result<(), Failure> {
        if !self.vault.contains(key.tenant) {
            return Err(Failure::UnknownTenant);
        }
        self.partition(key).check()
    }

    pub(crate) fn next_seed(&self) -> u64 {
        self.seeds.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }

    pub(crate) fn get(
        &self,
        key: &EntityKey,
        table: Table,
        row_key: &[u8],
    ) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.journal.get(self.partition_of(key), table, row_key)?)
    }

    pub(crate) fn scan(
        &self,
        key: &EntityKey,
        table: Table,
        range: &KeyRange,
        visit: &mut Visitor<'_>,
    ) -> Result<(), Failure> {
        Ok(self.journal.scan(self.partition_of(key), table, range, false, visit)?)
    }

    pub(crate) fn open(
        &self,
        tenant: TenantId,
        table: Table,
        row_key: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        Ok(self.vault.open_sealed(tenant, &aad(table, row_key), sealed)?)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(_) => Self::Damaged(error.to_string()),
            ReadError::NoPartition(_) | ReadError::Unreachable { .. } | ReadError::Closed => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::UnknownTenant(_) => Self::UnknownTenant,
            VaultError::Random(_) => Self::Unavailable(error.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}
