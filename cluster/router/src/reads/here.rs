//! The other end: what this node leads, read for other nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::future::join_all;
use impresario_ids::NodeId;
use impresario_journal::{Journal, KeyRange, ReadError, Table};
use impresario_kernel::PartitionId;
use impresario_wire::{Answer, Call, CallHandler, Handled, Outcome};

use super::ReadOptions;
use super::form::{Ask, Row, Said, pack, unpack};
use crate::{Directions, directions};

/// Answers reads of other nodes ([`impresario_wire::CallKind::View`]) from the partitions that this
/// node leads, after it has confirmed that it does: an answer holds everything that was committed
/// before it was asked for. Whoever asks for another partition is told who leads it. A handle: cheap
/// to clone.
#[derive(Clone)]
pub struct ReadsHere {
    journal: Arc<dyn Journal>,
    directions: Arc<dyn Directions>,
    options: ReadOptions,
}

impl ReadsHere {
    /// Answers from this node's own journal; the directions are for hints to those who ask wrongly.
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        directions: Arc<dyn Directions>,
        options: ReadOptions,
    ) -> Self {
        Self { journal, directions, options }
    }

    async fn answer(self, call: Call) -> Answer {
        let asks: Vec<_> = call.items.iter().map(|item| unpack::<Ask>(&item.body)).collect();
        let partitions: BTreeSet<_> = asks.iter().flatten().map(Ask::partition).collect();
        let confirmed = partitions.into_iter().map(async |id| (id, self.refusal(id).await));
        let refusals: BTreeMap<_, _> = join_all(confirmed).await.into_iter().collect();
        Answer::Done(self.all(asks, &refusals).await)
    }

    /// What is said instead of an answer; `None` if this node certainly leads the partition.
    async fn refusal(&self, partition: PartitionId) -> Option<Said> {
        let now = self.journal.leadership(partition);
        let certain = now.is_leader()
            && (self.journal.is_certain(partition, now.term)
                || self.journal.confirm(partition, now.term).await.is_ok());
        if certain {
            return None;
        }
        let (leader, term) = directions::hint(&*self.journal, &*self.directions, partition);
        Some(Said::NotLeader { leader: leader.map(|node| node.0), term })
    }

    /// Reads on this thread, as a host does: threads that may wait are perhaps all waiting for other
    /// nodes' answers to reads like these.
    async fn all(
        &self,
        asks: Vec<Result<Ask, String>>,
        refusals: &BTreeMap<PartitionId, Option<Said>>,
    ) -> Vec<Outcome> {
        let (mut left, stats) = (self.options.answer_bytes, self.journal.stats());
        let applied = |partition: PartitionId| {
            stats.partitions.get(usize::from(partition.0)).map_or(0, |stats| stats.applied)
        };
        let mut outcomes = Vec::with_capacity(asks.len());
        for ask in asks {
            let said = match ask {
                Err(message) => Said::Failed { message },
                Ok(ask) => match refusals.get(&ask.partition()).cloned().flatten() {
                    Some(refusal) => refusal,
                    None => self.read(applied(ask.partition()), ask, &mut left),
                },
            };
            outcomes.push(Outcome::Ok(pack(&said)));
            tokio::task::consume_budget().await;
        }
        outcomes
    }

    fn read(&self, applied: u64, ask: Ask, left: &mut usize) -> Said {
        let read = match ask {
            Ask::Get { partition, table, key } => self.get(partition, table, &key).map(|value| {
                *left = left.saturating_sub(value.as_ref().map_or(0, Vec::len));
                Said::Value { value, applied }
            }),
            Ask::Scan { .. } if *left == 0 => Ok(Said::Rows { rows: vec![], more: true, applied }),
            Ask::Scan { partition, table, from, to, reverse, rows_max, bytes_max } => {
                let range = KeyRange { from, to };
                let most = (rows_max.max(1) as usize, (bytes_max as usize).min(*left));
                self.scan(partition, table, &range, reverse, most).map(|(rows, bytes, more)| {
                    *left = left.saturating_sub(bytes);
                    Said::Rows { rows, more, applied }
                })
            }
        };
        read.unwrap_or_else(|error| Said::Failed { message: error.to_string() })
    }

    fn get(&self, partition: u16, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.journal.get(PartitionId(partition), known(table)?, key)
    }

    fn scan(
        &self,
        partition: u16,
        table: u8,
        range: &KeyRange,
        reverse: bool,
        (rows_max, bytes_max): (usize, usize),
    ) -> Result<(Vec<Row>, usize, bool), ReadError> {
        let (mut rows, mut bytes, mut more) = (Vec::new(), 0, false);
        let table = known(table)?;
        self.journal.scan(PartitionId(partition), table, range, reverse, &mut |key, value| {
            let size = key.len() + value.len() + ROW_BYTES;
            if rows.len() == rows_max || (!rows.is_empty() && bytes + size > bytes_max) {
                more = true;
                return ControlFlow::Break(());
            }
            bytes += size;
            rows.push(Row { key: key.to_vec(), value: value.to_vec() });
            ControlFlow::Continue(())
        })?;
        Ok((rows, bytes, more))
    }
}

/// What a row takes beside its key and its value.
const ROW_BYTES: usize = 16;

fn known(table: u8) -> Result<Table, ReadError> {
    Table::from_code(table)
        .ok_or_else(|| ReadError::Store(format!("table {table} is of another release")))
}

impl Ask {
    pub(super) const fn partition(&self) -> PartitionId {
        match self {
            Self::Get { partition, .. } | Self::Scan { partition, .. } => PartitionId(*partition),
        }
    }
}

impl CallHandler for ReadsHere {
    fn handle(&self, _from: NodeId, call: Call) -> Handled {
        Box::pin(self.clone().answer(call))
    }
}

impl fmt::Debug for ReadsHere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadsHere").field("options", &self.options).finish_non_exhaustive()
    }
}
