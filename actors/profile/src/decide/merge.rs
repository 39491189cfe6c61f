//! Merging two profiles of one person, and taking them apart again.

use impresario_ids::{ProfileId, TenantId};
use impresario_kernel::Decision;
use serde_json::Map;

use super::draft::Draft;
use super::notebook::Notebook;
use super::past::Past;
use super::{identity, segments};
use crate::event::{Event, Facts, Received};
use crate::{ABSORBED_EVENTS, Effect, Profile, Rejection, Reply, id_of_anonymous, id_of_user};

/// The side that is merged: hand everything over.
pub(super) fn merge_into(
    mut draft: Draft<'_>,
    into: ProfileId,
) -> Result<Decision<Profile>, Rejection> {
    let state = draft.before();
    if into == draft.me || state.parts.contains(&into) {
        return Err(Rejection::MergeCircle);
    }
    if let Some(into) = state.merged_into {
        return Ok(draft.finish(Reply::Merged { into }));
    }
    let past = Past::of(draft.ctx.history);
    let mut events: Vec<Received> = past
        .messages()
        .rev()
        .take(ABSORBED_EVENTS)
        .map(|received| Received { via: None, ..received.clone() })
        .collect();
    events.reverse();
    segments::leave_all(&mut draft);
    identity::rows(&mut draft, &state.facts, &Facts::default());
    draft.unlist();
    draft.event(Event::MergedInto { into, at: draft.now() });
    let (from, facts) = (draft.me, Box::new(state.facts.clone()));
    draft.effect(Effect::Absorb { into, from, facts, events });
    Ok(draft.finish(Reply::Merged { into }))
}

/// The side that stays: take it in.
pub(super) fn absorb(
    mut draft: Draft<'_>,
    from: ProfileId,
    facts: Box<Facts>,
    events: Vec<Received>,
) -> Decision<Profile> {
    let state = draft.before();
    if state.parts.contains(&from) || from == draft.me {
        return draft.finish(Reply::Unchanged);
    }
    match state.merged_into {
        // Both were merged into each other at the same time: the lesser id stays.
        Some(into) if into == from && draft.me > from => return draft.finish(Reply::Unchanged),
        Some(into) if into == from => back_to_life(&mut draft, from, Vec::new()),
        Some(into) => {
            draft.event(Event::Forwarded { message_id: from.to_string().into(), into });
            draft.effect(Effect::Absorb { into, from, facts, events });
            return draft.finish(Reply::Forwarded { into });
        }
        None => draft.list(),
    }
    let fresh = draft.after().is_fresh();
    let policy = draft.policy();
    let mut notebook = Notebook::new(policy, (!fresh).then_some(draft.after()));
    events.iter().for_each(|received| notebook.read(received));
    let notes = if fresh { notebook.rebuilt_unless_idle() } else { notebook.tracked() };
    let before = draft.after().facts.clone();
    let session_idle = policy.session_idle();
    draft.event(Event::Absorbed { from, at: draft.now(), facts, events, session_idle });
    notes.into_iter().for_each(|event| draft.event(event));
    draft.with_after(|draft, after| identity::rows(draft, &before, &after.facts));
    told(&mut draft, "profile.merged", from);
    segments::evaluate_all(&mut draft, false);
    draft.finish(Reply::Done)
}

/// The side that stayed: take it out again and give it back.
pub(super) fn unmerge(
    mut draft: Draft<'_>,
    from: ProfileId,
) -> Result<Decision<Profile>, Rejection> {
    let state = draft.before();
    if !state.parts.contains(&from) {
        return Err(Rejection::NotMerged);
    }
    let mut past = Past::of(draft.ctx.history);
    let events = past.forwarded_by(from);
    past.remove(from);
    let mut facts = past.facts();
    let tenant = draft.ctx.tenant();
    separate(&mut facts, tenant, |id| id == from || state.separated.contains(&id));
    draft.event(Event::Unmerged { from, at: draft.now(), facts: Box::new(facts.clone()) });
    draft.effect(Effect::Restore { into: from, from: draft.me, events });
    if state.merged_into.is_none() {
        identity::rows(&mut draft, &state.facts, &facts);
        segments::rebuild(&mut draft, &past, std::iter::empty());
        told(&mut draft, "profile.unmerged", from);
        segments::evaluate_all(&mut draft, false);
    }
    Ok(draft.finish(Reply::Done))
}

/// The side that was merged: be a profile of its own again.
pub(super) fn restore(
    mut draft: Draft<'_>,
    from: ProfileId,
    events: Vec<Received>,
) -> Decision<Profile> {
    if draft.before().merged_into.is_none() {
        return draft.finish(Reply::Unchanged);
    }
    back_to_life(&mut draft, from, events);
    segments::evaluate_all(&mut draft, false);
    draft.finish(Reply::Done)
}

fn back_to_life(draft: &mut Draft<'_>, from: ProfileId, events: Vec<Received>) {
    let past = Past::of(draft.ctx.history);
    draft.revive();
    let mut notebook = Notebook::new(draft.policy(), None);
    past.messages().chain(&events).for_each(|received| notebook.read(received));
    let rebuilt = notebook.rebuilt_unless_idle();
    draft.event(Event::Restored { from, at: draft.now(), events });
    rebuilt.into_iter().for_each(|event| draft.event(event));
    draft.with_after(|draft, after| identity::rows(draft, &Facts::default(), &after.facts));
}

/// Removes the ids whose own profiles are separate persons.
fn separate(facts: &mut Facts, tenant: TenantId, separated: impl Fn(ProfileId) -> bool) {
    facts.user_ids.retain(|id| !separated(id_of_user(tenant, &id.0)));
    facts.anonymous_ids.retain(|id| !separated(id_of_anonymous(tenant, &id.0)));
}

fn told(draft: &mut Draft<'_>, kind: &'static str, other: ProfileId) {
    if draft.policy().endpoints().is_empty() {
        return;
    }
    let mut data = Map::new();
    data.insert("other_profile_id".to_owned(), other.to_string().into());
    draft.with_after(|draft, after| draft.webhook(kind, &after.facts, data));
}
