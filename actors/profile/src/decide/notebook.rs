//! What rules and computed traits remember: brought up to date, or rebuilt from the past.

use impresario_kernel::{Personal, Timestamp};
use impresario_rules::{Computed, Occurrence, Tracker};
use serde_json::{Map, Value};

use crate::event::{ComputedEntry, Event, Received, SegmentVersion, TrackerEntry};
use crate::policy::{Interest, Policy, Watch};
use crate::state::State;
use crate::{Call, Message};

/// Collects the new values of trackers and computed traits.
pub(super) struct Notebook<'n> {
    policy: &'n Policy,
    /// What is remembered already; `None`: everything is rebuilt from nothing.
    state: Option<&'n State>,
    trackers: Vec<TrackerEntry>,
    computed: Vec<ComputedEntry>,
}

impl<'n> Notebook<'n> {
    pub(super) fn new(policy: &'n Policy, state: Option<&'n State>) -> Self {
        Self { policy, state, trackers: Vec::new(), computed: Vec::new() }
    }

    /// Takes note of a past message.
    pub(super) fn read(&mut self, received: &Received) {
        let label = received.label();
        if let Some(interest) = self.policy.interest(label).filter(|interest| interest.remembers())
        {
            self.note(interest, label, received.at, &received_payload(received));
        }
    }

    pub(super) fn note(
        &mut self,
        interest: &Interest,
        name: &str,
        at: Timestamp,
        properties: &Value,
    ) {
        let occurrence = Occurrence { name, at_ms: at.as_ms(), properties };
        for watch in &interest.trackers {
            if self.wants(watch) {
                self.track(watch, &occurrence);
            }
        }
        for position in &interest.computed {
            self.compute(*position, &occurrence);
        }
    }

    /// The changes as an event, if there are any.
    pub(super) fn tracked(self) -> Option<Event> {
        let nothing = self.trackers.is_empty() && self.computed.is_empty();
        (!nothing).then_some(Event::Tracked { trackers: self.trackers, computed: self.computed })
    }

    /// All of it as an event; from now on it is complete.
    pub(super) fn rebuilt(self) -> Event {
        let version = |segment: &crate::PolicySegment| SegmentVersion {
            segment: segment.id,
            version: segment.version,
        };
        Event::Rebuilt {
            trackers: self.trackers,
            computed: self.computed,
            segments: self.policy.segments().iter().map(version).collect(),
            complete: self
                .policy
                .computed()
                .iter()
                .map(impresario_rules::ComputedSpec::id)
                .collect(),
        }
    }

    /// As [`Notebook::rebuilt`], but not for a policy without segments and computed traits.
    pub(super) fn rebuilt_unless_idle(self) -> Option<Event> {
        let idle = self.policy.segments().is_empty() && self.policy.computed().is_empty();
        (!idle).then(|| self.rebuilt())
    }

    /// Whether a segment that is evaluated for this profile reads the tracker. Others are rebuilt
    /// from the past before they are evaluated for the first time.
    fn wants(&self, watch: &Watch) -> bool {
        let Some(state) = self.state else { return true };
        watch.segments.iter().any(|position| {
            let segment = &self.policy.segments()[*position];
            state.standing(segment.id).is_some_and(|standing| standing.version == segment.version)
        })
    }

    fn track(&mut self, watch: &Watch, occurrence: &Occurrence<'_>) {
        if let Some(entry) = self.trackers.iter_mut().find(|entry| entry.id == watch.id) {
            entry.value.record(&watch.spec, occurrence);
            return;
        }
        let known = self.state.and_then(|state| state.tracker(watch.id));
        let mut value = known.cloned().unwrap_or_else(|| Tracker::new(&watch.spec));
        if value.record(&watch.spec, occurrence) {
            self.trackers.push(TrackerEntry { id: watch.id, value });
        }
    }

    fn compute(&mut self, position: usize, occurrence: &Occurrence<'_>) {
        let spec = &self.policy.computed()[position];
        let id = spec.id();
        if self.state.is_some_and(|state| !state.is_complete(id)) {
            return;
        }
        if let Some(entry) = self.computed.iter_mut().find(|entry| entry.id == id) {
            entry.value.record(spec, occurrence);
            return;
        }
        let known = self.state.and_then(|state| state.computed(id));
        let mut value = known.cloned().unwrap_or_else(|| Computed::new(spec));
        if value.record(spec, occurrence) {
            self.computed.push(ComputedEntry { id, value });
        }
    }
}

/// What filters of rules see of a message: its properties, or the traits of `identify` and `group`.
pub(super) fn payload(message: &Message) -> Value {
    parse(message.call, message.properties.as_ref(), message.traits.as_ref())
}

fn received_payload(received: &Received) -> Value {
    parse(received.call, received.properties.as_ref(), received.traits.as_ref())
}

fn parse<T: AsRef<str>>(
    call: Call,
    properties: Option<&Personal<T>>,
    traits: Option<&Personal<T>>,
) -> Value {
    let text = match call {
        Call::Identify | Call::Group => traits,
        Call::Track | Call::Page | Call::Screen | Call::Alias => properties,
    };
    text.and_then(|text| serde_json::from_str(text.0.as_ref()).ok())
        .unwrap_or_else(|| Map::new().into())
}
