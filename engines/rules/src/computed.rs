use std::fmt;

use minicbor::{Decode, Encode};
use serde_json::Value;

use crate::buckets::{Buckets, Micros, bucket_width};
use crate::computed_spec::{ComputedSpec, What};
use crate::distinct::Distinct;
use crate::facts::lookup;
use crate::value::Scalar;
use crate::{Occurrence, number};

/// Longest text that `last` remembers, in bytes; longer ones are passed over.
const LAST_BYTES_MAX: usize = 1_024;

/// The value of a computed trait at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// A number; for `last` any scalar, or null if there is none.
    pub value: Value,
    /// Without new events the value stays the same until just before this moment.
    pub next_change_ms: Option<i64>,
    /// `distinct` reached [`crate::DISTINCT_MAX`]: there are at least as many values as `value` says.
    pub saturated: bool,
}

/// What is remembered for one [`ComputedSpec`]. Stored.
///
/// Events may come in any order of time. One that was made for another spec (or by `Default`)
/// begins anew with the first event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Computed {
    #[n(0)]
    memory: Memory,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Memory {
    /// A count or a sum over all time.
    #[n(0)]
    Total {
        #[n(0)]
        count: u64,
        #[n(1)]
        sum: Micros,
    },
    /// A count or a sum over a window.
    #[n(1)]
    Window(#[n(0)] Buckets),
    #[n(2)]
    Last(#[n(0)] Option<Latest>),
    #[n(3)]
    Distinct(#[n(0)] Distinct),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Total { count: 0, sum: Micros::default() }
    }
}

/// The latest value. Of two at the same moment the greater text counts, whichever came first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
struct Latest {
    #[n(0)]
    at: i64,
    /// A JSON scalar.
    #[n(1)]
    json: String,
}

impl fmt::Debug for Latest {
    /// Without the value, which may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Memory {
    fn new(spec: &ComputedSpec) -> Self {
        match (&spec.what, spec.window) {
            (What::Count | What::Sum(_), None) => Self::default(),
            (What::Count | What::Sum(_), Some(_)) => Self::Window(Buckets::default()),
            (What::Last(_), _) => Self::Last(None),
            (What::Distinct(_), _) => Self::Distinct(Distinct::default()),
        }
    }

    /// Whether it has the shape that the spec needs.
    fn fits(&self, spec: &ComputedSpec) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(&Self::new(spec))
    }

    fn add(&mut self, spec: &ComputedSpec, at: i64, change: Change) -> bool {
        match (self, change) {
            (Self::Total { count, sum }, Change::Amount(micros)) => {
                *count = count.saturating_add(1);
                sum.add(micros);
                true
            }
            (Self::Window(buckets), Change::Amount(micros)) => {
                let width = spec.window.map_or(1, bucket_width);
                buckets.add(at, width, 1, micros)
            }
            (Self::Last(latest), Change::Value(scalar)) => {
                let mut json = String::new();
                scalar.print(&mut json);
                let candidate = Some(Latest { at, json });
                let newer = candidate > *latest;
                if newer {
                    *latest = candidate;
                }
                newer
            }
            (Self::Distinct(values), Change::Value(scalar)) => {
                // Over all time it does not matter when a value was seen.
                values.add(&scalar, if spec.window.is_some() { at } else { 0 })
            }
            (
                Self::Total { .. } | Self::Window(_) | Self::Last(_) | Self::Distinct(_),
                Change::Amount(_) | Change::Value(_),
            ) => false,
        }
    }
}

/// What one event contributes.
enum Change {
    /// To a count (0 millionths) or a sum.
    Amount(i128),
    /// To `last` and `distinct`.
    Value(Scalar),
}

impl Change {
    fn of(spec: &ComputedSpec, properties: &Value) -> Option<Self> {
        match &spec.what {
            What::Count => Some(Self::Amount(0)),
            What::Sum(path) => number::micros(lookup(properties, path)?).map(Self::Amount),
            What::Last(path) => {
                let scalar = Scalar::of(lookup(properties, path)?)?;
                let fits = match &scalar {
                    Scalar::Text(text) => text.len() <= LAST_BYTES_MAX,
                    Scalar::Number(_) | Scalar::Bool(_) => true,
                };
                fits.then_some(Self::Value(scalar))
            }
            What::Distinct(path) => Scalar::of(lookup(properties, path)?).map(Self::Value),
        }
    }
}

impl Computed {
    /// Nothing happened yet.
    #[must_use]
    pub fn new(spec: &ComputedSpec) -> Self {
        Self { memory: Memory::new(spec) }
    }

    /// Takes note of an event, in any order of time. Returns whether anything changed.
    pub fn record(&mut self, spec: &ComputedSpec, occurrence: &Occurrence<'_>) -> bool {
        if !occurrence.is(&spec.event, spec.filter.as_ref()) {
            return false;
        }
        let Some(change) = Change::of(spec, occurrence.properties) else { return false };
        if !self.memory.fits(spec) {
            self.memory = Memory::new(spec);
        }
        self.memory.add(spec, occurrence.at_ms, change)
    }

    /// Takes in what another value of the same spec remembers of other events.
    pub fn merge(&mut self, spec: &ComputedSpec, other: &Self) {
        if !other.memory.fits(spec) {
            return;
        }
        if !self.memory.fits(spec) {
            self.memory = Memory::new(spec);
        }
        match (&mut self.memory, &other.memory) {
            (Memory::Total { count, sum }, Memory::Total { count: more_count, sum: more_sum }) => {
                *count = count.saturating_add(*more_count);
                sum.add(more_sum.0);
            }
            (Memory::Window(buckets), Memory::Window(more)) => buckets.merge(more),
            (Memory::Last(latest), Memory::Last(other)) => {
                if *other > *latest {
                    latest.clone_from(other);
                }
            }
            (Memory::Distinct(values), Memory::Distinct(more)) => values.merge(more),
            (
                Memory::Total { .. } | Memory::Window(_) | Memory::Last(_) | Memory::Distinct(_),
                _,
            ) => {}
        }
    }

    /// The value as of `now_ms`, and until when it stays.
    #[must_use]
    pub fn read(&self, spec: &ComputedSpec, now_ms: i64) -> Reading {
        if !self.memory.fits(spec) {
            return Self::new(spec).read(spec, now_ms);
        }
        let mut reading = Reading { value: Value::Null, next_change_ms: None, saturated: false };
        match &self.memory {
            Memory::Total { count, sum } => reading.value = amount(&spec.what, *count, sum.0),
            Memory::Window(buckets) => {
                let totals = buckets.read(spec.window, now_ms);
                reading.value = amount(&spec.what, totals.count, totals.micros);
                reading.next_change_ms = totals.until;
            }
            Memory::Last(latest) => {
                let inside = latest.as_ref().filter(|latest| {
                    spec.window.is_none_or(|window| window.holds(latest.at, now_ms))
                });
                if let Some(latest) = inside {
                    reading.value = serde_json::from_str(&latest.json).unwrap_or_default();
                    reading.next_change_ms = spec.window.and_then(|window| window.end(latest.at));
                }
            }
            Memory::Distinct(values) => {
                let (count, until) = values.read(spec.window, now_ms);
                reading.value = count.into();
                reading.next_change_ms = until;
                reading.saturated = values.saturated(spec.window, now_ms);
            }
        }
        reading
    }

    /// The value as of `now_ms`.
    #[must_use]
    pub fn value(&self, spec: &ComputedSpec, now_ms: i64) -> Value {
        self.read(spec, now_ms).value
    }

    /// When the value may change next without a new event.
    #[must_use]
    pub fn next_change_ms(&self, spec: &ComputedSpec, now_ms: i64) -> Option<i64> {
        self.read(spec, now_ms).next_change_ms
    }
}

fn amount(what: &What, count: u64, micros: i128) -> Value {
    match what {
        What::Sum(_) => number::from_micros(micros).into(),
        What::Count | What::Last(_) | What::Distinct(_) => count.into(),
    }
}
