//! Every example of the guide is a valid rule or computed trait.

use serde_json::Value;

use super::world::{World, happened, rule};
use crate::{codes, parse, parse_computed};

const GUIDE: &str = include_str!("../../../../docs/guides/segment-rules.md");

fn blocks(fence: &str) -> Vec<&'static str> {
    let ends = |rest: &'static str| rest.split("```").next();
    GUIDE.split(fence).skip(1).filter_map(ends).collect()
}

#[test]
fn the_examples_of_the_guide_are_valid() {
    let examples = blocks("```json");
    assert_eq!(examples.len(), 10);
    for example in examples {
        let problems = if example.contains("\"kind\"") {
            parse_computed(example).err()
        } else {
            parse(example).err()
        };
        assert_eq!(problems, None, "{example}");
    }
}

#[test]
fn the_guide_shows_real_problems() {
    let shown = blocks("```text").pop().expect("an example of a refusal");
    let (text, want) = shown.trim().split_once("\n\n").expect("a rule and its problems");
    let problems = parse(text).expect_err("the rule is invalid");
    assert_eq!(problems.len(), want.lines().count());
    for (problem, line) in problems.iter().zip(want.lines()) {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(format!("{} {} {}", problem.pointer, problem.code, problem.message), line);
    }
}

#[test]
fn the_guide_explains_every_code() {
    for code in codes::ALL {
        assert!(GUIDE.contains(&format!("\n| `{code}` |")), "{code} is missing");
    }
}

/// The second example: a customer enters when the sixtieth day after the order ends.
#[test]
fn pro_03_a_customer_goes_quiet_by_the_mere_passing_of_time() {
    let json: Value = serde_json::from_str(blocks("```json")[3]).expect("JSON");
    let rule = rule(&json);
    let day = 86_400_000;
    let mut world = World::new(Value::Null, &rule, &[], &[happened("Order Completed", day)]);
    let verdict = rule.evaluate(&world, 2 * day);
    assert_eq!((verdict.member, verdict.recheck_at_ms), (false, Some(61 * day)));
    let verdict = rule.evaluate(&world, 61 * day);
    assert_eq!((verdict.member, verdict.recheck_at_ms), (true, None));
    world.record(&rule, &happened("Order Completed", 70 * day));
    assert!(!rule.evaluate(&world, 70 * day).member);
}
