//! The bridge against the provider farm, over real HTTP.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use impresario_calls::{Http, Options};
use impresario_farm::{Farm, Fault, Rule, Running, channels};
use impresario_messages::{
    Address, Button, Buttons, Channel, Content, Outgoing, SendClass, Window,
};
use impresario_twilio::{Client, Dispatch, Settings, verify};
use serde_json::json;

const NOW_MS: i64 = 1_700_000_000_000;

fn settings(farm: &Running) -> Settings {
    let settings: Settings = serde_json::from_value(json!({
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "auth_token": "12345",
        "from": "whatsapp:+14155238886",
        "webhook_url": "https://edge.example.test/hooks/twilio/con_1",
        "status_callback": "https://edge.example.test/hooks/twilio/con_1",
        "base_url": farm.url("twilio"),
        "content_base_url": farm.url("twilio"),
    }))
    .unwrap();
    assert_eq!(settings.validate(), []);
    settings
}

async fn start() -> (Running, Client) {
    let farm = Farm::local().await.unwrap();
    let settings = settings(&farm);
    (farm, Client::new(Http::new(&Options::default()).unwrap(), settings))
}

fn outgoing(content: Vec<Content>) -> Outgoing {
    let address = Address {
        channel: Channel::Twilio,
        connection: "con".to_owned(),
        user: "whatsapp:+16505551234".to_owned(),
        thread: "whatsapp:+14155238886".to_owned(),
    };
    Outgoing { id: "msg_1".to_owned(), address, content, in_reply_to: None }
}

fn open() -> Dispatch {
    Dispatch { now_ms: NOW_MS, window: Window::default().heard(NOW_MS, false), from: 0 }
}

fn question() -> Content {
    Content::Buttons(Buttons {
        body: "Which?".to_owned(),
        buttons: vec![Button::reply("a", "A"), Button::reply("b", "B")],
        ..Buttons::default()
    })
}

#[tokio::test]
async fn buttons_make_their_template_once() {
    let (farm, client) = start().await;
    let message = outgoing(vec![Content::text("Hi"), question(), question()]);
    assert_eq!(client.send(&message, open()).await.unwrap().platform_ids.len(), 3);
    let made = |farm: &Running| {
        let log = farm.farm.log();
        log.iter().filter(|it| it.method == "POST" && it.path.ends_with("/v1/Content")).count()
    };
    assert_eq!(made(&farm), 1);
    // After a restart it is found again by its name.
    let client = Client::new(Http::new(&Options::default()).unwrap(), settings(&farm));
    client.send(&message, open()).await.unwrap();
    assert_eq!(made(&farm), 1);
    let last = farm.farm.log().pop().unwrap();
    assert!(last.body.contains("ContentSid=HX") && last.body.contains("outgoing%3Dmsg_1"));
    assert!(last.header("authorization").is_some_and(|it| it.starts_with("Basic ")));
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_up() {
    let (farm, client) = start().await;
    let accepted = Fault::Named { name: "accepted_then_500".to_owned(), data: json!(null) };
    farm.farm.script(Rule::next("twilio", accepted));
    let message = outgoing(vec![Content::text("**Hello**")]);
    let error = client.send(&message, open()).await.unwrap_err();
    assert_eq!(error.class, SendClass::Unknown);
    let found = client.reconcile(&message, 0, NOW_MS, &[]).await.unwrap().unwrap();
    assert!(found.starts_with("SM"));
    assert_eq!(client.reconcile(&message, 0, NOW_MS, &[found]).await.unwrap(), None);
    let other = outgoing(vec![Content::text("never sent")]);
    assert_eq!(client.reconcile(&other, 0, NOW_MS, &[]).await.unwrap(), None);
}

#[tokio::test]
async fn each_failure_has_its_class() {
    let (farm, client) = start().await;
    let code = |code: u32| Fault::Named { name: "code".to_owned(), data: json!(code) };
    for (fault, want) in [
        (Fault::RateLimited { retry_after_s: None }, SendClass::Retry { after_ms: None }),
        (code(63_016), SendClass::WindowClosed),
        (code(21_610), SendClass::OptedOut),
        (Fault::Unauthorized, SendClass::Refused { code: "20003".to_owned() }),
        (Fault::Close, SendClass::Unknown),
    ] {
        farm.farm.script(Rule::next("twilio", fault));
        let error = client.send(&outgoing(vec![Content::text("a")]), open()).await.unwrap_err();
        assert_eq!(error.class, want);
    }
    let closed = Dispatch { window: Window::default(), ..open() };
    let error = client.send(&outgoing(vec![Content::text("a")]), closed).await.unwrap_err();
    assert_eq!(error.class, SendClass::WindowClosed);
}

#[tokio::test]
async fn the_farm_signs_as_twilio_does() {
    let url = "https://edge.example.test/hooks/twilio/con_1?x=1";
    let body = "MessageSid=SM1&Body=ol%C3%A1+%F0%9F%98%80+%26+more";
    let headers = channels::signed_headers("twilio", "12345", url, body, 0);
    let token = impresario_calls::Secret::new("12345");
    assert_eq!(verify(&token, url, Some(&headers[1].1), body.as_bytes()), Ok(()));
}
