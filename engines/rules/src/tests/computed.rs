use serde_json::{Value, json};

use super::world::{Happened, World, happened, rule};
use crate::{Computed, DISTINCT_MAX, Reading, Verdict, parse_computed};

#[track_caller]
fn check(spec: &Value, events: &[Happened], want: &[(i64, Value, Option<i64>)]) {
    let spec = parse_computed(&spec.to_string()).expect("a valid computed trait");
    assert_eq!(parse_computed(&spec.to_json()), Ok(spec.clone()));
    let mut memory = Computed::new(&spec);
    for event in events {
        memory.record(&spec, &event.occurrence());
    }
    for (now, value, next_change_ms) in want.iter().cloned() {
        let want = Reading { value, next_change_ms, saturated: false };
        assert_eq!(memory.read(&spec, now), want, "{spec:?} {now}");
    }
}

fn order(at_ms: i64, total: Value) -> Happened {
    happened("Order", at_ms).with(json!({"total": total, "sku": total}))
}

#[test]
fn pro_03_sums_of_decimals_are_exact() {
    let spec = json!({"name": "revenue", "kind": "sum", "event": "Order", "property": "total"});
    check(&spec, &[], &[(0, json!(0), None)]);
    check(&spec, &[order(0, json!(0.1)), order(0, json!(0.2))], &[(0, json!(0.3), None)]);
    let cents: Vec<_> = (0..1_000).map(|n| order(n, json!(0.01))).collect();
    check(&spec, &cents, &[(0, json!(10), None)]);
    let mixed = [
        order(0, json!("19.99")),
        order(0, json!(-5)),
        order(0, json!("n/a")),
        order(0, json!(null)),
    ];
    check(&spec, &mixed, &[(0, json!(14.99), None)]);
}

#[test]
fn windows_of_counts_move_in_slices() {
    // A window of 10 minutes has slices of one minute: 01:00.000 to 01:59.999 leave at 12:00.000.
    let spec = json!({"name": "n", "kind": "count", "event": "Order", "within_last": "10m"});
    let events = [order(60_000, json!(1)), order(119_999, json!(1)), order(120_000, json!(1))];
    check(
        &spec,
        &events,
        &[
            (120_000, json!(3), Some(720_000)),
            (719_999, json!(3), Some(720_000)),
            (720_000, json!(1), Some(780_000)),
            (780_000, json!(0), None),
        ],
    );
    // 90 days have slices of 0.9 days.
    let spec = json!({"name": "n", "kind": "count", "event": "Order", "within_last": "90d"});
    let day = 86_400_000;
    check(&spec, &[order(0, json!(1))], &[(90 * day, json!(1), Some(90 * day + day * 9 / 10))]);
}

#[test]
fn last_is_the_latest_by_time_of_the_event() {
    let spec = json!({"name": "l", "kind": "last", "event": "Order", "property": "sku"});
    let events =
        [order(5, json!("b")), order(9, json!("c")), order(1, json!("a")), order(10, json!([]))];
    check(&spec, &events, &[(0, json!("c"), None)]);
    check(&spec, &[], &[(0, json!(null), None)]);
    let tied = [order(5, json!("x")), order(5, json!("y"))];
    check(&spec, &tied, &[(0, json!("y"), None)]);
    check(&spec, &[tied[1].clone(), tied[0].clone()], &[(0, json!("y"), None)]);
    let spec = json!({"name": "l", "kind": "last", "event": "Order", "property": "sku", "within_last": "1m"});
    check(&spec, &events, &[(9, json!("c"), Some(60_009)), (60_009, json!(null), None)]);
}

#[test]
fn distinct_values_leave_a_window_one_by_one() {
    let spec = json!({"name": "d", "kind": "distinct", "event": "Order", "property": "sku", "within_last": "1m"});
    let events = [
        order(0, json!("a")),
        order(1_000, json!("b")),
        order(2_000, json!("a")),
        order(3_000, json!(3)),
        order(3_000, json!(3.0)),
    ];
    check(
        &spec,
        &events,
        &[
            (3_000, json!(3), Some(61_000)),
            (61_000, json!(2), Some(62_000)),
            (62_000, json!(1), Some(63_000)),
            (63_000, json!(0), None),
        ],
    );
}

#[test]
fn distinct_saturates_and_says_so() {
    for window in [None, Some("1h")] {
        let mut spec =
            json!({"name": "d", "kind": "distinct", "event": "Order", "property": "sku"});
        if let Some(window) = window {
            spec["within_last"] = json!(window);
        }
        let spec = parse_computed(&spec.to_string()).expect("valid");
        let mut memory = Computed::new(&spec);
        for n in 0..DISTINCT_MAX as i64 {
            memory.record(&spec, &order(n, json!(n)).occurrence());
        }
        let full = memory.read(&spec, 1_000);
        assert_eq!((full.value, full.saturated), (json!(DISTINCT_MAX), false));
        memory.record(&spec, &order(5_000, json!("one more")).occurrence());
        let over = memory.read(&spec, 1_000);
        assert_eq!((over.value, over.saturated), (json!(DISTINCT_MAX), true));
        let later = memory.read(&spec, 3_604_999);
        assert_eq!(later.saturated, window.is_none());
    }
}

#[test]
fn rules_follow_computed_traits_through_time() {
    let rule = rule(&json!({"computed": "n", "gte": 2}));
    let spec = r#"{"name":"n","kind":"count","event":"Order","within_last":"10m"}"#;
    let world =
        World::new(json!({}), &rule, &[spec], &[order(0, json!(1)), order(60_000, json!(1))]);
    assert_eq!(
        rule.evaluate(&world, 60_000),
        Verdict { member: true, recheck_at_ms: Some(660_000) }
    );
    assert_eq!(
        rule.evaluate(&world, 660_000),
        Verdict { member: false, recheck_at_ms: Some(720_000) }
    );
    assert_eq!(rule.evaluate(&world, 720_000), Verdict { member: false, recheck_at_ms: None });
}

#[test]
fn the_id_follows_the_meaning_not_the_name() {
    let spec = |name: &str, event: &str| {
        let json = json!({"name": name, "kind": "count", "event": event});
        parse_computed(&json.to_string()).expect("valid")
    };
    assert_eq!(spec("a", "Order").id(), spec("b", "Order").id());
    assert_ne!(spec("a", "Order").id(), spec("a", "Refund").id());
}

#[test]
fn personal_values_do_not_print() {
    let spec = parse_computed(r#"{"name":"l","kind":"last","event":"Order","property":"sku"}"#)
        .expect("valid");
    let mut memory = Computed::new(&spec);
    memory.record(&spec, &order(1, json!("secret")).occurrence());
    assert!(!format!("{memory:?}").contains("secret"));
    assert!(!format!("{:?}", order(1, json!("secret")).occurrence()).contains("secret"));
}
