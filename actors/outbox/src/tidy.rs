//! Forgetting old deliveries.

use std::ops::ControlFlow;

use impresario_journal::{Journal, KeyRange, ReadError, Table, Write};
use impresario_kernel::{PartitionId, Timestamp};

use crate::Options;
use crate::delivery::decided_at;

/// Rows visited in one step.
const PAGE: usize = 1_000;

/// The pause between steps of one pass, in milliseconds.
const STEP_MS: i64 = 50;

/// A slow, endless walk over the deliveries of a partition.
#[derive(Debug)]
pub(crate) struct Tidy {
    next: Timestamp,
    after: Option<Vec<u8>>,
}

impl Tidy {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { next: now, after: None }
    }

    /// When the next step is due, in milliseconds since 1970.
    pub(crate) fn next_ms(&self) -> i64 {
        self.next.as_ms()
    }

    /// Looks at the next rows, if it is time, and gives the writes that remove the old ones.
    pub(crate) fn step(
        &mut self,
        journal: &dyn Journal,
        partition: PartitionId,
        now: Timestamp,
        options: &Options,
    ) -> Result<Vec<Write>, ReadError> {
        if now < self.next {
            return Ok(Vec::new());
        }
        let range = match self.after.take() {
            Some(key) => KeyRange::all().after(&key),
            None => KeyRange::all(),
        };
        self.next = now.plus_ms(options.tidy_ms.max(STEP_MS));
        let (mut visited, mut after, mut writes) = (0, None, Vec::new());
        journal.scan(partition, Table::Deliveries, &range, false, &mut |key, _| {
            visited += 1;
            if decided_at(key).is_none_or(|at| now.since_ms(at) > options.deliveries_kept_ms) {
                writes.push(Write::Delete { table: Table::Deliveries, key: key.to_vec() });
            }
            if visited == PAGE {
                after = Some(key.to_vec());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        if after.is_some() {
            self.next = now.plus_ms(STEP_MS);
        }
        self.after = after;
        Ok(writes)
    }
}
