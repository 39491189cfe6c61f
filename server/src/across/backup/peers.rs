use std::collections::BTreeMap;
use std::time::Duration;

use impresario_backup::{FileInfo, Part, Row, ShippedBatch, encode_batches};
use impresario_ids::TenantId;
use impresario_journal::{Table, Write};
use impresario_kernel::{PartitionId, decode, encode};
use serde_json::Value;

use super::{Ask, Attempt, CALL, MARK, Order, Pair, Position, UNAVAILABLE, Wrote};
use crate::across::{Neighbours, PeerError};

/// Pauses between tries, and their number: half a minute, in which a leader is elected again.
const PAUSE: Duration = Duration::from_millis(250);
const TRIES: u32 = 120;

/// The way to this room on the nodes where something is led.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    neighbours: Neighbours,
    partitions: u16,
}

impl Peers {
    pub(crate) fn new(neighbours: Neighbours, partitions: u16) -> Self {
        Self { neighbours, partitions }
    }

    pub(crate) fn partitions(&self) -> u16 {
        self.partitions
    }

    pub(crate) fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// The rows of a group as of now.
    pub(crate) async fn write_rows(&self, order: &Order) -> Result<Part, PeerError> {
        match self.written(order).await? {
            Wrote::Rows(part) => Ok(part),
            Wrote::Log(_) | Wrote::NotYet => Err(confused()),
        }
    }

    /// Its batches.
    pub(crate) async fn write_log(&self, order: &Order) -> Result<Vec<FileInfo>, PeerError> {
        match self.written(order).await? {
            Wrote::Log(files) => Ok(files),
            Wrote::Rows(_) | Wrote::NotYet => Err(confused()),
        }
    }

    /// Asked again until it is done, of whoever leads by then.
    async fn written(&self, order: &Order) -> Result<Wrote, PeerError> {
        loop {
            let answer = self.ask_leader(order.group, &Ask::Write(order.clone())).await?;
            match decode(&answer).map_err(|_| confused())? {
                Wrote::NotYet => {}
                done @ (Wrote::Rows(_) | Wrote::Log(_)) => return Ok(done),
            }
        }
    }

    /// How far every partition is, from those that lead them.
    pub(crate) async fn positions(&self) -> Result<Vec<u64>, PeerError> {
        let mut missing = String::new();
        for _ in 0..TRIES {
            let mut found: BTreeMap<u16, u64> = BTreeMap::new();
            for answer in self.ask_all(&Ask::Positions).await {
                let positions: Vec<Position> =
                    answer.ok().and_then(|body| decode(&body).ok()).unwrap_or_default();
                for position in positions {
                    let known = found.entry(position.group).or_default();
                    *known = position.batches.max(*known);
                }
            }
            match (0..self.partitions).find(|group| !found.contains_key(group)) {
                None => return Ok(found.into_values().collect()),
                Some(group) => missing = format!("nobody leads partition {group}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(PeerError::NotSent(missing))
    }

    /// Best effort: a node that does not hear it keeps more of its log, or less.
    pub(crate) async fn archived(&self, groups: Vec<(u16, Option<u64>)>) {
        self.ask_all(&Ask::Archived(groups)).await;
    }

    /// Has every node read effects and timers again.
    pub(crate) async fn reread(&self) {
        self.ask_all(&Ask::Reread).await;
    }

    /// Not asked twice: whether it was done is not always known.
    pub(crate) async fn commit(
        &self,
        partition: u16,
        writes: Vec<Write>,
        attempt: Attempt,
    ) -> Result<(), PeerError> {
        let writes = encode_batches(&[ShippedBatch { number: 1, writes }]);
        let ask = encode(&Ask::Commit { partition, writes, attempt: Some(attempt) });
        let mut last = PeerError::NotSent("nobody leads".to_owned());
        for _ in 0..TRIES {
            if let Some(leader) = self.neighbours.leader(PartitionId(partition)) {
                match self.neighbours.ask(leader, MARK, ask.clone(), CALL).await {
                    Ok(_) => return Ok(()),
                    // Certainly not done: another node leads, or there is no room.
                    Err(error @ PeerError::NotSent(_)) => last = error,
                    Err(PeerError::Failed { code, message })
                        if matches!(code.as_str(), "not_leader" | "overloaded") =>
                    {
                        last = PeerError::Failed { code, message };
                    }
                    Err(error) => return Err(error),
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }

    /// Whether no partition holds a row of a tenant.
    pub(crate) async fn is_empty(&self) -> Result<bool, PeerError> {
        for group in 0..self.partitions {
            let answer = self.ask_leader(group, &Ask::IsEmpty(group)).await?;
            if !decode::<bool>(&answer).map_err(|_| confused())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the rows of a tenant, or of all, from every partition, and lets nobody but this attempt
    /// bring rows in.
    pub(crate) async fn clear(
        &self,
        tenant: Option<TenantId>,
        attempt: &Attempt,
    ) -> Result<(), PeerError> {
        self.fill(attempt, false).await?;
        for partition in 0..self.partitions {
            let ask = Ask::Clear { partition, tenant, attempt: Some(attempt.clone()) };
            self.ask_leader(partition, &ask).await?;
        }
        Ok(())
    }

    /// Nobody brings rows in any more.
    pub(crate) async fn filled(&self, attempt: &Attempt) -> Result<(), PeerError> {
        self.fill(attempt, true).await
    }

    async fn fill(&self, attempt: &Attempt, is_over: bool) -> Result<(), PeerError> {
        for partition in 0..self.partitions {
            let ask = Ask::Fill { partition, attempt: attempt.clone(), is_over };
            self.ask_leader(partition, &ask).await?;
        }
        Ok(())
    }

    /// How far shipping is; null if nobody knows.
    pub(crate) async fn shipping(&self) -> Value {
        let Some(leader) = self.neighbours.leader(PartitionId(self.partitions)) else {
            return Value::Null;
        };
        let answer = self.neighbours.ask(leader, MARK, encode(&Ask::Shipping), CALL).await;
        answer.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Changes a row of the system group that says what is being brought in.
    pub(crate) async fn mark(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
        forget: Vec<Vec<u8>>,
    ) -> Result<(), PeerError> {
        let ask = Ask::Mark {
            key: key.to_vec(),
            expected: expected.map(|bytes| bytes.to_vec().into()),
            value: value.map(|bytes| bytes.to_vec().into()),
            forget: forget.into_iter().map(Into::into).collect(),
        };
        self.ask_leader(self.partitions, &ask).await.map(drop)
    }

    /// Committed rows of the system group.
    pub(crate) async fn system_rows(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> Result<Vec<Row>, PeerError> {
        let ask = Ask::Read { table: table.code(), prefix: prefix.to_vec() };
        let answer = self.ask_leader(self.partitions, &ask).await?;
        let rows: Vec<Pair> = decode(&answer).map_err(|_| confused())?;
        Ok(rows.into_iter().map(|Pair { key, value }| Row { table, key, value }).collect())
    }

    /// What may be asked twice: until it is answered, or refused for good.
    async fn ask_leader(&self, group: u16, ask: &Ask) -> Result<Vec<u8>, PeerError> {
        let body = encode(ask);
        let mut last = PeerError::NotSent("nobody leads".to_owned());
        for _ in 0..TRIES {
            if let Some(leader) = self.neighbours.leader(PartitionId(group)) {
                match self.neighbours.ask(leader, MARK, body.clone(), CALL).await {
                    Ok(answer) => return Ok(answer),
                    Err(PeerError::Failed { code, message })
                        if !matches!(code.as_str(), UNAVAILABLE | "not_leader" | "overloaded") =>
                    {
                        return Err(PeerError::Failed { code, message });
                    }
                    Err(error) => last = error,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }

    async fn ask_all(&self, ask: &Ask) -> Vec<Result<Vec<u8>, PeerError>> {
        let body = encode(ask);
        let mut nodes = self.neighbours.others();
        nodes.retain(|node| self.neighbours.is_alive(*node));
        nodes.push(self.neighbours.me());
        let asked = nodes.into_iter().map(|node| {
            let body = body.clone();
            async move { self.neighbours.ask(node, MARK, body, CALL).await }
        });
        futures_util::future::join_all(asked).await
    }
}

fn confused() -> PeerError {
    PeerError::Failed {
        code: "internal".to_owned(),
        message: "a node answered what was not asked".to_owned(),
    }
}
