#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use impresario_calls::{Secret, sha256, to_hex};
use impresario_messages::{
    Button, Buttons, Channel, Content, Delivery, Event, List, Row, Section, SendClass, plan,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

fn settings() -> Settings {
    serde_json::from_value(json!({
        "account_sid": ACCOUNT,
        "auth_token": "12345",
        "from": "whatsapp:+14155238886",
        "webhook_url": "https://edge.example.test/hooks/twilio/con_1",
    }))
    .unwrap()
}

const DOCS_URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

#[test]
fn signatures_are_those_of_twilios_own_library() {
    let token = settings().auth_token;
    let check = |url: &str, tag: &str, form: &str, want| {
        assert_eq!(verify(&token, url, Some(tag), form.as_bytes()), want, "{url}");
    };
    let form = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&Caller=%2B14158675309&From=%2B14158675309";
    let tag = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    check(DOCS_URL, tag, form, Ok(()));
    check("https://mycompany.com:443/myapp.php?foo=1&bar=2", tag, form, Ok(()));
    check("http://mycompany.com/myapp.php?foo=1&bar=2", tag, form, Err(Refusal::SignatureWrong));
    check(DOCS_URL, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", form, Err(Refusal::SignatureWrong));
    let other = form.replace("%2B14158675309", "%2B12349013030");
    check(DOCS_URL, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", &other, Ok(()));
    check(DOCS_URL, "AAAA", form, Err(Refusal::SignatureMalformed));
    assert_eq!(verify(&token, DOCS_URL, None, b""), Err(Refusal::SignatureMissing));
    // Made by twilio-python 9.13.0, RequestValidator("12345").compute_signature.
    let form = "MessageSid=SM1&From=whatsapp%3A%2B14155550100&To=whatsapp%3A%2B14155238886\
                &Body=ol%C3%A1+%F0%9F%98%80+%26+more&NumMedia=0&ProfileName=";
    let url = "https://edge.example.test/hooks/twilio/con_1?x=1";
    check(url, "tot+7DFMdmtvxagwUMCPrwLzuyg=", form, Ok(()));
    assert_eq!(signature(&token, url, form.as_bytes()), "tot+7DFMdmtvxagwUMCPrwLzuyg=");
}

#[test]
fn a_json_body_is_signed_by_its_hash_in_the_url() {
    let token = settings().auth_token;
    let url = format!("https://e.com/hook?bodySHA256={}", to_hex(&sha256(b"{}")));
    let tag = signature(&token, &url, b"");
    assert_eq!(verify(&token, &url, Some(&tag), b"{}"), Ok(()));
    assert_eq!(verify(&token, &url, Some(&tag), b"{} "), Err(Refusal::SignatureWrong));
}

#[test]
fn settings_are_checked_and_never_shown() {
    assert_eq!(settings().validate(), []);
    let mut bad = settings();
    bad.account_sid = "AC1".to_owned();
    bad.from = "whatsapp:me".to_owned();
    bad.api_key = Some("SK1".to_owned());
    bad.auth_token = Secret::default();
    let pointers: Vec<String> = bad.validate().into_iter().map(|it| it.pointer).collect();
    assert_eq!(pointers, ["/auth_token", "/account_sid", "/api_key", "/api_secret", "/from"]);
    assert!(!format!("{:?}", settings()).contains("\"12345\""));
}

fn read(form: &str) -> Vec<Event> {
    let head =
        "MessageSid=SM1&From=whatsapp%3A%2B1650&To=whatsapp%3A%2B1415&ProfileName=Ana&WaId=1650";
    parse("con", "", format!("{head}&{form}").as_bytes(), 7).unwrap()
}

#[track_caller]
fn check_words(form: &str, kind: &str, words: Option<&str>) {
    let events = read(form);
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert_eq!((inbound.content.kind(), inbound.content.words()), (kind, words));
    assert_eq!((inbound.id.as_str(), inbound.at_ms), ("SM1", 7));
    assert_eq!(inbound.address.user, "whatsapp:+1650");
    assert_eq!(inbound.person.phone.as_deref(), Some("+1650"));
}

#[test]
fn chn_09_every_kind_of_message_is_read() {
    check_words("Body=hi&NumMedia=0", "text", Some("hi"));
    check_words("Body=Yes&ButtonText=Yes&ButtonPayload=b1", "choice", Some("Yes"));
    check_words("Body=Red&ListId=r1&ListTitle=Red", "choice", Some("Red"));
    check_words("Latitude=38.7&Longitude=-9.1&Label=Lisbon", "location", Some("Lisbon"));
    check_words("Body=&NumMedia=0", "unsupported", None);
    let media = "Body=look&NumMedia=2&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2Fa&MediaContentType0=image%2Fpng&MediaUrl1=https%3A%2F%2Fapi.twilio.com%2Fb&MediaContentType1=audio%2Fogg";
    check_words(media, "media", Some("look"));
    let ids: Vec<String> = read(media)
        .iter()
        .filter_map(|event| if let Event::Message(it) = event { Some(it.id.clone()) } else { None })
        .collect();
    assert_eq!(ids, ["SM1", "SM1#1"]);
    let events = read("Body=a&OriginalRepliedMessageSid=SM0&ReferralSourceId=99");
    let Event::Message(inbound) = &events[0] else { panic!("{events:?}") };
    assert_eq!(inbound.reply_to.as_deref(), Some("SM0"));
    assert_eq!(inbound.extra("referral.source_id"), Some("99"));
}

#[test]
fn statuses_carry_our_id_and_the_error() {
    let form = "MessageSid=SM9&MessageStatus=undelivered&ErrorCode=63016&To=whatsapp%3A%2B1650&From=whatsapp%3A%2B1415";
    let events = parse("con", "outgoing=msg_1&part=2", form.as_bytes(), 7).unwrap();
    let Event::Status(update) = &events[0] else { panic!("{events:?}") };
    assert_eq!(update.status, Delivery::Failed);
    assert_eq!((update.outgoing_id.as_deref(), update.part), (Some("msg_1"), Some(2)));
    assert_eq!(update.error.as_ref().map(|it| it.code.as_str()), Some("63016"));
    assert_eq!(update.address.user, "whatsapp:+1650");
    assert!(parse("con", "", b"a=b", 0).is_err());
    assert!(parse("con", "", b"\xff\xfe", 0).is_err());
}

#[test]
fn error_codes_say_what_to_do() {
    let check = |code, status, want: &str| {
        assert_eq!(classify(code, status, None).code(), want, "{code} {status}");
    };
    check(63_016, 400, "window_closed");
    check(21_610, 400, "opted_out");
    check(20_429, 429, "retry");
    check(63_018, 400, "retry");
    check(-1, 429, "retry");
    check(63_024, 400, "refused");
    check(20_003, 401, "refused");
    check(-1, 500, "unknown");
    assert_eq!(classify(20_429, 429, Some(5)), SendClass::Retry { after_ms: Some(5) });
}

#[test]
fn buttons_and_lists_are_templates_with_their_texts_as_variables() {
    let question = Buttons {
        body: "Which?".to_owned(),
        buttons: vec![Button::reply("a", "A"), Button::reply("b", "B")],
        ..Buttons::default()
    };
    let row = |id: &str, more: Option<&str>| Row {
        id: id.to_owned(),
        title: id.to_uppercase(),
        description: more.map(str::to_owned),
    };
    let list = List {
        body: "Which?".to_owned(),
        button: "Open".to_owned(),
        sections: vec![Section {
            title: String::new(),
            rows: vec![row("a", Some("x")), row("b", None)],
        }],
        ..List::default()
    };
    let planned = plan(&[Content::Buttons(question), Content::List(list)], Channel::Twilio);
    let texts = |index: usize| {
        let fields = form(&planned[index], Some("HX1"));
        assert_eq!(fields[0], ("ContentSid", "HX1".to_owned()));
        serde_json::from_str::<Value>(&fields[1].1).unwrap()
    };
    assert_eq!(texts(0), json!({"1": "Which?", "2": "A", "3": "a", "4": "B", "5": "b"}));
    assert_eq!(
        texts(1),
        json!({"1": "Which?", "2": "Open", "3": "A", "4": "a", "5": "x", "6": "B", "7": "b"})
    );
    let template = Shape::QuickReply(2).template("en");
    assert_eq!(template["friendly_name"], "impresario_quick_reply_2");
    assert_eq!(template["types"]["twilio/quick-reply"]["actions"][1]["title"], "{{4}}");
    let template = Shape::ListPicker(vec![true, false]).template("en");
    assert_eq!(template["types"]["twilio/list-picker"]["items"][1]["id"], "{{7}}");
    assert_eq!(template["variables"].as_object().unwrap().len(), 7);
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(raw in prop::collection::vec(any::<u8>(), 0..200), url in ".{0,80}") {
        let _events = parse("c", "", &raw, 0);
        prop_assert!(verify(&settings().auth_token, &url, Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), &raw).is_err());
    }
}
