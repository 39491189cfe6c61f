use crate::expr::{Expr, combine, sooner};
use crate::print::ObjectWriter;
use crate::time::{Clock, Span};
use crate::tracker::{Memory, TrackerKind, TrackerSpec, print_steps};
use crate::value::{Outcome, Test};
use crate::{Facts, Tracker};

pub(crate) type RuleExpr = Expr<Condition>;

/// One leaf of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// On a value of the profile.
    Value { subject: Subject, tests: Vec<Test> },
    /// On how often something happened.
    Performed { spec: TrackerSpec, range: Range, window: Option<Span> },
    /// On things that happened one after the other.
    Sequence { spec: TrackerSpec, window: Option<Span> },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Subject {
    /// The path as `Facts::field` takes it: `traits.PATH` or a built-in field.
    Field(String),
    /// The name of a computed trait.
    Computed(String),
}

pub(crate) const TRAITS: &str = "traits.";

/// An inclusive range; never both open, and `min` is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
}

impl Range {
    fn holds(self, count: u64) -> bool {
        self.min.is_none_or(|min| count >= u64::from(min))
            && self.max.is_none_or(|max| count <= u64::from(max))
    }

    /// How many of the latest times decide it.
    pub(crate) fn keep(self) -> u32 {
        self.min.unwrap_or(0).max(self.max.map_or(0, |max| max.saturating_add(1)))
    }
}

impl Condition {
    pub(crate) fn spec(&self) -> Option<&TrackerSpec> {
        match self {
            Self::Value { .. } => None,
            Self::Performed { spec, .. } | Self::Sequence { spec, .. } => Some(spec),
        }
    }

    pub(crate) fn outcome(&self, facts: &dyn Facts, now: i64) -> Outcome {
        match self {
            Self::Value { subject, tests } => value_outcome(subject, tests, facts, now),
            Self::Performed { spec, range, window } => {
                performed(facts.tracker(spec.id()), *range, *window, now)
            }
            Self::Sequence { spec, window } => {
                let matched = match facts.tracker(spec.id()).map(|tracker| &tracker.memory) {
                    Some(Memory::Sequence(memory)) => memory.matched,
                    Some(Memory::Count(_) | Memory::Times(_)) | None => None,
                };
                matched.map_or(Outcome::fixed(false), |at| in_window(at, *window, now))
            }
        }
    }

    pub(crate) fn print(&self, out: &mut String) {
        let mut object = ObjectWriter::new(out);
        match self {
            Self::Value { subject, tests } => {
                match subject {
                    Subject::Computed(name) => object.text("computed", name),
                    Subject::Field(path) => match path.strip_prefix(TRAITS) {
                        Some(path) => object.text("trait", path),
                        None => object.text("field", path),
                    },
                }
                tests.iter().for_each(|test| test.print(&mut object));
            }
            Self::Performed { spec, range, window } => {
                print_performed(spec.kind(), *range, &mut object);
                print_window(*window, &mut object);
            }
            Self::Sequence { spec, window } => {
                match spec.kind() {
                    TrackerKind::Sequence(steps) => print_steps(steps, object.key("sequence")),
                    TrackerKind::Count(_) | TrackerKind::Times { .. } => {}
                }
                print_window(*window, &mut object);
            }
        }
        object.finish();
    }
}

fn print_performed(kind: &TrackerKind, range: Range, object: &mut ObjectWriter<'_>) {
    let never = range == Range { min: None, max: Some(0) };
    match kind {
        TrackerKind::Count(pattern) | TrackerKind::Times { pattern, keep: _ } => {
            pattern.print(if never { "no_event" } else { "event" }, object);
        }
        TrackerKind::Sequence(_) => {}
    }
    match (range.min, range.max) {
        (Some(min), Some(max)) if min == max => object.number("exactly", min),
        (min, max) if !never => {
            if let Some(min) = min {
                object.number("at_least", min);
            }
            if let Some(max) = max {
                object.number("at_most", max);
            }
        }
        (_, _) => {}
    }
}

fn print_window(window: Option<Span>, object: &mut ObjectWriter<'_>) {
    if let Some(window) = window {
        object.text("within_last", &window.print());
    }
}

fn value_outcome(subject: &Subject, tests: &[Test], facts: &dyn Facts, now: i64) -> Outcome {
    let all = |value: Option<&serde_json::Value>, clock| {
        combine(true, tests.iter().map(|test| test.outcome(value, clock, now)))
    };
    match subject {
        Subject::Field(path) => {
            let guess = path.starts_with(TRAITS);
            let clock = if guess { Clock::Guess } else { Clock::Milliseconds };
            all(facts.field(path).as_deref(), clock)
        }
        Subject::Computed(name) => {
            let reading = facts.computed(name, now);
            let Outcome { holds, until } =
                all(reading.as_ref().map(|reading| &reading.value), Clock::Guess);
            let next_change = reading.and_then(|reading| reading.next_change_ms);
            Outcome { holds, until: sooner(until, next_change) }
        }
    }
}

fn performed(tracker: Option<&Tracker>, range: Range, window: Option<Span>, now: i64) -> Outcome {
    let times = match tracker.map(|tracker| &tracker.memory) {
        Some(Memory::Count(count)) => return Outcome::fixed(range.holds(*count)),
        Some(Memory::Times(times)) => times.as_slice(),
        Some(Memory::Sequence(_)) | None => &[],
    };
    let Some(window) = window else {
        return Outcome::fixed(range.holds(times.len() as u64));
    };
    let count = times.iter().rev().take_while(|at| window.holds(**at, now)).count();
    // The count only falls while nothing happens: first below `max`, then below `min`.
    let deciding = match (range.min, range.max) {
        (_, Some(max)) if count > max as usize => Some(max as usize + 1),
        (Some(min), _) if count >= min as usize => Some(min as usize),
        (_, _) => None,
    };
    let until = deciding
        .and_then(|nth| times.len().checked_sub(nth))
        .and_then(|index| times.get(index))
        .and_then(|at| window.end(*at));
    Outcome { holds: range.holds(count as u64), until }
}

fn in_window(at: i64, window: Option<Span>, now: i64) -> Outcome {
    match window {
        None => Outcome::fixed(true),
        Some(window) => {
            let holds = window.holds(at, now);
            Outcome { holds, until: window.end(at).filter(|_| holds) }
        }
    }
}
