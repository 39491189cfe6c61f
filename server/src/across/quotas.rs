//! The day's requests of a tenant, counted over all nodes.
//!
//! Each node counts what it lets in and tells the others what changed, twice a second; it lets in while
//! its own count and what it has heard of the others are below the plan. Nothing is asked for a request,
//! and nobody leads. What may be let in beyond the plan is what the others let in since they last told:
//! with a burst of b and n nodes about (n-1)·b, and more only while nodes do not hear each other. The
//! counts of each node are known at all of them, and written down at each: a node that comes back, or
//! the whole cluster, goes on where it was.

mod ledger;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use impresario_http::RequestCounts;
use impresario_ids::{NodeId, TenantId};
use impresario_kernel::{decode, encode};
use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use self::ledger::Ledger;
use super::tasks::Tasks;
use super::{Answered, Neighbours, Refused, Room};

/// The mark of this room.
pub(crate) const MARK: u8 = 7;

/// How often the others are told.
const TELL_EVERY: Duration = Duration::from_millis(500);
const TELL_WITHIN: Duration = Duration::from_millis(800);
/// Counts in one message.
const ROWS_MAX: usize = 8_192;

/// What one node tells another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Tell {
    /// Days of the Unix epoch; counts of another day than the hearer's are passed over.
    #[n(0)]
    day: i64,
    /// What changed at the teller.
    #[n(1)]
    rows: Vec<Row>,
    /// The teller has just begun: tell all that you know.
    #[n(2)]
    wants_all: bool,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Heard {
    /// The hearer's day.
    #[n(0)]
    day: i64,
    /// What was wanted.
    #[n(1)]
    rows: Vec<Row>,
}

/// One count.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Row {
    #[n(0)]
    tenant: TenantId,
    #[n(1)]
    node: NodeId,
    #[n(2)]
    used: u64,
}

struct Inner {
    me: NodeId,
    counts: RequestCounts,
    ledger: Mutex<Ledger>,
}

/// Opens the room, and tells the others while the tasks are held.
pub(crate) fn start(counts: RequestCounts, neighbours: &Neighbours) -> Tasks {
    let tasks = Tasks::default();
    if neighbours.steward().is_none() {
        return tasks;
    }
    let inner = Arc::new(Inner { me: neighbours.me(), counts, ledger: Mutex::default() });
    neighbours.board().open(MARK, Arc::new(Ear(Arc::downgrade(&inner))));
    tasks.spawn(tell_on(inner, neighbours.clone()));
    tasks
}

/// How far another node was told.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    day: i64,
    change: u64,
    /// It has told what it knows.
    is_heard: bool,
}

async fn tell_on(inner: Arc<Inner>, neighbours: Neighbours) {
    let mut ticks = interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told: BTreeMap<NodeId, Told> = BTreeMap::new();
    loop {
        ticks.tick().await;
        let day = inner.look();
        let mut nodes = neighbours.others();
        nodes.retain(|node| neighbours.is_alive(*node));
        told.retain(|node, _| nodes.contains(node));
        let asks = nodes.into_iter().filter_map(|node| {
            let mut before = told.get(&node).copied().unwrap_or_default();
            if before.day != day {
                before = Told { day, change: 0, ..before };
            }
            let (tell, change) = inner.tell(before);
            let is_due = tell.wants_all || !tell.rows.is_empty();
            is_due.then_some((node, before, tell, change))
        });
        let neighbours = &neighbours;
        let asks = asks.map(async |(node, before, tell, change)| {
            let answer = neighbours.ask(node, MARK, encode(&tell), TELL_WITHIN).await;
            (node, before, change, answer)
        });
        for (node, before, change, answer) in join_all(asks).await {
            match answer.map(|body| decode::<Heard>(&body)) {
                Ok(Ok(heard)) => {
                    inner.hear(heard.day, &heard.rows);
                    // Around midnight the other one's clock may still be in the old day.
                    let change = if heard.day == day { change } else { before.change };
                    told.insert(node, Told { day, change, is_heard: true });
                }
                Ok(Err(_)) | Err(_) => {
                    tracing::debug!(node = node.0, "counts of requests not told");
                }
            }
        }
    }
}

impl Inner {
    /// Looks at this node's counts; the day.
    fn look(&self) -> i64 {
        let day = self.counts.day();
        let mut ledger = self.ledger.lock();
        ledger.turn_to(day);
        for (tenant, used) in self.counts.own(day) {
            ledger.note_own(self.me, tenant, used);
        }
        day
    }

    /// What a node is to be told that was told so much, and how much it was told then.
    fn tell(&self, told: Told) -> (Tell, u64) {
        let ledger = self.ledger.lock();
        let (rows, change) = ledger.since(self.me, told.change, ROWS_MAX);
        (Tell { day: ledger.day(), rows, wants_all: !told.is_heard }, change)
    }

    /// Takes counts of other nodes, and what they know of this one's.
    fn hear(&self, day: i64, rows: &[Row]) {
        let mut ledger = self.ledger.lock();
        if day != self.counts.day() {
            return;
        }
        ledger.turn_to(day);
        for row in rows {
            if row.node == self.me {
                self.counts.raise_own(day, row.tenant, row.used);
            } else if ledger.note(row) {
                self.counts.note_elsewhere(day, row.tenant, ledger.but(self.me, row.tenant));
            }
        }
    }

    fn answer(&self, tell: &Tell) -> Heard {
        self.hear(tell.day, &tell.rows);
        let ledger = self.ledger.lock();
        let rows = if tell.wants_all { ledger.all() } else { Vec::new() };
        Heard { day: self.counts.day(), rows }
    }
}

/// Where the other nodes tell.
struct Ear(Weak<Inner>);

impl Room for Ear {
    fn answer(&self, _from: NodeId, body: Vec<u8>) -> Answered<'_> {
        Box::pin(async move {
            let refused = |code: &str, message: String| Refused { code: code.to_owned(), message };
            let inner = self.0.upgrade();
            let inner = inner.ok_or_else(|| refused("unavailable", "it stops".to_owned()))?;
            let tell = decode::<Tell>(&body);
            let tell = tell.map_err(|error| refused("not_understood", error.to_string()))?;
            Ok(encode(&inner.answer(&tell)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: impresario_kernel::Stored + PartialEq + std::fmt::Debug>(what: &T, want: &str) {
        let hex: String = encode(what).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, want);
        assert_eq!(decode::<T>(&encode(what)).ok().as_ref(), Some(what));
    }

    /// The bytes of a release: later ones must read them, and it must read theirs.
    #[test]
    fn messages_are_as_released() {
        let row = Row { tenant: TenantId::from_bytes([1; 16]), node: NodeId(2), used: 300 };
        let rows = vec![row];
        check(
            &Tell { day: 20_000, rows: rows.clone(), wants_all: true },
            "83194e20818350010101010101010101010101010101010219012cf5",
        );
        check(
            &Heard { day: 20_000, rows },
            "82194e20818350010101010101010101010101010101010219012c",
        );
    }
}
