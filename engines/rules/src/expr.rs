//! Groups of conditions, the same for rules and for the `where` of events.

use crate::print::{self, ObjectWriter};
use crate::value::{Outcome, Test};

/// A tree of groups over leaves. The parser bounds its depth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr<L> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Leaf(L),
}

impl<L> Expr<L> {
    /// Evaluates the leaves as far as the outcome depends on them.
    pub(crate) fn outcome(&self, leaf: &mut impl FnMut(&L) -> Outcome) -> Outcome {
        match self {
            Self::All(parts) => combine(true, parts.iter().map(|part| part.outcome(leaf))),
            Self::Any(parts) => combine(false, parts.iter().map(|part| part.outcome(leaf))),
            Self::Not(part) => {
                let Outcome { holds, until } = part.outcome(leaf);
                Outcome { holds: !holds, until }
            }
            Self::Leaf(condition) => leaf(condition),
        }
    }

    pub(crate) fn holds(&self, leaf: &mut impl FnMut(&L) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(leaf)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(leaf)),
            Self::Not(part) => !part.holds(leaf),
            Self::Leaf(condition) => leaf(condition),
        }
    }

    pub(crate) fn leaves<'e>(&'e self, visit: &mut impl FnMut(&'e L)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.leaves(visit));
            }
            Self::Not(part) => part.leaves(visit),
            Self::Leaf(condition) => visit(condition),
        }
    }

    pub(crate) fn print(&self, out: &mut String, leaf: &impl Fn(&L, &mut String)) {
        let (key, parts) = match self {
            Self::All(parts) => ("all", parts.as_slice()),
            Self::Any(parts) => ("any", parts.as_slice()),
            Self::Not(part) => {
                let mut object = ObjectWriter::new(out);
                part.print(object.key("not"), leaf);
                return object.finish();
            }
            Self::Leaf(condition) => return leaf(condition, out),
        };
        let mut object = ObjectWriter::new(out);
        print::list(parts, object.key(key), |part, out| part.print(out, leaf));
        object.finish();
    }
}

/// The conjunction (`all`) or the disjunction of the parts.
///
/// While every part of a conjunction holds, any of them may end it. Once some do not, all of those
/// must turn before the conjunction can, so it stays as it is until the last of their moments, and
/// for ever if one of them has none. That keeps timers away from profiles that are far from the
/// segment. A disjunction is the same with the signs turned.
pub(crate) fn combine(all: bool, parts: impl Iterator<Item = Outcome>) -> Outcome {
    let mut earliest: Option<i64> = None;
    let mut latest_against: Option<i64> = None;
    for part in parts {
        if part.holds == all {
            earliest = sooner(earliest, part.until);
            continue;
        }
        match part.until {
            None => return Outcome::fixed(!all),
            Some(until) => latest_against = latest_against.max(Some(until)),
        }
    }
    match latest_against {
        Some(until) => Outcome { holds: !all, until: Some(until) },
        None => Outcome { holds: all, until: earliest },
    }
}

/// The earlier of two moments, where `None` is never.
pub(crate) fn sooner(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (Some(only), None) | (None, Some(only)) => Some(only),
        (None, None) => None,
    }
}

/// A condition on one property of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PropertyTest {
    pub(crate) path: String,
    pub(crate) tests: Vec<Test>,
}

/// Which events count.
pub(crate) type Filter = Expr<PropertyTest>;

pub(crate) fn print_filter(filter: &Filter, out: &mut String) {
    filter.print(out, &|condition, out| {
        let mut object = ObjectWriter::new(out);
        object.text("property", &condition.path);
        condition.tests.iter().for_each(|test| test.print(&mut object));
        object.finish();
    });
}
