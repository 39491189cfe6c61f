//! A timer fires, once, and not before its time.

use std::collections::BTreeMap;

use super::Findings;

/// The name of this promise.
pub const NAME: &str = "timers are neither lost nor doubled";

/// A timer that was set. Times are in milliseconds on one clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// What names it.
    pub key: String,
    /// The earliest time at which it may fire.
    pub due_ms: i64,
    /// The time at which it should fire at the latest: later than `due_ms` if it was set while a
    /// clock was ahead.
    pub latest_ms: i64,
    /// Whether setting it was acknowledged: then it must fire.
    pub is_certain: bool,
}

/// A timer that fired. Repeated reports of one firing have the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// What names the timer.
    pub key: String,
    /// What names the firing.
    pub id: String,
    /// When it was seen first.
    pub at_ms: i64,
}

/// What is allowed, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// When the observation ended.
    pub until_ms: i64,
    /// How late a timer may be at most, while everything is well.
    pub late_ms: i64,
    /// How much too early one may seem, because clocks of machines differ; the largest clock jump
    /// of the run belongs in here.
    pub early_ms: i64,
}

/// Checks what fired against what was set.
#[must_use]
pub fn check(set: &[Set], fired: &[Fired], patience: Patience) -> Findings {
    let mut findings = Findings::new(NAME);
    findings.looked_at = set.len() as u64;
    let mut by_key = BTreeMap::<&str, BTreeMap<&str, i64>>::new();
    for firing in fired {
        let first = by_key.entry(&firing.key).or_default().entry(&firing.id).or_insert(i64::MAX);
        *first = firing.at_ms.min(*first);
    }
    for timer in set {
        let firings = by_key.remove(timer.key.as_str()).unwrap_or_default();
        let key = &timer.key;
        let is_overdue = timer.latest_ms + patience.late_ms <= patience.until_ms;
        if firings.is_empty() && timer.is_certain && is_overdue {
            findings.add(format!("{key} was due at {} ms and never fired", timer.due_ms));
        }
        if firings.len() > 1 {
            findings.add(format!("{key} fired {} times: {firings:?}", firings.len()));
        }
        if let Some(at_ms) =
            firings.values().find(|at_ms| **at_ms + patience.early_ms < timer.due_ms)
        {
            findings.add(format!("{key} fired at {at_ms} ms, before {} ms", timer.due_ms));
        }
    }
    for key in by_key.keys() {
        findings.add(format!("{key} fired and was never set"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(id: &str, at_ms: i64) -> Fired {
        Fired { key: "t".to_owned(), id: id.to_owned(), at_ms }
    }

    #[track_caller]
    fn finds(fired: &[Fired], wanted: &[&str]) {
        let (due_ms, latest_ms) = (1_000, 1_500);
        let set = [Set { key: "t".to_owned(), due_ms, latest_ms, is_certain: true }];
        let patience = Patience { until_ms: 5_000, late_ms: 3_000, early_ms: 100 };
        let findings = check(&set, fired, patience);
        let texts: Vec<_> = findings.violations.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(texts, wanted);
    }

    #[test]
    fn loss_doubling_haste_and_invention_are_found() {
        finds(&[fired("a", 1_200)], &[]);
        finds(&[fired("a", 950), fired("a", 1_200)], &[]);
        finds(&[], &["t was due at 1000 ms and never fired"]);
        let twice = ["t fired 2 times: {\"a\": 1200, \"b\": 1300}"];
        finds(&[fired("a", 1_200), fired("b", 1_300)], &twice);
        finds(&[fired("a", 800)], &["t fired at 800 ms, before 1000 ms"]);
        let other = Fired { key: "u".to_owned(), ..fired("c", 1_200) };
        finds(&[fired("a", 1_200), other], &["u fired and was never set"]);
    }

    #[test]
    fn what_is_not_overdue_yet_is_not_lost() {
        let (due_ms, latest_ms) = (1_000, 3_000);
        let set = [Set { key: "t".to_owned(), due_ms, latest_ms, is_certain: true }];
        let patience = Patience { until_ms: 5_000, late_ms: 3_000, early_ms: 0 };
        assert!(check(&set, &[], patience).hold());
        let unknown = [Set { is_certain: false, latest_ms: 0, ..set[0].clone() }];
        assert!(check(&unknown, &[], patience).hold());
    }
}
