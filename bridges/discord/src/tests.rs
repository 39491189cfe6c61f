#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use impresario_messages::{
    Button, Buttons, Channel, Content, Event, List, Row, Section, SendClass, plan,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const PUBLIC_KEY: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";

fn settings() -> Settings {
    serde_json::from_value(json!({
        "application_id": "999",
        "public_key": PUBLIC_KEY,
        "bot_token": "bot-token",
    }))
    .unwrap()
}

#[test]
fn signatures_are_ed25519_over_time_and_body() {
    // Both made by PyNaCl 1.6.2, SigningKey(bytes(range(32))).sign.
    let tag = "c1098e97d711377f30225d53d94b89d43537f92e5b3afaddc590781b1f9f9d4b2eeab335d370be3b9a090bc61a85b86448bc140dcd195f1569c2bff181257607";
    let check = |tag: Option<&str>, stamp: Option<&str>, body: &str, want| {
        assert_eq!(verify(PUBLIC_KEY, tag, stamp, body.as_bytes()), want);
    };
    let stamp = Some("1700000000");
    check(Some(tag), stamp, r#"{"type":1}"#, Ok(()));
    check(Some(tag), Some("1700000001"), r#"{"type":1}"#, Err(Refusal::SignatureWrong));
    check(Some(tag), stamp, r#"{"type":2}"#, Err(Refusal::SignatureWrong));
    check(Some(&tag[2..]), stamp, r#"{"type":1}"#, Err(Refusal::SignatureMalformed));
    let other = "30c3bd93c4ae7454df381c0c30de6b568606364abeb6ec0e0f4f2964f446fa6632c8c58d88ba7aca07b113e22f6c914907b9b2c2c894a6c4caa878edbb48ba02";
    check(Some(other), stamp, r#"{"t":"olá 😀"}"#, Ok(()));
    check(None, stamp, "", Err(Refusal::SignatureMissing));
    check(Some(tag), None, "", Err(Refusal::SignatureMissing));
}

fn read(body: &Value) -> Parsed {
    parse("con", body.to_string().as_bytes()).unwrap()
}

#[test]
fn a_ping_is_answered_and_a_command_deferred() {
    let parsed = read(&json!({"type": 1}));
    assert_eq!(parsed.answer, r#"{"type":1}"#);
    assert_eq!(format!("{:?}", parsed.events), "[Ignored(ping)]");
    let options = json!([{"name": "sub", "type": 1, "options": [{"name": "q", "type": 3, "value": "where is it"}, {"name": "n", "type": 4, "value": 5}]}]);
    let parsed = read(&json!({
        "type": 2, "id": "175928847299117063", "token": "tok", "channel_id": "C1", "guild_id": "G1",
        "member": {"user": {"id": "U1", "username": "ana", "global_name": "Ana"}},
        "data": {"name": "ask", "options": options},
    }));
    assert_eq!(parsed.answer, r#"{"type":5}"#);
    let Event::Message(inbound) = &parsed.events[0] else { panic!("{parsed:?}") };
    assert_eq!(inbound.content.words(), Some("where is it 5"));
    assert_eq!((inbound.address.user.as_str(), inbound.address.thread.as_str()), ("U1", "C1"));
    assert_eq!(inbound.extra("interaction.token"), Some("tok"));
    // Discord's own example of what an id says about its time.
    assert_eq!(inbound.at_ms, 1_462_015_105_796);
    assert_eq!(inbound.person.name.as_deref(), Some("Ana"));
    assert!(!format!("{parsed:?}").contains("\"tok\""));
}

#[test]
fn components_and_forms_are_read() {
    let rows = json!([{"type": 1, "components": [
        {"type": 2, "custom_id": "b1", "label": "Yes"},
        {"type": 3, "custom_id": "impresario_list_0", "options": [{"value": "r1", "label": "Red"}]},
    ]}]);
    let pressed = |data: Value| json!({"type": 3, "id": "1", "token": "t", "channel_id": "C", "user": {"id": "U"}, "message": {"id": "M", "components": rows}, "data": data});
    let check = |data: Value, id: &str, title: &str| {
        let parsed = read(&pressed(data));
        let Event::Message(inbound) = &parsed.events[0] else { panic!("{parsed:?}") };
        let Content::Choice(choice) = &inbound.content else { panic!("{parsed:?}") };
        assert_eq!((choice.id.as_str(), choice.title.as_str()), (id, title));
        assert_eq!(inbound.reply_to.as_deref(), Some("M"));
    };
    check(json!({"custom_id": "b1", "component_type": 2}), "b1", "Yes");
    check(json!({"custom_id": "impresario_list_0", "values": ["r1"]}), "r1", "Red");
    let form =
        json!([{"type": 1, "components": [{"type": 4, "custom_id": "q", "value": "hello"}]}]);
    let parsed = read(
        &json!({"type": 5, "id": "1", "channel_id": "C", "user": {"id": "U"}, "data": {"components": form}}),
    );
    assert!(matches!(&parsed.events[0], Event::Message(it) if it.content.words() == Some("hello")));
    let parsed = read(&json!({"type": 4, "id": "1"}));
    assert_eq!(parsed.answer, r#"{"data":{"choices":[]},"type":8}"#);
    assert!(parse("c", b"{}").is_err() && parse("c", b"{").is_err());
}

fn heard(more: Value) -> Event {
    let mut data = json!({"id": "175928847299117063", "channel_id": "C1", "guild_id": "G1", "type": 0, "content": "<@999> hi", "author": {"id": "U1", "username": "ana"}, "mentions": [{"id": "999"}]});
    for (key, value) in more.as_object().unwrap() {
        data[key] = value.clone();
    }
    of_gateway("con", &settings(), "999", "MESSAGE_CREATE", &data)
}

#[test]
fn chn_04_free_text_is_read_if_it_is_said_to_the_bot() {
    let check = |more: Value, want: Option<&str>| {
        let event = heard(more);
        let words = match &event {
            Event::Message(inbound) => inbound.content.words().map(str::to_owned),
            _ => None,
        };
        assert_eq!(words.as_deref(), want, "{event:?}");
    };
    check(json!({}), Some("hi"));
    check(json!({"mentions": []}), None);
    check(json!({"mentions": [], "guild_id": null}), Some("hi"));
    check(json!({"mentions": [], "referenced_message": {"author": {"id": "999"}}}), Some("hi"));
    check(json!({"author": {"id": "U1", "bot": true}}), None);
    check(json!({"author": {"id": "999"}}), None);
    check(json!({"type": 7}), None);
    check(
        json!({"attachments": [{"url": "https://cdn.discordapp.com/a.png", "content_type": "image/png"}]}),
        Some("hi"),
    );
}

#[test]
fn messages_are_written_with_components_and_mention_nobody() {
    let said = |content: Content| {
        let planned = plan(&[content], Channel::Discord);
        Value::Object(message(&planned[0]).unwrap())
    };
    let want = json!({"content": "**a** @everyone", "allowed_mentions": {"parse": []}});
    assert_eq!(said(Content::text("**a** @everyone")), want);
    let button = |index: usize| Button::reply(format!("b{index}"), format!("B{index}"));
    let question = Buttons {
        body: "Which?".to_owned(),
        buttons: (0..7).map(button).chain([Button::link("L", "https://e.com")]).collect(),
        ..Buttons::default()
    };
    let rows = said(Content::Buttons(question))["components"].clone();
    assert_eq!(rows[0]["components"].as_array().unwrap().len(), 5);
    assert_eq!(
        rows[1]["components"][2],
        json!({"type": 2, "style": 5, "label": "L", "url": "https://e.com"})
    );
    let section = |title: &str, id: &str| Section {
        title: title.to_owned(),
        rows: vec![Row { id: id.to_owned(), title: id.to_owned(), description: None }],
    };
    let list = List {
        body: "Q".to_owned(),
        button: "Open".to_owned(),
        sections: vec![section("S", "a"), section("T", "b")],
        ..List::default()
    };
    let menus = said(Content::List(list))["components"].clone();
    assert_eq!(menus[1]["components"][0]["placeholder"], "T");
}

#[test]
fn error_codes_say_what_to_do() {
    let check = |code, status, want: &str| {
        assert_eq!(classify(code, status, None).code(), want, "{code} {status}");
    };
    check(0, 429, "retry");
    check(20_016, 400, "retry");
    check(50_007, 403, "opted_out");
    check(50_001, 403, "refused");
    check(0, 401, "refused");
    check(0, 502, "unknown");
    assert_eq!(classify(0, 429, Some(5)), SendClass::Retry { after_ms: Some(5) });
}

#[test]
fn settings_are_checked_and_never_shown() {
    assert_eq!(settings().validate(), []);
    let mut bad = settings();
    bad.public_key = "00".to_owned();
    bad.application_id = "x".to_owned();
    let pointers: Vec<String> = bad.validate().into_iter().map(|it| it.pointer).collect();
    assert_eq!(pointers, ["/public_key", "/application_id"]);
    assert!(!format!("{:?}", settings()).contains("bot-token"));
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _parsed = parse("c", &raw);
        prop_assert!(verify(PUBLIC_KEY, Some(&"00".repeat(64)), Some("1"), &raw).is_err());
    }

    #[test]
    fn nonces_are_short_and_of_their_part(id in ".{0,60}", part in 0..9_usize) {
        let own = nonce(&id, part);
        prop_assert!(own.len() <= 25);
        prop_assert_eq!(&own, &nonce(&id, part));
        prop_assert_ne!(own, nonce(&id, part + 1));
    }
}
