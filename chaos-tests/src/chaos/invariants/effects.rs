//! Each cause has its effect once. A delivery may come again under its message id, unchanged: that
//! is how the receiver knows that it is the same.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;

/// The name of this promise.
pub const NAME: &str = "effects happen once";

/// What must or may have an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What names it, also in its delivery.
    pub key: String,
    /// Whether it was acknowledged: then there must be an effect.
    pub is_certain: bool,
    /// When, how often and where it was asked for.
    pub asked: String,
}

/// What arrived at the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The message id.
    pub id: String,
    /// The cause.
    pub key: String,
    /// What it said.
    pub body: String,
}

/// Checks what arrived against what was caused.
#[must_use]
pub fn check(causes: &[Cause], deliveries: &[Delivered]) -> Findings {
    let mut findings = Findings::new(NAME);
    findings.looked_at = causes.len() as u64;
    let mut by_key = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut by_id = BTreeMap::<&str, &Delivered>::new();
    for delivery in deliveries {
        by_key.entry(&delivery.key).or_default().insert(&delivery.id);
        let first = *by_id.entry(&delivery.id).or_insert(delivery);
        if first.body != delivery.body || first.key != delivery.key {
            let (was, is) = (&first.body, &delivery.body);
            findings.add(format!("message {} changed: {was} then {is}", delivery.id));
        }
    }
    let known: BTreeSet<&str> = causes.iter().map(|cause| cause.key.as_str()).collect();
    for cause in causes.iter().filter(|cause| cause.is_certain) {
        if !by_key.contains_key(cause.key.as_str()) {
            let Cause { key, asked, .. } = cause;
            findings.add(format!("{key} was acknowledged and had no effect ({asked})"));
        }
    }
    for (key, ids) in by_key {
        if ids.len() > 1 {
            findings.add(format!("{key} had {} effects: {ids:?}", ids.len()));
        }
        if !known.contains(key) {
            findings.add(format!("{key} had an effect, and nobody caused it"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(id: &str, key: &str, body: &str) -> Delivered {
        Delivered { id: id.to_owned(), key: key.to_owned(), body: body.to_owned() }
    }

    #[track_caller]
    fn finds(deliveries: &[Delivered], wanted: &[&str]) {
        let cause = |key: &str, is_certain| Cause {
            key: key.to_owned(),
            is_certain,
            asked: "once".to_owned(),
        };
        let findings = check(&[cause("a", true), cause("b", false)], deliveries);
        let texts: Vec<_> = findings.violations.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(texts, wanted);
    }

    #[test]
    fn loss_doubling_change_and_invention_are_found() {
        let a = delivered("1", "a", "x");
        finds(std::slice::from_ref(&a), &[]);
        finds(&[a.clone(), a.clone(), delivered("2", "b", "y")], &[]);
        finds(&[], &["a was acknowledged and had no effect (once)"]);
        finds(&[a.clone(), delivered("2", "a", "x")], &["a had 2 effects: {\"1\", \"2\"}"]);
        finds(&[a.clone(), delivered("1", "a", "y")], &["message 1 changed: x then y"]);
        finds(&[a, delivered("3", "c", "z")], &["c had an effect, and nobody caused it"]);
    }
}
