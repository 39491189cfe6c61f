//! Writing down what became of rows: one commit at a time.
//!
//! A commit that is refused because another node decides by now is the end of this pump: its reign is
//! over. What it would have written is lost on purpose; the rows are as they were, and the pump of
//! the node that decides now goes on from there.

use std::sync::Arc;

use impresario_journal::{Table, Write};
use impresario_kernel::Timestamp;
use impresario_router::Failure;
use ractor::ActorRef;

use super::orders::Answer;
use super::{Pump, PumpMessage};
use crate::book::RowKey;

/// The pause after a commit that failed, in milliseconds.
const COMMIT_RETRY_MS: i64 = 1_000;

/// Writes, and what becomes of their rows afterwards.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(super) writes: Vec<Write>,
    /// Rows that are gone.
    pub(super) done: Vec<RowKey>,
    /// Rows that wait until then.
    pub(super) again: Vec<(RowKey, Timestamp, i64)>,
    /// Operators who wait for the outcome.
    pub(super) answers: Vec<Answer>,
}

impl Pump {
    /// The row goes with the next commit.
    pub(super) fn done(&mut self, key: RowKey, writes: Option<Vec<Write>>) {
        self.book.settle(&key);
        match writes {
            Some(writes) => self.pending.writes.extend(writes),
            None => {
                self.pending.writes.push(Write::Delete { table: Table::Outbox, key: key.to_vec() })
            }
        }
        self.pending.done.push(key);
    }

    pub(super) fn written(
        &mut self,
        myself: &ActorRef<PumpMessage>,
        mut batch: Batch,
        outcome: Result<(), Failure>,
    ) {
        self.writing = false;
        for answer in batch.answers.drain(..) {
            // Whoever asked may be gone.
            let _ = answer.send(outcome.clone());
        }
        match outcome {
            Ok(()) => {
                for key in &batch.done {
                    self.book.forget(key);
                    self.wishes.remove(key);
                }
                for (key, at, due_ms) in batch.again {
                    self.settled(myself, &key, at, due_ms);
                }
            }
            Err(failure) => {
                // The writes say what is, not what changes, so committing them again is safe.
                tracing::warn!(
                    partition = self.start.partition.0,
                    code = failure.code(),
                    "outbox rows not committed, tried again"
                );
                let later = std::mem::replace(&mut self.pending, batch);
                self.pending.writes.extend(later.writes);
                self.pending.done.extend(later.done);
                self.pending.again.extend(later.again);
                self.pending.answers = later.answers;
                self.write_after_ms = self.start.common.now().plus_ms(COMMIT_RETRY_MS).as_ms();
            }
        }
    }

    pub(super) fn write(&mut self, myself: &ActorRef<PumpMessage>, now: Timestamp) {
        if self.writing || self.pending.writes.is_empty() || now.as_ms() < self.write_after_ms {
            return;
        }
        self.writing = true;
        let batch = std::mem::take(&mut self.pending);
        let (common, reign, myself) =
            (Arc::clone(&self.start.common), Arc::clone(&self.start.reign), myself.clone());
        let under_way = reign.asks.enter();
        tokio::spawn(async move {
            let outcome = reign.commit(&common.parts.host, batch.writes.clone()).await;
            drop(under_way);
            let _ = myself.send_message(PumpMessage::Written(batch, outcome));
        });
    }
}
