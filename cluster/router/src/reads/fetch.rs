//! Asking the nodes that lead, again and again for a bounded time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use impresario_ids::{NodeId, TraceId};
use impresario_journal::{Journal, ReadError};
use impresario_kernel::PartitionId;
use impresario_wire::{Answer, Call, CallKind, CallTransport, Item, Outcome, Target};
use tokio::time::Instant;

use super::ReadOptions;
use super::form::{Ask, Row, Said, pack, unpack};
use crate::{Direction, Directions};

/// Reads in one call, at most.
const ITEMS_MAX: usize = 512;

/// So often hints are followed at once; after that, each time after a pause.
const HINTS_MAX: u8 = 4;

pub(super) struct Fetch {
    pub(super) local: Arc<dyn Journal>,
    pub(super) calls: Arc<dyn CallTransport>,
    pub(super) directions: Arc<dyn Directions>,
    pub(super) options: ReadOptions,
    /// The latest that was heard of each partition.
    pub(super) applied: Vec<AtomicU64>,
}

/// What became of one read.
#[derive(Debug)]
pub(super) enum Got {
    /// This node leads the partition by now.
    Here,
    Value(Option<Vec<u8>>),
    Rows {
        rows: Vec<Row>,
        more: bool,
    },
}

/// The state of a [`Fetch::fetch`].
struct Round {
    got: Vec<Option<Got>>,
    why: String,
    /// Who leads a partition, as the one said who was asked last. It is asked next, whatever the
    /// directions say, which may believe in a later term that nobody led under.
    hints: BTreeMap<PartitionId, NodeId>,
}

impl Fetch {
    /// One answer per read, in their order, from whoever leads. Each round asks every leader once,
    /// all at the same time.
    pub(super) async fn fetch(&self, asks: &[Ask]) -> Result<Vec<Got>, ReadError> {
        let until = Instant::now() + Duration::from_millis(self.options.patience_ms);
        let mut pause = Duration::from_millis(self.options.pause_ms.max(1));
        let mut news = self.directions.watch();
        let why = "nobody is known to lead it".to_owned();
        let got = asks.iter().map(|_| None).collect();
        let mut round = Round { got, why, hints: BTreeMap::new() };
        let mut hints = 0;
        loop {
            // What comes after this look ends the pause.
            news.borrow_and_update();
            self.ask_all(asks, until, &mut round).await;
            let open = round.got.iter().position(Option::is_none);
            let Some(open) = open else { return Ok(round.got.into_iter().flatten().collect()) };
            if Instant::now() >= until {
                let partition = asks.get(open).map_or(0, |ask| ask.partition().0);
                metrics::counter!("impresario_router_reads_given_up_total").increment(1);
                return Err(ReadError::Unreachable { partition, why: round.why });
            }
            if !round.hints.is_empty() && hints < HINTS_MAX {
                hints += 1;
                continue;
            }
            let end = (Instant::now() + pause).min(until);
            if !matches!(tokio::time::timeout_at(end, news.changed()).await, Ok(Ok(()))) {
                // Also if nobody will tell news any more.
                tokio::time::sleep_until(end).await;
            }
            pause = (pause * 2).min(Duration::from_millis(self.options.pause_ms_max.max(1)));
        }
    }

    /// Asks once for everything that has no answer yet.
    async fn ask_all(&self, asks: &[Ask], until: Instant, round: &mut Round) {
        let mut groups: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        let hints = std::mem::take(&mut round.hints);
        let here = self.confirmed(asks, round).await;
        for (number, (ask, got)) in asks.iter().zip(&mut round.got).enumerate() {
            if got.is_some() {
                continue;
            }
            match here.get(&ask.partition()) {
                Some(Ok(())) => {
                    *got = Some(Got::Here);
                    continue;
                }
                Some(Err(why)) => {
                    round.why.clone_from(why);
                    continue;
                }
                None => {}
            }
            let me = self.directions.me();
            let node = match (hints.get(&ask.partition()), self.directions.of(ask.partition())) {
                (Some(hint), _) => *hint,
                (None, Direction::Node(node)) => node,
                (None, Direction::Here | Direction::Unknown) => me,
            };
            if node != me {
                groups.entry(node).or_default().push(number);
            }
        }
        let call_max = Duration::from_millis(self.options.call_ms);
        let within = until.saturating_duration_since(Instant::now()).min(call_max);
        let calls = groups.iter().flat_map(|(node, numbers)| {
            numbers.chunks(ITEMS_MAX).map(|numbers| self.ask(*node, asks, numbers, within))
        });
        for (numbers, said) in join_all(calls).await {
            match said {
                Ok(said) => {
                    for (number, said) in numbers.iter().zip(said) {
                        self.take(asks, *number, said, round);
                    }
                }
                Err(why) => round.why = why,
            }
        }
    }

    /// The partitions without an answer that this node takes itself to lead, and whether it does.
    async fn confirmed(
        &self,
        asks: &[Ask],
        round: &Round,
    ) -> BTreeMap<PartitionId, Result<(), String>> {
        let open = asks.iter().zip(&round.got).filter(|(_, got)| got.is_none());
        let open: BTreeSet<_> = open.map(|(ask, _)| ask.partition()).collect();
        let led = open.into_iter().filter_map(|partition| {
            let now = self.local.leadership(partition);
            now.is_leader().then_some((partition, now.term))
        });
        let confirmed = led.map(async |(partition, term)| {
            let confirmed = self.local.confirm(partition, term).await;
            (partition, confirmed.map_err(|error| error.to_string()))
        });
        join_all(confirmed).await.into_iter().collect()
    }

    async fn ask<'a>(
        &self,
        to: NodeId,
        asks: &[Ask],
        numbers: &'a [usize],
        within: Duration,
    ) -> (&'a [usize], Result<Vec<Said>, String>) {
        let item = |ask: &Ask| Item { key: None, trace: None, body: pack(ask) };
        let items: Vec<_> =
            numbers.iter().filter_map(|number| asks.get(*number)).map(item).collect();
        let call = Call {
            kind: CallKind::View,
            target: Target::Node,
            items,
            within_ms: 0,
            trace: TraceId::NIL,
            hops: 0,
        };
        let answered = self.calls.call(to, call, within).await;
        crate::cluster::count_hop(CallKind::View, &answered);
        let said = match answered {
            Ok(Answer::Done(outcomes)) if outcomes.len() == numbers.len() => {
                Ok(outcomes.into_iter().map(opened).collect())
            }
            Ok(Answer::Done(outcomes)) => {
                Err(format!("{to} gave {} answers to {} reads", outcomes.len(), numbers.len()))
            }
            Ok(Answer::Failed(failed)) => Err(format!("{to}: {}: {}", failed.code, failed.message)),
            Ok(Answer::NotLeader { .. }) => Err(format!("{to} does not lead it")),
            Err(error) => Err(error.to_string()),
        };
        (numbers, said)
    }

    fn take(&self, asks: &[Ask], number: usize, said: Said, round: &mut Round) {
        let (Some(ask), Some(place)) = (asks.get(number), round.got.get_mut(number)) else {
            return;
        };
        let partition = ask.partition();
        let (got, applied) = match said {
            Said::Value { value, applied } => (Got::Value(value), applied),
            Said::Rows { rows, more, applied } => (Got::Rows { rows, more }, applied),
            Said::NotLeader { leader, term } => {
                let leader = leader.map(NodeId);
                self.directions.learn(partition, term, leader);
                round.hints.extend(leader.map(|leader| (partition, leader)));
                round.why = "whoever was asked does not lead it".to_owned();
                return;
            }
            Said::Failed { message } => {
                round.why = message;
                return;
            }
        };
        if let Some(known) = self.applied.get(usize::from(partition.0)) {
            known.fetch_max(applied, Ordering::Relaxed);
        }
        *place = Some(got);
    }
}

fn opened(outcome: Outcome) -> Said {
    match outcome {
        Outcome::Ok(body) => unpack(&body).unwrap_or_else(|message| Said::Failed { message }),
        Outcome::Rejected(rejected) => Said::Failed { message: rejected.message },
        Outcome::Failed(failed) => Said::Failed { message: failed.message },
    }
}
