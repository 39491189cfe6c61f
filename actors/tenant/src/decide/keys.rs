use impresario_ids::ApiKeyId;

use super::{Context, Decided, changed, changes, grace_end, refuse_if_any, unchanged, within};
use crate::keys::is_last4;
use crate::rejection::{Problem, Subject};
use crate::{Event, Key, KeyKind, NewKey, Rejection, RotatedKey, Scope, State, settings};

const NAME_CHARS_MAX: usize = 100;

pub(super) fn create(state: &State, mut key: NewKey, ctx: &Context<'_>) -> Decided {
    if key.kind == KeyKind::Write && key.scopes.is_empty() {
        key.scopes.push(Scope::EventsWrite);
    }
    key.scopes.sort_unstable();
    key.scopes.dedup();
    refuse_if_any(Subject::Key, problems(&key, ctx))?;
    if let Some(known) = state.key(key.id) {
        let same = known.hash == key.hash && known.kind == key.kind;
        return if same { Ok(unchanged(state)) } else { Err(Rejection::KeyIdTaken) };
    }
    let live = |key: &&Key| key.replaced_by.is_none() && key.is_live(ctx.now);
    within("keys", state.keys().filter(live).count(), state.limits().keys)?;
    Ok(changed(state, Event::KeyCreated { key, replaces: None, at: ctx.now }))
}

/// A replaced key does not count against the plan while it works on: otherwise a tenant that uses
/// all its keys could not rotate any. There may be as many of these as the plan allows keys.
pub(super) fn rotate(
    state: &State,
    old: ApiKeyId,
    new: RotatedKey,
    grace_ms: i64,
    ctx: &Context<'_>,
) -> Decided {
    let old_key = state.key(old).ok_or(Rejection::KeyUnknown)?;
    if let Some(known) = state.key(new.id) {
        let same = known.hash == new.hash && known.replaces == Some(old);
        return if same { Ok(unchanged(state)) } else { Err(Rejection::KeyIdTaken) };
    }
    if old_key.replaced_by.is_some() || !old_key.is_live(ctx.now) {
        return Err(Rejection::KeyDead);
    }
    let outgoing = |key: &&Key| key.replaced_by.is_some() && key.is_live(ctx.now);
    within("keys", state.keys().filter(outgoing).count(), state.limits().keys)?;
    let end = grace_end(Subject::Key, grace_ms, ctx.now)?;
    let end = old_key.expires_at.map_or(end, |earlier| earlier.min(end));
    let key = NewKey {
        id: new.id,
        kind: old_key.kind,
        name: old_key.name.clone(),
        scopes: old_key.scopes.clone(),
        hash: new.hash,
        last4: new.last4,
        expires_at: new.expires_at,
    };
    refuse_if_any(Subject::Key, problems(&key, ctx))?;
    Ok(changes(
        state,
        vec![
            Event::KeyExpirySet { id: old, expires_at: end },
            Event::KeyCreated { key, replaces: Some(old), at: ctx.now },
        ],
    ))
}

pub(super) fn revoke(state: &State, id: ApiKeyId, ctx: &Context<'_>) -> Decided {
    let key = state.key(id).ok_or(Rejection::KeyUnknown)?;
    if key.revoked_at.is_some() {
        return Ok(unchanged(state));
    }
    Ok(changed(state, Event::KeyRevoked { id, at: ctx.now }))
}

fn problems(key: &NewKey, ctx: &Context<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    settings::text("/name", &key.name, 1, NAME_CHARS_MAX, &mut problems);
    match key.kind {
        KeyKind::Write if key.scopes != [Scope::EventsWrite] => {
            let message = "a write key may be public, so it has no scope but events:write";
            problems.push(Problem::new("/scopes", "not_for_write_keys", message));
        }
        KeyKind::Secret if key.scopes.is_empty() => {
            problems.push(Problem::new(
                "/scopes",
                "missing",
                "a secret key needs at least one scope",
            ));
        }
        KeyKind::Write | KeyKind::Secret => {}
    }
    if !is_last4(&key.last4) {
        problems.push(Problem::new(
            "/last4",
            "wrong_form",
            "must be the last four characters of the key",
        ));
    }
    if key.expires_at.is_some_and(|end| end <= ctx.now) {
        problems.push(Problem::new("/expires_at", "in_the_past", "must be in the future"));
    }
    problems
}
