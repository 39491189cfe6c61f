use serde_json::{Value, json};

use super::world::{World, rule};
use crate::{Verdict, lookup, micros};

/// Whether the trait `v` with this value passes `tests` at `now`.
#[track_caller]
fn check(value: Value, tests: Value, want: bool) {
    let mut condition = tests;
    condition["trait"] = json!("v");
    let world = World { profile: json!({"traits": {"v": value}}), ..World::default() };
    let verdict = rule(&condition).evaluate(&world, 0);
    assert_eq!(verdict, Verdict { member: want, recheck_at_ms: None }, "{value} {condition}");
}

#[test]
fn equality_is_exact() {
    check(json!("pro"), json!({"eq": "pro"}), true);
    check(json!("Pro"), json!({"eq": "pro"}), false);
    check(json!(3), json!({"eq": 3.0}), true);
    check(json!(3.0), json!({"eq": 3}), true);
    check(json!("3"), json!({"eq": 3}), false);
    check(json!(true), json!({"eq": true}), true);
    check(json!(1), json!({"eq": true}), false);
    check(json!("b"), json!({"in": ["a", "b"]}), true);
    check(json!("b"), json!({"not_in": ["a", "b"]}), false);
    check(json!([1]), json!({"eq": 1}), false);
}

#[test]
fn numbers_compare_by_their_exact_values() {
    check(json!(9_007_199_254_740_993_i64), json!({"gt": 9_007_199_254_740_992_i64}), true);
    check(json!(9_007_199_254_740_993_i64), json!({"gt": 9_007_199_254_740_992.0}), true);
    check(json!(u64::MAX), json!({"lt": 18_446_744_073_709_551_616.0}), true);
    check(json!(u64::MAX), json!({"gt": i64::MIN}), true);
    check(json!(i64::MIN), json!({"gt": -1e300}), true);
    check(json!(2), json!({"gt": 1.5, "lt": 2.5}), true);
    check(json!(-2), json!({"gt": -1.5}), false);
    check(json!(0.1), json!({"eq": 0.1}), true);
    check(json!(0), json!({"eq": -0.0}), true);
    check(json!("5"), json!({"gt": 3}), false);
    check(json!(3), json!({"gte": 3, "lte": 3}), true);
    check(json!(3), json!({"gt": 3}), false);
}

#[test]
fn missing_values_pass_only_the_negative_tests() {
    for tests in [
        json!({"eq": 1}),
        json!({"in": [1]}),
        json!({"gt": 1}),
        json!({"lt": 1}),
        json!({"contains": "a"}),
        json!({"exists": true}),
        json!({"before": "2026-01-01"}),
        json!({"after": "2026-01-01"}),
        json!({"within_last": "1d"}),
        json!({"older_than": "1d"}),
        json!({"within_next": "1d"}),
    ] {
        check(json!(null), tests, false);
    }
    for tests in [json!({"ne": 1}), json!({"not_in": [1]}), json!({"not_exists": true})] {
        check(json!(null), tests, true);
    }
    check(json!(""), json!({"exists": true}), true);
}

#[test]
fn texts_and_lists_are_searched() {
    check(json!("ada@example.com"), json!({"ends_with": "@example.com"}), true);
    check(json!("ada@example.com"), json!({"starts_with": "ada", "contains": "@"}), true);
    check(json!(["red", "blue"]), json!({"contains": "blue"}), true);
    check(json!(["red", "blue"]), json!({"contains": "bl"}), false);
    check(json!([1, 2]), json!({"contains": 2.0}), true);
    check(json!(12), json!({"contains": 2}), false);
}

#[test]
fn fixed_times_compare_strictly() {
    check(json!("2026-01-01"), json!({"before": "2026-01-01"}), false);
    check(json!("2026-01-01"), json!({"after": "2026-01-01"}), false);
    check(json!("2026-01-01T00:00:00.001Z"), json!({"after": "2026-01-01"}), true);
    check(json!("2026-01-01T00:30:00+01:00"), json!({"before": "2026-01-01"}), true);
    check(json!("2026-01-01T12:00:00"), json!({"after": "2026-01-01T11:59:59Z"}), true);
    check(json!(1_767_225_601), json!({"after": "2026-01-01"}), true);
    check(json!(1_767_225_600_001_i64), json!({"after": "2026-01-01"}), true);
    check(json!(1_767_225_599.5), json!({"before": "2026-01-01"}), true);
    check(json!("next year"), json!({"after": "2026-01-01"}), false);
    check(json!(1e300), json!({"after": "2026-01-01"}), false);
}

/// The verdicts of a field `last_seen` = 100 000 ms over time.
#[track_caller]
fn check_clock(tests: Value, want: &[(i64, bool, Option<i64>)]) {
    let mut condition = tests;
    condition["field"] = json!("last_seen");
    let world = World { profile: json!({"last_seen": 100_000}), ..World::default() };
    let rule = rule(&condition);
    for (now, member, recheck_at_ms) in want.iter().copied() {
        assert_eq!(
            rule.evaluate(&world, now),
            Verdict { member, recheck_at_ms },
            "{condition} {now}"
        );
    }
}

#[test]
fn pro_03_relative_times_say_when_they_turn() {
    check_clock(
        json!({"within_last": "10s"}),
        &[
            (99_999, false, Some(100_000)),
            (100_000, true, Some(110_000)),
            (109_999, true, Some(110_000)),
            (110_000, false, None),
        ],
    );
    check_clock(
        json!({"older_than": "10s"}),
        &[(0, false, Some(110_000)), (109_999, false, Some(110_000)), (110_000, true, None)],
    );
    check_clock(
        json!({"within_next": "10s"}),
        &[
            (0, false, Some(90_000)),
            (89_999, false, Some(90_000)),
            (90_000, true, Some(100_000)),
            (99_999, true, Some(100_000)),
            (100_000, false, None),
        ],
    );
}

#[test]
fn groups_wait_only_for_what_can_turn_them() {
    let world = World {
        profile: json!({"last_seen": 100_000, "traits": {"plan": "free"}}),
        ..World::default()
    };
    let seen = |span: &str| json!({"field": "last_seen", "older_than": span});
    let verdict = |json: Value| rule(&json).evaluate(&world, 100_000);
    let paid = json!({"trait": "plan", "eq": "pro"});
    assert_eq!(
        verdict(json!({"all": [paid, seen("10s")]})),
        Verdict { member: false, recheck_at_ms: None },
        "no timer for a profile that only a new trait can bring in"
    );
    assert_eq!(
        verdict(json!({"all": [seen("20s"), seen("10s")]})),
        Verdict { member: false, recheck_at_ms: Some(120_000) }
    );
    assert_eq!(
        verdict(json!({"any": [paid, seen("20s"), seen("10s")]})),
        Verdict { member: false, recheck_at_ms: Some(110_000) }
    );
    assert_eq!(
        verdict(json!({"not": {"any": [seen("20s"), seen("10s")]}})),
        Verdict { member: true, recheck_at_ms: Some(110_000) }
    );
}

#[test]
fn paths_may_contain_dots() {
    let value = json!({"a.b": {"c": 1}, "a": {"b": 2, "c.d": 3}, "list": [{"x": 4}]});
    for (path, want) in [
        ("a.b", Some(json!({"c": 1}))),
        ("a.c.d", Some(json!(3))),
        ("list.0.x", Some(json!(4))),
        ("list.1.x", None),
        ("a.b.x", None),
        ("", None),
        (".", None),
    ] {
        assert_eq!(lookup(&value, path), want.as_ref(), "{path}");
    }
}

#[test]
fn amounts_are_exact_to_six_places() {
    for (value, want) in [
        (json!(0.1), Some(100_000)),
        (json!(-12.5), Some(-12_500_000)),
        (json!("12.50"), Some(12_500_000)),
        (json!("-0.000001"), Some(-1)),
        (json!("0.0000005"), Some(1)),
        (json!("0.0000004999"), Some(0)),
        (json!("0.9999999"), Some(1_000_000)),
        (json!(1e-7), Some(0)),
        (json!(1e17), Some(100_000_000_000_000_000_000_000)),
        (json!(1e18), None),
        (json!(1e300), None),
        (json!("1e5"), None),
        (json!("12,50"), None),
        (json!("."), None),
        (json!(""), None),
        (json!("-"), None),
        (json!(true), None),
    ] {
        assert_eq!(micros(&value), want, "{value}");
    }
}
