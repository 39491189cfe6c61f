//! Effects that are neither messages to entities nor webhooks: answering a turn, sending a message on
//! a channel, embedding a document.
//!
//! What carries them out is handed in ([`Errands`]). An errand that is *in order* begins after the one
//! before it of the same source is done, and holds the later ones back while it is tried again; the
//! others run beside each other.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use impresario_ids::TraceId;
use impresario_journal::{Table, Write};
use impresario_kernel::{EntityKey, Timestamp};
use impresario_router::{Failure, IdempotencyKey};
use impresario_rows::{OutboxRow, decode_row, encode_row};
use tokio::sync::oneshot;

use crate::attempt::Then;
use crate::backoff;
use crate::book::RowKey;
use crate::parts::Common;

/// What is to be done.
#[derive(Debug)]
pub struct Errand {
    /// Who decided it.
    pub source: EntityKey,
    /// The same over all tries, and of no other errand.
    pub key: IdempotencyKey,
    /// When it was decided.
    pub at: Timestamp,
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Tries that failed before.
    pub attempts: u32,
    /// The source's effect, as it is stored.
    pub effect: Vec<u8>,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It is done, or refused for good and said so where it belongs.
    Done,
    /// It is tried again.
    Again {
        /// Not before this, in milliseconds from now; otherwise after a growing pause.
        wait_ms: Option<i64>,
        /// Why.
        code: &'static str,
    },
}

/// A try that is under way. Dropped when the partition is decided for elsewhere, or at the stop.
pub type Running = Pin<Box<dyn Future<Output = Ran> + Send>>;

/// Carries errands out. At least once: an errand whose end could not be written is done again under
/// the same key. Never blocks.
pub trait Errands: Send + Sync + 'static {
    /// Whether this effect is for it, and in which order it is done; `None` if it is not its own.
    ///
    /// # Errors
    /// If the effect cannot be read.
    fn order(
        &self,
        source: &EntityKey,
        effect: &[u8],
    ) -> Result<Option<Order>, impresario_kernel::CodecError>;
    /// Makes one try.
    fn run(&self, errand: Errand) -> Running;
}

/// Beside what an errand may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Anything.
    Free,
    /// Anything but the other errands in order of the same source.
    InOrder,
}

/// Has nothing to carry out.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoErrands;

impl Errands for NoErrands {
    fn order(
        &self,
        _source: &EntityKey,
        _effect: &[u8],
    ) -> Result<Option<Order>, impresario_kernel::CodecError> {
        Ok(None)
    }

    fn run(&self, _errand: Errand) -> Running {
        Box::pin(std::future::ready(Ran::Done))
    }
}

/// An errand whose turn may have come.
pub(crate) struct Trip {
    pub(crate) row: RowKey,
    pub(crate) errand: Errand,
    /// The errand before it, if it waits for one.
    pub(crate) before: Option<oneshot::Receiver<()>>,
    /// Dropped when it is done.
    pub(crate) after: Option<oneshot::Sender<()>>,
}

impl fmt::Debug for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trip").field("source", &self.errand.source).finish_non_exhaustive()
    }
}

/// Makes the trip: one try, or as many as it takes if others wait behind it.
pub(crate) async fn travel(common: Arc<Common>, trip: Trip) -> Then {
    let Trip { row, mut errand, before, after } = trip;
    if let Some(before) = before {
        // An error says that it is done.
        let _ = before.await;
    }
    loop {
        let ran = try_once(&common, &errand).await;
        let Ran::Again { wait_ms, code } = ran else {
            return Then::Done(vec![Write::Delete { table: Table::Outbox, key: row.to_vec() }]);
        };
        errand.attempts = errand.attempts.saturating_add(1);
        metrics::counter!("impresario_outbox_errand_retries_total", "code" => code).increment(1);
        let wait_ms = pause(&common, &row, errand.attempts, wait_ms);
        if after.is_none() || common.is_stopping() {
            return again(&common, &row, &errand, code, wait_ms);
        }
        tokio::time::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))).await;
    }
}

async fn try_once(common: &Common, errand: &Errand) -> Ran {
    // Never closed.
    let Ok(_permit) = common.errands.acquire().await else {
        return Ran::Again { wait_ms: None, code: "stopping" };
    };
    let again = Errand { effect: errand.effect.clone(), ..*errand };
    common.parts.errands.run(again).await
}

fn pause(common: &Common, row: &RowKey, attempts: u32, wait_ms: Option<i64>) -> i64 {
    let options = common.options();
    let seed = backoff::seed_of(row, attempts);
    backoff::wait_ms(
        attempts,
        options.backoff_ms,
        options.backoff_max_ms,
        seed,
        wait_ms.unwrap_or(0),
    )
}

/// The row remembers that it was tried.
fn again(common: &Common, row: &RowKey, errand: &Errand, code: &str, wait_ms: i64) -> Then {
    let due = common.now().plus_ms(wait_ms);
    match waiting_row(common, row, errand.attempts, due, code) {
        Ok(Some(write)) => Then::Again(vec![write], due.as_ms()),
        // Erased with its tenant meanwhile: nothing to delete, and nothing to try.
        Ok(None) => Then::Done(Vec::new()),
        Err(failure) => {
            tracing::warn!(code = failure.code(), "an errand's row cannot be read");
            Then::Deferred(due.as_ms())
        }
    }
}

/// The write that keeps a row for another try; `None` if it is gone.
pub(crate) fn waiting_row(
    common: &Common,
    row: &RowKey,
    attempts: u32,
    due: Timestamp,
    error: &str,
) -> Result<Option<Write>, Failure> {
    let host = &common.parts.host;
    let source = impresario_rows::entity_of(row)
        .ok_or_else(|| Failure::Damaged("a row without an entity".to_owned()))?;
    let value = host.journal().get(host.partition_of(&source), Table::Outbox, row)?;
    let Some(value) = value else { return Ok(None) };
    let mut waiting: OutboxRow =
        decode_row(&value).map_err(|error| Failure::Damaged(error.to_string()))?;
    waiting.attempts = attempts;
    waiting.next_at = due;
    waiting.last_error = Some(error.to_owned());
    Ok(Some(Write::Put { table: Table::Outbox, key: row.to_vec(), value: encode_row(&waiting) }))
}
