use impresario_ids::CallId;
use impresario_kernel::{Ctx, Decision, TimerOp, Timestamp};

use crate::rows::{self, Outcome};
use crate::state::{End, scopes_of};
use crate::{
    Budget, Command, Effect, Event, HELD_MAX, HELD_MS, LIMITS_MAX, Limit, NAME_BYTES_MAX, Path,
    Period, Rejection, Reply, Reservation, Scope, State, Tokens,
};

/// The timer that gives up what was held too long.
pub(crate) const TIMER: &str = "give_up";

/// The highest amount of one call or one limit; a million of them still add up in 64 bits.
const MICROS_MAX: i64 = 1_000_000_000_000_000;

/// Parts of a limit that are told, in percent.
const THRESHOLDS: [u8; 3] = [100, 80, 50];

/// Reservations given up by one command; the timer comes back at once for more.
const GIVE_UP_MAX: usize = 500;

pub(crate) fn decide(
    state: &State,
    command: Command,
    ctx: &Ctx<'_, (), Event>,
) -> Result<Decision<Budget>, Rejection> {
    match command {
        Command::SetLimits { limits } => set_limits(state, limits, ctx.now),
        Command::Reserve { call, path, micros } => reserve(state, call, path, micros, ctx.now),
        Command::Settle { call, micros, tokens } => settle(state, call, micros, tokens, ctx.now),
        Command::Release { call } => Ok(release(state, call, ctx.now)),
        Command::GiveUpDue => Ok(give_up_due(state, ctx.now)),
    }
}

fn set_limits(
    state: &State,
    limits: Vec<Limit>,
    now: Timestamp,
) -> Result<Decision<Budget>, Rejection> {
    if limits.iter().any(|limit| !amount(limit.micros)) {
        return Err(Rejection::AmountInvalid);
    }
    let twice = limits.iter().enumerate().any(|(place, limit)| {
        limits[..place]
            .iter()
            .any(|other| other.scope == limit.scope && other.period == limit.period)
    });
    if twice || limits.len() > LIMITS_MAX || !limits.iter().all(keepable) {
        return Err(Rejection::LimitsInvalid);
    }
    if state.limits == limits {
        return Ok(Decision::unchanged(Reply::LimitsSet));
    }
    Ok(Decision::events(vec![Event::LimitsSet { limits, at: now }], Reply::LimitsSet))
}

fn amount(micros: i64) -> bool {
    (0..=MICROS_MAX).contains(&micros)
}

/// Conversations and runs are counted by the caller, who knows no days.
fn keepable(limit: &Limit) -> bool {
    match &limit.scope {
        Scope::Tenant | Scope::EachCampaign => true,
        Scope::Campaign(name) | Scope::Class(name) => {
            !name.is_empty() && name.len() <= NAME_BYTES_MAX
        }
        Scope::EachConversation | Scope::EachRun => limit.period == Period::Total,
    }
}

fn reserve(
    state: &State,
    call: CallId,
    path: Path,
    micros: i64,
    now: Timestamp,
) -> Result<Decision<Budget>, Rejection> {
    if !amount(micros) {
        return Err(Rejection::AmountInvalid);
    }
    if !path.is_valid() {
        return Err(Rejection::PathInvalid);
    }
    if state.end_of(call).is_some() || state.given_up(call).is_some() {
        return Ok(Decision::unchanged(Reply::Closed));
    }
    if state.held.contains_key(&call) {
        let left_micros = tightest(state, &path, now).map(|tight| tight.left);
        return Ok(Decision::unchanged(Reply::Granted { left_micros }));
    }
    if state.held.len() >= HELD_MAX {
        return Err(Rejection::TooManyHeld);
    }
    let tight = tightest(state, &path, now);
    if let Some(tight) = tight.as_ref().filter(|tight| tight.left < micros) {
        return Ok(deny(state, call, &path, micros, tight, now));
    }
    let left_micros = tight.map(|tight| tight.left.saturating_sub(micros));
    let reserved = Event::Reserved { call, path: path.clone(), micros, at: now };
    let mut decision = Decision::events(vec![reserved], Reply::Granted { left_micros });
    if state.held.is_empty() {
        decision = decision.timer(give_up_at(now.plus_ms(HELD_MS)));
    }
    Ok(with_thresholds(state, decision, call, &path, now))
}

fn deny(
    state: &State,
    call: CallId,
    path: &Path,
    micros: i64,
    tight: &Tight,
    now: Timestamp,
) -> Decision<Budget> {
    let (scope, period) = (tight.scope.clone(), tight.limit.period);
    let reply = Reply::Denied { scope: scope.clone(), period, left_micros: tight.left };
    let event = Event::Denied { call, scope: scope.clone(), period, micros, at: now };
    let mut decision =
        Decision::events(vec![event], reply).index(rows::call(now.day(), path, Outcome::Denied, 1));
    // A limit that refuses is used up, also if a little is left that nobody can use.
    let used_up = Crossed { limit: &tight.limit, scope, committed: tight.committed, percent: 100 };
    let told = state.ledger(&used_up.scope).is_some_and(|ledger| ledger.told(period, now) >= 100);
    if !told && state.ledger(&used_up.scope).is_some() {
        decision = used_up.tell(decision, now);
    }
    decision
}

fn settle(
    state: &State,
    call: CallId,
    micros: i64,
    tokens: Tokens,
    now: Timestamp,
) -> Result<Decision<Budget>, Rejection> {
    if !amount(micros) {
        return Err(Rejection::AmountInvalid);
    }
    if let Some(end) = state.end_of(call) {
        return Ok(Decision::unchanged(reply_for(end)));
    }
    let Some(held) = state.reservation(call) else {
        return Ok(Decision::unchanged(Reply::UnknownCall));
    };
    let corrects = state.given_up(call).is_some();
    let settled = Event::Settled { call, micros, tokens, at: now };
    let mut decision = Decision::events(vec![settled], Reply::Settled);
    let counted = if corrects { held.micros } else { 0 };
    decision.index = rows::costs(held, micros.saturating_sub(counted));
    decision.index.extend(rows::tokens(held, &tokens));
    decision.index.extend(ended(held, corrects, Outcome::Settled));
    let path = held.path.clone();
    Ok(with_thresholds(state, decision, call, &path, now))
}

fn release(state: &State, call: CallId, now: Timestamp) -> Decision<Budget> {
    if let Some(end) = state.end_of(call) {
        return Decision::unchanged(reply_for(end));
    }
    let Some(held) = state.reservation(call) else {
        return Decision::unchanged(Reply::UnknownCall);
    };
    let corrects = state.given_up(call).is_some();
    let mut decision = Decision::events(vec![Event::Released { call, at: now }], Reply::Released);
    if corrects {
        decision.index = rows::costs(held, held.micros.saturating_neg());
    }
    decision.index.extend(ended(held, corrects, Outcome::Released));
    decision
}

fn give_up_due(state: &State, now: Timestamp) -> Decision<Budget> {
    let due = |held: &Reservation| now.since_ms(held.at) >= HELD_MS;
    let calls: Vec<_> = state.held.iter().filter(|(_, held)| due(held)).take(GIVE_UP_MAX).collect();
    let events = calls.iter().map(|(call, _)| Event::GivenUp { call: **call, at: now }).collect();
    let count = u32::try_from(calls.len()).unwrap_or(u32::MAX);
    let mut decision = Decision::events(events, Reply::GaveUp { count });
    for (_, held) in &calls {
        decision.index.extend(rows::costs(held, held.micros));
        decision.index.push(rows::call(held.at.day(), &held.path, Outcome::GivenUp, 1));
    }
    let rest = state.held.iter().filter(|(call, _)| !calls.iter().any(|(given, _)| given == call));
    if let Some(oldest) = rest.map(|(_, held)| held.at).min() {
        decision = decision.timer(give_up_at(oldest.plus_ms(HELD_MS)));
    }
    decision
}

fn give_up_at(due: Timestamp) -> TimerOp {
    TimerOp::Set { name: TIMER.into(), due }
}

const fn reply_for(end: End) -> Reply {
    match end {
        End::Settled => Reply::Settled,
        End::Released => Reply::Released,
    }
}

/// The rows that count a call's end; a call that was given up changes its mind.
fn ended(
    held: &Reservation,
    corrects: bool,
    outcome: Outcome,
) -> impl Iterator<Item = impresario_kernel::IndexRow> {
    let day = held.at.day();
    let back = corrects.then(|| rows::call(day, &held.path, Outcome::GivenUp, -1));
    back.into_iter().chain([rows::call(day, &held.path, outcome, 1)])
}

/// The limit on a path that leaves least.
pub(crate) struct Tight {
    pub(crate) limit: Limit,
    /// The limit's scope, with the name of the campaign where the limit is on each.
    pub(crate) scope: Scope,
    pub(crate) committed: i64,
    pub(crate) left: i64,
}

pub(crate) fn tightest(state: &State, path: &Path, now: Timestamp) -> Option<Tight> {
    let tights = state.limits.iter().filter_map(|limit| {
        let (scope, committed) = committed(state, limit, path, now)?;
        let left = limit.micros.saturating_sub(committed);
        Some(Tight { limit: limit.clone(), scope, committed, left })
    });
    tights.min_by_key(|tight| tight.left)
}

/// What counts against a limit on this path; `None` if the limit is not on it.
fn committed(state: &State, limit: &Limit, path: &Path, now: Timestamp) -> Option<(Scope, i64)> {
    let of_ledger = |scope: Scope| {
        let committed =
            state.ledger(&scope).map_or(0, |ledger| ledger.committed(limit.period, now));
        (scope, committed)
    };
    match &limit.scope {
        Scope::Tenant => Some(of_ledger(Scope::Tenant)),
        scope @ (Scope::Campaign(_) | Scope::Class(_)) => {
            scopes_of(path).any(|on_path| on_path == *scope).then(|| of_ledger(scope.clone()))
        }
        Scope::EachCampaign => {
            let own = Scope::Campaign(path.campaign.clone()?);
            let has_own =
                state.limits.iter().any(|other| other.scope == own && other.period == limit.period);
            (!has_own).then(|| of_ledger(own))
        }
        Scope::EachConversation => {
            let spend = path.conversation.as_ref()?;
            let held = state.conversations.get(&spend.id).copied().unwrap_or(0);
            Some((Scope::EachConversation, spend.spent_micros.saturating_add(held)))
        }
        Scope::EachRun => {
            let spend = path.run.as_ref()?;
            let held = state.runs.get(&spend.id).copied().unwrap_or(0);
            Some((Scope::EachRun, spend.spent_micros.saturating_add(held)))
        }
    }
}

/// A threshold that was reached.
struct Crossed<'a> {
    limit: &'a Limit,
    scope: Scope,
    committed: i64,
    percent: u8,
}

impl Crossed<'_> {
    fn tell(self, mut decision: Decision<Budget>, at: Timestamp) -> Decision<Budget> {
        let Self { limit, scope, committed, percent } = self;
        let period = limit.period;
        let reached = Event::ThresholdReached { scope: scope.clone(), period, percent, at };
        decision.events.push(reached);
        decision.then(Effect::Notify {
            scope,
            period,
            percent,
            limit_micros: limit.micros,
            committed_micros: committed,
            at,
        })
    }
}

/// Adds what the events so far mean for the thresholds of the limits on the path. Conversations and
/// runs have none: there are too many of them to tell about.
fn with_thresholds(
    state: &State,
    mut decision: Decision<Budget>,
    call: CallId,
    path: &Path,
    now: Timestamp,
) -> Decision<Budget> {
    let mut after = state.part(call, path);
    decision.events.iter().for_each(|event| after.apply(event));
    for limit in &after.limits {
        let Some((scope, committed)) = committed(&after, limit, path, now) else { continue };
        let Some(ledger) = after.ledger(&scope) else { continue };
        let told = ledger.told(limit.period, now);
        let reached = THRESHOLDS.into_iter().find(|percent| {
            i128::from(committed) * 100 >= i128::from(limit.micros) * i128::from(*percent)
        });
        if let Some(percent) = reached.filter(|percent| *percent > told && committed > 0) {
            decision = Crossed { limit, scope, committed, percent }.tell(decision, now);
        }
    }
    decision
}
