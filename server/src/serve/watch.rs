//! Telling live subscribers what became durable.

use std::sync::Arc;

use impresario_host::{Committed, Observer};
use impresario_http::{Live, LiveEvent};
use impresario_ids::{ProfileId, SegmentId};
use impresario_kernel::Timestamp;
use impresario_profile::{Event, Profile};
use impresario_segment::Segment;
use serde_json::json;

/// Publishes changes of profiles.
pub(crate) fn profiles(live: Arc<Live>) -> Observer<Profile> {
    Arc::new(move |committed: &Committed<'_, Profile>| {
        let tenant = committed.key.tenant;
        if !live.has_subscribers(tenant) {
            return;
        }
        let profile = committed.key.typed_id::<impresario_ids::ProfileKind>();
        for event in committed.events {
            if let Some(event) = of_profile(profile, event, committed.at) {
                live.publish(tenant, event);
            }
        }
    })
}

/// Publishes changes of segments' definitions.
pub(crate) fn segments(live: Arc<Live>) -> Observer<Segment> {
    Arc::new(move |committed: &Committed<'_, Segment>| {
        let tenant = committed.key.tenant;
        if live.has_subscribers(tenant) && !committed.events.is_empty() {
            let segment: SegmentId = committed.key.typed_id();
            let event = LiveEvent::new("segment.changed", committed.at);
            live.publish(tenant, LiveEvent { segment: Some(segment.to_string()), ..event });
        }
    })
}

fn of_profile(profile: ProfileId, event: &Event, at: Timestamp) -> Option<LiveEvent> {
    let told = |kind, at, segment: Option<SegmentId>, data| LiveEvent {
        profile: Some(profile.to_string()),
        segment: segment.map(|segment| segment.to_string()),
        data,
        ..LiveEvent::new(kind, at)
    };
    let plain = |kind| Some(told(kind, at, None, serde_json::Value::Null));
    match event {
        Event::Received(received) => {
            let data = json!({ "call": received.call.label(), "name": received.name, "message_id": received.message_id });
            Some(told("profile.updated", received.at, None, data))
        }
        Event::MergedInto { into, at } => {
            Some(told("profile.merged", *at, None, json!({ "into": into })))
        }
        Event::Absorbed { from, at, .. } => {
            Some(told("profile.absorbed", *at, None, json!({ "from": from })))
        }
        Event::Unmerged { from, at, .. } => {
            Some(told("profile.unmerged", *at, None, json!({ "from": from })))
        }
        Event::SegmentEntered { segment, version, at } => {
            Some(told("segment.entered", *at, Some(*segment), json!({ "version": version })))
        }
        Event::SegmentLeft { segment, version, at, entered_at } => {
            let data = json!({ "version": version, "entered_at_ms": entered_at.as_ms() });
            Some(told("segment.left", *at, Some(*segment), data))
        }
        Event::ConsentChanged { .. } => plain("profile.consent_changed"),
        Event::Deleted { .. } => plain("profile.deleted"),
        Event::Forwarded { .. }
        | Event::Linked { .. }
        | Event::Restored { .. }
        | Event::Tracked { .. }
        | Event::Rebuilt { .. }
        | Event::RecheckSet { .. } => None,
    }
}
