//! What must hold of every run, one file per promise: pure functions over what was collected.

pub mod acknowledged;
pub mod effects;
pub mod leadership;
pub mod linearizable;
pub mod replicas;
pub mod timers;

use std::fmt;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise is broken.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

impl Violation {
    fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// What one check looked at and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Which promise.
    pub invariant: &'static str,
    /// How many things were looked at. A check that looked at nothing has shown nothing.
    pub looked_at: u64,
    /// What was broken.
    pub violations: Vec<Violation>,
}

impl Findings {
    fn new(invariant: &'static str) -> Self {
        Self { invariant, looked_at: 0, violations: Vec::new() }
    }

    fn add(&mut self, what: impl Into<String>) {
        self.violations.push(Violation::new(self.invariant, what));
    }

    /// Whether something was looked at and nothing is broken.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.looked_at > 0 && self.violations.is_empty()
    }
}
