//! The meaning of rules, written down a second time: over the JSON itself and the whole list of
//! events, with no memory and no cleverness.

use serde_json::Value;

use super::world::Happened;

pub(super) struct Oracle<'a> {
    pub(super) profile: &'a Value,
    pub(super) computed: &'a [Value],
    pub(super) events: &'a [Happened],
    pub(super) now: i64,
}

impl Oracle<'_> {
    pub(super) fn holds(&self, rule: &Value) -> bool {
        if let Some(parts) = rule["all"].as_array() {
            return parts.iter().all(|part| self.holds(part));
        }
        if let Some(parts) = rule["any"].as_array() {
            return parts.iter().any(|part| self.holds(part));
        }
        if let Some(part) = rule.get("not") {
            return !self.holds(part);
        }
        if let Some(name) = rule["trait"].as_str() {
            return self.passes(&self.profile["traits"][name], rule, false);
        }
        if let Some(name) = rule["field"].as_str() {
            return self.passes(&self.profile[name], rule, true);
        }
        if let Some(name) = rule["computed"].as_str() {
            return self.passes(&self.compute(name), rule, false);
        }
        if let Some(steps) = rule["sequence"].as_array() {
            let mut ends = self.chains(steps);
            return ends.any(|at| rule["within_last"].is_null() || self.inside(at, rule));
        }
        let event = rule["event"].as_str().or(rule["no_event"].as_str()).expect("an event");
        let count = self
            .matching(event, &rule["where"])
            .filter(|event| rule["within_last"].is_null() || self.inside(event.at_ms, rule))
            .count() as u64;
        if rule.get("no_event").is_some() {
            return count == 0;
        }
        let bounded = ["at_least", "at_most", "exactly"].iter().any(|key| rule.get(key).is_some());
        (bounded || count >= 1)
            && rule["exactly"].as_u64().is_none_or(|n| count == n)
            && rule["at_least"].as_u64().is_none_or(|n| count >= n)
            && rule["at_most"].as_u64().is_none_or(|n| count <= n)
    }

    fn inside(&self, at: i64, rule: &Value) -> bool {
        at > self.now - span(&rule["within_last"])
    }

    fn matching(&self, event: &str, filter: &Value) -> impl Iterator<Item = &Happened> {
        self.events.iter().filter(move |happened| {
            happened.name == event
                && (filter.is_null() || self.accepts(filter, &happened.properties))
        })
    }

    fn accepts(&self, filter: &Value, properties: &Value) -> bool {
        if let Some(parts) = filter.as_array().or(filter["all"].as_array()) {
            return parts.iter().all(|part| self.accepts(part, properties));
        }
        if let Some(part) = filter.get("not") {
            return !self.accepts(part, properties);
        }
        let path = filter["property"].as_str().expect("a property");
        self.passes(&properties[path], filter, false)
    }

    /// When each chain of steps ends.
    fn chains(&self, steps: &[Value]) -> impl Iterator<Item = i64> {
        let mut ends: Option<Vec<i64>> = None;
        for step in steps {
            let name = step.as_str().or(step["event"].as_str()).expect("a step");
            let times = self.matching(name, &step["where"]).map(|event| event.at_ms);
            ends = Some(match ends {
                None => times.collect(),
                Some(ends) => times
                    .filter(|at| {
                        ends.iter().any(|end| {
                            end < at
                                && (step["within"].is_null() || at - end <= span(&step["within"]))
                        })
                    })
                    .collect(),
            });
        }
        ends.unwrap_or_default().into_iter()
    }

    fn compute(&self, name: &str) -> Value {
        let spec = self.computed.iter().find(|spec| spec["name"] == name).expect("a known name");
        let event = spec["event"].as_str().expect("an event");
        let property = spec["property"].as_str().unwrap_or_default();
        let window = &spec["within_last"];
        let slice = if window.is_null() { 1 } else { (span(window) / 100).max(60_000) };
        let exact = |at: i64| window.is_null() || at > self.now - span(window);
        let sliced = |at: i64| exact((at.div_euclid(slice) + 1) * slice);
        let events = self.matching(event, &spec["where"]);
        let scalars = |event: &&Happened| {
            let value = &event.properties[property];
            value.is_string() || value.is_number() || value.is_boolean()
        };
        match spec["kind"].as_str().expect("a kind") {
            "count" => events.filter(|event| sliced(event.at_ms)).count().into(),
            "sum" => {
                let cents: i64 = events
                    .filter(|event| sliced(event.at_ms))
                    .filter_map(|event| event.properties[property].as_f64())
                    .map(|amount| (amount * 100.0).round() as i64)
                    .sum();
                if cents % 100 == 0 { (cents / 100).into() } else { (cents as f64 / 100.0).into() }
            }
            "last" => events
                .filter(scalars)
                .max_by_key(|event| (event.at_ms, plain(&event.properties[property])))
                .filter(|event| exact(event.at_ms))
                .map_or(Value::Null, |event| event.properties[property].clone()),
            _ => {
                let mut values: Vec<String> = events
                    .filter(scalars)
                    .filter(|event| exact(event.at_ms))
                    .map(|event| plain(&event.properties[property]))
                    .collect();
                values.sort();
                values.dedup();
                values.len().into()
            }
        }
    }

    fn passes(&self, value: &Value, tests: &Value, builtin: bool) -> bool {
        let same = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        };
        let number = value.as_f64();
        let at = moment(value, builtin);
        tests.as_object().expect("an object").iter().all(|(operator, operand)| {
            let bound = operand.as_f64().unwrap_or(f64::NAN);
            let list = || operand.as_array().expect("a list").iter();
            let text = || operand.as_str().expect("a text");
            match operator.as_str() {
                "trait" | "field" | "computed" | "property" => true,
                "eq" => same(value, operand),
                "ne" => !same(value, operand),
                "in" => list().any(|one| same(value, one)),
                "not_in" => !list().any(|one| same(value, one)),
                "gt" => number.is_some_and(|number| number > bound),
                "gte" => number.is_some_and(|number| number >= bound),
                "lt" => number.is_some_and(|number| number < bound),
                "lte" => number.is_some_and(|number| number <= bound),
                "contains" => match value {
                    Value::String(value) => {
                        operand.as_str().is_some_and(|part| value.contains(part))
                    }
                    Value::Array(items) => items.iter().any(|item| same(item, operand)),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
                },
                "starts_with" => value.as_str().is_some_and(|value| value.starts_with(text())),
                "ends_with" => value.as_str().is_some_and(|value| value.ends_with(text())),
                "exists" => value.is_null() != (operand == true),
                "not_exists" => value.is_null() == (operand == true),
                "before" => at.is_some_and(|at| at < moment(operand, true).expect("a time")),
                "after" => at.is_some_and(|at| at > moment(operand, true).expect("a time")),
                "within_last" => {
                    at.is_some_and(|at| at <= self.now && at > self.now - span(operand))
                }
                "older_than" => at.is_some_and(|at| at <= self.now - span(operand)),
                "within_next" => {
                    at.is_some_and(|at| at > self.now && at <= self.now + span(operand))
                }
                other => panic!("no operator {other}"),
            }
        })
    }
}

/// One text for `1` and `1.0`.
fn plain(value: &Value) -> String {
    match value.as_f64() {
        Some(number) => number.to_string(),
        None => value.to_string(),
    }
}

fn moment(value: &Value, builtin: bool) -> Option<i64> {
    match value {
        Value::String(text) => text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond()),
        Value::Number(number) if builtin => number.as_i64(),
        // The laws use small numbers only: Unix seconds.
        Value::Number(number) => number.as_f64().map(|seconds| (seconds * 1_000.0).round() as i64),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn span(text: &Value) -> i64 {
    let text = text.as_str().expect("a duration");
    let (digits, unit) = text.split_at(text.len() - 1);
    let width = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        other => panic!("no unit {other}"),
    };
    digits.parse::<i64>().expect("a number") * width
}
