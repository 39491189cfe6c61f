use impresario_kernel::Coded;
use proptest::prelude::*;

use super::*;

/// The code with which a profile refuses this message, `None` if it takes it.
fn refused(message: Message) -> Option<&'static str> {
    let message = by_user(message, "ada");
    let result = Story::new(Policy::default()).receive(message);
    result.err().map(|rejection| {
        let detail = rejection.detail().unwrap_or_else(|| "{}".to_owned());
        serde_json::from_str::<Value>(&detail).expect("a detail is JSON");
        rejection.code()
    })
}

#[track_caller]
fn check(message: Message, want: Option<&'static str>) {
    assert_eq!(refused(message), want);
}

#[test]
fn ids_and_names_are_bounded() {
    let with_id = |id: &str| Message { message_id: id.to_owned(), ..track(1, "Seen", NOON, "{}") };
    check(with_id(""), Some("message_id_invalid"));
    check(with_id(&"x".repeat(100)), None);
    check(with_id(&"x".repeat(101)), Some("message_id_invalid"));
    check(track(1, "", NOON, "{}"), Some("event_name_invalid"));
    check(track(1, &"x".repeat(200), NOON, "{}"), None);
    check(track(1, &"x".repeat(201), NOON, "{}"), Some("event_name_invalid"));
    check(by_anonymous(track(1, "Seen", NOON, "{}"), ""), Some("id_invalid"));
    check(by_anonymous(track(1, "Seen", NOON, "{}"), &"x".repeat(257)), Some("id_invalid"));
    check(message(Call::Group, 1, NOON), Some("field_missing"));
    check(message(Call::Alias, 1, NOON), Some("field_missing"));
    check(track(1, "a\0b\u{202e}", NOON, r#"{"path":"\u0000"}"#), None);
}

#[test]
fn json_must_be_an_object_of_bounded_size_and_depth() {
    for text in [
        "",
        "[]",
        "null",
        "{",
        "{\"a\":}",
        "{}x",
        "{\"a\":1,}",
        "\u{feff}{}",
        "{\"a\":\"\\ud800\"}",
    ] {
        check(track(1, "Seen", NOON, text), Some("not_an_object"));
    }
    check(track(1, "Seen", NOON, "  {} "), None);
    check(track(1, "Seen", NOON, r#"{"a":1,"a":2}"#), None);
    let deep = |levels: usize| format!("{}{}", r#"{"a":"#.repeat(levels) + "1", "}".repeat(levels));
    check(track(1, "Seen", NOON, &deep(JSON_DEPTH_MAX)), None);
    check(track(1, "Seen", NOON, &deep(JSON_DEPTH_MAX + 1)), Some("field_too_deep"));
    check(track(1, "Seen", NOON, &"[".repeat(30_000)), Some("field_too_deep"));
    check(identify(1, NOON, &deep(DEPTH_MAX + 1)), None);
    check(identify(1, NOON, &deep(DEPTH_MAX + 2)), Some("field_too_deep"));
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(JSON_BYTES_MAX));
    check(track(1, "Seen", NOON, &large), Some("field_too_large"));
}

#[test]
fn traits_are_bounded_over_messages() {
    let mut story = Story::new(Policy::default());
    let mut set = |n: u64, traits: String| {
        let result = story.receive(by_user(identify(n, NOON + n.cast_signed(), &traits), "ada"));
        result.err().map(|rejection| rejection.code())
    };
    for n in 0..TRAITS_MAX as u64 {
        assert_eq!(set(n, format!(r#"{{"t{n}":1}}"#)), None);
    }
    assert_eq!(set(1_000, r#"{"more":1}"#.to_owned()), Some("traits_too_many"));
    assert_eq!(set(1_001, r#"{"t0":2}"#.to_owned()), None);
    assert_eq!(set(1_002, r#"{"t0":null,"more":1}"#.to_owned()), None);
    assert_eq!(set(1_003, r#"{"":1}"#.to_owned()), Some("trait_name_invalid"));
    let half = "x".repeat(TRAITS_BYTES_MAX / 2);
    assert_eq!(set(1_004, format!(r#"{{"t1":"{half}"}}"#)), None);
    assert_eq!(set(1_005, format!(r#"{{"t2":"{half}"}}"#)), Some("traits_too_large"));
}

#[test]
fn absurd_times_and_amounts_are_taken() {
    for at in [i64::MIN, i64::MAX, 0, -1] {
        let mut story = Story::new(Policy::default());
        for (n, name) in (0..).zip(["Order Completed", "Order Refunded", "Order Cancelled"]) {
            for (m, amount) in
                (0..).zip(["1e308", "-1e18", "999999999999999999999", "\"NaN\"", "{}", "null"])
            {
                let message = track(n * 10 + m, name, at, &format!(r#"{{"revenue":{amount}}}"#));
                let received_at = Timestamp::from_ms(at);
                story
                    .receive(Message { received_at, ..by_user(message, "ada") })
                    .expect("accepted");
                story.receive(by_user(page(100 + n * 10 + m, "/", NOON), "ada")).expect("accepted");
            }
        }
        assert_eq!(story.view(user("ada")).events, 36);
    }
}

#[test]
fn debug_output_hides_the_person() {
    let mut story = Story::new(Policy::new(Vec::new(), Vec::new(), everything()));
    let context = Some(Personal(r#"{"externalIds":[{"id":"SECRET","type":"t"}]}"#.to_owned()));
    let message = identify(1, NOON, r#"{"email":"SECRET","name":"SECRET"}"#);
    let message = by_user(by_anonymous(Message { context, ..message }, "SECRET"), "SECRET");
    story.receive(message.clone()).expect("accepted");
    let page = by_user(page(2, "/SECRET", NOON), "SECRET");
    story.receive(page).expect("accepted");
    let actor = &story.actors[&user("SECRET")];
    let shown = format!(
        "{message:?} {:?} {:?} {:?}",
        actor.state,
        actor.history,
        story.view(user("SECRET"))
    );
    assert!(!shown.contains("SECRET"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_panics(properties: String, traits: String, name: String, id in ".{1,20}") {
        let mut one = track(1, &name, NOON, &properties);
        one.traits = Some(Personal(traits.clone()));
        one.context = Some(Personal(properties.clone()));
        for call in [Call::Track, Call::Page, Call::Identify, Call::Group] {
            refused(Message { call, group_id: Some(id.clone()), ..one.clone() });
        }
        let mut story = Story::new(Policy::default());
        let _ = story.send(user("ada"), Command::Preview { rule: traits });
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = decode::<State>(&bytes);
        let _ = decode::<Event>(&bytes);
        let _ = decode::<Command>(&bytes);
        let _ = decode::<Effect>(&bytes);
        let _ = (index::decode_event(&bytes), index::decode_usage(&bytes), index::decode_past_member(&bytes));
    }
}
