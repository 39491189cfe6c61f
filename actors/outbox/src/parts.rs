use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use impresario_host::Host;
use impresario_ids::{TenantId, TraceId};
use impresario_journal::{Table, Write};
use impresario_kernel::{Entity, EntityKey, Timestamp, encode};
use impresario_router::{AskError, Deadline, Envelope, Failure, IdempotencyKey, Router};
use impresario_rows::{DeadLetterRow, aad, dead_letter_key, encode_row, entity_of};
use impresario_webhooks::Sender;

use crate::{Errands, Options, ProfileWalk, Settle, Tenants};

/// What the outbox stands on.
pub struct Parts {
    /// Commits rows, fires timers; its journal, vault and clock are used.
    pub host: Host,
    /// Asks entities.
    pub router: Router,
    /// Knows the tenants' endpoints.
    pub tenants: Arc<dyn Tenants>,
    /// Knows the tenants' profiles.
    pub profiles: Arc<dyn ProfileWalk>,
    /// Makes sure that every node has heard of a sweep.
    pub settle: Arc<dyn Settle>,
    /// Sends webhooks.
    pub sender: Arc<Sender>,
    /// Carries out what is neither a message to an entity nor a webhook.
    pub errands: Arc<dyn Errands>,
    /// Whether there is certainly no such tenant any more. One that is not known here may be one
    /// that this node has not heard of yet.
    pub is_gone: Arc<dyn Fn(TenantId) -> bool + Send + Sync>,
    /// How to run.
    pub options: Options,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("options", &self.options).finish_non_exhaustive()
    }
}

/// [`Parts`] and what all pumps share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) parts: Parts,
    pub(crate) sweeps: tokio::sync::Semaphore,
    pub(crate) errands: tokio::sync::Semaphore,
    stopping: AtomicBool,
}

impl Common {
    pub(crate) fn new(mut parts: Parts) -> Self {
        parts.options.at_least_one();
        let sweeps = tokio::sync::Semaphore::new(parts.options.sweeps_in_flight_max);
        let errands = tokio::sync::Semaphore::new(parts.options.errands_in_flight_max);
        Self { parts, sweeps, errands, stopping: AtomicBool::new(false) }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.parts.options
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.host.clock().now()
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Whether there is certainly no such tenant any more.
    pub(crate) fn is_gone(&self, tenant: TenantId) -> bool {
        (self.parts.is_gone)(tenant)
    }

    /// Whether trying a row again cannot help, because whom to ask does not exist any more, the command
    /// was set aside by the host, or its key stands for something else.
    pub(crate) fn is_final(&self, failure: &Failure, row_key: &[u8]) -> bool {
        match failure {
            Failure::UnknownTenant => {
                entity_of(row_key).is_none_or(|source| self.is_gone(source.tenant))
                    || self.is_erased(row_key)
            }
            Failure::DeadLettered { .. } | Failure::KeyReused => true,
            Failure::Overloaded { .. }
            | Failure::DeadlineExceeded
            | Failure::Restarting { .. }
            | Failure::Crashed
            | Failure::OutcomeUnknown(_)
            | Failure::NotLeader { .. }
            | Failure::Unavailable(_)
            // An operator may restore what is damaged.
            | Failure::Damaged(_) => false,
        }
    }

    /// Whether the row went with its tenant.
    fn is_erased(&self, row_key: &[u8]) -> bool {
        let host = &self.parts.host;
        entity_of(row_key).is_some_and(|source| {
            let row = host.journal().get(host.partition_of(&source), Table::Outbox, row_key);
            matches!(row, Ok(None))
        })
    }

    /// Asks an entity, with the bounds of the outbox.
    pub(crate) async fn ask<E: Entity>(
        &self,
        to: EntityKey,
        command: E::Command,
        key: IdempotencyKey,
        trace: TraceId,
    ) -> Result<E::Reply, AskError<E::Rejection>> {
        let deadline = Deadline(self.now().plus_ms(self.options().ask_timeout_ms));
        self.parts.router.ask::<E>(to, command, Envelope { key: Some(key), deadline, trace }).await
    }

    /// Writes a refused command to the dead letters of the entity that refused it, where it is
    /// listed, replayed or dropped. Doing it again writes the same row. As long as that entity is led
    /// elsewhere it fails with [`Failure::NotLeader`], and the row of the outbox stays.
    pub(crate) async fn set_aside<E: Entity>(
        &self,
        to: &EntityKey,
        command: &E::Command,
        code: &str,
        row: &Origin<'_>,
    ) -> Result<(), Failure> {
        let host = &self.parts.host;
        let mut hash = [0; 8];
        hash.copy_from_slice(&IdempotencyKey::of(row.key).as_bytes()[..8]);
        let key = dead_letter_key(to, row.at, hash);
        let body =
            host.vault().seal(to.tenant, &aad(Table::DeadLetters, &key), &encode(command))?;
        let letter = DeadLetterRow {
            at: row.at,
            reason: format!("refused: {code}"),
            kills: 0,
            trace: row.trace,
            body,
        };
        let write = Write::Put { table: Table::DeadLetters, key, value: encode_row(&letter) };
        host.system_commit(host.partition_of(to), vec![write]).await
    }
}

/// The row of the outbox that a command comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) at: Timestamp,
    pub(crate) trace: TraceId,
}
