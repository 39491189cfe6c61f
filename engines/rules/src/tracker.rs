use minicbor::{Decode, Encode};

use crate::Occurrence;
use crate::expr::{Filter, print_filter};
use crate::print::{self, ObjectWriter};
use crate::sequence::SequenceMemory;
use crate::time::Span;
use crate::times::Times;

/// A stable hash of what a tracker means: equal conditions, in any rules, share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct TrackerId(#[n(0)] pub u64);

/// What a tracker listens to and keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackerSpec {
    id: TrackerId,
    kind: TrackerKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TrackerKind {
    /// How often, ever.
    Count(EventPattern),
    /// The latest times, at most `keep` of them.
    Times { pattern: EventPattern, keep: u32 },
    /// One after the other.
    Sequence(Vec<Step>),
}

/// Which events count.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventPattern {
    pub(crate) event: String,
    pub(crate) filter: Option<Filter>,
}

/// One step of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) pattern: EventPattern,
    /// The longest time since the step before; `None` for the first one and where any will do.
    pub(crate) within: Option<Span>,
}

impl EventPattern {
    pub(crate) fn accepts(&self, occurrence: &Occurrence<'_>) -> bool {
        occurrence.is(&self.event, self.filter.as_ref())
    }

    pub(crate) fn print(&self, key: &str, object: &mut ObjectWriter<'_>) {
        object.text(key, &self.event);
        if let Some(filter) = &self.filter {
            print_filter(filter, object.key("where"));
        }
    }
}

pub(crate) fn print_steps(steps: &[Step], out: &mut String) {
    print::list(steps, out, |step, out| {
        let mut object = ObjectWriter::new(out);
        step.pattern.print("event", &mut object);
        if let Some(within) = step.within {
            object.text("within", &within.print());
        }
        object.finish();
    });
}

impl TrackerSpec {
    pub(crate) fn new(kind: TrackerKind) -> Self {
        let mut meaning = String::new();
        let mut object = ObjectWriter::new(&mut meaning);
        match &kind {
            TrackerKind::Count(pattern) => pattern.print("count", &mut object),
            TrackerKind::Times { pattern, keep } => {
                object.number("keep", *keep);
                pattern.print("times", &mut object);
            }
            TrackerKind::Sequence(steps) => print_steps(steps, object.key("sequence")),
        }
        object.finish();
        Self { id: TrackerId(stable_hash(&meaning)), kind }
    }

    /// The stable id.
    #[must_use]
    pub fn id(&self) -> TrackerId {
        self.id
    }

    pub(crate) fn kind(&self) -> &TrackerKind {
        &self.kind
    }

    /// Whether an event of this name matters.
    #[must_use]
    pub fn listens_to(&self, event: &str) -> bool {
        self.event_names().any(|name| name == event)
    }

    /// The names of the events that matter; a sequence may give one twice.
    pub fn event_names(&self) -> impl Iterator<Item = &str> {
        let (pattern, steps) = match &self.kind {
            TrackerKind::Count(pattern) | TrackerKind::Times { pattern, keep: _ } => {
                (Some(pattern), [].as_slice())
            }
            TrackerKind::Sequence(steps) => (None, steps.as_slice()),
        };
        pattern
            .into_iter()
            .chain(steps.iter().map(|step| &step.pattern))
            .map(|pattern| pattern.event.as_str())
    }
}

/// The first 64 bits of BLAKE3: part of the stored format.
pub(crate) fn stable_hash(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// What is remembered of past events for one [`TrackerSpec`]. Stored.
///
/// Events may come in any order of time. A tracker that was made for another spec (or by
/// `Default`) begins anew with the first event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Tracker {
    #[n(0)]
    pub(crate) memory: Memory,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Memory {
    #[n(0)]
    Count(#[n(0)] u64),
    #[n(1)]
    Times(#[n(0)] Times),
    #[n(2)]
    Sequence(#[n(0)] SequenceMemory),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl Memory {
    fn new(kind: &TrackerKind) -> Self {
        match kind {
            TrackerKind::Count(_) => Self::Count(0),
            TrackerKind::Times { .. } => Self::Times(Times::default()),
            TrackerKind::Sequence(steps) => Self::Sequence(SequenceMemory::new(steps.len())),
        }
    }
}

impl Tracker {
    /// Nothing happened yet.
    #[must_use]
    pub fn new(spec: &TrackerSpec) -> Self {
        Self { memory: Memory::new(&spec.kind) }
    }

    /// Takes note of an event, in any order of time. Returns whether anything changed.
    pub fn record(&mut self, spec: &TrackerSpec, occurrence: &Occurrence<'_>) -> bool {
        match (&mut self.memory, &spec.kind) {
            (Memory::Count(count), TrackerKind::Count(pattern)) => {
                let accepted = pattern.accepts(occurrence);
                *count = count.saturating_add(u64::from(accepted));
                accepted
            }
            (Memory::Times(times), TrackerKind::Times { pattern, keep }) => {
                pattern.accepts(occurrence) && times.add(occurrence.at_ms, *keep as usize)
            }
            (Memory::Sequence(memory), TrackerKind::Sequence(steps)) if memory.fits(steps) => {
                memory.record(steps, occurrence)
            }
            (Memory::Count(_) | Memory::Times(_) | Memory::Sequence(_), kind) => {
                let mut fresh = Self { memory: Memory::new(kind) };
                let changed = fresh.record(spec, occurrence);
                if changed {
                    *self = fresh;
                }
                changed
            }
        }
    }

    /// Takes in what another tracker of the same spec remembers of other events.
    pub fn merge(&mut self, spec: &TrackerSpec, other: &Self) {
        match (&mut self.memory, &other.memory, &spec.kind) {
            (Memory::Count(count), Memory::Count(more), TrackerKind::Count(_)) => {
                *count = count.saturating_add(*more);
            }
            (Memory::Times(times), Memory::Times(more), TrackerKind::Times { keep, .. }) => {
                for at in more.as_slice() {
                    times.add(*at, *keep as usize);
                }
            }
            (Memory::Sequence(memory), Memory::Sequence(more), TrackerKind::Sequence(steps))
                if memory.fits(steps) && more.fits(steps) =>
            {
                memory.merge(steps, more);
            }
            (_, theirs, kind) if theirs.is_for(kind) => *self = other.clone(),
            (Memory::Count(_) | Memory::Times(_) | Memory::Sequence(_), _, _) => {}
        }
    }
}

impl Memory {
    fn is_for(&self, kind: &TrackerKind) -> bool {
        match (self, kind) {
            (Self::Count(_), TrackerKind::Count(_))
            | (Self::Times(_), TrackerKind::Times { .. }) => true,
            (Self::Sequence(memory), TrackerKind::Sequence(steps)) => memory.fits(steps),
            (Self::Count(_) | Self::Times(_) | Self::Sequence(_), _) => false,
        }
    }
}
