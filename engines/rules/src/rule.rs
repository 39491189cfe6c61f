use crate::condition::{Condition, RuleExpr, Subject};
use crate::{Facts, TrackerSpec};

/// A validated rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    root: RuleExpr,
    trackers: Vec<TrackerSpec>,
}

/// Whether a profile belongs, and for how long that is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The rule holds.
    pub member: bool,
    /// Without new facts `member` stays the same until just before this moment (then ask again);
    /// `None`: for ever. Always later than the moment of the verdict.
    pub recheck_at_ms: Option<i64>,
}

impl Rule {
    pub(crate) fn new(root: RuleExpr) -> Self {
        let mut trackers: Vec<TrackerSpec> = Vec::new();
        root.leaves(&mut |condition| {
            if let Some(spec) = condition.spec()
                && trackers.iter().all(|known| known.id() != spec.id())
            {
                trackers.push(spec.clone());
            }
        });
        Self { root, trackers }
    }

    /// The canonical text: `parse(rule.to_json()) == rule`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.root.print(&mut out, &Condition::print);
        out
    }

    /// What must be tracked for this rule, without duplicates.
    #[must_use]
    pub fn trackers(&self) -> &[TrackerSpec] {
        &self.trackers
    }

    /// The computed traits that the rule reads, sorted, without duplicates.
    #[must_use]
    pub fn computed_names(&self) -> Vec<&str> {
        self.subjects(|subject| match subject {
            Subject::Computed(name) => Some(name),
            Subject::Field(_) => None,
        })
    }

    /// The paths that the rule asks of [`Facts::field`], sorted, without duplicates.
    #[must_use]
    pub fn field_paths(&self) -> Vec<&str> {
        self.subjects(|subject| match subject {
            Subject::Computed(_) => None,
            Subject::Field(path) => Some(path),
        })
    }

    fn subjects(&self, wanted: impl Fn(&Subject) -> Option<&str>) -> Vec<&str> {
        let mut found = Vec::new();
        self.root.leaves(&mut |condition| match condition {
            Condition::Value { subject, tests: _ } => found.extend(wanted(subject)),
            Condition::Performed { .. } | Condition::Sequence { .. } => {}
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether an event of this name can change the verdict through a tracker.
    #[must_use]
    pub fn listens_to(&self, event: &str) -> bool {
        self.trackers.iter().any(|spec| spec.listens_to(event))
    }

    /// Evaluates. Pure and total.
    #[must_use]
    pub fn evaluate(&self, facts: &dyn Facts, now_ms: i64) -> Verdict {
        let outcome = self.root.outcome(&mut |condition| condition.outcome(facts, now_ms));
        // A reading with a moment in the past must not make the caller spin.
        let soonest = now_ms.saturating_add(1);
        Verdict {
            member: outcome.holds,
            recheck_at_ms: outcome.until.map(|until| until.max(soonest)),
        }
    }
}
