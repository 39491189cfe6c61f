use impresario_ids::{EndpointId, MessageId};
use impresario_kernel::{Decision, Personal};

use super::{Context, Decided, announce, changed, grace_end, refuse_if_any, unchanged, within};
use crate::rejection::{Problem, Subject};
use crate::{
    Effect, EndpointPatch, Event, NewEndpoint, Rejection, State, Tenant, settings, webhook,
};

const DESCRIPTION_CHARS_MAX: usize = 200;
const FILTERS_MAX: usize = 50;
const REASON_CHARS_MAX: usize = 200;
const BODY_BYTES_MAX: usize = 20_000;

pub(super) fn add(state: &State, endpoint: NewEndpoint, ctx: &Context<'_>) -> Decided {
    let NewEndpoint { id, url, description, events, secret } = &endpoint;
    let mut problems = Vec::new();
    url_problems(url, &mut problems);
    description_problems(description, &mut problems);
    filter_problems(events, &mut problems);
    secret_problems(secret, &mut problems);
    refuse_if_any(Subject::Endpoint, problems)?;
    if let Some(known) = state.endpoint(*id) {
        return if known.is_same(&endpoint) {
            Ok(unchanged(state))
        } else {
            Err(Rejection::EndpointIdTaken)
        };
    }
    within("endpoints", state.endpoints().count(), state.limits().endpoints)?;
    Ok(changed(state, Event::EndpointAdded { endpoint, at: ctx.now }))
}

pub(super) fn update(
    state: &State,
    id: EndpointId,
    patch: EndpointPatch,
    ctx: &Context<'_>,
) -> Decided {
    let known = state.endpoint(id).ok_or(Rejection::EndpointUnknown)?;
    let EndpointPatch { url, description, events, enabled } = &patch;
    let mut problems = Vec::new();
    if let Some(url) = url {
        url_problems(url, &mut problems);
    }
    if let Some(description) = description {
        description_problems(description, &mut problems);
    }
    if let Some(events) = events {
        filter_problems(events, &mut problems);
    }
    refuse_if_any(Subject::Endpoint, problems)?;
    let same = url.as_ref().is_none_or(|url| *url == known.url)
        && description.as_ref().is_none_or(|description| *description == known.description)
        && events.as_ref().is_none_or(|events| *events == known.events)
        && enabled.is_none_or(|enabled| enabled == known.enabled);
    if same {
        return Ok(unchanged(state));
    }
    Ok(changed(state, Event::EndpointUpdated { id, patch, at: ctx.now }))
}

pub(super) fn remove(state: &State, id: EndpointId, ctx: &Context<'_>) -> Decided {
    state.endpoint(id).ok_or(Rejection::EndpointUnknown)?;
    Ok(changed(state, Event::EndpointRemoved { id, at: ctx.now }))
}

pub(super) fn disable(state: &State, id: EndpointId, reason: &str, ctx: &Context<'_>) -> Decided {
    let known = state.endpoint(id).ok_or(Rejection::EndpointUnknown)?;
    if !known.enabled {
        return Ok(unchanged(state));
    }
    let reason: String =
        reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
    let data = serde_json::json!({ "endpoint": id, "url": known.url, "reason": reason });
    let decision = changed(state, Event::EndpointDisabled { id, reason, at: ctx.now });
    Ok(announce(decision, state, webhook::ENDPOINT_DISABLED, &data, Some(id), ctx))
}

pub(super) fn rotate_secret(
    state: &State,
    id: EndpointId,
    secret: Personal<String>,
    grace_ms: i64,
    ctx: &Context<'_>,
) -> Decided {
    let known = state.endpoint(id).ok_or(Rejection::EndpointUnknown)?;
    let mut problems = Vec::new();
    secret_problems(&secret, &mut problems);
    refuse_if_any(Subject::Endpoint, problems)?;
    let previous_until = grace_end(Subject::Endpoint, grace_ms, ctx.now)?;
    if known.secrets(ctx.now).next() == Some(&secret.0) {
        return Ok(unchanged(state));
    }
    Ok(changed(state, Event::EndpointSecretRotated { id, secret, previous_until, at: ctx.now }))
}

pub(super) fn replay(
    state: &State,
    endpoint: EndpointId,
    message: MessageId,
    kind: String,
    body: Personal<String>,
    ctx: &Context<'_>,
) -> Decided {
    let known = state.endpoint(endpoint).ok_or(Rejection::EndpointUnknown)?;
    if !known.enabled {
        return Err(Rejection::EndpointDisabled);
    }
    let mut problems = Vec::new();
    if kind.contains('*') || !webhook::is_filter(&kind) {
        problems.push(Problem::new("/kind", "unknown_type", "must be a known event type"));
    }
    if body.0.len() > BODY_BYTES_MAX {
        let text = format!("must be at most {BODY_BYTES_MAX} bytes");
        problems.push(Problem::new("/body", "too_large", text));
    } else if serde_json::from_str::<serde::de::IgnoredAny>(&body.0).is_err() {
        problems.push(Problem::new("/body", "not_json", "must be JSON"));
    }
    refuse_if_any(Subject::Message, problems)?;
    let decision: Decision<Tenant> =
        changed(state, Event::DeliveryReplayed { endpoint, message, at: ctx.now });
    Ok(decision.then(Effect::Replay { endpoint, message, kind, body }))
}

fn url_problems(url: &str, problems: &mut Vec<Problem>) {
    if !settings::is_url(url) {
        let message = "must be an http or https address without user info and fragment";
        problems.push(Problem::new("/url", "not_a_url", message));
    }
}

fn description_problems(description: &str, problems: &mut Vec<Problem>) {
    settings::text("/description", description, 0, DESCRIPTION_CHARS_MAX, problems);
}

fn filter_problems(filters: &[String], problems: &mut Vec<Problem>) {
    if filters.len() > FILTERS_MAX {
        let message = format!("must be at most {FILTERS_MAX} event types");
        problems.push(Problem::new("/events", "too_many", message));
        return;
    }
    for (place, filter) in filters.iter().enumerate() {
        if !webhook::is_filter(filter) {
            let message = "must be a known event type, a family such as segment.*, or *";
            problems.push(Problem::new(format!("/events/{place}"), "unknown_type", message));
        }
    }
}

fn secret_problems(secret: &Personal<String>, problems: &mut Vec<Problem>) {
    if !webhook::is_secret(&secret.0) {
        let message = "must be whsec_ and base 64 of 24 to 64 bytes";
        problems.push(Problem::new("/secret", "wrong_form", message));
    }
}
