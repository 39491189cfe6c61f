//! What a run did and found, for people.

use std::fmt::Write as _;

use crate::chaos::cluster::Effect;
use crate::chaos::invariants::Findings;
use crate::chaos::plan::{Plan, Planned};

/// A run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was planned.
    pub plan: Plan,
    /// The command that runs it again.
    pub command: String,
    /// What this machine does not permit, and why.
    pub missing: Vec<(&'static str, String)>,
    /// What became of each fault.
    pub faults: Vec<(Planned, Effect)>,
    /// Operations with a known outcome, without, and those that certainly were not carried out.
    pub operations: [u64; 3],
    /// Effects that arrived, repetitions included.
    pub deliveries: u64,
    /// How often the nodes called fsync, where that can be seen.
    pub syncs: Option<u64>,
    /// From the end of healing until every client had an event acknowledged, in milliseconds.
    pub served_after_ms: Option<u64>,
    /// Everything that clients asked and were told, entity by entity.
    pub history: String,
    /// What the checks found.
    pub findings: Vec<Findings>,
    /// What could not be checked, and why.
    pub not_checked: Vec<(&'static str, String)>,
}

impl Report {
    /// Whether everything that was checked holds. What was not checked or not permitted is in the
    /// report; whoever needs it must ask for it.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(Findings::hold)
    }

    /// How many faults were carried out.
    #[must_use]
    pub fn injected(&self) -> usize {
        self.faults.iter().filter(|(_, effect)| matches!(effect, Effect::Done(_))).count()
    }

    /// As one row of the table in `docs/chaos.md`.
    #[must_use]
    pub fn row(&self, day: &str) -> String {
        let Plan { seed, nodes, safety_ms, .. } = &self.plan;
        let [answered, unknown, _] = self.operations;
        let (injected, of) = (self.injected(), self.faults.len());
        let served = self.served_after_ms.map_or("never".to_owned(), |ms| format!("{ms} ms"));
        let broken: Vec<&str> =
            self.findings.iter().filter(|one| !one.hold()).map(|one| one.invariant).collect();
        let verdict = match (&broken[..], &self.not_checked[..]) {
            ([], []) => "passed".to_owned(),
            ([], some) => format!("passed; not checked: {}", some.len()),
            (broken, _) => format!("**FAILED**: {}", broken.join("; ")),
        };
        format!(
            "| {day} | {seed} | {nodes} | {} s | {injected} of {of}: {} | {answered} + {unknown} unknown | {} | {served} | {verdict} |",
            safety_ms / 1_000,
            self.kinds(),
            self.deliveries,
        )
    }

    /// What was carried out, and how often.
    fn kinds(&self) -> String {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for (planned, effect) in &self.faults {
            if matches!(effect, Effect::Done(_)) {
                let text = planned.fault.to_string();
                let kind = text.split(' ').next().unwrap_or_default().to_owned();
                *counts.entry(kind).or_default() += 1;
            }
        }
        let each = |(kind, count): (String, usize)| match count {
            1 => kind,
            count => format!("{kind} ×{count}"),
        };
        counts.into_iter().map(each).collect::<Vec<_>>().join(", ")
    }

    /// As Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let plan = &self.plan;
        let verdict = if self.has_passed() { "passed" } else { "FAILED" };
        let mut text = format!("### Seed {}: {verdict}\n\n", plan.seed);
        let [known, unknown, failed] = self.operations;
        let served = self
            .served_after_ms
            .map_or_else(|| "not at all".to_owned(), |ms| format!("after {ms} ms"));
        let _ = write!(
            text,
            "{} nodes, {} ms of faults, then healed; served {served}. {known} operations answered, \
             {unknown} unknown, {failed} refused; {} webhooks; {} fsyncs. Run it again with\n\n\
             ```sh\n{}\n```\n\n",
            plan.nodes,
            plan.safety_ms,
            self.deliveries,
            self.syncs.map_or_else(|| "uncounted".to_owned(), |syncs| syncs.to_string()),
            self.command,
        );
        text.push_str("| at ms | for ms | fault | what became of it |\n|--:|--:|---|---|\n");
        for (planned, effect) in &self.faults {
            let effect = match effect {
                Effect::Done(said) if said.is_empty() => "done".to_owned(),
                Effect::Done(said) => format!("done: {}", cell(said)),
                Effect::Skipped(reason) => format!("**skipped**: {}", cell(reason)),
            };
            let Planned { at_ms, lasts_ms, fault } = planned;
            let fault = cell(&fault.to_string());
            let _ = writeln!(text, "| {at_ms} | {lasts_ms} | {fault} | {effect} |");
        }
        text.push_str("\n| promise | looked at | broken |\n|---|--:|--:|\n");
        for findings in &self.findings {
            let (name, looked_at) = (findings.invariant, findings.looked_at);
            let _ = writeln!(text, "| {name} | {looked_at} | {} |", findings.violations.len());
        }
        for (name, reason) in &self.not_checked {
            let _ = writeln!(text, "| {name} | **not checked** | {} |", cell(reason));
        }
        for (what, reason) in &self.missing {
            let _ = write!(text, "\nNot permitted on this machine: {what} ({}).\n", cell(reason));
        }
        if !self.has_passed() {
            let _ = write!(text, "\nThe plan, for `IMPRESARIO_PLAN`:\n\n```text\n{plan}```\n");
        }
        for violation in self.findings.iter().flat_map(|findings| &findings.violations) {
            let _ = write!(text, "\n- {violation}\n");
        }
        text
    }
}

/// Text that cannot break a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_or_not_looked_at_is_said() {
        let plan: Plan =
            "run seed 9 nodes 3 safety 1000 liveness 10\nat 1 for 2: cut node-1 | node-2"
                .parse()
                .expect("a plan");
        let held = Findings { invariant: "a", looked_at: 3, violations: Vec::new() };
        let mut report = Report {
            faults: vec![(plan.faults[0].clone(), Effect::Skipped("not root".to_owned()))],
            plan,
            command: "again".to_owned(),
            missing: vec![("hosts", "not root".to_owned())],
            operations: [5, 1, 0],
            deliveries: 2,
            syncs: None,
            served_after_ms: Some(40),
            history: String::new(),
            findings: vec![held.clone()],
            not_checked: vec![("b", "one node".to_owned())],
        };
        let text = report.to_markdown();
        assert!(report.has_passed() && text.contains("### Seed 9: passed"), "{text}");
        assert!(text.contains("cut node-1 \\| node-2 | **skipped**: not root"), "{text}");
        assert!(text.contains("| b | **not checked** | one node |"), "{text}");
        assert_eq!(report.injected(), 0);
        report.findings.push(Findings { looked_at: 0, ..held });
        assert!(!report.has_passed(), "a check that looked at nothing");
    }
}
