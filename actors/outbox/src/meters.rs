//! A pump's figures.

use impresario_kernel::{PartitionId, Timestamp};
use metrics::{Counter, Gauge};

use crate::book::Book;

/// How often the figures are taken that visit every row, in milliseconds.
const EVERY_MS: i64 = 10_000;

pub(crate) struct Meters {
    depth: Gauge,
    oldest_ms: Gauge,
    pub(crate) asked: Counter,
    next: Timestamp,
}

impl Meters {
    pub(crate) fn new(partition: PartitionId) -> Self {
        let partition = partition.0.to_string();
        Self {
            depth: metrics::gauge!("impresario_outbox_rows", "partition" => partition.clone()),
            oldest_ms: metrics::gauge!("impresario_outbox_oldest_age_ms", "partition" => partition),
            asked: metrics::counter!("impresario_outbox_messages_total"),
            next: Timestamp::EPOCH,
        }
    }

    /// When [`Meters::measure`] has something to do again, in milliseconds since 1970.
    pub(crate) fn next_ms(&self) -> i64 {
        self.next.as_ms()
    }

    /// Nothing is held here any more.
    pub(crate) fn clear(&self) {
        self.depth.set(0.0);
        self.oldest_ms.set(0.0);
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics")]
    pub(crate) fn measure<A>(&mut self, now: Timestamp, book: &Book<A>) {
        self.depth.set(book.len() as f64);
        if now >= self.next {
            self.next = now.plus_ms(EVERY_MS);
            self.oldest_ms.set(book.oldest().map_or(0, |at| now.since_ms(at).max(0)) as f64);
        }
    }
}
