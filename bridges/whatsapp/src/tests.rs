#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use impresario_calls::Secret;
use impresario_messages::{
    Button, Buttons, Channel, Content, Delivery, Event, List, Media, MediaKind, ProductCard, Row,
    Section, SendClass, Template, TemplateParam, plan,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn settings() -> Settings {
    serde_json::from_value(json!({
        "phone_number_id": "106540352242922",
        "access_token": "EAAG-token",
        "app_secret": "app_secret",
        "verify_token": "meatyhamhock",
    }))
    .unwrap()
}

#[test]
fn signatures_are_over_the_raw_bytes() {
    let check = |signature: Option<&str>, body: &str, want| {
        assert_eq!(verify(&settings().app_secret, signature, body.as_bytes()), want);
    };
    let empty = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    let of_empty = "sha256=c236c758c9b2bd40b388a550eeca09eaca72384dd0aa5e7c31d19cddac5bba46";
    check(Some(of_empty), empty, Ok(()));
    let of_emoji = "sha256=68ba06cb89b63555a6cabdf0e31554f70c7fe6e67f2a757a0de94fa21347710d";
    check(Some(of_emoji), r#"{"t":"olá 😀"}"#, Ok(()));
    // The same value, escaped as another writer would.
    check(Some(of_emoji), "{\"t\":\"ol\\u00e1 \\ud83d\\ude00\"}", Err(Refusal::SignatureWrong));
    check(None, empty, Err(Refusal::SignatureMissing));
    check(Some("sha1=00"), empty, Err(Refusal::SignatureMalformed));
    check(Some("sha256=zz"), empty, Err(Refusal::SignatureMalformed));
    check(Some(&of_empty[..69]), empty, Err(Refusal::SignatureMalformed));
}

#[test]
fn the_handshake_gives_the_challenge_back_for_our_token_only() {
    let ask = |query: &str| handshake(&settings().verify_token, query).map(|answer| answer.body);
    let good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock";
    assert_eq!(ask(good).unwrap(), "1158201444");
    assert_eq!(ask(&good.replace("meaty", "fatty")), Err(Refusal::TokenWrong));
    assert_eq!(ask(&good.replace("subscribe", "x")), Err(Refusal::TokenWrong));
    let none = Secret::default();
    assert!(handshake(&none, "hub.mode=subscribe&hub.challenge=1&hub.verify_token=").is_err());
}

#[test]
fn settings_are_checked_and_never_shown() {
    assert_eq!(settings().validate(), []);
    let mut bad = settings();
    bad.phone_number_id = "+49 1".to_owned();
    bad.access_token = Secret::default();
    bad.api_version = "24".to_owned();
    bad.base_url = "graph".to_owned();
    let pointers: Vec<String> = bad.validate().into_iter().map(|it| it.pointer).collect();
    assert_eq!(pointers, ["/access_token", "/base_url", "/phone_number_id", "/api_version"]);
    assert!(!format!("{:?}", settings()).contains("EAAG"));
}

fn webhook(value: Value) -> Vec<Event> {
    let mut value = value;
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] =
        json!({"display_phone_number": "1555", "phone_number_id": "106540352242922"});
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
    });
    parse("con_1", "106540352242922", body.to_string().as_bytes()).unwrap()
}

fn message(content: Value) -> Vec<Event> {
    let mut message = json!({"from": "16505551234", "id": "wamid.A", "timestamp": "1749416383"});
    for (key, value) in content.as_object().unwrap() {
        message[key] = value.clone();
    }
    let contact = json!({"profile": {"name": "Sheena"}, "wa_id": "16505551234"});
    webhook(json!({"contacts": [contact], "messages": [message]}))
}

#[track_caller]
fn check_content(content: Value, want: &Content) {
    let events = message(content);
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert!(inbound.content == *want, "{}", serde_json::to_string(&inbound.content).unwrap());
    assert_eq!(inbound.id, "wamid.A");
    assert_eq!(inbound.at_ms, 1_749_416_383_000);
    assert_eq!(inbound.address.user, "16505551234");
    assert_eq!(inbound.address.thread, "106540352242922");
    assert_eq!(inbound.person.phone.as_deref(), Some("+16505551234"));
    assert_eq!(inbound.person.name.as_deref(), Some("Sheena"));
}

fn choice(id: &str, title: &str) -> Content {
    let (id, title) = (id.to_owned(), title.to_owned());
    Content::Choice(impresario_messages::Choice { id, title })
}

#[test]
fn chn_02_every_kind_of_message_is_read() {
    check_content(json!({"type": "text", "text": {"body": "hi"}}), &Content::text("hi"));
    let image = json!({"id": "77", "mime_type": "image/jpeg", "sha256": "x", "caption": "look"});
    let want = Media {
        mime: "image/jpeg".to_owned(),
        caption: Some("look".to_owned()),
        ..Media::new(MediaKind::Image, "77")
    };
    check_content(json!({"type": "image", "image": image}), &Content::Media(want));
    for (kind, want) in [
        ("video", MediaKind::Video),
        ("audio", MediaKind::Audio),
        ("document", MediaKind::Document),
        ("sticker", MediaKind::Sticker),
    ] {
        check_content(
            json!({"type": kind, kind: {"id": "8"}}),
            &Content::Media(Media::new(want, "8")),
        );
    }
    let reply = json!({"type": "button_reply", "button_reply": {"id": "b1", "title": "Yes"}});
    check_content(json!({"type": "interactive", "interactive": reply}), &choice("b1", "Yes"));
    let reply = json!({"type": "list_reply", "list_reply": {"id": "r1", "title": "Red", "description": "d"}});
    check_content(json!({"type": "interactive", "interactive": reply}), &choice("r1", "Red"));
    let form = json!({"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{\"a\":1}"}});
    check_content(json!({"type": "interactive", "interactive": form}), &choice("flow", "Sent"));
    let button = json!({"payload": "No-Payload", "text": "No"});
    check_content(json!({"type": "button", "button": button}), &choice("No-Payload", "No"));
    let order = json!({"catalog_id": "c", "text": "please", "product_items": [{"product_retailer_id": "sku", "quantity": 2}]});
    check_content(json!({"type": "order", "order": order}), &Content::text("please\n2 × sku"));
    let reaction = json!({"message_id": "wamid.B", "emoji": "👍"});
    let want =
        Content::Reaction { message_id: "wamid.B".to_owned(), emoji: Some("👍".to_owned()) };
    check_content(json!({"type": "reaction", "reaction": reaction}), &want);
    let unsupported = Content::Unsupported { kind: "unsupported".to_owned() };
    check_content(json!({"type": "unsupported", "errors": [{"code": 131_051}]}), &unsupported);
    check_content(json!({"type": "poll"}), &Content::Unsupported { kind: "poll".to_owned() });
    let place = json!({"type": "location", "location": {"latitude": 38.7, "longitude": -9.1, "name": "Lisbon"}});
    let events = message(place);
    assert!(
        matches!(&events[0], Event::Message(inbound) if inbound.content.words() == Some("Lisbon"))
    );
}

#[test]
fn several_cards_are_several_messages_with_ids_of_their_own() {
    let card = |name: &str| json!({"name": {"formatted_name": name}, "phones": [{"phone": "+1"}]});
    let events = message(json!({"type": "contacts", "contacts": [card("A"), card("B")]}));
    let ids: Vec<&str> = events
        .iter()
        .filter_map(
            |event| if let Event::Message(it) = event { Some(it.id.as_str()) } else { None },
        )
        .collect();
    assert_eq!(ids, ["wamid.A", "wamid.A#1"]);
}

#[test]
fn an_answer_an_advertisement_and_a_form_leave_their_traces() {
    let events = message(json!({
        "type": "text",
        "text": {"body": "hi"},
        "context": {"from": "1555", "id": "wamid.Q", "forwarded": true},
        "referral": {"source_type": "ad", "source_id": "123", "ctwa_clid": "clid"},
    }));
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert_eq!(inbound.reply_to.as_deref(), Some("wamid.Q"));
    assert_eq!(inbound.extra("referral.ctwa_clid"), Some("clid"));
    assert_eq!(inbound.extra("context.forwarded"), Some("true"));
}

#[test]
fn a_person_is_their_scoped_id_with_or_without_a_number() {
    let check = |message: Value, contact: Value, user: &str, phone: Option<&str>| {
        let events = webhook(json!({"contacts": [contact], "messages": [message]}));
        let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
        assert_eq!(inbound.address.user, user);
        assert_eq!(inbound.person.phone.as_deref(), phone);
        assert_eq!(inbound.person.name.as_deref(), Some("Ana"));
    };
    let scoped = "US.13491208655302741918";
    let text = json!({"id": "w", "timestamp": "1", "type": "text", "text": {"body": "a"}});
    let with = |name: &str, value: &str| {
        let mut message = text.clone();
        message[name] = json!(value);
        message
    };
    let profile = json!({"name": "Ana", "username": "@ana"});
    check(
        with("from_user_id", scoped),
        json!({"profile": profile, "user_id": scoped}),
        scoped,
        None,
    );
    check(
        with("from", "1650"),
        json!({"profile": profile, "wa_id": "1650", "user_id": scoped}),
        scoped,
        Some("+1650"),
    );
    check(
        with("from", "1650"),
        json!({"profile": profile, "wa_id": "1650"}),
        "1650",
        Some("+1650"),
    );
}

#[test]
fn a_new_number_is_a_move() {
    let system = json!({"type": "user_changed_number", "wa_id": "1999", "body": "changed"});
    let events = message(json!({"type": "system", "system": system}));
    let Event::Moved { from, to, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!((from.user.as_str(), to.user.as_str()), ("16505551234", "1999"));
    let events = message(json!({"type": "system", "system": {"type": "x"}}));
    assert!(matches!(events[0], Event::Ignored { reason: "system" }));
}

#[test]
fn statuses_carry_our_id_the_part_the_error_and_the_price() {
    let status = json!({
        "id": "wamid.S", "status": "failed", "timestamp": "1700000000", "recipient_id": "1650",
        "biz_opaque_callback_data": "msg_1#2",
        "errors": [{"code": 131_047, "title": "Re-engagement message", "error_data": {"details": "24 hours"}}],
        "pricing": {"billable": true, "category": "service", "pricing_model": "PMP"},
    });
    let events = webhook(json!({"statuses": [status]}));
    let Event::Status(update) = &events[0] else { panic!("{events:?}") };
    assert_eq!(update.status, Delivery::Failed);
    assert_eq!((update.outgoing_id.as_deref(), update.part), (Some("msg_1"), Some(2)));
    let error = update.error.as_ref().unwrap();
    assert_eq!((error.code.as_str(), error.detail.as_str()), ("131047", "24 hours"));
    assert_eq!(update.extra[1], ("pricing.category".to_owned(), "service".to_owned()));
    for (word, want) in
        [("sent", Delivery::Sent), ("delivered", Delivery::Delivered), ("played", Delivery::Read)]
    {
        let status = json!({"id": "w", "status": word, "timestamp": "1", "recipient_id": "1"});
        let events = webhook(json!({"statuses": [status]}));
        assert!(matches!(&events[0], Event::Status(update) if update.status == want));
    }
}

#[test]
fn an_opt_out_is_a_wish_and_not_a_failure() {
    let body = json!({"object": "whatsapp_business_account", "entry": [{"changes": [{
        "field": "user_preferences",
        "value": {"user_preferences": [
            {"wa_id": "1650", "category": "marketing_messages", "value": "stop", "timestamp": 1_700_000_000}
        ]},
    }]}]});
    let events = parse("c", "1", body.to_string().as_bytes()).unwrap();
    assert!(matches!(&events[0], Event::Consent { stopped: true, at_ms: 1_700_000_000_000, .. }));
    assert_eq!(classify(131_050, 400, None), SendClass::OptedOut);
}

#[test]
fn what_is_not_ours_is_ignored_and_what_is_not_json_refused() {
    let reasons = |body: &str| -> Vec<String> {
        let events = parse("c", "1", body.as_bytes()).unwrap();
        events.iter().map(|event| format!("{event:?}")).collect()
    };
    assert_eq!(reasons(r#"{"object":"page"}"#), ["Ignored(object)"]);
    assert_eq!(reasons(r#"{"object":"whatsapp_business_account"}"#), ["Ignored(empty)"]);
    let other = r#"{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"2"},"messages":[{}]}}]}]}"#;
    assert_eq!(reasons(other), ["Ignored(other_number)"]);
    assert!(parse("c", "1", b"{").is_err());
}

#[test]
fn error_codes_say_what_to_do() {
    let check =
        |code, status, want: &str| assert_eq!(classify(code, status, None).code(), want, "{code}");
    for code in [4, 80_007, 130_429, 131_056, 131_048, 131_049, 133_016, 131_000, 131_016, 2] {
        check(code, 400, "retry");
    }
    for code in [
        131_026, 131_051, 131_052, 131_053, 131_008, 131_009, 100, 131_042, 131_031, 130_472,
        132_000, 132_001, 132_015, 132_016, 190, 10, 200, 299, 368,
    ] {
        check(code, 400, "refused");
    }
    check(131_047, 400, "window_closed");
    check(131_050, 400, "opted_out");
    check(-1, 429, "retry");
    check(-1, 500, "unknown");
    check(-1, 502, "unknown");
    check(-1, 404, "refused");
    let day = Some(24 * 60 * 60 * 1_000);
    assert_eq!(classify(131_049, 400, Some(5)), SendClass::Retry { after_ms: day });
}

/// How is this said to WhatsApp? The `type` and its body.
fn said(content: Content) -> Vec<Value> {
    plan(&[content], Channel::WhatsApp)
        .iter()
        .map(|rendered| payload(rendered, "+1650", "id#0", None))
        .collect()
}

#[test]
fn chn_07_messages_are_written_as_the_cloud_api_wants_them() {
    let text = said(Content::text("**Hi** https://e.com"));
    let want = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "1650",
        "type": "text", "text": {"body": "*Hi* https://e.com", "preview_url": true},
        "biz_opaque_callback_data": "id#0",
    });
    assert_eq!(text, [want]);
    let question = Buttons {
        header: Some("Head".to_owned()),
        body: "Which?".to_owned(),
        footer: Some("foot".to_owned()),
        buttons: vec![Button::reply("a", "A")],
        ..Buttons::default()
    };
    let want = json!({
        "type": "button", "header": {"type": "text", "text": "Head"}, "body": {"text": "Which?"},
        "footer": {"text": "foot"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "A"}}]},
    });
    assert_eq!(said(Content::Buttons(question))[0]["interactive"], want);
    let row = Row { id: "r".to_owned(), title: "R".to_owned(), description: Some("d".to_owned()) };
    let list = List {
        body: "Which?".to_owned(),
        button: "Open".to_owned(),
        sections: vec![Section { title: "S".to_owned(), rows: vec![row] }],
        ..List::default()
    };
    let want = json!({
        "type": "list", "body": {"text": "Which?"},
        "action": {"button": "Open", "sections": [{"title": "S", "rows": [{"id": "r", "title": "R", "description": "d"}]}]},
    });
    assert_eq!(said(Content::List(list))[0]["interactive"], want);
    let link = Buttons {
        body: "Look".to_owned(),
        buttons: vec![Button::link("Shop", "https://e.com")],
        ..Buttons::default()
    };
    let want =
        json!({"name": "cta_url", "parameters": {"display_text": "Shop", "url": "https://e.com"}});
    assert_eq!(said(Content::Buttons(link))[0]["interactive"]["action"], want);
    let card = ProductCard {
        id: "sku".to_owned(),
        catalog_id: Some("9".to_owned()),
        ..ProductCard::default()
    };
    let want =
        json!({"type": "product", "action": {"catalog_id": "9", "product_retailer_id": "sku"}});
    assert_eq!(said(Content::ProductCard(card))[0]["interactive"], want);
    let template = Template {
        name: "order_update".to_owned(),
        language: "en_US".to_owned(),
        params: vec![TemplateParam { name: Some("who".to_owned()), value: "Ana".to_owned() }],
        text: None,
    };
    let want = json!([{"type": "body", "parameters": [{"type": "text", "text": "Ana", "parameter_name": "who"}]}]);
    assert_eq!(said(Content::Template(template))[0]["template"]["components"], want);
}

#[test]
fn a_scoped_id_is_a_recipient_and_an_answer_quotes() {
    let rendered = &plan(&[Content::text("a")], Channel::WhatsApp)[0];
    let body = payload(rendered, "US.1349", "x#0", Some("wamid.Q"));
    assert_eq!(body["recipient"], "US.1349");
    assert!(body.get("to").is_none());
    assert_eq!(body["context"]["message_id"], "wamid.Q");
}

#[test]
fn one_person_and_one_number_have_their_pace() {
    let mut pacer = Pacer::new(&Settings { pair_burst: 2, messages_per_s: 3, ..settings() });
    assert_eq!(pacer.take("a", 0), Ok(()));
    assert_eq!(pacer.take("a", 0), Ok(()));
    assert_eq!(pacer.take("a", 0), Err(6_000));
    assert_eq!(pacer.take("b", 0), Ok(()));
    assert_eq!(pacer.take("c", 0), Err(334), "the number's own pace");
    assert_eq!(pacer.take("c", 334), Ok(()), "and nothing was counted then");
    pacer.hold_pair("b", 60_000);
    assert_eq!(pacer.take("b", 10_000), Err(50_000));
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _events = parse("c", "1", &raw);
        prop_assert!(verify(&settings().app_secret, Some("sha256=00"), &raw).is_err());
    }

    #[test]
    fn one_changed_byte_breaks_the_signature(body in "[a-z]{1,40}", at in 0..40_usize) {
        let secret = settings().app_secret;
        let tag = impresario_calls::hmac_sha256(secret.expose().as_bytes(), &[body.as_bytes()]);
        let header = format!("sha256={}", impresario_calls::to_hex(&tag));
        prop_assert_eq!(verify(&secret, Some(&header), body.as_bytes()), Ok(()));
        let mut other = body.into_bytes();
        let at = at % other.len();
        other[at] ^= 1;
        prop_assert_eq!(verify(&secret, Some(&header), &other), Err(Refusal::SignatureWrong));
    }
}
