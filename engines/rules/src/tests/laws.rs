use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::oracle::Oracle;
use super::world::{Happened, World, rule};
use crate::{Computed, Tracker, format_time, parse, parse_computed};

const COMPUTED: [&str; 7] = [
    r#"{"name":"c","kind":"count","event":"A"}"#,
    r#"{"name":"cw","kind":"count","event":"A","within_last":"2m","where":{"property":"x","gt":0}}"#,
    r#"{"name":"s","kind":"sum","event":"B","property":"x"}"#,
    r#"{"name":"sw","kind":"sum","event":"B","property":"x","within_last":"4m"}"#,
    r#"{"name":"l","kind":"last","event":"A","property":"x","within_last":"3m"}"#,
    r#"{"name":"d","kind":"distinct","event":"C","property":"x"}"#,
    r#"{"name":"dw","kind":"distinct","event":"C","property":"x","within_last":"3m"}"#,
];
const HORIZON_MS: i64 = 700_000;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        (-6_i64..7).prop_map(|half| json!(half as f64 / 2.0)),
        select(vec!["", "a", "ab", "b"]).prop_map(Value::from),
        (0_i64..700).prop_map(Value::from),
        (0_i64..HORIZON_MS).prop_map(|ms| format_time(ms).into()),
        Just(json!(["a", 1, true])),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    value().prop_filter("a scalar", |value| !value.is_null() && !value.is_array())
}

fn span() -> impl Strategy<Value = &'static str> {
    select(vec!["1s", "7s", "30s", "90s", "5m", "2h"])
}

fn timeless() -> impl Strategy<Value = (&'static str, Value)> {
    let time = (0_i64..HORIZON_MS).prop_map(|ms| Value::from(format_time(ms)));
    prop_oneof![
        (select(vec!["eq", "ne", "contains"]), scalar())
            .prop_filter("not empty", |(_, operand)| operand != ""),
        (select(vec!["in", "not_in"]), prop::collection::vec(scalar(), 1..4).prop_map(Value::from)),
        (select(vec!["gt", "gte", "lt", "lte"]), (-6_i64..700).prop_map(|n| json!(n as f64 / 2.0))),
        (select(vec!["starts_with", "ends_with"]), Just(json!("a"))),
        (select(vec!["exists", "not_exists"]), any::<bool>().prop_map(Value::from)),
        (select(vec!["before", "after"]), time),
    ]
}

fn condition_on(
    key: &'static str,
    name: impl Strategy<Value = &'static str>,
    tests: impl Strategy<Value = (&'static str, Value)>,
) -> impl Strategy<Value = Value> {
    (name, prop::collection::vec(tests, 1..3)).prop_map(move |(name, tests)| {
        let mut object = Map::from_iter([(key.to_owned(), json!(name))]);
        for (operator, operand) in tests {
            let clash = ["exists", "not_exists"];
            if !(clash.contains(&operator) && clash.iter().any(|key| object.contains_key(*key))) {
                object.insert(operator.to_owned(), operand);
            }
        }
        Value::Object(object)
    })
}

fn filter() -> impl Strategy<Value = Option<Value>> {
    let leaf = || condition_on("property", select(vec!["x", "y"]), timeless());
    prop::option::weighted(
        0.3,
        prop_oneof![
            leaf(),
            leaf().prop_map(|part| json!({"not": part})),
            prop::collection::vec(leaf(), 1..3).prop_map(Value::from),
        ],
    )
}

fn with(mut object: Value, key: &str, value: Option<impl Into<Value>>) -> Value {
    if let Some(value) = value {
        object[key] = value.into();
    }
    object
}

fn event() -> impl Strategy<Value = &'static str> {
    select(vec!["A", "B", "C"])
}

fn performed() -> impl Strategy<Value = Value> {
    let range = prop_oneof![
        Just(json!({})),
        (1_u32..5).prop_map(|n| json!({"at_least": n})),
        (0_u32..4).prop_map(|n| json!({"at_most": n})),
        (0_u32..4).prop_map(|n| json!({"exactly": n})),
        (0_u32..3, 0_u32..3).prop_map(|(a, b)| json!({"at_least": a, "at_most": a + b})),
    ];
    let seen = (event(), range, filter(), prop::option::of(span())).prop_map(
        |(name, mut object, filter, window)| {
            object["event"] = json!(name);
            with(with(object, "where", filter), "within_last", window)
        },
    );
    let unseen =
        (event(), filter(), prop::option::of(span())).prop_map(|(name, filter, window)| {
            with(with(json!({"no_event": name}), "where", filter), "within_last", window)
        });
    prop_oneof![3 => seen, 1 => unseen]
}

fn sequence() -> impl Strategy<Value = Value> {
    let step = (event(), filter(), prop::option::of(span())).prop_map(|(name, filter, within)| {
        with(with(json!({"event": name}), "where", filter), "within", within)
    });
    (prop::collection::vec(step, 2..5), prop::option::of(span())).prop_map(|(mut steps, window)| {
        steps[0].as_object_mut().expect("a step").remove("within");
        with(json!({"sequence": steps}), "within_last", window)
    })
}

fn rules() -> impl Strategy<Value = Value> {
    let clock = || {
        prop_oneof![
            3 => timeless(),
            2 => (select(vec!["within_last", "older_than", "within_next"]), span().prop_map(Value::from)),
        ]
    };
    let names = vec!["c", "cw", "s", "sw", "l", "d", "dw"];
    let leaf = prop_oneof![
        2 => condition_on("trait", select(vec!["a", "b", "t"]), clock()),
        1 => condition_on("field", select(vec!["first_seen", "email"]), clock()),
        2 => condition_on("computed", select(names), clock()),
        4 => performed(),
        3 => sequence(),
    ];
    leaf.prop_recursive(4, 12, 4, |part| {
        prop_oneof![
            prop::collection::vec(part.clone(), 1..4).prop_map(|parts| json!({"all": parts})),
            prop::collection::vec(part.clone(), 1..4).prop_map(|parts| json!({"any": parts})),
            part.prop_map(|part| json!({"not": part})),
        ]
    })
}

fn events() -> impl Strategy<Value = Vec<Happened>> {
    let amount =
        prop_oneof![value(), (-300_i64..300).prop_map(|cents| json!(cents as f64 / 100.0)),];
    // Some on a grid of whole seconds, so that times coincide with each other and with bounds.
    let at = prop_oneof![0_i64..HORIZON_MS, (0_i64..60).prop_map(|second| second * 1_000)];
    let one = (event(), at, amount.clone(), amount).prop_map(|(name, at_ms, x, y)| Happened {
        name: name.to_owned(),
        at_ms,
        properties: json!({"x": x, "y": y}),
    });
    // No more than a sequence remembers of each step, so that every order must be exact.
    prop::collection::vec(one, 0..crate::SEQUENCE_TIMES_KEPT)
}

fn profiles() -> impl Strategy<Value = Value> {
    (value(), value(), value(), 0_i64..HORIZON_MS).prop_map(|(a, b, t, seen)| {
        json!({"traits": {"a": a, "b": b, "t": t}, "first_seen": seen, "email": "ab"})
    })
}

#[derive(Clone, Debug)]
struct Moment {
    time: Index,
    width: Index,
    aside: i64,
    whole: bool,
    anywhere: i64,
}

fn moment() -> impl Strategy<Value = Moment> {
    (any::<Index>(), any::<Index>(), -1_i64..2, any::<bool>(), 0_i64..2 * HORIZON_MS).prop_map(
        |(time, width, aside, whole, anywhere)| Moment { time, width, aside, whole, anywhere },
    )
}

struct Case {
    rule: crate::Rule,
    json: Value,
    profile: Value,
    specs: Vec<Value>,
    events: Vec<Happened>,
    world: World,
}

impl Case {
    fn new(json: Value, profile: Value, events: Vec<Happened>) -> Self {
        let rule = rule(&json);
        let world = World::new(profile.clone(), &rule, &COMPUTED, &events);
        let specs = COMPUTED.map(|text| serde_json::from_str(text).expect("JSON")).to_vec();
        Self { rule, json, profile, specs, events, world }
    }

    /// A moment at which something may turn, or one next to it.
    fn moment(&self, pick: &Moment) -> i64 {
        let times: Vec<i64> = self
            .events
            .iter()
            .map(|event| event.at_ms)
            .chain([self.profile["first_seen"].as_i64().unwrap_or_default(), pick.anywhere])
            .collect();
        let width = [0, 1_000, 7_000, 30_000, 60_000, 90_000, 120_000, 300_000, 7_200_000];
        let aside = pick.aside;
        // Computed counts and sums turn at the ends of whole minutes.
        let minute = |at: i64| if pick.whole { (at.div_euclid(60_000) + 1) * 60_000 } else { at };
        (minute(*pick.time.get(&times)) + pick.width.get(&width) + aside).max(0)
    }

    fn oracle(&self, now: i64) -> bool {
        let Self { profile, specs, events, .. } = self;
        Oracle { profile, computed: specs, events, now }.holds(&self.json)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn pro_03_tracking_in_any_order_equals_brute_force(
        json in rules(), profile in profiles(), events in events(),
        moments in prop::collection::vec(moment(), 12),
    ) {
        let case = Case::new(json, profile, events);
        for now in moments.iter().map(|pick| case.moment(pick)) {
            prop_assert_eq!(case.rule.evaluate(&case.world, now).member, case.oracle(now), "{}", now);
        }
    }

    #[test]
    fn pro_03_the_verdict_stays_until_the_recheck(
        json in rules(), profile in profiles(), events in events(),
        now in moment(), jumps in prop::collection::vec(0.0_f64..1.0, 8),
        others in prop::collection::vec(moment(), 8),
    ) {
        let case = Case::new(json, profile, events);
        let now = case.moment(&now);
        let verdict = case.rule.evaluate(&case.world, now);
        // Nothing in these worlds turns later than two hours after the horizon.
        let end = verdict.recheck_at_ms.unwrap_or(now + 20_000_000);
        prop_assert!(end > now);
        let moments = jumps.iter().map(|jump| now + ((end - now - 1) as f64 * jump) as i64);
        let others = others.iter().map(|pick| case.moment(pick));
        let others = others.filter(|moment| (now..end).contains(moment));
        for moment in moments.chain(others).chain([end - 1]) {
            prop_assert_eq!(case.oracle(moment), verdict.member, "{} {}", now, moment);
        }
    }

    /// Follows the rechecks to their end: every change of the oracle is met by one of them.
    #[test]
    fn pro_03_following_the_rechecks_misses_no_change(
        json in rules(), profile in profiles(), events in events(),
    ) {
        let case = Case::new(json, profile, events);
        let mut now = 0;
        let mut steps = 0;
        while let Some(recheck) = case.rule.evaluate(&case.world, now).recheck_at_ms {
            prop_assert_eq!(case.oracle(now), case.oracle(recheck - 1));
            now = recheck;
            steps += 1;
            prop_assert!(steps < 2_000, "the rechecks do not end");
        }
        prop_assert_eq!(case.oracle(now), case.oracle(100_000_000));
    }

    #[test]
    fn parts_merge_to_the_whole(
        json in rules(), profile in profiles(), events in events(), cut: Index,
        now in moment(),
    ) {
        let case = Case::new(json, profile.clone(), events);
        let now = case.moment(&now);
        let (left, right) = case.events.split_at(cut.index(case.events.len() + 1));
        let mut merged = World::new(profile.clone(), &case.rule, &COMPUTED, left);
        let other = World::new(profile, &case.rule, &COMPUTED, right);
        for spec in case.rule.trackers() {
            let theirs = other.trackers.get(&spec.id()).cloned().unwrap_or_default();
            merged.trackers.entry(spec.id()).or_insert_with(|| Tracker::new(spec)).merge(spec, &theirs);
        }
        for (name, (spec, memory)) in &mut merged.computed {
            memory.merge(spec, &other.computed[name].1);
        }
        prop_assert_eq!(case.rule.evaluate(&merged, now).member, case.oracle(now));
    }

    #[test]
    fn rules_round_trip(json in rules()) {
        let rule = rule(&json);
        let canonical = rule.to_json();
        let again = parse(&canonical);
        prop_assert_eq!(again.as_ref().map(crate::Rule::to_json), Ok(canonical));
        prop_assert_eq!(again, Ok(rule));
    }

    #[test]
    fn trackers_and_computed_values_survive_storage(json in rules(), events in events()) {
        let case = Case::new(json, json!({}), events);
        for tracker in case.world.trackers.values() {
            let stored = minicbor::to_vec(tracker).expect("a vector takes every byte");
            let read = minicbor::decode::<Tracker>(&stored);
            prop_assert_eq!(read.as_ref().ok(), Some(tracker));
        }
        for (_, memory) in case.world.computed.values() {
            let stored = minicbor::to_vec(memory).expect("a vector takes every byte");
            let read = minicbor::decode::<Computed>(&stored);
            prop_assert_eq!(read.as_ref().ok(), Some(memory));
        }
    }

    #[test]
    fn no_bytes_panic_the_parsers_or_the_decoders(bytes: Vec<u8>, text: String) {
        let _ = parse(&text);
        let _ = parse(&String::from_utf8_lossy(&bytes));
        let _ = parse_computed(&text);
        let _ = minicbor::decode::<Tracker>(&bytes);
        let _ = minicbor::decode::<Computed>(&bytes);
    }

    /// A valid rule with one value replaced by anything: no panic, and either problems or a rule
    /// that evaluates at the ends of time.
    #[test]
    fn mutated_rules_never_panic(
        json in rules(), junk in junk(), place: Index, events in events(), now in any::<i64>(),
    ) {
        let mut json = json;
        let mut places = Vec::new();
        pointers(&json, String::new(), &mut places);
        let place = place.get(&places).clone();
        if let Some(value) = json.pointer_mut(&place) {
            *value = junk;
        }
        match parse(&json.to_string()) {
            Ok(rule) => {
                let shifted = events.into_iter().map(|event| Happened {
                    at_ms: event.at_ms.wrapping_mul(i64::MAX / 7),
                    ..event
                });
                let world = World::new(json!({"traits": json.clone()}), &rule, &COMPUTED,
                    &shifted.collect::<Vec<_>>());
                let _ = rule.evaluate(&world, now);
                prop_assert_eq!(parse(&rule.to_json()), Ok(rule));
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    let known = json.pointer(&problem.pointer).is_some();
                    prop_assert!(known, "{:?} points nowhere in {}", problem, json);
                }
            }
        }
    }
}

fn junk() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        value(),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |part| {
        prop_oneof![
            prop::collection::vec(part.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), part), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn pointers(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                pointers(value, format!("{at}/{key}"), out);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{index}"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    out.push(at);
}
