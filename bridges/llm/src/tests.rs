use proptest::prelude::*;
use serde_json::{Value, json};

use crate::wire::frames::{Frame, Frames};
use crate::{check, extract_json};

fn frames(pieces: &[&[u8]], lines: bool) -> Vec<Frame> {
    let mut frames = Frames::new(lines);
    let mut out = Vec::new();
    for piece in pieces {
        frames.feed(piece, &mut out).expect("readable");
    }
    frames.end(&mut out).expect("readable");
    out
}

fn frame(name: &str, data: &str) -> Frame {
    (name.to_owned(), data.to_owned())
}

#[test]
fn events_are_cut_as_the_standard_says() {
    let text = "\u{feff}: hello\r\nevent: a\r\ndata: 1\r\ndata:  2\r\rdata:3\nid: 9\n\nevent: lost\n\ndata\n\ndata: no end";
    let want = [frame("a", "1\n 2"), frame("", "3"), frame("", "")];
    assert_eq!(frames(&[text.as_bytes()], false), want);
}

#[test]
fn lines_of_json_may_lack_the_last_end() {
    let want = [frame("", r#"{"a":1}"#), frame("", r#"{"b":2}"#)];
    assert_eq!(frames(&[b"{\"a\":1}\r\n\n{\"b\"", b":2}"], true), want);
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let error = Frames::new(false).feed(b"data: \xff\n", &mut Vec::new()).expect_err("not text");
    assert_eq!(&*error.code, "not_utf8");
}

#[test]
fn json_is_found_where_models_put_it() {
    for text in [
        r#"{"a":1}"#,
        "```json\n{\"a\":1}\n```",
        "Here you are:\n```\n{\"a\":1}\n``` Anything else?",
        r#"Sure! {"a":1} I hope that helps."#,
    ] {
        assert_eq!(extract_json(text), Some(json!({"a": 1})), "{text}");
    }
    assert_eq!(extract_json("no"), None);
}

#[test]
fn mismatches_name_the_place_and_not_the_value() {
    let schema = json!({
        "type": "object",
        "properties": {"list": {"type": "array", "items": {"$ref": "#/$defs/item"}}},
        "required": ["list", "other"],
        "additionalProperties": false,
        "$defs": {"item": {"type": "integer", "minimum": 3}},
    });
    let got = check(&schema, &json!({"list": [3, 2, "secret"], "more": 1}));
    let got: Vec<(&str, &str)> =
        got.iter().map(|one| (one.pointer.as_str(), one.message.as_str())).collect();
    assert_eq!(
        got,
        [
            ("", "must have the property \"other\""),
            ("/list/1", "must be at least 3"),
            ("/list/2", "must be of type \"integer\""),
            ("/more", "must not be there"),
        ]
    );
}

#[test]
fn a_schema_in_a_circle_ends() {
    let schema = json!({"$ref": "#"});
    assert_eq!(check(&schema, &json!(1))[0].message, "is nested too deep");
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-4_i64..5).prop_map(Value::from),
        (-4_i32..5).prop_map(|number| json!(f64::from(number) / 2.0)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3).prop_map(Value::from_iter),
        ]
    })
}

fn schemas() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        json!("object"),
        json!("array"),
        json!("string"),
        json!("number"),
        json!("integer"),
        json!("boolean"),
        json!("null"),
        json!(["string", "null"]),
    ]);
    let leaf = prop_oneof![
        4 => kind.prop_map(|kind| json!({"type": kind})),
        1 => values().prop_map(|value| json!({"const": value})),
        1 => prop::collection::vec(values(), 1..3).prop_map(|values| json!({"enum": values})),
        1 => (-3_i64..4, 0_i64..4).prop_map(|(least, more)| {
            json!({"minimum": least, "exclusiveMaximum": least + more})
        }),
        1 => (0_u64..3, 0_u64..3).prop_map(|(least, more)| {
            json!({"minLength": least, "maxLength": least + more, "maxItems": more})
        }),
        1 => any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            (inner.clone(), inner.clone(), any::<bool>()).prop_map(|(a, rest, required)| {
                let required = if required { vec!["a"] } else { Vec::new() };
                json!({
                    "type": "object", "properties": {"a": a}, "required": required,
                    "additionalProperties": rest,
                })
            }),
            (
                prop::sample::select(vec!["anyOf", "oneOf", "allOf"]),
                prop::collection::vec(inner, 1..3)
            )
                .prop_map(|(word, options)| Value::from_iter([(word.to_owned(), options)])),
        ]
    })
}

proptest! {
    #[test]
    fn the_checker_agrees_with_a_whole_implementation(schema in schemas(), value in values()) {
        let whole = jsonschema::validator_for(&schema).expect("a schema");
        prop_assert_eq!(check(&schema, &value).is_empty(), whole.is_valid(&value));
    }

    #[test]
    fn frames_do_not_depend_on_the_pieces(
        text in "(event: [a-c]\r?\n|data: [a-zä😀]{0,5}\r?\n|: x\n|\r?\n){0,12}",
        cuts in prop::collection::vec(0_usize..200, 0..8),
        lines: bool,
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(frames(&pieces, lines), frames(&[bytes], lines));
    }

    #[test]
    fn no_bytes_panic_the_reader(pieces: Vec<Vec<u8>>, lines: bool) {
        let mut frames = Frames::new(lines);
        let mut out = Vec::new();
        for piece in &pieces {
            if frames.feed(piece, &mut out).is_err() {
                break;
            }
        }
    }
}
