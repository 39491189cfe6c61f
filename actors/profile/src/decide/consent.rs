//! Consents and withdrawals.

use impresario_kernel::{Decision, Personal};
use serde_json::{Map, Value};

use super::draft::Draft;
use super::sound::is_json;
use crate::event::{Event, Preference};
use crate::{CONSENTS_MAX, ConsentChange, Profile, Rejection, Reply};

const PROOF_BYTES_MAX: usize = 8 * 1_024;

pub(super) fn set(
    mut draft: Draft<'_>,
    change: ConsentChange,
) -> Result<Decision<Profile>, Rejection> {
    validate(&change)?;
    let state = draft.before();
    if let Some(into) = state.merged_into {
        return Err(Rejection::ProfileMerged { into });
    }
    if change.granted
        && let Some(limit) = draft.refusing_limit()
    {
        return Err(Rejection::ProfilesFull { limit });
    }
    if let Some(consents) = state.facts.consents() {
        if consents.knows(&change) {
            return Ok(draft.finish(Reply::Unchanged));
        }
        if !consents.has_room(&change.purpose, &change.channel) {
            return Err(Rejection::ConsentsTooMany { max: CONSENTS_MAX });
        }
    }
    draft.list();
    let data = data(&change);
    draft.event(Event::ConsentChanged { change, recorded_at: draft.now() });
    draft.webhook(CHANGED, &state.facts, data);
    Ok(draft.finish(Reply::Done))
}

const CHANGED: &str = "consent.changed";

fn data(change: &ConsentChange) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("purpose".to_owned(), change.purpose.as_str().into());
    data.insert("channel".to_owned(), change.channel.as_str().into());
    data.insert("granted".to_owned(), Value::from(change.granted));
    data.insert("text_version".to_owned(), change.text_version.as_str().into());
    data
}

/// Tells of what the preferences of a message changed; most of them only repeat what was known.
pub(super) fn tell_carried(draft: &mut Draft<'_>, preferences: &[Preference]) {
    if preferences.is_empty() || draft.policy().endpoints().is_empty() {
        return;
    }
    let before = draft.before().facts.consents();
    draft.with_after(|draft, after| {
        for preference in preferences {
            let known = before.and_then(|consents| consents.in_force(&preference.purpose));
            let now = after.facts.consents().and_then(|all| all.in_force(&preference.purpose));
            if let Some(now) = now
                && known.is_none_or(|known| known.granted != now.granted)
            {
                draft.webhook(CHANGED, &after.facts, data(now));
            }
        }
    });
}

fn validate(change: &ConsentChange) -> Result<(), Rejection> {
    for (field, text, min, max) in [
        ("purpose", &change.purpose, 1, 64),
        ("channel", &change.channel, 1, 64),
        ("source", &change.source, 0, 256),
        ("text_version", &change.text_version, 0, 64),
    ] {
        if text.len() < min || text.len() > max {
            return Err(Rejection::ConsentInvalid { field: field.into() });
        }
    }
    if let Some(Personal(proof)) = &change.proof
        && (proof.len() > PROOF_BYTES_MAX || !is_json(proof))
    {
        return Err(Rejection::ConsentInvalid { field: "proof".into() });
    }
    Ok(())
}
