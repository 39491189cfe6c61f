//! Bytes that were once stored must be read for ever, and the ids of trackers must stay the same.

use serde_json::{Value, json};

use super::world::{happened, rule};
use crate::{Computed, Tracker, parse_computed};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

#[track_caller]
fn check_tracker(condition: &Value, id: u64, bytes: &str) {
    let rule = rule(condition);
    let spec = &rule.trackers()[0];
    let mut tracker = Tracker::new(spec);
    for (name, at) in [
        ("A", 1_700_000_000_000),
        ("B", 1_700_000_060_000),
        ("B", 1_699_999_000_000),
        ("A", 1_700_000_050_000),
    ] {
        tracker.record(spec, &happened(name, at).with(json!({"x": 1})).occurrence());
    }
    let stored = minicbor::to_vec(&tracker).expect("a vector takes every byte");
    assert_eq!((spec.id().0, hex(&stored).as_str()), (id, bytes), "{condition}");
    assert_eq!(minicbor::decode::<Tracker>(&unhex(bytes)).expect("decodes"), tracker);
}

#[track_caller]
fn check_computed(definition: &Value, id: u64, bytes: &str) {
    let spec = parse_computed(&definition.to_string()).expect("valid");
    let mut memory = Computed::new(&spec);
    for (at, x) in [
        (1_700_000_000_000, json!(0.1)),
        (1_700_000_060_000, json!(999_999_999_999_i64)),
        (1_700_000_030_000, json!("99999999999999.5")),
    ] {
        memory.record(&spec, &happened("A", at).with(json!({"x": x})).occurrence());
    }
    let stored = minicbor::to_vec(&memory).expect("a vector takes every byte");
    assert_eq!((spec.id().0, hex(&stored).as_str()), (id, bytes), "{definition}");
    assert_eq!(minicbor::decode::<Computed>(&unhex(bytes)).expect("decodes"), memory);
}

#[test]
fn stored_trackers_stay_readable() {
    check_tracker(&json!({"event": "A", "at_least": 9}), 13438277061392252396, "8182008102");
    check_tracker(
        &json!({"event": "A", "at_least": 2, "within_last": "30d", "where": {"property": "x", "eq": 1}}),
        14945275008920503472,
        "81820181821b0000018bcfe5680019c350",
    );
    check_tracker(
        &json!({"sequence": ["A", {"event": "B", "within": "15s"}]}),
        1191183788311919668,
        "81820281821b0000018bcfe652608282821b0000018bcfe5680019c350808280811b0000018bcfd625c0",
    );
    check_tracker(
        &json!({"sequence": ["A", "B"]}),
        16706445067278094936,
        "81820281821b0000018bcfe652608282811b0000018bcfe56800808280811b0000018bcfd625c0",
    );
}

#[test]
fn stored_computed_values_stay_readable() {
    check_computed(
        &json!({"name": "n", "kind": "count", "event": "A"}),
        18114373947874916952,
        "818200820300",
    );
    check_computed(
        &json!({"name": "n", "kind": "sum", "event": "A", "property": "x"}),
        17921811917449183481,
        "818200820350000000000000000579a814e10a5ea340",
    );
    check_computed(
        &json!({"name": "n", "kind": "sum", "event": "A", "property": "x", "within_last": "30d"}),
        13477728860353662096,
        "8182018181831b0000018bd0cae6000350000000000000000579a814e10a5ea340",
    );
    check_computed(
        &json!({"name": "n", "kind": "last", "event": "A", "property": "x"}),
        12177443922101570587,
        "81820281821b0000018bcfe652606c393939393939393939393939",
    );
    check_computed(
        &json!({"name": "n", "kind": "distinct", "event": "A", "property": "x", "within_last": "1h"}),
        7401191371003374166,
        "818203818183821b7a4b99d5a1ead8d51b0000018bcfe5dd30821b9692dd4a1fab27b21b0000018bcfe65260821be049dfc1903289db1b0000018bcfe56800",
    );
}
