//! Values of answers in the words of people: times, and names of nodes.

use serde_json::Value;

/// Moments, in milliseconds of the Unix epoch; other numbers of milliseconds are spans.
const TIMES: &[&str] =
    &["at_ms", "due_ms", "next_at_ms", "since_ms", "until_ms", "ended_ms", "joined_ms"];
/// Members that hold a node's number, or several.
const NODES: &[&str] = &[
    "node", "leader", "asked", "peer", "from", "to", "voters", "learners", "kept", "lost",
    "given_up",
];

/// Adds `x` in ISO 8601 beside each `x_ms` that is a moment, and calls nodes by their names.
pub(crate) fn readable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(readable),
        Value::Object(members) => {
            let times: Vec<(String, Value)> = members
                .iter()
                .filter(|(name, _)| TIMES.contains(&name.as_str()))
                .filter_map(|(name, value)| {
                    let time = jiff::Timestamp::from_millisecond(value.as_i64()?).ok()?;
                    Some((name.strip_suffix("_ms")?.to_owned(), format!("{time:.3}").into()))
                })
                .collect();
            members.extend(times);
            for (name, value) in members {
                if NODES.contains(&name.as_str()) {
                    name_nodes(value);
                }
                readable(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn name_nodes(value: &mut Value) {
    match value {
        Value::Number(number) => *value = format!("node-{number}").into(),
        Value::Array(items) if items.iter().all(Value::is_number) => {
            items.iter_mut().for_each(name_nodes);
        }
        Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// So many bytes, short.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut amount, mut unit) = (count as f64, 0);
    while amount >= 1_024.0 && unit + 1 < UNITS.len() {
        amount /= 1_024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{amount:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(mut value: Value, want: Value) {
        readable(&mut value);
        assert_eq!(value, want);
    }

    #[test]
    fn moments_and_nodes_are_named() {
        check(
            json!({ "timers": [{ "due_ms": 0, "idle_ms": 5 }] }),
            json!({ "timers": [{ "due_ms": 0, "due": "1970-01-01T00:00:00.000Z", "idle_ms": 5 }] }),
        );
        check(
            json!({ "node": 2, "voters": [1, 2], "leader": null, "from": "x" }),
            json!({ "node": "node-2", "voters": ["node-1", "node-2"], "leader": null, "from": "x" }),
        );
    }

    #[test]
    fn amounts_are_short() {
        assert_eq!(
            [bytes(0), bytes(1_023), bytes(1_536), bytes(5 << 30)],
            ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]
        );
    }
}
