//! One turn of an entity: a group of commands, or a question.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use impresario_ids::TraceId;
use impresario_kernel::{Ctx, Decision, Entity, Needs, Timestamp, encode};
use tokio::sync::oneshot;

use crate::active::{Live, Recent, Start};
use crate::crash::Crash;
use crate::deliver::Answers;
use crate::dynamic::FiredTimer;
use crate::idempotency::{remember, stored_reply};
use crate::kind::Pending;
use crate::load::history;
use crate::partition::Item;
use crate::writes::Ledger;
use crate::{AskError, Committed, Envelope, Failure, Permit};

/// Commands for one entity that are decided in one turn, each on its own.
pub(crate) struct Group<E: Entity> {
    pub(crate) commands: Vec<(E::Command, Envelope)>,
    /// The timer that this group stands for; its row goes with the turn, whatever is decided.
    pub(crate) timer: Option<FiredTimer>,
    pub(crate) sent: Instant,
    /// Given back when the group's outcome is released, or the group is dropped.
    pub(crate) permit: Permit,
    pub(crate) reply: oneshot::Sender<Answers<E>>,
}

impl<E: Entity> Group<E> {
    pub(crate) fn fail(self, failure: &Failure) {
        let answers =
            self.commands.iter().map(|_| Err(AskError::Failed(failure.clone()))).collect();
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(answers);
    }
}

pub(crate) struct Question<E: Entity> {
    pub(crate) query: E::Query,
    pub(crate) envelope: Envelope,
    pub(crate) permit: Permit,
    pub(crate) reply: oneshot::Sender<Result<E::Answer, Failure>>,
}

impl<E: Entity> Question<E> {
    pub(crate) fn fail(self, failure: Failure) {
        let _ = self.reply.send(Err(failure));
    }
}

/// What a turn has come to so far.
struct Turn<E: Entity> {
    ledger: Ledger,
    answers: Answers<E>,
    events: Vec<Happened<E>>,
}

/// The events of one decision.
struct Happened<E: Entity> {
    first_seq: u64,
    at: Timestamp,
    events: Arc<Vec<E::Event>>,
}

/// How a command ended, if it did not crash the entity.
type Outcome<E> = Result<<E as Entity>::Reply, AskError<<E as Entity>::Rejection>>;

/// Decides the group's commands in order and submits what they lead to as one item.
pub(crate) fn decide_group<E: Entity>(
    live: &mut Live<E>,
    start: &Start<E>,
    group: Group<E>,
    pending: Pending,
) -> Result<(), Crash> {
    start.kind.meters.mailbox_seconds.record(group.sent.elapsed().as_secs_f64());
    live.settled(start.shared.settled_turn.load(Ordering::Acquire));
    let _turn = start.core.turns.begin();
    live.turn += 1;
    let mut turn = Turn {
        ledger: Ledger::default(),
        answers: Vec::with_capacity(group.commands.len()),
        events: Vec::new(),
    };
    if let Some(timer) = &group.timer {
        turn.ledger.timer_fired(&start.key, timer);
    }
    let mut crash = None;
    for (command, envelope) in group.commands {
        let outcome = if crash.is_some() {
            Err(AskError::Failed(Failure::Crashed))
        } else {
            match decide_one(live, start, &mut turn, command, &envelope) {
                Ok(outcome) => outcome,
                Err((died, failure)) => {
                    crash = Some(died);
                    Err(AskError::Failed(failure))
                }
            }
        };
        turn.answers.push(outcome);
    }
    if crash.is_none() {
        snapshot_if_due(live, start, &mut turn.ledger);
    }
    submit(live, start, turn, group.reply, (pending, group.permit));
    crash.map_or(Ok(()), Err)
}

/// `Err` if the activation cannot go on; with it, what to answer.
fn decide_one<E: Entity>(
    live: &mut Live<E>,
    start: &Start<E>,
    turn: &mut Turn<E>,
    command: E::Command,
    envelope: &Envelope,
) -> Result<Outcome<E>, (Crash, Failure)> {
    let core = &start.core;
    let now = core.clock.now();
    if now > envelope.deadline.0 {
        return Ok(Err(AskError::Failed(Failure::DeadlineExceeded)));
    }
    match seen_before(live, start, envelope, now) {
        Ok(Some(reply)) => {
            start.kind.meters.duplicates.increment(1);
            return Ok(Ok(reply));
        }
        Ok(None) => {}
        Err(failure) => return Ok(Err(AskError::Failed(failure))),
    }
    start.kind.meters.commands.increment(1);
    let suspect = match start.suspect(&command) {
        Ok(suspect) => suspect,
        Err(failure) => return Ok(Err(AskError::Failed(failure))),
    };
    let decided =
        catch_unwind(AssertUnwindSafe(|| decide(live, start, command, envelope.trace, now)));
    let decision = match decided {
        Ok(Ok(decision)) => decision,
        Ok(Err(AskError::Rejected(rejection))) => {
            metrics::counter!("impresario_entity_rejections_total", "kind" => E::KIND.name, "code" => impresario_kernel::Coded::code(&rejection)).increment(1);
            return Ok(Err(AskError::Rejected(rejection)));
        }
        Ok(Err(failed)) => return Ok(Err(failed)),
        Err(panic) => {
            return Err(start.killed(
                &mut turn.ledger,
                Crash::of_panic(&*panic),
                suspect,
                envelope.trace,
            ));
        }
    };
    record(live, start, turn, decision, envelope, now).map_err(|crash| (crash, Failure::Crashed))
}

fn seen_before<E: Entity>(
    live: &mut Live<E>,
    start: &Start<E>,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<Option<E::Reply>, Failure> {
    let Some(key) = envelope.key else { return Ok(None) };
    if live.seq == 0 {
        live.seen.nothing_yet();
    }
    let found = match live.unsettled.get(key) {
        Some((content, reply)) => Some((content, reply.clone())),
        None if !live.seen.may_hold(&start.core, &start.key, key, now)? => None,
        None => stored_reply::<E>(&start.core, &start.key, key, now)?,
    };
    match found {
        Some((content, _)) if key.contradicts(content) => Err(Failure::KeyReused),
        Some((_, reply)) => Ok(Some(reply)),
        None => Ok(None),
    }
}

fn decide<E: Entity>(
    live: &Live<E>,
    start: &Start<E>,
    command: E::Command,
    trace: TraceId,
    now: Timestamp,
) -> Result<Decision<E>, AskError<E::Rejection>> {
    let policy = start.kind.policy.policy(start.key.tenant)?;
    let past = match E::needs(&live.state, &command) {
        Needs::Nothing => Vec::new(),
        Needs::History => history::<E>(&start.core, &start.key, &live.tail)?,
    };
    let ctx = Ctx {
        now,
        seed: start.core.next_seed(),
        key: &start.key,
        next_seq: live.seq + 1,
        policy: &*policy,
        trace,
        history: &past,
    };
    let since = Instant::now();
    let decision = E::decide(&live.state, command, &ctx);
    start.kind.meters.decide_seconds.record(since.elapsed().as_secs_f64());
    decision.map_err(AskError::Rejected)
}

/// Writes a decision into the turn's ledger and applies its events.
fn record<E: Entity>(
    live: &mut Live<E>,
    start: &Start<E>,
    turn: &mut Turn<E>,
    decision: Decision<E>,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<Outcome<E>, Crash> {
    if decision.events.is_empty() && !decision.effects.is_empty() {
        return Err(Crash::new("a decision had effects but no event"));
    }
    // Nothing is taken over until all of it is sealed.
    let mut ledger = Ledger::default();
    let written = ledger
        .decision(&start.core, &start.key, &decision, live.seq, now, envelope.trace)
        .and_then(|()| {
            if let Some(key) = envelope.key
                && !decision.is_empty()
            {
                ledger.push(remember::<E>(&start.core, &start.key, key, now, &decision.reply)?);
            }
            Ok(())
        });
    if let Err(failure) = written {
        return Ok(Err(AskError::Failed(failure)));
    }
    turn.ledger.append(ledger);
    if let Some(key) = envelope.key
        && !decision.is_empty()
    {
        live.unsettled.insert(live.turn, key, decision.reply.clone());
        live.seen.insert(key);
    }
    apply(live, start, turn, decision.events, now)?;
    Ok(Ok(decision.reply))
}

fn apply<E: Entity>(
    live: &mut Live<E>,
    start: &Start<E>,
    turn: &mut Turn<E>,
    events: Vec<E::Event>,
    at: Timestamp,
) -> Result<(), Crash> {
    if events.is_empty() {
        return Ok(());
    }
    let first_seq = live.seq + 1;
    // A state that a panic left half changed is never used again: the crash ends the activation.
    let applied = catch_unwind(AssertUnwindSafe(|| {
        events.iter().for_each(|event| E::apply(&mut live.state, event));
    }));
    live.seq += events.len() as u64;
    start.shared.seq.store(live.seq, Ordering::Relaxed);
    start.shared.dirty.store(true, Ordering::Relaxed);
    let events = Arc::new(events);
    live.tail.push_back(Recent { turn: live.turn, first_seq, events: Arc::clone(&events) });
    turn.events.push(Happened { first_seq, at, events });
    applied.map_err(|panic| Crash::of_panic(&*panic))
}

fn snapshot_if_due<E: Entity>(live: &mut Live<E>, start: &Start<E>, ledger: &mut Ledger) {
    if live.seq - live.snapshot_seq >= start.core.options.snapshot_events.max(1) {
        write_snapshot(live, start, ledger);
    }
}

fn write_snapshot<E: Entity>(live: &mut Live<E>, start: &Start<E>, ledger: &mut Ledger) {
    let state = encode(&live.state);
    match ledger.snapshot(&start.core, &start.key, live.seq, &state) {
        Ok(()) => {
            start.shared.stored_bytes.store(state.len(), Ordering::Relaxed);
            live.snapshot_seq = live.seq;
            start.shared.dirty.store(false, Ordering::Relaxed);
        }
        // The tenant's key is gone: there is nothing to keep.
        Err(failure) => {
            tracing::debug!(entity.key = %start.key, error = %failure, "snapshot not taken")
        }
    }
}

/// Writes a snapshot if there are events since the last one.
pub(crate) fn snapshot<E: Entity>(live: &mut Live<E>, start: &Start<E>, pending: Pending) {
    if live.seq == live.snapshot_seq {
        start.shared.dirty.store(false, Ordering::Relaxed);
        return;
    }
    let mut ledger = Ledger::default();
    write_snapshot(live, start, &mut ledger);
    let (writes, effects, timers) = ledger.into_parts();
    start.partition().submit(Item {
        epoch: start.epoch,
        writes,
        effects,
        timers,
        release: Box::new(move |_| drop(pending)),
    });
}

/// Hands the turn to the partition. If nothing of it, and nothing before it, waits for a commit, it
/// is released at once.
fn submit<E: Entity>(
    live: &Live<E>,
    start: &Start<E>,
    turn: Turn<E>,
    reply: oneshot::Sender<Answers<E>>,
    held: (Pending, Permit),
) {
    if turn.ledger.is_empty() && start.may_answer_at_once() {
        drop(held);
        let _ = reply.send(turn.answers);
        return;
    }
    let (writes, effects, timers) = turn.ledger.into_parts();
    let kind = Arc::clone(&start.kind);
    let (shared, key, number) = (Arc::clone(&start.shared), start.key, live.turn);
    let (answers, happened) = (turn.answers, turn.events);
    let since = Instant::now();
    let release = Box::new(move |outcome: &Result<(), Failure>| {
        kind.meters.commit_seconds.record(since.elapsed().as_secs_f64());
        let answers = match outcome {
            Ok(()) => {
                for Happened { first_seq, at, events } in &happened {
                    let committed = Committed { key: &key, first_seq: *first_seq, at: *at, events };
                    kind.observers.iter().for_each(|observe| observe(&committed));
                }
                answers
            }
            Err(failure) => {
                answers.iter().map(|_| Err(AskError::Failed(failure.clone()))).collect()
            }
        };
        shared.settled_turn.store(number, Ordering::Release);
        drop(held);
        let _ = reply.send(answers);
    });
    start.partition().submit(Item { epoch: start.epoch, writes, effects, timers, release });
}

/// Answers a question, once everything that the answer depends on is durable.
pub(crate) fn answer<E: Entity>(
    live: &mut Live<E>,
    start: &Start<E>,
    question: Question<E>,
    pending: Pending,
) -> Result<(), Crash> {
    start.kind.meters.queries.increment(1);
    let now = start.core.clock.now();
    if now > question.envelope.deadline.0 {
        question.fail(Failure::DeadlineExceeded);
        return Ok(());
    }
    let policy = match start.kind.policy.policy(start.key.tenant) {
        Ok(policy) => policy,
        Err(failure) => {
            question.fail(failure);
            return Ok(());
        }
    };
    let ctx = Ctx {
        now,
        seed: start.core.next_seed(),
        key: &start.key,
        next_seq: live.seq + 1,
        policy: &*policy,
        trace: question.envelope.trace,
        history: &[],
    };
    let answered = catch_unwind(AssertUnwindSafe(|| E::answer(&live.state, question.query, &ctx)));
    let (answer, ended) = match answered {
        Ok(answer) => (Ok(answer), Ok(())),
        Err(panic) => (Err(Failure::Crashed), Err(Crash::of_panic(&*panic))),
    };
    let (reply, held) = (question.reply, (pending, question.permit));
    if start.may_answer_at_once() {
        drop(held);
        let _ = reply.send(answer);
        return ended;
    }
    let release = Box::new(move |outcome: &Result<(), Failure>| {
        drop(held);
        let _ = reply.send(outcome.clone().and(answer));
    });
    start.partition().submit(Item::empty(start.epoch, release));
    ended
}
