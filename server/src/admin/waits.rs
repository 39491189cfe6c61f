//! Rates and waits out of the process's own metrics, between two moments.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What was counted up to one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counted {
    /// Commands that entities decided.
    commands: f64,
    mailbox: Buckets,
    commit: Buckets,
}

/// How many waits were at most so long: by the bits of the bound, which sort as positive numbers do.
#[derive(Clone, Debug, Default, PartialEq)]
struct Buckets(BTreeMap<u64, f64>);

const COMMANDS: &str = "impresario_entity_commands_total";
const MAILBOX: &str = "impresario_entity_mailbox_seconds_bucket";
const COMMIT: &str = "impresario_entity_commit_seconds_bucket";

impl Counted {
    /// Reads the text that Prometheus reads.
    pub(super) fn read(text: &str) -> Self {
        let mut counted = Self::default();
        for line in text.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let name = series.split('{').next().unwrap_or_default();
            match name {
                COMMANDS => counted.commands += value,
                MAILBOX => counted.mailbox.add(series, value),
                COMMIT => counted.commit.add(series, value),
                _ => {}
            }
        }
        counted
    }

    /// What happened since `before`, within so many seconds.
    pub(super) fn since(&self, before: &Self, seconds: f64) -> Value {
        json!({
            "commands_per_s": rate(self.commands - before.commands, seconds),
            "mailbox_ms": self.mailbox.since(&before.mailbox).shown(),
            "commit_ms": self.commit.since(&before.commit).shown(),
        })
    }
}

/// A rate with one decimal.
pub(super) fn rate(count: f64, seconds: f64) -> f64 {
    if seconds <= 0.0 { 0.0 } else { (count.max(0.0) / seconds * 10.0).round() / 10.0 }
}

impl Buckets {
    fn add(&mut self, series: &str, value: f64) {
        let bound = series.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
        let bound = match bound {
            Some("+Inf") => Some(f64::INFINITY),
            Some(text) => text.parse().ok(),
            None => None,
        };
        if let Some(bound) = bound {
            *self.0.entry(bound.to_bits()).or_default() += value;
        }
    }

    fn since(&self, before: &Self) -> Self {
        let less = |(bound, count): (&u64, &f64)| {
            (*bound, (count - before.0.get(bound).copied().unwrap_or(0.0)).max(0.0))
        };
        Self(self.0.iter().map(less).collect())
    }

    /// The bound that this part of all waits stayed below, in milliseconds; with the last bound for
    /// those beyond it.
    fn quantile(&self, part: f64) -> Option<f64> {
        let all = *self.0.values().next_back()?;
        if all <= 0.0 {
            return None;
        }
        let (mut below, mut from) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            let bound = f64::from_bits(*bound);
            if *count >= part * all {
                if bound.is_infinite() {
                    return Some(from * 1_000.0);
                }
                // As if they were spread evenly between the bounds.
                let share = (part * all - below) / (count - below).max(f64::MIN_POSITIVE);
                return Some((from + (bound - from) * share.clamp(0.0, 1.0)) * 1_000.0);
            }
            (below, from) = (*count, bound);
        }
        None
    }

    fn shown(&self) -> Value {
        let round = |ms: f64| (ms * 1_000.0).round() / 1_000.0;
        json!({
            "p50": self.quantile(0.5).map(round),
            "p99": self.quantile(0.99).map(round),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "\
# TYPE impresario_entity_commands_total counter
impresario_entity_commands_total{kind=\"profile\"} 100
impresario_entity_commands_total{kind=\"tenant\"} 10
impresario_entity_commit_seconds_bucket{kind=\"profile\",le=\"0.001\"} 5
impresario_entity_commit_seconds_bucket{kind=\"profile\",le=\"0.01\"} 5
impresario_entity_commit_seconds_bucket{kind=\"profile\",le=\"+Inf\"} 5
";
    const AFTER: &str = "\
impresario_entity_commands_total{kind=\"profile\"} 290
impresario_entity_commands_total{kind=\"tenant\"} 20
impresario_entity_commit_seconds_bucket{kind=\"profile\",le=\"0.001\"} 5
impresario_entity_commit_seconds_bucket{kind=\"profile\",le=\"0.01\"} 15
impresario_entity_commit_seconds_bucket{kind=\"profile\",le=\"+Inf\"} 15
impresario_http_requests_total{status=\"2xx\"} 77
";

    #[test]
    fn what_happened_in_between_is_told() {
        let shown = Counted::read(AFTER).since(&Counted::read(BEFORE), 2.0);
        assert_eq!(
            shown,
            json!({
                "commands_per_s": 100.0,
                "mailbox_ms": { "p50": null, "p99": null },
                "commit_ms": { "p50": 5.5, "p99": 9.91 },
            })
        );
    }
}
