//! Memberships: entered and left by events and by the passing of time.

use impresario_ids::SegmentId;
use impresario_kernel::{Decision, IndexOp, TimerOp, Timestamp};
use serde_json::{Map, Value};

use super::draft::Draft;
use super::known::Known;
use super::notebook::Notebook;
use super::past::Past;
use crate::event::{Event, Received};
use crate::index;
use crate::policy::{Interest, Policy};
use crate::state::State;
use crate::{Profile, Rejection, Reply, TIMER};

/// Evaluates the segments that the message may have changed.
pub(super) fn after_message(draft: &mut Draft<'_>, interest: Option<&Interest>, identity: bool) {
    let policy = draft.policy();
    if policy.segments().is_empty() && draft.before().standings.is_empty() {
        return;
    }
    let now = draft.now();
    if draft.before().is_fresh() || draft.before().recheck_at.is_some_and(|due| due <= now) {
        return evaluate_all(draft, true);
    }
    let mut positions = policy.on_any().to_vec();
    positions.extend(interest.map_or(&[][..], |interest| &interest.segments));
    if identity {
        positions.extend(policy.on_identity());
    }
    if positions.is_empty() {
        return;
    }
    positions.sort_unstable();
    positions.dedup();
    let soonest = evaluate(draft, &positions);
    let known = draft.before().recheck_at;
    if let Some(soonest) = soonest.filter(|soonest| known.is_none_or(|known| *soonest < known)) {
        set_recheck(draft, Some(soonest));
    }
}

/// Evaluates every segment of the policy. A membership in one that is not in it stays as it is: the
/// segment is paused, or its sweep is on the way. With `exact` the timer is set to the next change;
/// otherwise it may stay where it is if that is sooner.
pub(super) fn evaluate_all(draft: &mut Draft<'_>, exact: bool) {
    let policy = draft.policy();
    let positions: Vec<usize> = (0..policy.segments().len()).collect();
    let soonest = evaluate(draft, &positions);
    let known = draft.before().recheck_at;
    let sooner = soonest.is_some_and(|soonest| known.is_none_or(|known| soonest < known));
    if sooner || ((exact || soonest.is_none()) && (soonest.is_some() || known.is_some())) {
        set_recheck(draft, soonest);
    }
}

fn set_recheck(draft: &mut Draft<'_>, at: Option<Timestamp>) {
    if draft.before().recheck_at != at {
        draft.event(Event::RecheckSet { at });
    }
    let name = TIMER.into();
    draft.timer(match at {
        Some(due) => TimerOp::Set { name, due },
        None => TimerOp::Cancel { name },
    });
}

/// Evaluates these segments as far as they are complete; the soonest time at which one of them may
/// change by itself.
fn evaluate(draft: &mut Draft<'_>, positions: &[usize]) -> Option<Timestamp> {
    let (policy, now) = (draft.policy(), draft.now());
    let (changes, soonest) = verdicts(draft.after(), policy, now, positions);
    for (position, entered_at) in changes {
        let segment = &policy.segments()[position];
        match entered_at {
            None => enter(draft, segment.id, segment.version, &segment.name),
            Some(entered_at) => {
                leave(draft, segment.id, segment.version, &segment.name, entered_at)
            }
        }
    }
    soonest
}

/// The positions whose membership changes, with the time of entry of those that are left.
fn verdicts(
    state: &State,
    policy: &Policy,
    now: Timestamp,
    positions: &[usize],
) -> (Vec<(usize, Option<Timestamp>)>, Option<Timestamp>) {
    let mut changes = Vec::new();
    let mut soonest: Option<i64> = None;
    let known = Known { state, policy };
    for position in positions {
        let segment = &policy.segments()[*position];
        let Some(standing) = state.standing(segment.id).filter(|it| it.version == segment.version)
        else {
            continue;
        };
        let verdict = segment.rule.evaluate(&known, now.as_ms());
        soonest = soonest.into_iter().chain(verdict.recheck_at_ms).min();
        if verdict.member != standing.entered_at.is_some() {
            changes.push((*position, standing.entered_at));
        }
    }
    (changes, soonest.map(Timestamp::from_ms))
}

fn enter(draft: &mut Draft<'_>, segment: SegmentId, version: u32, name: &str) {
    let at = draft.now();
    draft.event(Event::SegmentEntered { segment, version, at });
    let term = index::member_term(segment, draft.me);
    draft.row(index::MEMBERS, term, IndexOp::Put(index::time_value(at)));
    tell(draft, "segment.entered", segment, version, name);
}

fn leave(
    draft: &mut Draft<'_>,
    segment: SegmentId,
    version: u32,
    name: &str,
    entered_at: Timestamp,
) {
    let at = draft.now();
    draft.event(Event::SegmentLeft { segment, version, at, entered_at });
    let me = draft.me;
    draft.row(index::MEMBERS, index::member_term(segment, me), IndexOp::Delete);
    let term = index::past_member_term(segment, me, entered_at);
    draft.row(index::PAST_MEMBERS, term, IndexOp::Put(index::time_value(at)));
    tell(draft, "segment.left", segment, version, name);
}

/// A sweep of a segment that is not in the policy says that it was archived.
fn leave_archived(draft: &mut Draft<'_>, segment: SegmentId) {
    let standing = draft.after().standing(segment).copied();
    if let Some(entered_at) = standing.and_then(|standing| standing.entered_at) {
        leave(draft, segment, 0, "", entered_at);
    }
}

/// Leaves every segment and stops the timer: the profile is merged or forgotten.
pub(super) fn leave_all(draft: &mut Draft<'_>) {
    let policy = draft.policy();
    for standing in &draft.before().standings {
        if let Some(entered_at) = standing.entered_at {
            let name = policy.segment(standing.segment).map_or("", |segment| &segment.name);
            leave(draft, standing.segment, standing.version, name, entered_at);
        }
    }
    if draft.before().recheck_at.is_some() {
        set_recheck(draft, None);
    }
}

fn tell(draft: &mut Draft<'_>, kind: &'static str, segment: SegmentId, version: u32, name: &str) {
    if draft.policy().endpoints().is_empty() {
        return;
    }
    let mut data = Map::new();
    data.insert("segment_id".to_owned(), segment.to_string().into());
    data.insert("segment_name".to_owned(), name.into());
    data.insert("segment_version".to_owned(), Value::from(version));
    draft.with_after(|draft, after| draft.webhook(kind, &after.facts, data));
}

/// Rebuilds what rules and computed traits remember, from the past and these further messages.
pub(super) fn rebuild<'r>(
    draft: &mut Draft<'_>,
    past: &Past<'_>,
    more: impl Iterator<Item = &'r Received>,
) {
    let mut notebook = Notebook::new(draft.policy(), None);
    past.messages().for_each(|received| notebook.read(received));
    more.for_each(|received| notebook.read(received));
    draft.event(notebook.rebuilt());
}

pub(super) fn reevaluate(
    mut draft: Draft<'_>,
    segment: SegmentId,
    version: u32,
) -> Result<Decision<Profile>, Rejection> {
    if let Some(into) = draft.before().merged_into {
        return Ok(draft.finish(Reply::Merged { into }));
    }
    let live = draft.policy().segment(segment).map(|segment| segment.version);
    if live.is_some_and(|live| live < version) {
        return Err(Rejection::SegmentVersionUnknown { version });
    }
    let past = Past::of(draft.ctx.history);
    if past.messages().next().is_some() || !draft.before().is_fresh() {
        rebuild(&mut draft, &past, std::iter::empty());
        evaluate_all(&mut draft, false);
    }
    if live.is_none() {
        leave_archived(&mut draft, segment);
    }
    let standing = draft.after().standing(segment).copied();
    let member = standing.is_some_and(|standing| standing.entered_at.is_some());
    Ok(draft.finish(Reply::Evaluated { member, version: live }))
}

pub(super) fn tick(mut draft: Draft<'_>) -> Decision<Profile> {
    if draft.before().merged_into.is_some() || draft.before().recheck_at.is_none() {
        return draft.finish(Reply::Unchanged);
    }
    evaluate_all(&mut draft, true);
    draft.finish(Reply::Done)
}
