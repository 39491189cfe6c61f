use serde_json::{Value, json};

use super::world::{Happened, World, happened, rule};
use crate::{SEQUENCE_TIMES_KEPT, Tracker, Verdict};

#[track_caller]
fn check(condition: &Value, events: &[Happened], want: &[(i64, bool, Option<i64>)]) {
    let rule = rule(condition);
    let world = World::new(json!({}), &rule, &[], events);
    for (now, member, recheck_at_ms) in want.iter().copied() {
        assert_eq!(
            rule.evaluate(&world, now),
            Verdict { member, recheck_at_ms },
            "{condition} {now}"
        );
    }
}

#[test]
fn counts_in_a_window_fall_as_time_passes() {
    let events = [happened("A", 3_000), happened("A", 1_000), happened("A", 2_000)];
    check(
        &json!({"event": "A", "at_least": 2, "within_last": "10s"}),
        &events,
        &[(3_000, true, Some(12_000)), (11_999, true, Some(12_000)), (12_000, false, None)],
    );
    check(
        &json!({"event": "A", "exactly": 2, "within_last": "10s"}),
        &events,
        &[(3_000, false, Some(11_000)), (11_000, true, Some(12_000)), (12_000, false, None)],
    );
    check(
        &json!({"event": "A", "at_most": 1, "within_last": "10s"}),
        &events,
        &[(3_000, false, Some(12_000)), (12_000, true, None)],
    );
    check(
        &json!({"no_event": "A", "within_last": "10s"}),
        &events,
        &[(3_000, false, Some(13_000)), (13_000, true, None)],
    );
    check(&json!({"event": "A", "at_least": 3}), &events, &[(0, true, None)]);
    check(&json!({"no_event": "B"}), &events, &[(0, true, None)]);
}

#[test]
fn times_ahead_of_the_clock_count_as_now_and_extreme_times_do_no_harm() {
    let condition = json!({"event": "A", "at_least": 1, "within_last": "10s"});
    check(&condition, &[happened("A", 90_000)], &[(0, true, Some(100_000))]);
    check(&condition, &[happened("A", i64::MAX)], &[(0, true, None), (i64::MAX, true, None)]);
    check(&condition, &[happened("A", i64::MIN)], &[(0, false, None)]);
    check(
        &json!({"sequence": ["A", {"event": "B", "within": "1s"}]}),
        &[happened("B", i64::MAX), happened("A", i64::MAX - 1)],
        &[(0, true, None)],
    );
}

#[test]
fn only_events_that_pass_where_count() {
    let condition = json!({"event": "A", "where": {"any": [
        {"property": "total", "gte": 50}, {"property": "items.0.sku", "eq": "x"}]}});
    let check_one = |properties: Value, want: bool| {
        check(&condition, &[happened("A", 0).with(properties)], &[(0, want, None)]);
    };
    check_one(json!({"total": 50}), true);
    check_one(json!({"total": 49.99}), false);
    check_one(json!({"items": [{"sku": "x"}]}), true);
    check_one(json!(null), false);
    check(&condition, &[happened("B", 0).with(json!({"total": 50}))], &[(0, false, None)]);
}

#[test]
fn sequences_match_late_events_within_their_gaps() {
    let condition =
        json!({"sequence": ["A", {"event": "B", "within": "5s"}, "C"], "within_last": "60s"});
    let (a, b, c) = (happened("A", 1_000), happened("B", 6_000), happened("C", 9_000));
    let orders =
        [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]];
    for order in orders {
        let events = order.map(Clone::clone);
        check(&condition, &events, &[(9_000, true, Some(69_000)), (69_000, false, None)]);
    }
    let late = happened("B", 6_001);
    check(&condition, &[a.clone(), late, c.clone()], &[(9_000, false, None)]);
    check(&condition, &[a, c, happened("B", 1_000)], &[(9_000, false, None)]);
}

#[test]
fn one_event_never_stands_for_two_steps() {
    let condition = json!({"sequence": ["A", "A"]});
    check(&condition, &[happened("A", 1)], &[(9, false, None)]);
    check(&condition, &[happened("A", 1), happened("A", 1)], &[(9, false, None)]);
    check(&condition, &[happened("A", 2), happened("A", 1)], &[(9, true, None)]);
}

#[test]
fn a_sequence_in_order_is_found_through_any_amount_of_noise() {
    let condition = json!({"sequence": ["A", {"event": "B", "within": "1s"}, "C"]});
    let mut events = vec![happened("A", 0), happened("B", 500)];
    events.extend((0..1_000).map(|n| happened("A", 5_000 + n * 10_000)));
    events.extend((0..1_000).map(|n| happened("B", 7_000 + n * 10_000)));
    events.sort_by_key(|event| event.at_ms);
    events.push(happened("C", 99_000_000));
    check(&condition, &events, &[(99_000_000, true, None)]);
}

#[test]
fn the_memory_of_a_tracker_is_bounded() {
    let rule = rule(&json!({"any": [
        {"event": "A", "at_least": 10, "within_last": "30d"},
        {"sequence": ["A", {"event": "B", "within": "1h"}, {"event": "A", "within": "1h"}]}]}));
    let mut events = Vec::new();
    for n in 0..2_000 {
        let at = 1_700_000_000_000 + n * 7_919_000 % 1_000_000_000;
        events.push(happened(if n % 3 == 0 { "B" } else { "A" }, at));
    }
    let world = World::new(json!({}), &rule, &[], &events);
    let sizes: Vec<usize> = world
        .trackers
        .values()
        .map(|tracker| minicbor::to_vec(tracker).expect("a vector takes every byte").len())
        .collect();
    assert!(sizes.iter().all(|size| *size < 5 * 12 * SEQUENCE_TIMES_KEPT), "{sizes:?}");
}

#[test]
fn a_tracker_of_another_shape_begins_anew() {
    let other = rule(&json!({"event": "A"}));
    let rule = rule(&json!({"event": "A", "within_last": "1d"}));
    let event = happened("A", 5);
    let mut tracker = Tracker::new(&other.trackers()[0]);
    assert!(tracker.record(&other.trackers()[0], &event.occurrence()));
    assert!(tracker.record(&rule.trackers()[0], &event.occurrence()));
    let mut fresh = Tracker::new(&rule.trackers()[0]);
    fresh.record(&rule.trackers()[0], &event.occurrence());
    assert_eq!(tracker, fresh);
}
