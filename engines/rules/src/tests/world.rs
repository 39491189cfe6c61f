//! A profile in memory, as the rules see it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    Computed, ComputedSpec, Facts, Occurrence, Reading, Rule, Tracker, TrackerId, lookup, parse,
    parse_computed,
};

#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) name: String,
    pub(super) at_ms: i64,
    pub(super) properties: Value,
}

pub(super) fn happened(name: &str, at_ms: i64) -> Happened {
    Happened { name: name.to_owned(), at_ms, properties: json!({}) }
}

impl Happened {
    pub(super) fn with(mut self, properties: Value) -> Self {
        self.properties = properties;
        self
    }

    pub(super) fn occurrence(&self) -> Occurrence<'_> {
        Occurrence { name: &self.name, at_ms: self.at_ms, properties: &self.properties }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) profile: Value,
    pub(super) trackers: BTreeMap<TrackerId, Tracker>,
    pub(super) computed: BTreeMap<String, (ComputedSpec, Computed)>,
}

impl World {
    /// Tracks `events` in the order given.
    pub(super) fn new(profile: Value, rule: &Rule, computed: &[&str], events: &[Happened]) -> Self {
        let mut world = Self { profile, ..Self::default() };
        for text in computed {
            let spec = parse_computed(text).expect("a valid computed trait");
            let memory = Computed::new(&spec);
            world.computed.insert(spec.name().to_owned(), (spec, memory));
        }
        events.iter().for_each(|event| world.record(rule, event));
        world
    }

    pub(super) fn record(&mut self, rule: &Rule, event: &Happened) {
        for spec in rule.trackers() {
            let tracker = self.trackers.entry(spec.id()).or_insert_with(|| Tracker::new(spec));
            let before = tracker.clone();
            let changed = tracker.record(spec, &event.occurrence());
            assert_eq!(changed, before != *tracker, "{spec:?} {event:?}");
        }
        for (spec, memory) in self.computed.values_mut() {
            memory.record(spec, &event.occurrence());
        }
    }
}

impl Facts for World {
    fn field(&self, path: &str) -> Option<Cow<'_, Value>> {
        lookup(&self.profile, path).map(Cow::Borrowed)
    }

    fn tracker(&self, id: TrackerId) -> Option<&Tracker> {
        self.trackers.get(&id)
    }

    fn computed(&self, name: &str, now_ms: i64) -> Option<Reading> {
        self.computed.get(name).map(|(spec, memory)| memory.read(spec, now_ms))
    }
}

pub(super) fn rule(json: &Value) -> Rule {
    parse(&json.to_string()).unwrap_or_else(|problems| panic!("{json}: {problems:#?}"))
}
