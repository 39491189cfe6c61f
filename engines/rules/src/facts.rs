use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::expr::Filter;
use crate::time::Clock;
use crate::{Reading, Tracker, TrackerId};

/// The built-in fields that a rule may name with `{"field": …}`.
pub const FIELDS: [&str; 7] =
    ["user_id", "anonymous_id", "email", "first_seen", "last_seen", "sessions", "events"];

/// What a rule is evaluated against.
pub trait Facts {
    /// A value of the profile: `traits.PATH` or one of [`FIELDS`]. `first_seen` and `last_seen` are
    /// numbers of Unix milliseconds, `sessions` and `events` are counts. [`lookup`] walks a path.
    fn field(&self, path: &str) -> Option<Cow<'_, Value>>;

    /// The tracker with this id; `None` counts as a tracker that saw nothing.
    fn tracker(&self, id: TrackerId) -> Option<&Tracker>;

    /// The computed trait of this name as of `now_ms`. For one that is defined but saw no event
    /// give the reading of [`crate::Computed::new`], so that a count is 0; `None` if there is none
    /// of this name.
    fn computed(&self, name: &str, now_ms: i64) -> Option<Reading>;
}

/// One event that happened to the profile. Duplicates are filtered out before.
#[derive(Clone, Copy)]
pub struct Occurrence<'a> {
    /// The event's name.
    pub name: &'a str,
    /// When it happened (not when it arrived), Unix milliseconds.
    pub at_ms: i64,
    /// Its properties.
    pub properties: &'a Value,
}

impl fmt::Debug for Occurrence<'_> {
    /// Without the properties, which may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occurrence")
            .field("name", &self.name)
            .field("at_ms", &self.at_ms)
            .finish_non_exhaustive()
    }
}

impl Occurrence<'_> {
    pub(crate) fn is(&self, event: &str, filter: Option<&Filter>) -> bool {
        let accepted = |filter: &Filter| {
            filter.holds(&mut |condition| {
                let value = lookup(self.properties, &condition.path);
                condition
                    .tests
                    .iter()
                    .all(|test| test.holds(value.filter(|value| !value.is_null()), Clock::Guess))
            })
        };
        self.name == event && filter.is_none_or(accepted)
    }
}

/// The value at a dotted path. At each object the whole rest of the path is tried as one key first
/// (keys may contain dots), then the part before the first dot; elements of lists go by number.
#[must_use]
pub fn lookup<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let mut value = value;
    let mut path = path;
    loop {
        if let Some(found) = step(value, path) {
            return Some(found);
        }
        let (first, rest) = path.split_once('.')?;
        value = step(value, first)?;
        path = rest;
    }
}

fn step<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Object(entries) => entries.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
