//! The actor of a partition: supervises its entities and commits for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use impresario_journal::{Batch, CommitError, Journal, Term, Write};
use impresario_kernel::PartitionId;
use parking_lot::RwLock;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::dynamic::Kinds;
use crate::standing::Standing;
use crate::writes::{Merged, size_of};
use crate::{CommitHook, Failure, NewEffect, TimerChange};

/// Lets the outcome of a batch leave.
pub(crate) type Release = Box<dyn FnOnce(&Result<(), Failure>) + Send>;

/// What one turn wants committed, and what leaves when it is.
pub(crate) struct Item {
    /// The partition's epoch when it was decided.
    pub(crate) epoch: u64,
    pub(crate) writes: Vec<Write>,
    pub(crate) effects: Vec<NewEffect>,
    pub(crate) timers: Vec<TimerChange>,
    /// Called once, in submission order, with the outcome of the batch.
    pub(crate) release: Release,
}

impl Item {
    /// Writes nothing; is released after everything submitted before it.
    pub(crate) fn empty(epoch: u64, release: Release) -> Self {
        Self { epoch, writes: Vec::new(), effects: Vec::new(), timers: Vec::new(), release }
    }
}

pub(crate) enum PartitionMessage {
    Submit(Item),
    /// A batch is durable, or a reign confirmed; or not.
    Settled(Result<(), CommitError>, Instant),
    /// The partition's leadership may have changed.
    Stand,
}

/// A partition as its entities see it.
#[derive(Clone)]
pub(crate) struct PartitionHandle {
    pub(crate) actor: ActorRef<PartitionMessage>,
    pub(crate) standing: Arc<RwLock<Standing>>,
    /// Counts how often the partition's activations were thrown away. What an activation of an
    /// earlier epoch still submits was decided on something that never became true.
    pub(crate) epoch: Arc<AtomicU64>,
}

impl PartitionHandle {
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.standing.read().check().map(|_| ())
    }

    /// Whether an answer that depends on nothing uncommitted may leave at once.
    pub(crate) fn is_certain(&self, journal: &dyn Journal, id: PartitionId) -> bool {
        self.standing.read().check().is_ok_and(|term| journal.is_certain(id, term))
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
    pub(crate) standing: Arc<RwLock<Standing>>,
    pub(crate) epoch: Arc<AtomicU64>,
    pub(crate) batch_bytes_max: usize,
}

pub(crate) struct Committer {
    parts: PartitionParts,
    /// Ready, in submission order.
    pending: Vec<Item>,
    /// In the batch under way.
    in_flight: Option<Vec<Item>>,
    /// Whether the hooks were told that this node leads.
    told: Option<bool>,
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
        Ok(Committer { parts, pending: Vec::new(), in_flight: None, told: None, meters })
    }

    async fn handle(
        &self,
        myself: ActorRef<PartitionMessage>,
        message: PartitionMessage,
        committer: &mut Committer,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PartitionMessage::Submit(item) => committer.take(item),
            PartitionMessage::Settled(outcome, since) => committer.settle(outcome, since),
            PartitionMessage::Stand => committer.stand(),
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
            let term = match self.parts.standing.read().check() {
                Ok(term) => term,
                Err(failure) => {
                    let outcome = Err(failure);
                    release(std::mem::take(&mut self.pending), &outcome, None);
                    return;
                }
            };
            let (items, writes) = self.take_batch();
            if !writes.is_empty() {
                self.meters.batch_items.record(items.len() as f64);
                self.in_flight = Some(items);
                self.commit(term, writes, myself.clone());
            } else if self.parts.journal.is_certain(self.parts.id, term) {
                release(items, &Ok(()), Some(&self.parts));
            } else {
                self.in_flight = Some(items);
                self.confirm(term, myself.clone());
            }
        }
    }

    fn commit(&self, term: Term, writes: Vec<Write>, myself: ActorRef<PartitionMessage>) {
        let batch = Batch { partition: self.parts.id, term, writes };
        let since = Instant::now();
        let outcome = self.parts.journal.commit(batch);
        tokio::spawn(async move {
            let outcome = outcome.await.map(|_| ());
            // An actor that is gone has released its items already.
            let _ = myself.send_message(PartitionMessage::Settled(outcome, since));
        });
    }

    /// Nothing to write, but what was read must still have been true.
    fn confirm(&self, term: Term, myself: ActorRef<PartitionMessage>) {
        let since = Instant::now();
        let outcome = self.parts.journal.confirm(self.parts.id, term);
        tokio::spawn(async move {
            // As for a commit.
            let _ = myself.send_message(PartitionMessage::Settled(outcome.await, since));
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

    fn settle(&mut self, outcome: Result<(), CommitError>, since: Instant) {
        self.meters.commit_seconds.record(since.elapsed().as_secs_f64());
        let Some(items) = self.in_flight.take() else { return };
        match outcome {
            Ok(()) => release(items, &Ok(()), Some(&self.parts)),
            Err(error) => self.fail(items, &error),
        }
    }

    /// Takes over what the journal says of the partition's leadership. A reign that ended takes its
    /// activations and what they have submitted with it; a batch under way still ends as it ends.
    fn stand(&mut self) {
        let told = self.parts.journal.leadership(self.parts.id);
        let next = self.parts.standing.read().next(told);
        if let Some(next) = next {
            tracing::info!(partition = self.parts.id.0, standing = ?next, "leadership changed");
            // A reign that follows another at once is still another one.
            self.tell(false);
            *self.parts.standing.write() = next;
            self.throw_away(Failure::NotLeader { leader: told.leader() });
        }
        let leads = self.parts.standing.read().check().is_ok();
        self.tell(leads);
    }

    fn tell(&mut self, leads: bool) {
        if self.told != Some(leads) {
            self.told = Some(leads);
            self.parts.hooks.iter().for_each(|hook| hook.leads(self.parts.id, leads));
        }
    }

    fn take(&mut self, item: Item) {
        if item.epoch < self.parts.epoch.load(Ordering::SeqCst) {
            let ended = match self.parts.standing.read().check() {
                Ok(_) => Failure::NotLeader { leader: None },
                Err(failure) => failure,
            };
            (item.release)(&Err(ended));
        } else {
            self.pending.push(item);
        }
    }

    /// A commit failed: whatever was decided on top of it goes too. Unless the store said that
    /// nothing changed, the partition is out of service for the rest of the reign.
    fn fail(&mut self, items: Vec<Item>, error: &CommitError) {
        let term = self.parts.standing.read().check().unwrap_or_default();
        let failure = failure_of(error);
        if let Some(standing) = Standing::after(error, term) {
            *self.parts.standing.write() = standing;
        }
        if matches!(failure, Failure::NotLeader { .. }) {
            tracing::info!(partition = self.parts.id.0, error = %error, "commit refused");
        } else {
            tracing::error!(partition = self.parts.id.0, error = %error, "commit failed");
            metrics::counter!("impresario_commit_failures_total").increment(1);
        }
        // Nobody who is answered now may find an activation that knows more than the store.
        self.drop_activations();
        release(items, &Err(failure.clone()), None);
        let later = match failure {
            Failure::OutcomeUnknown(why) => Failure::Unavailable(why),
            other => other,
        };
        release(std::mem::take(&mut self.pending), &Err(later), None);
        self.stand();
    }

    fn throw_away(&mut self, failure: Failure) {
        self.drop_activations();
        release(std::mem::take(&mut self.pending), &Err(failure), None);
    }

    fn drop_activations(&self) {
        self.parts.epoch.fetch_add(1, Ordering::SeqCst);
        if let Some(kinds) = self.parts.kinds.get() {
            kinds.drop_partition(self.parts.id);
        }
    }
}

fn failure_of(error: &CommitError) -> Failure {
    match error {
        CommitError::Unknown(_) => Failure::OutcomeUnknown(error.to_string()),
        CommitError::NotLeader { leader } => Failure::NotLeader { leader: *leader },
        CommitError::StaleTerm { .. } => Failure::NotLeader { leader: None },
        CommitError::TooLarge { .. }
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
