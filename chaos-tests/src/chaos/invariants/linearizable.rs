//! The operations on each entity can have happened one after the other.

use std::collections::BTreeMap;

use super::Findings;
use crate::chaos::linear::{Model, Outcomes, Verdict, check as check_one};

/// The name of this promise.
pub const NAME: &str = "operations of an entity are linearizable";

/// Checks each entity by itself, in at most `steps_max` steps each. One that could not be decided
/// is a violation: of the run's configuration, not of the cluster, and it says so.
pub fn check<M: Model>(
    model: &M,
    entities: &BTreeMap<String, Vec<Outcomes<M>>>,
    steps_max: u64,
) -> Findings {
    let mut findings = Findings::new(NAME);
    for (entity, operations) in entities {
        findings.looked_at += operations.len() as u64;
        match check_one(model, operations, steps_max) {
            Verdict::Linearizable => {}
            Verdict::Illegal(witness) => {
                findings.add(format!("no order explains {entity}:\n{}", witness.text()));
            }
            Verdict::GaveUp { steps } => findings.add(format!(
                "NOT CHECKED: {entity} with {} operations is undecided after {steps} steps; \
                 run with fewer clients per entity",
                operations.len()
            )),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::history::{Operation, Outcome};
    use crate::chaos::linear::{Counter, CounterInput, CounterOutput};

    fn add_and_read(total: u64) -> Vec<Outcomes<Counter>> {
        let op = |input, output, at| Operation {
            process: 1,
            input,
            outcome: Outcome::Done(output),
            invoked_ns: at,
            returned_ns: at + 1,
        };
        vec![
            op(CounterInput::Add(2), CounterOutput::Added, 0),
            op(CounterInput::Read, CounterOutput::Total(total), 5),
        ]
    }

    #[test]
    fn each_entity_is_judged_by_itself() {
        let entities =
            BTreeMap::from([("a".to_owned(), add_and_read(2)), ("b".to_owned(), add_and_read(3))]);
        let findings = check(&Counter, &entities, 1_000);
        assert_eq!(findings.looked_at, 4);
        let [only] = &findings.violations[..] else { panic!("one violation: {findings:?}") };
        assert!(only.what.contains("no order explains b"), "{only}");
    }

    #[test]
    fn giving_up_is_loud() {
        let findings = check(&Counter, &BTreeMap::from([("a".to_owned(), add_and_read(2))]), 1);
        assert!(!findings.hold());
        assert!(findings.violations[0].what.starts_with("NOT CHECKED"));
    }
}
