//! What was acknowledged is there exactly once. What was sent without an answer is there once or
//! not at all. Nothing else is there.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use crate::chaos::linear::{Events, EventsInput, EventsOutput, Outcomes};

/// The name of this promise.
pub const NAME: &str = "acknowledged events are there once";

/// What was sent to one entity, and what it holds at the end.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Numbers of events that were acknowledged.
    pub acknowledged: BTreeSet<u32>,
    /// Numbers of events that may have arrived.
    pub unknown: BTreeSet<u32>,
    /// What is there, as often as it is there.
    pub found: Vec<u32>,
}

impl Ledger {
    /// What was sent to one entity, and what its last list holds.
    #[must_use]
    pub fn of(operations: &[Outcomes<Events>]) -> Self {
        let mut ledger = Self::default();
        for operation in operations {
            match (&operation.input, operation.output()) {
                (EventsInput::Record(number), Some(_)) => {
                    ledger.acknowledged.insert(*number);
                }
                (EventsInput::Record(number), None) => {
                    ledger.unknown.insert(*number);
                }
                (EventsInput::List, Some(EventsOutput::Listed { events, doubled })) => {
                    let once = events.iter().filter_map(|number| u32::try_from(number).ok());
                    ledger.found = once.chain(doubled.iter().copied()).collect();
                }
                (EventsInput::List | EventsInput::Count, _) => {}
            }
        }
        ledger
    }
}

/// Checks the ledgers of all entities.
#[must_use]
pub fn check(ledgers: &BTreeMap<String, Ledger>) -> Findings {
    let mut findings = Findings::new(NAME);
    for (entity, ledger) in ledgers {
        findings.looked_at += ledger.acknowledged.len() as u64;
        let mut times = BTreeMap::<u32, u32>::new();
        for number in &ledger.found {
            *times.entry(*number).or_default() += 1;
        }
        for number in &ledger.acknowledged {
            if !times.contains_key(number) {
                findings.add(format!("{entity} has lost event {number}, which was acknowledged"));
            }
        }
        for (number, times) in times {
            if times > 1 {
                findings.add(format!("{entity} has event {number} {times} times"));
            }
            if !ledger.acknowledged.contains(&number) && !ledger.unknown.contains(&number) {
                findings.add(format!("{entity} has event {number}, which nobody sent"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(found: &[u32], wanted: &[&str]) {
        let ledger =
            Ledger { acknowledged: [1, 2].into(), unknown: [3].into(), found: found.to_vec() };
        let findings = check(&BTreeMap::from([("e".to_owned(), ledger)]));
        let texts: Vec<_> = findings.violations.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(texts, wanted);
        assert_eq!(findings.hold(), wanted.is_empty());
    }

    #[test]
    fn loss_doubling_and_invention_are_found() {
        finds(&[1, 2], &[]);
        finds(&[3, 2, 1], &[]);
        finds(&[1, 3], &["e has lost event 2, which was acknowledged"]);
        finds(&[1, 2, 3, 3], &["e has event 3 2 times"]);
        finds(&[1, 2, 4], &["e has event 4, which nobody sent"]);
    }

    #[test]
    fn nothing_looked_at_is_nothing_shown() {
        assert!(!check(&BTreeMap::new()).hold());
    }
}
