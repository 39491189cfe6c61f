//! The actor of a partition: supervises its entities and commits for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use impresario_journal::{Batch, CommitError, CommitIndex, Journal, Term, Write};
use impresario_kernel::PartitionId;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::dynamic::Kinds;
use crate::writes::{Merged, size_of};
use crate::{CommitHook, Failure, NewEffect, TimerChange};

/// Lets the outcome of a batch leave.
pub(crate) type Release = Box<dyn FnOnce(&Result<(), Failure>) + Send>;

/// What one turn wants committed, and what leaves when it is.
pub(crate) struct Item {
    /// The epoch of the activation that decided it, or [`EVERY_EPOCH`].
    pub(crate) epoch: u64,
    pub(crate) writes: Vec<Write>,
    pub(crate) effects: Vec<NewEffect>,
    pub(crate) timers: Vec<TimerChange>,
    /// Called once, in submission order, with the outcome of the batch.
    pub(crate) release: Release,
}

/// For items that do not depend on an activation's state.
pub(crate) const EVERY_EPOCH: u64 = u64::MAX;

impl Item {
    /// Writes nothing; is released after everything submitted before it.
    pub(crate) fn empty(epoch: u64, release: Release) -> Self {
        Self { epoch, writes: Vec::new(), effects: Vec::new(), timers: Vec::new(), release }
    }
}

pub(crate) enum PartitionMessage {
    Submit(Item),
    Committed(Result<CommitIndex, CommitError>, Instant),
}

/// A partition as its entities see it.
#[derive(Clone)]
pub(crate) struct PartitionHandle {
    pub(crate) actor: ActorRef<PartitionMessage>,
    /// Set once, when a commit failed: nothing is decided or committed here any more.
    pub(crate) failed: Arc<OnceLock<String>>,
    /// Counts how often the partition's activations were thrown away. What an activation of an
    /// earlier epoch still submits was decided on something that never became true.
    pub(crate) epoch: Arc<AtomicU64>,
}

impl PartitionHandle {
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.failed.get().map_or(Ok(()), |reason| Err(Failure::Unavailable(reason.clone())))
    }

    /// Hands an item over. If the partition is gone, the item is released as failed.
    pub(crate) fn submit(&self, item: Item) {
        if let Err(ractor::MessagingErr::SendErr(PartitionMessage::Submit(item))) =
            self.actor.send_message(PartitionMessage::Submit(item))
        {
            (item.release)(&Err(Failure::Unavailable("the node is stopping".to_owned())));
        }
    }
}

pub(crate) struct PartitionActor;

pub(crate) struct PartitionParts {
    pub(crate) id: PartitionId,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) hooks: Vec<Arc<dyn CommitHook>>,
    pub(crate) kinds: Arc<OnceLock<Kinds>>,
    pub(crate) failed: Arc<OnceLock<String>>,
    pub(crate) epoch: Arc<AtomicU64>,
    pub(crate) batch_bytes_max: usize,
}

pub(crate) struct Committer {
    parts: PartitionParts,
    /// Ready, in submission order.
    pending: Vec<Item>,
    /// In the batch under way.
    in_flight: Option<Vec<Item>>,
    meters: Meters,
}

struct Meters {
    batch_items: metrics::Histogram,
    commit_seconds: metrics::Histogram,
}

impl Actor for PartitionActor {
    type Msg = PartitionMessage;
    type State = Committer;
    type Arguments = PartitionParts;

    async fn pre_start(
        &self,
        _myself: ActorRef<PartitionMessage>,
        parts: PartitionParts,
    ) -> Result<Committer, ActorProcessingErr> {
        let meters = Meters {
            batch_items: metrics::histogram!("impresario_commit_items"),
            commit_seconds: metrics::histogram!("impresario_commit_seconds"),
        };
        Ok(Committer { parts, pending: Vec::new(), in_flight: None, meters })
    }

    async fn handle(
        &self,
        myself: ActorRef<PartitionMessage>,
        message: PartitionMessage,
        committer: &mut Committer,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PartitionMessage::Submit(item) => committer.take(item),
            PartitionMessage::Committed(outcome, since) => committer.settle(outcome, since),
        }
        committer.propose(&myself);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<PartitionMessage>,
        event: SupervisionEvent,
        committer: &mut Committer,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(_, error) = &event {
            tracing::warn!(partition = committer.parts.id.0, error = %error, "entity ended, restarts on demand");
        }
        Ok(())
    }
}

impl Committer {
    /// Starts a commit of everything that is ready, unless one is under way.
    fn propose(&mut self, myself: &ActorRef<PartitionMessage>) {
        while self.in_flight.is_none() && !self.pending.is_empty() {
            if let Some(reason) = self.parts.failed.get() {
                let outcome = Err(Failure::Unavailable(reason.clone()));
                release(std::mem::take(&mut self.pending), &outcome, None);
                return;
            }
            let (items, writes) = self.take_batch();
            if writes.is_empty() {
                release(items, &Ok(()), Some(&self.parts));
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "a metric")]
            self.meters.batch_items.record(items.len() as f64);
            self.in_flight = Some(items);
            self.commit(writes, myself.clone());
        }
    }

    fn commit(&self, writes: Vec<Write>, myself: ActorRef<PartitionMessage>) {
        let batch = Batch { partition: self.parts.id, term: Term(0), writes };
        let since = Instant::now();
        let outcome = self.parts.journal.commit(batch);
        tokio::spawn(async move {
            // An actor that is gone has released its items already.
            let _ = myself.send_message(PartitionMessage::Committed(outcome.await, since));
        });
    }

    /// The ready items up to the bytes of a batch (at least one), and their writes, merged.
    fn take_batch(&mut self) -> (Vec<Item>, Vec<Write>) {
        let mut bytes = 0;
        let mut count = 0;
        for item in &self.pending {
            bytes += item.writes.iter().map(size_of).sum::<usize>();
            if count > 0 && bytes > self.parts.batch_bytes_max {
                break;
            }
            count += 1;
        }
        let rest = self.pending.split_off(count);
        let mut items = std::mem::replace(&mut self.pending, rest);
        let mut merged = Merged::default();
        for item in &mut items {
            merged.extend(std::mem::take(&mut item.writes));
        }
        (items, merged.into_writes())
    }

    fn settle(&mut self, outcome: Result<CommitIndex, CommitError>, since: Instant) {
        self.meters.commit_seconds.record(since.elapsed().as_secs_f64());
        let Some(items) = self.in_flight.take() else { return };
        match outcome {
            Ok(_) => release(items, &Ok(()), Some(&self.parts)),
            Err(error) => self.fail(items, &error),
        }
    }

    fn take(&mut self, item: Item) {
        if item.epoch < self.parts.epoch.load(Ordering::SeqCst) {
            (item.release)(&Err(Failure::Unavailable(
                "decided on what was not committed".to_owned(),
            )));
        } else {
            self.pending.push(item);
        }
    }

    /// Throws the partition's activations away, and what was decided on top of the failed batch.
    /// Unless the store said that nothing changed, the partition goes out of service.
    fn fail(&mut self, items: Vec<Item>, error: &CommitError) {
        tracing::error!(partition = self.parts.id.0, error = %error, "commit failed");
        metrics::counter!("impresario_commit_failures_total").increment(1);
        if !matches!(error, CommitError::TooLarge { .. }) {
            let _ = self.parts.failed.set(error.to_string());
        }
        self.parts.epoch.fetch_add(1, Ordering::SeqCst);
        if let Some(kinds) = self.parts.kinds.get() {
            kinds.drop_partition(self.parts.id);
        }
        release(items, &Err(failure_of(error)), None);
        let outcome = Err(Failure::Unavailable(error.to_string()));
        release(std::mem::take(&mut self.pending), &outcome, None);
    }
}

fn failure_of(error: &CommitError) -> Failure {
    match error {
        CommitError::Unknown(_) => Failure::OutcomeUnknown(error.to_string()),
        CommitError::StaleTerm { .. }
        | CommitError::TooLarge { .. }
        | CommitError::NoPartition(_)
        | CommitError::Failed(_)
        | CommitError::Closed => Failure::Unavailable(error.to_string()),
    }
}

/// Lets the items' outcomes leave, in order; with `parts`, the hooks learn of effects and timers.
/// Observers come first: an effect is carried out when what it rests on is known everywhere.
fn release(items: Vec<Item>, outcome: &Result<(), Failure>, parts: Option<&PartitionParts>) {
    for item in items {
        (item.release)(outcome);
        let Some(parts) = parts else { continue };
        if item.effects.is_empty() && item.timers.is_empty() {
            continue;
        }
        match parts.hooks.as_slice() {
            [hook] => hook.committed(parts.id, item.effects, item.timers),
            hooks => hooks.iter().for_each(|hook| {
                hook.committed(parts.id, item.effects.clone(), item.timers.clone())
            }),
        }
    }
}
