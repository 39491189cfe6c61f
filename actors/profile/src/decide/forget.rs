//! Deletion of what is known about a person. The past events stay sealed in the journal until the
//! tenant's retention or key destruction takes them.

use impresario_kernel::Decision;
use serde_json::Map;

use super::draft::Draft;
use super::{identity, segments};
use crate::event::{Event, Facts};
use crate::{Effect, Profile, Reply};

pub(super) fn delete(mut draft: Draft<'_>) -> Decision<Profile> {
    let state = draft.before();
    if state.facts.is_empty() && state.standings.is_empty() && state.parts.is_empty() {
        return draft.finish(Reply::Unchanged);
    }
    segments::leave_all(&mut draft);
    if state.merged_into.is_none() {
        identity::rows(&mut draft, &state.facts, &Facts::default());
    }
    draft.unlist();
    for profile in &state.parts {
        draft.effect(Effect::Delete { profile: *profile });
    }
    draft.event(Event::Deleted { at: draft.now() });
    draft.webhook("profile.deleted", &Facts::default(), Map::new());
    draft.finish(Reply::Done)
}
