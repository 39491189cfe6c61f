use impresario_api::codes;
use impresario_kernel::Timestamp;
use impresario_profile::Call;
use proptest::prelude::*;

use super::guard;
use super::message::{self, Common, Expect};
use super::time;

const NOW: i64 = 1_795_176_000_000; // 2026-11-20T12:00:00Z

fn common() -> Common<'static> {
    Common {
        received: Timestamp::from_ms(NOW),
        sent_at: None,
        context: None,
        peer: Some([203, 0, 113, 9].into()),
        user: None,
        event_bytes_max: 32_768,
    }
}

/// The message of a text in a few words, or the code and the pointer of its refusal.
fn read(text: &str, expect: Expect, common: &Common<'_>) -> String {
    match message::read(text, expect, common, || "fresh".to_owned()) {
        Ok(message) => {
            let mut words = vec![message.call.name().to_owned(), message.message_id.clone()];
            let mut word = |name: &str, value: Option<&str>| {
                words.extend(value.map(|value| format!("{name}={value}")));
            };
            word("user", message.user_id.as_ref().map(|id| id.0.as_str()));
            word("anonymous", message.anonymous_id.as_ref().map(|id| id.0.as_str()));
            word("previous", message.previous_id.as_ref().map(|id| id.0.as_str()));
            word("group", message.group_id.as_deref());
            word("name", message.name.as_deref());
            word("properties", message.properties.as_ref().map(|json| json.0.as_str()));
            word("traits", message.traits.as_ref().map(|json| json.0.as_str()));
            word("context", message.context.as_ref().map(|json| json.0.as_str()));
            if message.at != message.received_at {
                words.push(format!("at={}", time::print(message.at)));
            }
            words.join(" ")
        }
        Err(refusal) => match refusal.pointer {
            Some(pointer) => format!("{} {pointer}", refusal.code.name),
            None => refusal.code.name.to_owned(),
        },
    }
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(read(text, Expect::ByType, &common()), want, "for {text}");
}

#[test]
fn ing_02_each_call_of_the_tracking_api_is_understood() {
    check(
        r#"{"type":"track","userId":"u1","event":"Viewed","properties":{"a":1},"messageId":"m"}"#,
        r#"track m user=u1 name=Viewed properties={"a":1}"#,
    );
    check(
        r#"{"type":"identify","anonymousId":"a1","traits":{"email":"a@b.c"},"messageId":"m"}"#,
        r#"identify m anonymous=a1 traits={"email":"a@b.c"}"#,
    );
    check(r#"{"type":"page","userId":"u1","name":"Home"}"#, "page fresh user=u1 name=Home");
    check(r#"{"type":"page","userId":"u1","category":"Shop"}"#, "page fresh user=u1 name=Shop");
    check(r#"{"type":"screen","userId":"u1"}"#, "screen fresh user=u1");
    check(r#"{"type":"group","userId":"u1","groupId":"g1"}"#, "group fresh user=u1 group=g1");
    check(
        r#"{"type":"alias","userId":"u1","previousId":"a1","anonymousId":null}"#,
        "alias fresh user=u1 previous=a1",
    );
}

#[test]
fn ing_06_what_is_wrong_is_named() {
    check(r#"{"type":"track","event":"x"}"#, "no_user_anon_id");
    check(r#"{"type":"track","event":"x","userId":""}"#, "no_user_anon_id");
    check(r#"{"type":"track","userId":"u"}"#, "event_name_invalid /event");
    check(r#"{"type":"track","userId":"u","event":""}"#, "event_name_invalid /event");
    check(r#"{"type":"group","userId":"u"}"#, "field_missing /groupId");
    check(r#"{"type":"alias","userId":"u"}"#, "field_missing /previousId");
    check(r#"{"type":"alias","anonymousId":"a","previousId":"p"}"#, "field_missing /userId");
    check(r#"{"type":"dance","userId":"u"}"#, "type_unknown /type");
    check(r#"{"userId":"u"}"#, "type_unknown /type");
    check(r#"{"type":"track","userId":["u"],"event":"x"}"#, "field_type_wrong /userId");
    check(
        r#"{"type":"track","userId":"u","event":"x","properties":7}"#,
        "field_type_wrong /properties",
    );
    check(
        r#"{"type":"track","userId":"u","event":"x","timestamp":"soon"}"#,
        "timestamp_invalid /timestamp",
    );
    check(
        r#"{"type":"track","userId":"u","event":"x","timestamp":"9999-01-01"}"#,
        "timestamp_absurd /timestamp",
    );
    check(
        r#"{"type":"track","userId":"u","event":"x","timestamp":"0001-01-01T00:00:00Z"}"#,
        "timestamp_absurd /timestamp",
    );
    check("[]", "not_an_object");
    check("null", "not_an_object");
    check("7", "not_an_object");
    check("{", "malformed_json");
    check("", "malformed_json");
    let long = "x".repeat(300);
    check(&format!(r#"{{"type":"track","userId":"{long}","event":"x"}}"#), "id_invalid /userId");
    check(
        &format!(r#"{{"type":"track","userId":"u","event":"{long}"}}"#),
        "event_name_invalid /event",
    );
    check(
        &format!(r#"{{"type":"track","userId":"u","event":"x","messageId":"{long}"}}"#),
        "message_id_invalid /messageId",
    );
    check(
        &format!(r#"{{"type":"track","userId":"u","pad":"{}"}}"#, "x".repeat(33_000)),
        "event_too_large",
    );
}

#[test]
fn numbers_are_ids_and_of_duplicate_keys_the_last_counts() {
    check(r#"{"type":"track","userId":17,"event":"x"}"#, "track fresh user=17 name=x");
    check(r#"{"type":"track","userId":"a","userId":"b","event":"x"}"#, "track fresh user=b name=x");
    check(r#"{"type":"track","user_id":"a","event":"x"}"#, "track fresh user=a name=x");
}

#[test]
fn the_context_is_merged_and_loses_the_library() {
    let batch =
        serde_json::value::RawValue::from_string(r#"{"ip":"1.2.3.4","locale":"de"}"#.to_owned())
            .expect("json");
    let common = Common { context: Some(&batch), ..common() };
    let text = r#"{"type":"track","userId":"u","event":"x","context":{"library":{"name":"l"},"locale":"en"}}"#;
    let want = r#"track fresh user=u name=x context={"ip":"1.2.3.4","locale":"en"}"#;
    assert_eq!(read(text, Expect::ByType, &common), want);
    check(
        r#"{"type":"track","userId":"u","event":"x","context":{"library":{"name":"l"}}}"#,
        "track fresh user=u name=x",
    );
    check(
        r#"{"type":"track","userId":"u","event":"x","context":{"direct":true}}"#,
        r#"track fresh user=u name=x context={"direct":true,"ip":"203.0.113.9"}"#,
    );
    let many: Vec<String> = (0..200).map(|number| format!(r#""k{number}":1"#)).collect();
    check(
        &format!(r#"{{"type":"track","userId":"u","event":"x","context":{{{}}}}}"#, many.join(",")),
        "field_too_large /context",
    );
}

#[test]
fn a_users_token_speaks_only_for_that_user() {
    let common = Common { user: Some("u1"), ..common() };
    let track = Expect::TypeOr(Call::Track);
    assert_eq!(read(r#"{"event":"x"}"#, track, &common), "track fresh user=u1 name=x");
    assert_eq!(
        read(r#"{"event":"x","user_id":"u1"}"#, track, &common),
        "track fresh user=u1 name=x"
    );
    assert_eq!(read(r#"{"event":"x","user_id":"u2"}"#, track, &common), "user_mismatch /userId");
}

#[track_caller]
fn check_time(received: i64, sent: Option<i64>, original: Option<i64>, want: Option<i64>) {
    let got =
        time::correct(Timestamp::from_ms(received), sent, original).ok().map(Timestamp::as_ms);
    assert_eq!(got, want, "received {received}, sent {sent:?}, original {original:?}");
}

#[test]
fn pro_02_a_wrong_client_clock_is_corrected() {
    let (hour, day) = (3_600_000, 86_400_000);
    check_time(NOW, None, None, Some(NOW));
    check_time(NOW, None, Some(NOW - hour), Some(NOW - hour));
    // An hour ahead, the event ten seconds old: received − (sent − original).
    check_time(NOW, Some(NOW + hour), Some(NOW + hour - 10_000), Some(NOW - 10_000));
    // Years behind.
    check_time(NOW, Some(1_000), Some(500), Some(NOW - 500));
    // The network's delay is no skew: imported history stays where it was.
    check_time(NOW, Some(NOW - 900), Some(852_076_800_000), Some(852_076_800_000));
    // Nothing happens after it was received, and nothing absurd is kept.
    check_time(NOW, None, Some(NOW + hour), Some(NOW));
    check_time(NOW, None, Some(NOW + 2 * day), None);
    check_time(NOW, None, Some(-1), None);
    check_time(NOW, Some(i64::MIN), Some(i64::MAX), None);
    check_time(NOW, Some(i64::MAX), Some(i64::MIN), None);
}

#[test]
fn times_are_read_in_the_forms_that_clients_send() {
    let check = |text: &str, want: Option<&str>| {
        let got = time::parse(text).map(|ms| time::print(Timestamp::from_ms(ms)));
        assert_eq!(got.as_deref(), want, "{text}");
    };
    check("2026-11-20T11:56:00.695+00:00", Some("2026-11-20T11:56:00.695Z"));
    check("2026-11-20T12:01:27.197Z", Some("2026-11-20T12:01:27.197Z"));
    check("2026-11-20T11:56:02.137485+00:00", Some("2026-11-20T11:56:02.137Z"));
    check("2026-11-20T13:56:02+02:00", Some("2026-11-20T11:56:02.000Z"));
    check("2026-11-20 11:56:02", Some("2026-11-20T11:56:02.000Z"));
    check("2026-11-20", Some("2026-11-20T00:00:00.000Z"));
    check("1795176000", Some("2026-11-20T12:00:00.000Z"));
    check("1795176000000", Some("2026-11-20T12:00:00.000Z"));
    check("yesterday", None);
    check("", None);
    check("NaN", None);
    check("1e300", None);
}

#[test]
fn hostile_json_is_refused_by_its_own_code() {
    let check = |text: &str, want: Option<&str>| {
        let got = guard::check(text, guard::DEPTH_MAX).err().map(|flaw| flaw.code.name);
        assert_eq!(got, want, "{}", &text[..text.len().min(60)]);
    };
    check(r#"{"a":[1,2.5,-3,true,false,null,"\u00e9\ud83d\ude00"]}"#, None);
    check(&format!("{}1{}", "[".repeat(32), "]".repeat(32)), None);
    check(&format!("{}1{}", "[".repeat(33), "]".repeat(33)), Some("nested_too_deep"));
    check(&"[".repeat(200_000), Some("nested_too_deep"));
    check(&"{\"a\":".repeat(50_000), Some("nested_too_deep"));
    check(r#"{"a":"\u0000"}"#, Some("nul_character"));
    check(r#"{"\u0000":1}"#, Some("nul_character"));
    check("{\"a\":\"\0\"}", Some("malformed_json"));
    check(r#"{"a":1e999}"#, Some("number_out_of_range"));
    check(r#"{"a":-1e999}"#, Some("number_out_of_range"));
    check(r#"{"a":"\ud800"}"#, Some("malformed_json"));
    check(r#"{"a":01}"#, Some("malformed_json"));
    check(r#"{"a":1,}"#, Some("malformed_json"));
    check(r#"{"a":1} x"#, Some("malformed_json"));
    check(r#"{"a":NaN}"#, Some("malformed_json"));
}

/// What the official clients of Segment and RudderStack sent when they were recorded.
const RECORDED: &str = include_str!("../../tests/recorded-batches.jsonl");

#[test]
fn recorded_batches_of_official_clients_are_understood() {
    for line in RECORDED.lines() {
        let fields = super::fields::read(line).expect("a recorded batch");
        let sent_at = fields.sent_at.as_deref().and_then(time::parse);
        assert!(sent_at.is_some());
        let common = Common { sent_at, ..common() };
        let items = fields.batch.expect("items");
        assert!(!items.is_empty());
        for item in items {
            let message =
                message::read(item.get(), Expect::ByType, &common, || unreachable!("all have ids"))
                    .expect("an accepted event");
            assert_eq!(message.user_id.expect("all have users").0, "u1");
            assert_eq!(message.context, None, "the library alone is not kept");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in ".{0,200}") {
        read(&text, Expect::ByType, &common());
    }

    #[test]
    fn no_object_of_known_fields_makes_the_readers_panic(
        fields in proptest::collection::vec((
            proptest::sample::select(vec![
                "type", "messageId", "userId", "anonymousId", "previousId", "groupId", "event", "name",
                "timestamp", "originalTimestamp", "sentAt", "properties", "traits", "context", "batch",
                "integrations", "writeKey",
            ]),
            proptest::sample::select(vec![
                "null", "true", "17", "-1", "1e300", "1e999", "\"track\"", "\"alias\"", "\"u\"", "\"\"", "{}", "[]",
                "{\"a\":{\"b\":[1]}}", "[[[[1]]]]", "\"\\u0000\"", "\"\\ud800\"", "\"2026-11-20\"", "{\"direct\":true}",
                "{\"direct\":true,\"direct\":false,\"ip\":1}", "\"-9999-01-01\"", "\"99999999999999\"",
            ]),
        ), 0..12)
    ) {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!("{{{}}}", body.join(","));
        for expect in [Expect::ByType, Expect::Call(Call::Alias), Expect::TypeOr(Call::Track)] {
            if let Ok(message) = message::read(&text, expect, &common(), || "fresh".to_owned()) {
                // Whatever is let through can be read again by whoever needs its values.
                for json in [message.properties, message.traits, message.context].into_iter().flatten() {
                    prop_assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&json.0).is_ok());
                }
                prop_assert!(message.at <= message.received_at);
            }
        }
    }

    #[test]
    fn whatever_the_guard_lets_through_parses(text in "[\\[\\]{}:,\"\\\\u0-9a-f.eE+-]{0,40}") {
        if guard::check(&text, guard::DEPTH_MAX).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }

    #[test]
    fn corrected_times_are_never_in_the_future(received in any::<i64>(), sent: Option<i64>, original: Option<i64>) {
        if let Ok(at) = time::correct(Timestamp::from_ms(received), sent, original) {
            prop_assert!(at.as_ms() <= received);
        } else {
            prop_assert!(codes::TIMESTAMP_ABSURD.status == 400);
        }
    }
}
