//! The tenant's settings that profiles depend on, prepared for look-up by event name.

use std::collections::BTreeMap;

use impresario_ids::{EndpointId, SegmentId};
use impresario_rules::{ComputedSpec, Rule, TrackerId, TrackerSpec};

use crate::SESSION_IDLE_MINUTES;

/// One live segment.
#[derive(Clone, Debug)]
pub struct PolicySegment {
    /// Its id.
    pub id: SegmentId,
    /// Its version, from 1; a new one is swept over all profiles.
    pub version: u32,
    /// Its name, for webhooks.
    pub name: String,
    /// Its rule.
    pub rule: Rule,
}

/// One enabled webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// The event types it wants; empty: all.
    pub kinds: Vec<String>,
}

/// The tenant's settings that profiles depend on. Built once per change of the tenant.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    segments: Vec<PolicySegment>,
    computed: Vec<ComputedSpec>,
    endpoints: Vec<PolicyEndpoint>,
    indexed_traits: Option<Vec<String>>,
    by_event: BTreeMap<Box<str>, Interest>,
    /// Segments whose rule reads a field that every message changes (`last_seen`, `events`, …).
    on_any: Vec<usize>,
    /// Segments whose rule reads traits or ids.
    on_identity: Vec<usize>,
    /// In minutes, where it is not the usual one.
    session_idle: Option<u16>,
    profiles_full: Option<u64>,
}

/// Who cares about an event name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interest {
    pub(crate) trackers: Vec<Watch>,
    /// Positions in [`Policy::computed`].
    pub(crate) computed: Vec<usize>,
    /// Positions in [`Policy::segments`], of rules that may change their verdict.
    pub(crate) segments: Vec<usize>,
}

impl Interest {
    /// Whether something remembers the event itself.
    pub(crate) fn remembers(&self) -> bool {
        !self.trackers.is_empty() || !self.computed.is_empty()
    }
}

/// A tracker, and the segments (positions) that read it.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) id: TrackerId,
    pub(crate) spec: TrackerSpec,
    pub(crate) segments: Vec<usize>,
}

impl Policy {
    /// The policy with these segments, computed traits and webhook endpoints.
    #[must_use]
    pub fn new(
        segments: Vec<PolicySegment>,
        computed: Vec<ComputedSpec>,
        endpoints: Vec<PolicyEndpoint>,
    ) -> Self {
        let mut policy = Self { segments, computed, endpoints, ..Self::default() };
        for position in 0..policy.computed.len() {
            let event = Box::from(policy.computed[position].event());
            policy.by_event.entry(event).or_default().computed.push(position);
        }
        for position in 0..policy.segments.len() {
            policy.watch(position);
        }
        policy
    }

    /// Only these traits can be looked up exactly. Without this, every scalar trait can.
    #[must_use]
    pub fn with_indexed_traits(mut self, names: Vec<String>) -> Self {
        self.indexed_traits = Some(names);
        self
    }

    /// A session is over after so many minutes without an event, instead of
    /// [`SESSION_IDLE_MINUTES`].
    #[must_use]
    pub fn with_session_idle(mut self, minutes: u16) -> Self {
        self.session_idle = (minutes != SESSION_IDLE_MINUTES).then_some(minutes);
        self
    }

    /// The tenant has all the profiles that its plan allows: `limit`. No new ones begin.
    #[must_use]
    pub fn with_profiles_full(mut self, limit: u64) -> Self {
        self.profiles_full = Some(limit);
        self
    }

    /// The limit of the plan, if it is reached.
    #[must_use]
    pub fn profiles_full(&self) -> Option<u64> {
        self.profiles_full
    }

    pub(crate) fn session_idle(&self) -> Option<u16> {
        self.session_idle
    }

    /// The live segments.
    #[must_use]
    pub fn segments(&self) -> &[PolicySegment] {
        &self.segments
    }

    /// The computed traits.
    #[must_use]
    pub fn computed(&self) -> &[ComputedSpec] {
        &self.computed
    }

    /// The webhook endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[PolicyEndpoint] {
        &self.endpoints
    }

    pub(crate) fn segment(&self, id: SegmentId) -> Option<&PolicySegment> {
        self.segments.iter().find(|segment| segment.id == id)
    }

    pub(crate) fn computed_named(&self, name: &str) -> Option<&ComputedSpec> {
        self.computed.iter().find(|spec| spec.name() == name)
    }

    pub(crate) fn indexes(&self, name: &str) -> bool {
        self.indexed_traits.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == name))
    }

    pub(crate) fn interest(&self, event: &str) -> Option<&Interest> {
        self.by_event.get(event)
    }

    pub(crate) fn on_any(&self) -> &[usize] {
        &self.on_any
    }

    pub(crate) fn on_identity(&self) -> &[usize] {
        &self.on_identity
    }

    fn watch(&mut self, position: usize) {
        let rule = &self.segments[position].rule;
        for spec in rule.trackers() {
            for event in spec.event_names() {
                let interest = self.by_event.entry(Box::from(event)).or_default();
                match interest.trackers.iter_mut().find(|watch| watch.id == spec.id()) {
                    Some(watch) => add(&mut watch.segments, position),
                    None => interest.trackers.push(Watch {
                        id: spec.id(),
                        spec: spec.clone(),
                        segments: vec![position],
                    }),
                }
                add(&mut interest.segments, position);
            }
        }
        for name in rule.computed_names() {
            let Some(spec) = self.computed.iter().find(|spec| spec.name() == name) else {
                continue;
            };
            let interest = self.by_event.entry(Box::from(spec.event())).or_default();
            add(&mut interest.segments, position);
        }
        for path in rule.field_paths() {
            let identity =
                path.starts_with("traits") || matches!(path, "email" | "user_id" | "anonymous_id");
            add(if identity { &mut self.on_identity } else { &mut self.on_any }, position);
        }
    }
}

fn add(positions: &mut Vec<usize>, position: usize) {
    if positions.last() != Some(&position) {
        positions.push(position);
    }
}
