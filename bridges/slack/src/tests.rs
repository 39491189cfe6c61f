#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use impresario_calls::{Secret, hmac_sha256, to_hex};
use impresario_messages::{
    Button, Buttons, Channel, Content, Event, List, Media, MediaKind, Row, Section, SendClass, plan,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn settings() -> Settings {
    serde_json::from_value(json!({
        "bot_token": "xoxb-1",
        "signing_secret": "8f742231b10e8888abcd99yyyzzz85a5",
        "team_id": "T1",
        "bot_user_id": "UBOT",
    }))
    .unwrap()
}

/// Slack's published example.
const COMMAND: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const COMMAND_TAG: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
const COMMAND_S: i64 = 1_531_420_618;

#[test]
fn signatures_are_slacks_published_one_and_live_five_minutes() {
    let check = |signature: Option<&str>, timestamp: Option<&str>, body: &str, now_s: i64, want| {
        let delivery = Delivery { signature, timestamp, retry: None };
        let secret = settings().signing_secret;
        assert_eq!(verify(&secret, delivery, body.as_bytes(), now_s * 1_000), want);
    };
    let stamp = Some("1531420618");
    let tag = Some(COMMAND_TAG);
    check(tag, stamp, COMMAND, COMMAND_S, Ok(()));
    check(tag, stamp, COMMAND, COMMAND_S + 300, Ok(()));
    check(tag, stamp, COMMAND, COMMAND_S + 301, Err(Refusal::Stale));
    check(tag, stamp, COMMAND, COMMAND_S - 301, Err(Refusal::Stale));
    check(tag, Some("1531420619"), COMMAND, COMMAND_S, Err(Refusal::SignatureWrong));
    check(tag, stamp, &COMMAND[1..], COMMAND_S, Err(Refusal::SignatureWrong));
    check(None, stamp, COMMAND, COMMAND_S, Err(Refusal::SignatureMissing));
    check(tag, None, COMMAND, COMMAND_S, Err(Refusal::SignatureMissing));
    check(Some("v1=00"), stamp, COMMAND, COMMAND_S, Err(Refusal::SignatureMalformed));
    // Made by slack_sdk 3.47.0, SignatureVerifier("s3cret").generate_signature.
    let signature = Some("v0=ebd84df8dea93a0f2cc0725cc5d453425b291b37bf78cc012a5b56a0ae37b274");
    let delivery = Delivery { signature, timestamp: Some("1700000000"), retry: None };
    let body = r#"{"t":"olá 😀"}"#.as_bytes();
    assert_eq!(verify(&Secret::new("s3cret"), delivery, body, 1_700_000_000_000), Ok(()));
}

fn read(body: &Value) -> Vec<Event> {
    parse("con", &settings(), "application/json", body.to_string().as_bytes(), 7).unwrap()
}

fn event(event: Value) -> Vec<Event> {
    read(&json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}))
}

#[track_caller]
fn check(given: Value, thread: &str, words: &str) {
    let events = event(given);
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert_eq!(inbound.address.thread, thread);
    assert_eq!(inbound.content.words(), Some(words));
    assert_eq!(inbound.id, "C1:1700000000.000100");
    assert_eq!(inbound.at_ms, 1_700_000_000_000);
    assert_eq!(inbound.extra("event_id"), Some("Ev1"));
}

#[test]
fn chn_03_what_is_said_to_the_bot_is_read_in_its_thread() {
    let said = |kind: &str, more: Value| {
        let mut said = json!({"type": kind, "user": "U1", "channel": "C1", "ts": "1700000000.000100", "text": "<@UBOT> hi &amp; <https://e.com|e.com> <#C2|sales>"});
        for (key, value) in more.as_object().unwrap() {
            said[key] = value.clone();
        }
        said
    };
    let words = "hi & e.com sales";
    check(said("app_mention", json!({})), "C1:1700000000.000100", words);
    check(said("message", json!({"channel_type": "im"})), "C1", words);
    let threaded = json!({"channel_type": "channel", "thread_ts": "1600000000.000001"});
    check(said("message", threaded), "C1:1600000000.000001", words);
}

#[test]
fn what_is_not_said_to_the_bot_is_ignored() {
    let check = |given: Value, want: &str| {
        assert_eq!(format!("{:?}", event(given)[0]), format!("Ignored({want})"));
    };
    let with = |more: Value| {
        let mut said = json!({"type": "message", "user": "U1", "channel": "C1", "ts": "1.0", "text": "a", "channel_type": "channel"});
        for (key, value) in more.as_object().unwrap() {
            said[key] = value.clone();
        }
        said
    };
    check(with(json!({})), "not_addressed");
    check(with(json!({"bot_id": "B1"})), "bot");
    check(with(json!({"user": "UBOT"})), "bot");
    check(with(json!({"subtype": "message_changed"})), "subtype");
    check(with(json!({"user": null, "channel_type": "im"})), "no_sender");
    check(json!({"type": "team_join"}), "event");
    let other = read(&json!({"type": "event_callback", "team_id": "T2", "event": {}}));
    assert_eq!(format!("{:?}", other[0]), "Ignored(other_team)");
}

#[test]
fn the_handshake_gives_the_challenge_back() {
    let events = read(&json!({"type": "url_verification", "challenge": "3eZbrw"}));
    assert!(matches!(&events[0], Event::Handshake(answer) if answer.body == "3eZbrw"));
}

#[test]
fn files_and_reactions_are_read() {
    let file = json!({"id": "F1", "name": "a.png", "mimetype": "image/png", "size": 5, "url_private": "https://files.slack.com/a"});
    let events = event(
        json!({"type": "message", "subtype": "file_share", "channel_type": "im", "user": "U1", "channel": "D1", "ts": "1.0", "text": "look", "files": [file]}),
    );
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    let Content::Media(media) = &inbound.content else { panic!("{events:?}") };
    assert_eq!((media.kind, media.url()), (MediaKind::Image, Some("https://files.slack.com/a")));
    let events = event(
        json!({"type": "reaction_added", "user": "U1", "item_user": "UBOT", "reaction": "tada", "item": {"channel": "C1", "ts": "1.0"}, "event_ts": "2.5"}),
    );
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert_eq!(inbound.content.words(), Some(":tada:"));
    let events = event(
        json!({"type": "reaction_added", "user": "U1", "item_user": "U2", "reaction": "tada", "item": {"channel": "C1", "ts": "1.0"}, "event_ts": "2.5"}),
    );
    assert_eq!(format!("{:?}", events[0]), "Ignored(reaction)", "people among themselves");
}

#[test]
fn who_did_not_say_who_the_bot_is_reads_links_all_the_same() {
    let settings = Settings { bot_user_id: None, ..settings() };
    let said = json!({"type": "app_mention", "user": "U1", "channel": "C1", "ts": "1.0", "text": "<@UBOT> see <https://e.com/a> in <#C2|sales>"});
    let body = json!({"type": "event_callback", "team_id": "T1", "event": said}).to_string();
    let events = parse("con", &settings, "application/json", body.as_bytes(), 7).unwrap();
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert_eq!(inbound.content.words(), Some("@UBOT see https://e.com/a in sales"));
}

#[test]
fn what_is_said_in_a_thread_without_a_mention_is_marked() {
    let check = |kind: &str, text: &str, want: Option<&str>| {
        let events = event(
            json!({"type": kind, "user": "U1", "channel": "C1", "channel_type": "channel", "ts": "2.0", "thread_ts": "1.0", "text": text}),
        );
        let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
        assert_eq!(inbound.extra(UNADDRESSED), want);
    };
    check("message", "and by the way", Some("true"));
    check("message", "<@UBOT> and by the way", None);
    check("app_mention", "<@UBOT> and by the way", None);
}

fn form(payload: &Value) -> Vec<Event> {
    let body: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &payload.to_string())
        .finish();
    parse("con", &settings(), "application/x-www-form-urlencoded", body.as_bytes(), 7).unwrap()
}

#[test]
fn a_pressed_button_and_a_chosen_row_are_choices() {
    let pressed = |action: Value| json!({"type": "block_actions", "team": {"id": "T1"}, "user": {"id": "U1", "name": "ana"}, "channel": {"id": "C1"}, "message": {"ts": "5.0", "thread_ts": "4.0"}, "trigger_id": "t", "response_url": "https://hooks.slack.com/x", "actions": [action]});
    let check = |action: Value, id: &str, title: &str| {
        let events = form(&pressed(action));
        let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
        let Content::Choice(choice) = &inbound.content else { panic!("{events:?}") };
        assert_eq!((choice.id.as_str(), choice.title.as_str()), (id, title));
        assert_eq!(inbound.address.thread, "C1:4.0");
        assert_eq!(inbound.id, "C1:5.0:6.5");
    };
    let text = json!({"type": "plain_text", "text": "Yes &amp; no"});
    check(json!({"value": "b1", "text": text, "action_ts": "6.5"}), "b1", "Yes & no");
    let option = json!({"value": "r1", "text": {"text": "Red"}});
    check(json!({"selected_option": option, "action_ts": "6.5"}), "r1", "Red");
    let link = form(&pressed(json!({"text": text, "action_ts": "6.5"})));
    assert_eq!(format!("{:?}", link[0]), "Ignored(link)");
}

#[test]
fn a_slash_command_is_its_text() {
    let body = COMMAND.replace("text=", "text=where+is+my+order").replace("T1DC2JH3J&", "T1&");
    let events =
        parse("con", &settings(), "application/x-www-form-urlencoded", body.as_bytes(), 7).unwrap();
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert_eq!(inbound.content.words(), Some("where is my order"));
    assert_eq!(inbound.extra("command"), Some("/webhook-collect"));
    assert!(parse("con", &settings(), "application/x-www-form-urlencoded", b"a=b", 0).is_err());
    assert!(parse("con", &settings(), "application/json", b"{", 0).is_err());
}

#[test]
fn messages_are_written_as_block_kit() {
    let said = |content: Content| {
        let planned = plan(&[content], Channel::Slack);
        Value::Object(message(&planned[0]).unwrap())
    };
    assert_eq!(said(Content::text("**a** < b")), json!({"text": "*a* &lt; b", "mrkdwn": true}));
    let question = Buttons {
        header: Some("Head".to_owned()),
        body: "Which?".to_owned(),
        footer: Some("foot".to_owned()),
        buttons: vec![Button::reply("a", "A"), Button::link("B", "https://e.com")],
        ..Buttons::default()
    };
    let plain = |text: &str| json!({"type": "plain_text", "text": text, "emoji": true});
    let want = json!([
        {"type": "header", "text": plain("Head")},
        {"type": "section", "text": {"type": "mrkdwn", "text": "Which?"}},
        {"type": "actions", "elements": [
            {"type": "button", "action_id": "impresario_0", "text": plain("A"), "value": "a"},
            {"type": "button", "action_id": "impresario_1", "text": plain("B"), "url": "https://e.com"},
        ]},
        {"type": "context", "elements": [plain("foot")]},
    ]);
    assert_eq!(said(Content::Buttons(question))["blocks"], want);
    let group = |title: &str, id: &str| Section {
        title: title.to_owned(),
        rows: vec![Row { id: id.to_owned(), title: id.to_uppercase(), description: None }],
    };
    let list = |sections: Vec<Section>| {
        Content::List(List {
            body: "Q".to_owned(),
            button: "Open".to_owned(),
            sections,
            ..List::default()
        })
    };
    let select = said(list(vec![group("", "a")]))["blocks"][1]["elements"][0].clone();
    assert_eq!(select["options"], json!([{"text": plain("A"), "value": "a"}]));
    let select =
        said(list(vec![group("S", "a"), group("T", "b")]))["blocks"][1]["elements"][0].clone();
    assert_eq!(select["option_groups"][1]["label"], plain("T"));
    let image = Media {
        caption: Some("**c**".to_owned()),
        ..Media::new(MediaKind::Image, "https://e.com/a")
    };
    let blocks = said(Content::Media(image))["blocks"].clone();
    assert_eq!(blocks[1]["alt_text"], "c");
}

#[test]
fn error_words_say_what_to_do() {
    let check = |word: &str, status, want: &str| {
        assert_eq!(classify(word, status, None).code(), want, "{word} {status}");
    };
    check("ratelimited", 200, "retry");
    check("", 429, "retry");
    check("channel_not_found", 200, "refused");
    check("msg_blocks_too_long", 200, "refused");
    check("invalid_auth", 200, "refused");
    check("internal_error", 200, "unknown");
    check("fatal_error", 500, "unknown");
    check("", 502, "unknown");
    check("service_unavailable", 503, "retry");
    check("", 404, "refused");
    assert_eq!(classify("", 429, Some(5)), SendClass::Retry { after_ms: Some(5) });
}

#[test]
fn settings_are_checked_and_never_shown() {
    assert_eq!(settings().validate(), []);
    let mut bad = settings();
    bad.bot_token = Secret::default();
    bad.team_id = Some("x".to_owned());
    let pointers: Vec<String> = bad.validate().into_iter().map(|it| it.pointer).collect();
    assert_eq!(pointers, ["/bot_token", "/team_id"]);
    assert!(!format!("{:?}", settings()).contains("xoxb"));
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _json = parse("c", &settings(), "application/json", &raw, 0);
        let _form = parse("c", &settings(), "application/x-www-form-urlencoded", &raw, 0);
    }

    #[test]
    fn any_words_are_read(text in ".{0,80}") {
        let said = json!({"type": "message", "channel_type": "im", "user": "U1", "channel": "D1", "ts": "1.0", "text": text});
        prop_assert_eq!(event(said).len(), 1);
    }

    #[test]
    fn what_is_signed_is_believed(body in ".{0,80}", now_s in 1_600_000_000..1_900_000_000_i64) {
        let secret = settings().signing_secret;
        let stamp = now_s.to_string();
        let parts: [&[u8]; 4] = [b"v0:", stamp.as_bytes(), b":", body.as_bytes()];
        let tag = format!("v0={}", to_hex(&hmac_sha256(secret.expose().as_bytes(), &parts)));
        let delivery = Delivery { signature: Some(&tag), timestamp: Some(&stamp), retry: Some(1) };
        prop_assert_eq!(verify(&secret, delivery, body.as_bytes(), now_s * 1_000), Ok(()));
    }
}
