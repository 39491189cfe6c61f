//! What goes wrong when: a whole run, from one seed.
//!
//! A run has two phases. While it is in the safety phase faults come and go; nothing that was
//! acknowledged may be lost, but the cluster may refuse. Then everything is healed, and in the
//! liveness phase it must serve. A plan is text that can be kept, changed by hand, and run again.

mod draw;
mod fault;
mod shrink;
mod text;

#[cfg(test)]
mod tests;

pub use draw::Scope;
pub use fault::{Fault, Kind};
pub use shrink::shrink;

/// One fault and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When it begins, in milliseconds from the start of the run.
    pub at_ms: u64,
    /// How long it lasts, in milliseconds.
    pub lasts_ms: u64,
    /// What it is.
    pub fault: Fault,
}

impl Planned {
    /// When it is healed, in milliseconds from the start of the run.
    #[must_use]
    pub fn ends_ms(&self) -> u64 {
        self.at_ms + self.lasts_ms
    }
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the faults were drawn from, and what the clients are drawn from.
    pub seed: u64,
    /// How many nodes there are at first.
    pub nodes: usize,
    /// How long faults come and go, in milliseconds.
    pub safety_ms: u64,
    /// How long the cluster then has to show that it serves, in milliseconds.
    pub liveness_ms: u64,
    /// The faults, by the time they begin. All end within the safety phase.
    pub faults: Vec<Planned>,
}

/// Something to do at a time of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Heal the fault with this index.
    Heal(usize),
    /// Begin the fault with this index.
    Begin(usize),
}

impl Plan {
    /// The turns of the safety phase with their times in milliseconds, in order. What ends and what
    /// begins at the same time: the end comes first.
    #[must_use]
    pub fn turns(&self) -> Vec<(u64, Turn)> {
        let begins = |(at, planned): (usize, &Planned)| (planned.at_ms, Turn::Begin(at));
        let heals = |(at, planned): (usize, &Planned)| (planned.ends_ms(), Turn::Heal(at));
        let mut turns: Vec<_> = self.faults.iter().enumerate().map(begins).collect();
        turns.extend(self.faults.iter().enumerate().map(heals));
        turns.sort_unstable();
        turns
    }

    /// The same run with other faults.
    #[must_use]
    pub fn with_faults(&self, faults: Vec<Planned>) -> Self {
        Self { faults, ..self.clone() }
    }
}
