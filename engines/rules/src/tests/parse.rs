use serde_json::{Value, json};

use crate::{Problem, Vocabulary, codes, parse, parse_computed, parse_with};

/// The places and codes of all problems of a rule, sorted.
#[track_caller]
fn check(text: &str, want: &[(&str, &str)]) {
    check_problems(parse(text).err().unwrap_or_default(), want);
}

#[track_caller]
fn check_problems(problems: Vec<Problem>, want: &[(&str, &str)]) {
    let mut got: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.pointer.as_str(), &*problem.code)).collect();
    let mut want = want.to_vec();
    got.sort_unstable();
    want.sort_unstable();
    assert_eq!(got, want, "{problems:#?}");
}

#[track_caller]
fn check_canonical(rule: &Value, want: &str) {
    let parsed = parse(&rule.to_string()).expect("a valid rule");
    assert_eq!(parsed.to_json(), want);
    assert_eq!(parse(want), Ok(parsed));
}

#[test]
fn pro_03_all_problems_are_reported_each_with_its_place() {
    check(
        r#"{"all": [
            {"trait": "plan", "eq": null},
            {"trait": "age", "gte": "18", "gte": 3},
            {"any": []},
            {"event": "Order Completed", "at_leest": 3, "within_last": "30 days"},
            {"sequence": ["A", {"event": "B", "within": "1h", "where": {"property": "a/b", "eq~": 1}}]},
            {"colour": "red"},
            7
        ]}"#,
        &[
            ("/all/0/eq", codes::WRONG_TYPE),
            ("/all/1/gte", codes::DUPLICATE_KEY),
            ("/all/1/gte", codes::WRONG_TYPE),
            ("/all/2/any", codes::EMPTY_GROUP),
            ("/all/3/at_leest", codes::UNKNOWN_KEY),
            ("/all/3/within_last", codes::INVALID_DURATION),
            ("/all/4/sequence/1/where/eq~0", codes::UNKNOWN_KEY),
            ("/all/5", codes::UNKNOWN_CONDITION),
            ("/all/6", codes::WRONG_TYPE),
        ],
    );
}

#[test]
fn the_text_itself_is_checked() {
    check("", &[("", codes::INVALID_JSON)]);
    check("{\"trait\": \"a\" \"eq\": 1}", &[("", codes::INVALID_JSON)]);
    check("{\"trait\": \"\u{0}\", \"eq\": 1}", &[("", codes::INVALID_JSON)]);
    check("{\"trait\": \"a\", \"gt\": 1e999}", &[("", codes::INVALID_JSON)]);
    check("null", &[("", codes::WRONG_TYPE)]);
    check(&" ".repeat(32 * 1024 + 1), &[("", codes::TOO_LARGE)]);
    let message = &parse("{\n \"all\": [}").expect_err("not JSON")[0].message;
    assert!(message.contains("line 2 column"), "{message}");
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| {
        format!(
            "{}{{\"trait\":\"a\",\"exists\":true}}{}",
            "{\"not\":".repeat(depth),
            "}".repeat(depth)
        )
    };
    check(&nested(15), &[]);
    check(&nested(16), &[(&"/not".repeat(16), codes::TOO_DEEP)]);
    check(&nested(1_000), &[("", codes::TOO_DEEP)]);
    check(&"[".repeat(30_000), &[("", codes::TOO_DEEP)]);
    let wide = |count: usize| json!({ "any": vec![json!({"trait": "a", "eq": 1}); count] });
    check(&wide(199).to_string(), &[]);
    check(&wide(200).to_string(), &[("/any/199", codes::TOO_MANY_NODES)]);
    check(&wide(300).to_string(), &[("/any/199", codes::TOO_MANY_NODES)]);
    // The canonical text must parse again, so it is bounded as well.
    let values = vec!["1e15"; 500].join(",");
    let condition = format!("{{\"trait\":\"a\",\"in\":[{values}]}}");
    let text = format!("{{\"any\":[{}]}}", vec![condition; 10].join(","));
    assert!(text.len() < crate::TEXT_BYTES_MAX);
    check(&text, &[("", codes::TOO_LARGE)]);
}

#[test]
fn conditions_on_values_are_checked() {
    check(r#"{"trait": "a"}"#, &[("", codes::MISSING_OPERATOR)]);
    check(r#"{"trait": "", "eq": 1}"#, &[("/trait", codes::INVALID_TEXT)]);
    check(
        r#"{"trait": 3, "eq": []}"#,
        &[("/trait", codes::WRONG_TYPE), ("/eq", codes::WRONG_TYPE)],
    );
    check(r#"{"trait": "a", "in": []}"#, &[("/in", codes::WRONG_LENGTH)]);
    check(
        r#"{"trait": "a", "in": [1, null, {}]}"#,
        &[("/in/1", codes::WRONG_TYPE), ("/in/2", codes::WRONG_TYPE)],
    );
    check(r#"{"trait": "a", "gt": "2026-01-01"}"#, &[("/gt", codes::WRONG_TYPE)]);
    check(r#"{"trait": "a", "before": "soon"}"#, &[("/before", codes::INVALID_TIME)]);
    check(r#"{"trait": "a", "contains": ""}"#, &[("/contains", codes::INVALID_TEXT)]);
    check(
        r#"{"trait": "a", "exists": true, "not_exists": true}"#,
        &[("", codes::CONFLICTING_KEYS)],
    );
    check(r#"{"trait": "a", "exists": 1}"#, &[("/exists", codes::WRONG_TYPE)]);
    check(r#"{"field": "emial", "exists": true}"#, &[("/field", codes::UNKNOWN_FIELD)]);
    check(r#"{"trait": "a", "event": "b", "eq": 1}"#, &[("", codes::AMBIGUOUS_CONDITION)]);
    check(r#"{"all": [{"trait": "a", "eq": 1}], "note": "x"}"#, &[("/note", codes::UNKNOWN_KEY)]);
    for wrong in ["0d", "3661d", "1.5h", "h", "5", "-1d", "99999999999999999999d", "1y", "1 d"] {
        let text = json!({"field": "last_seen", "within_last": wrong}).to_string();
        check(&text, &[("/within_last", codes::INVALID_DURATION)]);
    }
}

#[test]
fn conditions_on_events_are_checked() {
    check(r#"{"event": "a", "at_least": 0}"#, &[("/at_least", codes::INVALID_RANGE)]);
    check(r#"{"event": "a", "at_least": 3, "at_most": 2}"#, &[("/at_least", codes::INVALID_RANGE)]);
    check(
        r#"{"event": "a", "exactly": 3, "at_most": 2}"#,
        &[("/exactly", codes::CONFLICTING_KEYS)],
    );
    check(
        r#"{"event": "a", "at_least": 1001, "within_last": "1d"}"#,
        &[("/at_least", codes::NUMBER_OUT_OF_RANGE)],
    );
    check(r#"{"event": "a", "at_least": 1001}"#, &[]);
    check(r#"{"event": "a", "at_least": -1}"#, &[("/at_least", codes::NUMBER_OUT_OF_RANGE)]);
    check(r#"{"event": "a", "at_least": 1.5}"#, &[("/at_least", codes::NUMBER_OUT_OF_RANGE)]);
    check(r#"{"no_event": "a", "at_least": 1}"#, &[("/at_least", codes::UNKNOWN_KEY)]);
    check(
        r#"{"event": "a", "where": {"trait": "b", "eq": 1}}"#,
        &[("/where", codes::UNKNOWN_CONDITION)],
    );
    check(r#"{"event": "a", "where": []}"#, &[("/where", codes::EMPTY_GROUP)]);
    check(
        r#"{"event": "a", "where": [{"property": "b", "within_last": "1d"}]}"#,
        &[("/where/0/within_last", codes::RELATIVE_TIME_IN_WHERE)],
    );
    check(r#"{"sequence": ["a"]}"#, &[("/sequence", codes::WRONG_LENGTH)]);
    check(
        r#"{"sequence": [{"event": "a", "within": "1h"}, {"where": {"property": "x", "eq": 1}}]}"#,
        &[("/sequence/0/within", codes::CONFLICTING_KEYS), ("/sequence/1", codes::MISSING_KEY)],
    );
}

#[test]
fn computed_traits_are_checked() {
    let check = |text: &str, want: &[(&str, &str)]| {
        check_problems(parse_computed(text).err().unwrap_or_default(), want);
    };
    check(r#"{"name": "orders", "kind": "count", "event": "Order Completed"}"#, &[]);
    check(
        r#"{"name": "Orders!", "kind": "sun", "event": ""}"#,
        &[
            ("/name", codes::INVALID_TEXT),
            ("/kind", codes::INVALID_TEXT),
            ("/event", codes::INVALID_TEXT),
        ],
    );
    check(
        r#"{"name": "a", "kind": "sum", "event": "b", "within_last": "30s"}"#,
        &[("", codes::MISSING_KEY), ("/within_last", codes::INVALID_DURATION)],
    );
    check(
        r#"{"name": "a", "kind": "count", "event": "b", "property": "c"}"#,
        &[("/property", codes::UNKNOWN_KEY)],
    );
    check("[]", &[("", codes::WRONG_TYPE)]);
}

#[test]
fn unknown_computed_traits_are_refused_where_the_vocabulary_is_known() {
    let known = ["orders_90d".to_owned()];
    let vocabulary = Vocabulary { computed: Some(&known) };
    let text =
        r#"{"any": [{"computed": "orders_90d", "gt": 1}, {"computed": "order_90d", "gt": 1}]}"#;
    let problems = parse_with(text, vocabulary).expect_err("one is unknown");
    assert!(problems[0].message.contains("did you mean \"orders_90d\"?"));
    check_problems(problems, &[("/any/1/computed", codes::UNKNOWN_COMPUTED)]);
    check(text, &[]);
}

#[test]
fn messages_say_what_to_do() {
    let message = |text: &str| parse(text).expect_err("invalid")[0].message.clone();
    assert!(message(r#"{"event": "a", "at_leest": 3}"#).contains("did you mean \"at_least\"?"));
    assert!(message(r#"{"trate": "a", "eq": 3}"#).contains("did you mean \"trait\"?"));
    assert!(message(r#"{"field": "first_sen", "exists": true}"#).contains("\"first_seen\"?"));
    assert!(message(r#"{"trait": "a", "gt": "2026-01-01"}"#).contains("\"before\" and \"after\""));
    assert!(message(r#"{"trait": "a", "within_last": "3 weeks"}"#).contains("\"30d\""));
}

#[test]
fn the_canonical_text_is_one_for_equal_rules() {
    check_canonical(
        &json!({"within_last": "2w", "at_least": 1, "event": "A", "where": [{"lt": 5.0, "property": "x"}]}),
        r#"{"event":"A","where":{"all":[{"property":"x","lt":5}]},"at_least":1,"within_last":"14d"}"#,
    );
    check_canonical(&json!({"event": "A"}), r#"{"event":"A","at_least":1}"#);
    check_canonical(&json!({"event": "A", "exactly": 0}), r#"{"no_event":"A"}"#);
    check_canonical(
        &json!({"event": "A", "at_least": 2, "at_most": 2}),
        r#"{"event":"A","exactly":2}"#,
    );
    check_canonical(
        &json!({"event": "A", "at_least": 2, "at_most": 4}),
        r#"{"event":"A","at_least":2,"at_most":4}"#,
    );
    check_canonical(&json!({"trait": "a", "exists": false}), r#"{"trait":"a","not_exists":true}"#);
    check_canonical(
        &json!({"trait": "a", "after": "2026-02-01", "before": "2026-03-01T01:00:00+01:00"}),
        r#"{"trait":"a","before":"2026-03-01T00:00:00Z","after":"2026-02-01T00:00:00Z"}"#,
    );
    check_canonical(
        &json!({"sequence": ["A", {"event": "B", "within": "3600s"}], "within_last": "24h"}),
        r#"{"sequence":[{"event":"A"},{"event":"B","within":"1h"}],"within_last":"1d"}"#,
    );
    check_canonical(
        &json!({"not": {"trait": "quote\"\n", "in": ["é", 1, true, 0.1]}}),
        r#"{"not":{"trait":"quote\"\n","in":["é",1,true,0.1]}}"#,
    );
}

#[test]
fn a_rule_tells_what_it_reads() {
    let rule = parse(
        r#"{"any": [
            {"event": "A", "within_last": "1d"},
            {"not": {"event": "A", "within_last": "9d"}},
            {"event": "A", "at_least": 2, "within_last": "9d"},
            {"sequence": ["B", "C"]},
            {"trait": "plan.name", "eq": 1}, {"field": "email", "exists": true},
            {"trait": "plan.name", "eq": 2}, {"computed": "revenue", "gt": 1}
        ]}"#,
    )
    .expect("valid");
    assert_eq!(rule.trackers().len(), 3, "equal needs share a tracker, whatever the window");
    assert_eq!(rule.field_paths(), ["email", "traits.plan.name"]);
    assert_eq!(rule.computed_names(), ["revenue"]);
    assert!(rule.listens_to("A") && rule.listens_to("C") && !rule.listens_to("D"));
}
