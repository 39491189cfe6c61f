//! One message: the hot path.

use impresario_ids::ProfileId;
use impresario_kernel::{Decision, IndexOp, Personal};
use serde_json::Value;

use super::draft::Draft;
use super::notebook::{self, Notebook};
use super::{consent, identity, segments, validate};
use crate::event::{Event, Preference, Received};
use crate::facts::Text;
use crate::index::{self, Grain, Meter};
use crate::policy::Interest;
use crate::{Call, Effect, Message, Profile, Rejection, Reply, id_of_anonymous, id_of_user};

pub(super) fn ingest(
    mut draft: Draft<'_>,
    message: Message,
) -> Result<Decision<Profile>, Rejection> {
    validate::form(&message)?;
    let preferences = validate::preferences(&message)?;
    let state = draft.before();
    if let Some(into) = state.merged_into
        // Two profiles that merged into each other at the same time: keep it here, once.
        && !message.via.contains(&into)
    {
        return Ok(forward(draft, into, message));
    }
    if message.via.is_empty() {
        if let Some(limit) = draft.refusing_limit().filter(|_| !message.person_is_known) {
            return Err(Rejection::ProfilesFull { limit });
        }
        validate::room(&state.facts, &message)?;
        validate::room_for_consents(&state.facts, &preferences)?;
    }
    let links = links(&draft, &message);
    let (received, payload) = receive(&draft, message, preferences.clone());
    count(&mut draft, &received);
    let label = received.label();
    let interest = draft.policy().interest(label);
    let identity = received.call == Call::Identify
        || received.user_id.is_some()
        || received.anonymous_id.is_some()
        || !received.external_ids.is_empty();
    let notes = notes(&draft, &received, payload, interest);
    draft.event(Event::Received(Box::new(received)));
    for from in links {
        draft.event(Event::Linked { from });
        let into = draft.me;
        draft.effect(Effect::Merge { from, into });
    }
    notes.into_iter().for_each(|event| draft.event(event));
    if state.merged_into.is_none() {
        if identity {
            draft.with_after(|draft, after| identity::rows(draft, &state.facts, &after.facts));
        }
        consent::tell_carried(&mut draft, &preferences);
        segments::after_message(&mut draft, interest, identity);
    }
    let profile = draft.me;
    Ok(draft.finish(Reply::Ingested { profile }))
}

fn forward(mut draft: Draft<'_>, into: ProfileId, mut message: Message) -> Decision<Profile> {
    draft.event(Event::Forwarded { message_id: message.message_id.as_str().into(), into });
    message.via.push(draft.me);
    draft.effect(Effect::Forward { into, message: Box::new(message) });
    draft.finish(Reply::Forwarded { into })
}

/// The profiles of the message's other ids that are not known to be this person yet.
fn links(draft: &Draft<'_>, message: &Message) -> Vec<ProfileId> {
    let (state, tenant) = (draft.before(), draft.ctx.tenant());
    let mut links = Vec::new();
    if !message.via.is_empty() {
        return links;
    }
    if let (Some(_), Some(anonymous)) = (&message.user_id, &message.anonymous_id)
        && !knows(&state.facts.anonymous_ids, &anonymous.0)
    {
        let from = id_of_anonymous(tenant, &anonymous.0);
        if !state.separated.contains(&from) {
            links.push(from);
        }
    }
    if let (Call::Alias, Some(previous)) = (message.call, &message.previous_id) {
        // An explicit alias also joins what was taken apart before.
        links.extend([id_of_anonymous(tenant, &previous.0), id_of_user(tenant, &previous.0)]);
    }
    links.retain(|from| *from != draft.me && !state.parts.contains(from));
    links
}

fn knows(ids: &[Text], id: &str) -> bool {
    ids.binary_search_by(|known| (*known.0).cmp(id)).is_ok()
}

/// The message as the profile keeps it, and its properties if it was necessary to parse them.
fn receive(
    draft: &Draft<'_>,
    message: Message,
    preferences: Vec<Preference>,
) -> (Received, Option<Value>) {
    let (state, tenant) = (draft.before(), draft.ctx.tenant());
    let label = message.label();
    let listened = draft.policy().interest(label).is_some_and(Interest::remembers);
    let special = match message.call {
        Call::Page | Call::Screen => true,
        Call::Track => crate::counters::Orders::sign(label).is_some(),
        Call::Identify | Call::Group | Call::Alias => false,
    };
    let payload = (listened || special).then(|| notebook::payload(&message));
    let properties = payload.as_ref().unwrap_or(&Value::Null);
    let (revenue_micros, page) =
        (validate::revenue(&message, properties), validate::page(&message, properties));
    let external_ids = validate::external_ids(&message)
        .into_iter()
        .filter(|id| state.facts.external_ids.binary_search(id).is_err())
        .collect();
    // A forwarded message keeps its ids: its own profile may get it back one day.
    let keep = !message.via.is_empty();
    let new = |known: &[Text], id: Option<Personal<String>>, profile: fn(_, &str) -> ProfileId| {
        id.filter(|id| keep || !knows(known, &id.0))
            .filter(|id| {
                state.separated.is_empty() || !state.separated.contains(&profile(tenant, &id.0))
            })
            .map(boxed)
    };
    let received = Received {
        message_id: message.message_id.into_boxed_str(),
        call: message.call,
        name: message.name.map(String::into_boxed_str),
        properties: message.properties.map(boxed),
        traits: message.traits.map(boxed),
        context: message.context.map(boxed),
        group_id: message.group_id.map(String::into_boxed_str),
        user_id: new(&state.facts.user_ids, message.user_id, id_of_user),
        anonymous_id: new(&state.facts.anonymous_ids, message.anonymous_id, id_of_anonymous),
        previous_id: message.previous_id.map(boxed),
        at: message.at,
        received_at: message.received_at,
        via: part(&state.parts, &message.via),
        revenue_micros,
        page,
        external_ids,
        preferences: (!preferences.is_empty()).then_some(preferences),
        session_idle: draft.policy().session_idle(),
    };
    (received, payload)
}

/// The merged profile that a forwarded message belongs to.
fn part(parts: &[ProfileId], via: &[ProfileId]) -> Option<ProfileId> {
    via.iter().find(|id| parts.contains(id)).or(via.last()).copied()
}

fn boxed(text: Personal<String>) -> Text {
    Personal(text.0.into_boxed_str())
}

fn count(draft: &mut Draft<'_>, received: &Received) {
    let term = index::event_term(received.label(), received.at.hour());
    draft.row(index::EVENT_COUNTS, term, IndexOp::Add(1));
    draft.meter(Meter::Events, Grain::Day, received.received_at, 1);
    draft.meter(Meter::Events, Grain::Month, received.received_at, 1);
    if draft.before().is_new_in_month(received.received_at) {
        draft.meter(Meter::ActiveProfiles, Grain::Month, received.received_at, 1);
    }
    draft.list();
}

/// What rules and computed traits remember of the message.
fn notes(
    draft: &Draft<'_>,
    received: &Received,
    payload: Option<Value>,
    interest: Option<&Interest>,
) -> Option<Event> {
    let state = draft.before();
    let fresh = state.is_fresh();
    if state.merged_into.is_some() || (!fresh && interest.is_none()) {
        return None;
    }
    let mut notebook = Notebook::new(draft.policy(), (!fresh).then_some(state));
    if let Some(interest) = interest {
        notebook.note(interest, received.label(), received.at, &payload.unwrap_or_default());
    }
    if fresh { notebook.rebuilt_unless_idle() } else { notebook.tracked() }
}
