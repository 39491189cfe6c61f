//! Conditions on one value.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::number;
use crate::print::{self, ObjectWriter};
use crate::time::{self, Clock, Span};

/// A JSON value without parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Text(String),
    Number(Number),
    Bool(bool),
}

impl Scalar {
    /// `None` for null, lists and objects.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => Some(Self::Number(number::normal(number.clone()))),
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(a), Value::String(b)) => a == b,
            (Self::Number(a), Value::Number(b)) => number::compare(a, b).is_eq(),
            (Self::Bool(a), Value::Bool(b)) => a == b,
            (Self::Text(_) | Self::Number(_) | Self::Bool(_), _) => false,
        }
    }

    pub(crate) fn print(&self, out: &mut String) {
        match self {
            Self::Text(value) => print::text(value, out),
            Self::Number(value) => out.push_str(&value.to_string()),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        }
    }
}

/// One operator with its operand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Eq(Scalar),
    Ne(Scalar),
    In(Vec<Scalar>),
    NotIn(Vec<Scalar>),
    Gt(Number),
    Gte(Number),
    Lt(Number),
    Lte(Number),
    Contains(Scalar),
    StartsWith(String),
    EndsWith(String),
    Exists,
    NotExists,
    Before(i64),
    After(i64),
    WithinLast(Span),
    OlderThan(Span),
    WithinNext(Span),
}

/// Whether something holds at a moment, and until when that stays so if nothing new happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) holds: bool,
    pub(crate) until: Option<i64>,
}

impl Outcome {
    pub(crate) const fn fixed(holds: bool) -> Self {
        Self { holds, until: None }
    }
}

impl Test {
    /// Total. A missing value and null fail every test but `ne`, `not_in` and `not_exists`.
    pub(crate) fn outcome(&self, value: Option<&Value>, clock: Clock, now: i64) -> Outcome {
        let value = value.filter(|value| !value.is_null());
        match self {
            Self::WithinLast(span) => relative(value, clock, |at| within_last(at, *span, now)),
            Self::OlderThan(span) => relative(value, clock, |at| older_than(at, *span, now)),
            Self::WithinNext(span) => relative(value, clock, |at| within_next(at, *span, now)),
            Self::Eq(_)
            | Self::Ne(_)
            | Self::In(_)
            | Self::NotIn(_)
            | Self::Gt(_)
            | Self::Gte(_)
            | Self::Lt(_)
            | Self::Lte(_)
            | Self::Contains(_)
            | Self::StartsWith(_)
            | Self::EndsWith(_)
            | Self::Exists
            | Self::NotExists
            | Self::Before(_)
            | Self::After(_) => Outcome::fixed(self.holds(value, clock)),
        }
    }

    /// The tests that do not look at the clock; the others do not hold.
    pub(crate) fn holds(&self, value: Option<&Value>, clock: Clock) -> bool {
        let any = |wanted: &[Scalar]| {
            value.is_some_and(|value| wanted.iter().any(|scalar| scalar.equals(value)))
        };
        match self {
            Self::Eq(wanted) => any(std::slice::from_ref(wanted)),
            Self::Ne(wanted) => !any(std::slice::from_ref(wanted)),
            Self::In(wanted) => any(wanted),
            Self::NotIn(wanted) => !any(wanted),
            Self::Gt(bound) => ordered(value, bound, Ordering::is_gt),
            Self::Gte(bound) => ordered(value, bound, Ordering::is_ge),
            Self::Lt(bound) => ordered(value, bound, Ordering::is_lt),
            Self::Lte(bound) => ordered(value, bound, Ordering::is_le),
            Self::Contains(wanted) => value.is_some_and(|value| contains(value, wanted)),
            Self::StartsWith(start) => {
                value.and_then(Value::as_str).is_some_and(|text| text.starts_with(start.as_str()))
            }
            Self::EndsWith(end) => {
                value.and_then(Value::as_str).is_some_and(|text| text.ends_with(end.as_str()))
            }
            Self::Exists => value.is_some(),
            Self::NotExists => value.is_none(),
            Self::Before(moment) => moment_of(value, clock).is_some_and(|at| at < *moment),
            Self::After(moment) => moment_of(value, clock).is_some_and(|at| at > *moment),
            Self::WithinLast(_) | Self::OlderThan(_) | Self::WithinNext(_) => false,
        }
    }

    pub(crate) fn print(&self, object: &mut ObjectWriter<'_>) {
        match self {
            Self::Eq(operand) => operand.print(object.key("eq")),
            Self::Ne(operand) => operand.print(object.key("ne")),
            Self::In(operands) => print::list(operands, object.key("in"), Scalar::print),
            Self::NotIn(operands) => print::list(operands, object.key("not_in"), Scalar::print),
            Self::Gt(bound) => object.key("gt").push_str(&bound.to_string()),
            Self::Gte(bound) => object.key("gte").push_str(&bound.to_string()),
            Self::Lt(bound) => object.key("lt").push_str(&bound.to_string()),
            Self::Lte(bound) => object.key("lte").push_str(&bound.to_string()),
            Self::Contains(operand) => operand.print(object.key("contains")),
            Self::StartsWith(text) => object.text("starts_with", text),
            Self::EndsWith(text) => object.text("ends_with", text),
            Self::Exists => object.flag("exists"),
            Self::NotExists => object.flag("not_exists"),
            Self::Before(moment) => object.text("before", &time::format_time(*moment)),
            Self::After(moment) => object.text("after", &time::format_time(*moment)),
            Self::WithinLast(span) => object.text("within_last", &span.print()),
            Self::OlderThan(span) => object.text("older_than", &span.print()),
            Self::WithinNext(span) => object.text("within_next", &span.print()),
        }
    }
}

fn moment_of(value: Option<&Value>, clock: Clock) -> Option<i64> {
    value.and_then(|value| time::time_of(value, clock))
}

fn ordered(value: Option<&Value>, bound: &Number, wanted: fn(Ordering) -> bool) -> bool {
    match value {
        Some(Value::Number(number)) => wanted(number::compare(number, bound)),
        Some(_) | None => false,
    }
}

fn contains(value: &Value, wanted: &Scalar) -> bool {
    match (value, wanted) {
        (Value::String(text), Scalar::Text(part)) => text.contains(part.as_str()),
        (Value::Array(items), _) => items.iter().any(|item| wanted.equals(item)),
        (_, Scalar::Text(_) | Scalar::Number(_) | Scalar::Bool(_)) => false,
    }
}

fn relative(value: Option<&Value>, clock: Clock, test: impl FnOnce(i64) -> Outcome) -> Outcome {
    moment_of(value, clock).map_or(Outcome::fixed(false), test)
}

/// Holds from `at` until just before `at + span`.
fn within_last(at: i64, span: Span, now: i64) -> Outcome {
    if now < at {
        return Outcome { holds: false, until: Some(at) };
    }
    let holds = span.holds(at, now);
    Outcome { holds, until: span.end(at).filter(|_| holds) }
}

/// Holds from `at + span` on.
fn older_than(at: i64, span: Span, now: i64) -> Outcome {
    let young = span.holds(at, now);
    Outcome { holds: !young, until: span.end(at).filter(|_| young) }
}

/// Holds from `at - span` until just before `at`.
fn within_next(at: i64, span: Span, now: i64) -> Outcome {
    let start = at.saturating_sub(span.0);
    if now < start {
        return Outcome { holds: false, until: Some(start) };
    }
    Outcome { holds: now < at, until: (now < at).then_some(at) }
}
