use impresario_ids::SegmentId;
use impresario_kernel::Decision;

use super::{Context, Decided, changed, unchanged, within};
use crate::rejection::{Problem, Subject};
use crate::{Effect, Event, Rejection, State, Tenant};

const SPEC_BYTES_MAX: usize = 16_384;

/// The segment has validated its rule before it published it, so only its place is looked at here.
pub(super) fn publish(
    state: &State,
    segment: SegmentId,
    version: u32,
    name: String,
    rule: String,
    ctx: &Context<'_>,
) -> Decided {
    let is_old = state.segment_version(segment).is_some_and(|known| version < known);
    if is_old || state.is_archived(segment) {
        return Ok(unchanged(state));
    }
    let live = state.live_segment(segment);
    if live.is_some_and(|live| live.version == version && live.name == name && live.rule == rule) {
        return Ok(unchanged(state));
    }
    if live.is_none() {
        within("segments", state.live_segments().count(), state.limits().segments)?;
    }
    let renamed = live.is_some_and(|live| live.version == version && live.rule == rule);
    let decision =
        changed(state, Event::SegmentPublished { segment, version, name, rule, at: ctx.now });
    Ok(if renamed { decision } else { decision.then(Effect::Sweep { segment, version }) })
}

/// A segment that is only paused keeps its members; of one that is archived a sweep takes leave, if
/// it was ever published.
pub(super) fn withdraw(
    state: &State,
    segment: SegmentId,
    archived: bool,
    ctx: &Context<'_>,
) -> Decision<Tenant> {
    let is_news =
        if archived { !state.is_archived(segment) } else { state.live_segment(segment).is_some() };
    if !is_news {
        return unchanged(state);
    }
    let decision = changed(state, Event::SegmentWithdrawn { segment, at: ctx.now, archived });
    match state.segment_version(segment) {
        Some(last) if archived => {
            decision.then(Effect::Sweep { segment, version: last.saturating_add(1) })
        }
        Some(_) | None => decision,
    }
}

pub(super) fn define(state: &State, spec: &str, ctx: &Context<'_>) -> Decided {
    if spec.len() > SPEC_BYTES_MAX {
        let message = format!("must be at most {SPEC_BYTES_MAX} bytes");
        return Err(invalid(vec![Problem::new("", "too_large", message)]));
    }
    let parsed = impresario_rules::parse_computed(spec).map_err(|problems| {
        invalid(
            problems
                .into_iter()
                .map(|problem| Problem::new(problem.pointer, problem.code, problem.message))
                .collect(),
        )
    })?;
    let (name, spec) = (parsed.name().to_owned(), parsed.to_json());
    match state.computed_trait(&name) {
        Some(known) if known.spec == spec => return Ok(unchanged(state)),
        Some(_) => {}
        None => within("computed", state.computed().count(), state.limits().computed)?,
    }
    Ok(changed(state, Event::ComputedDefined { name, spec, at: ctx.now }).then(sweep_all()))
}

pub(super) fn remove(state: &State, name: String, ctx: &Context<'_>) -> Decided {
    state.computed_trait(&name).ok_or(Rejection::ComputedUnknown)?;
    Ok(changed(state, Event::ComputedRemoved { name, at: ctx.now }).then(sweep_all()))
}

const fn sweep_all() -> Effect {
    Effect::Sweep { segment: SegmentId::NIL, version: 0 }
}

fn invalid(problems: Vec<Problem>) -> Rejection {
    Rejection::Invalid { subject: Subject::Computed, problems }
}
