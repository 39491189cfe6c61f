//! Profiles as the API shows them: times as ISO 8601, texts without the wrapper that hides them.

use std::collections::BTreeMap;

use impresario_api as api;
use impresario_api::codes;
use impresario_kernel::Personal;
use impresario_profile::{ConsentView, Json, Membership, SessionView, View};
use impresario_views::{Entry, Timeline};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fault::Fault;
use crate::wire::time::print;

fn texts(texts: Vec<Personal<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

fn value(json: &Json) -> Value {
    serde_json::from_str(json.text()).unwrap_or(Value::Null)
}

pub(crate) fn profile(view: View) -> Result<api::Profile, Fault> {
    let orders = &view.orders;
    Ok(api::Profile {
        id: view.id.to_string(),
        user_ids: texts(view.user_ids),
        anonymous_ids: texts(view.anonymous_ids),
        external_ids: texts(view.external_ids),
        email: view.email.map(|email| email.0),
        traits: view.traits.iter().map(|one| (one.name.clone(), value(&one.value))).collect(),
        computed: view
            .computed
            .iter()
            .map(|one| (one.name.clone(), value(&one.value)))
            .collect::<BTreeMap<_, _>>(),
        first_seen: view.first_seen.map(print),
        last_seen: view.last_seen.map(print),
        events: view.events,
        counters: view
            .counters
            .into_iter()
            .map(|one| api::Counter {
                name: one.name,
                count: one.count,
                first: print(one.first),
                last: print(one.last),
            })
            .collect(),
        orders: api::Orders {
            completed: orders.completed,
            refunded: orders.refunded,
            cancelled: orders.cancelled,
            revenue: decimal(orders.revenue_micros)?,
        },
        recent: view
            .recent
            .into_iter()
            .map(|one| api::Recent { name: one.name, at: print(one.at) })
            .collect(),
        session_count: view.session_count,
        sessions: view.sessions.into_iter().map(session).collect(),
        groups: view
            .groups
            .into_iter()
            .map(|one| api::Group { id: one.id, since: print(one.since) })
            .collect(),
        consents: view.consents.into_iter().map(consent).collect(),
        segments: view.segments.into_iter().map(membership).collect(),
        merged: view.merged.iter().map(ToString::to_string).collect(),
    })
}

fn session(one: SessionView) -> api::Session {
    api::Session {
        start: print(one.start),
        end: print(one.end),
        events: one.events,
        entry: one.entry.map(|page| page.0),
        exit: one.exit.map(|page| page.0),
    }
}

pub(super) fn membership(one: Membership) -> api::Membership {
    api::Membership {
        segment: one.segment.to_string(),
        version: one.version,
        entered_at: print(one.entered_at),
        left_at: one.left_at.map(print),
    }
}

pub(super) fn consent(one: ConsentView) -> api::Consent {
    api::Consent {
        purpose: one.purpose,
        channel: one.channel,
        granted: one.granted,
        source: one.source,
        text_version: one.text_version,
        proof: one.proof.as_ref().map(value),
        at: print(one.at),
        recorded_at: print(one.recorded_at),
    }
}

pub(super) fn timeline(timeline: Timeline) -> api::Timeline {
    api::Timeline {
        items: timeline.items.into_iter().map(entry).collect(),
        next: timeline.next.map(|cursor| cursor.to_string()),
        merged_into: timeline.merged_into.map(|id| id.to_string()),
    }
}

fn entry(entry: Entry) -> api::TimelineEvent {
    api::TimelineEvent {
        r#type: entry.kind.to_owned(),
        at: print(entry.at),
        received_at: entry.received_at.map(print),
        name: entry.name,
        message_id: entry.message_id,
        properties: entry.properties.as_ref().map(value),
        traits: entry.traits.as_ref().map(value),
        context: entry.context.as_ref().map(value),
        group_id: entry.group_id,
        segment: entry.segment.map(|id| id.to_string()),
        profile: entry.profile.map(|id| id.to_string()),
        consent: entry.consent.and_then(|consent| serde_json::to_value(consent).ok()),
    }
}

/// Millionths as an exact decimal JSON number: `12500000` is `12.5`.
fn decimal(micros: i128) -> Result<Box<RawValue>, Fault> {
    RawValue::from_string(decimal_text(micros)).map_err(|error| {
        tracing::error!(%error, "an amount could not be written");
        Fault::new(&codes::INTERNAL)
    })
}

pub(crate) fn decimal_text(micros: i128) -> String {
    let (whole, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let sign = if micros < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
