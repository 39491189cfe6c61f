//! The bridge against the provider farm, over real HTTP.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use impresario_calls::{Http, Options};
use impresario_farm::{Farm, Fault, Rule, Running};
use impresario_messages::{
    Address, Button, Buttons, Channel, Content, Outgoing, SendClass, SendError, Sent, Template,
};
use impresario_whatsapp::{Client, Dispatch, File, Settings, Window};
use serde_json::json;

const NOW_MS: i64 = 1_700_000_000_000;

async fn start() -> (Running, Client) {
    let farm = Farm::local().await.unwrap();
    let settings: Settings = serde_json::from_value(json!({
        "phone_number_id": "1065",
        "access_token": "token",
        "app_secret": "app_secret",
        "verify_token": "verify",
        "base_url": farm.url("whatsapp"),
    }))
    .unwrap();
    assert_eq!(settings.validate(), []);
    let client = Client::new(Http::new(&Options::default()).unwrap(), settings);
    (farm, client)
}

fn outgoing(content: Vec<Content>) -> Outgoing {
    let address = Address {
        channel: Channel::WhatsApp,
        connection: "con".to_owned(),
        user: "16505551234".to_owned(),
        thread: "1065".to_owned(),
    };
    Outgoing { id: "msg_1".to_owned(), address, content, in_reply_to: Some("wamid.Q".to_owned()) }
}

fn open() -> Dispatch {
    Dispatch { now_ms: NOW_MS, window: Window::default().heard(NOW_MS, false), from: 0 }
}

async fn send(client: &Client, content: Vec<Content>, how: Dispatch) -> Result<Sent, SendError> {
    client.send(&outgoing(content), how).await
}

#[tokio::test]
async fn a_message_goes_out_in_its_parts_with_our_id() {
    let (farm, client) = start().await;
    let content = vec![
        Content::text("Hello"),
        Content::Buttons(Buttons {
            body: "Which?".to_owned(),
            buttons: vec![Button::reply("a", "A")],
            ..Buttons::default()
        }),
    ];
    let sent = send(&client, content.clone(), open()).await.unwrap();
    assert_eq!(sent.platform_ids.len(), 2);
    let log = farm.farm.log();
    assert_eq!(log[0].header("authorization"), Some("Bearer token"));
    assert_eq!(log[0].path, "/whatsapp/v24.0/1065/messages");
    assert_eq!(log[0].json()["biz_opaque_callback_data"], "msg_1#0#16505551234");
    assert_eq!(log[0].json()["context"]["message_id"], "wamid.Q");
    assert_eq!(log[1].json()["biz_opaque_callback_data"], "msg_1#1#16505551234");
    assert!(log[1].json().get("context").is_none());
    let again = send(&client, content, Dispatch { from: 1, ..open() }).await.unwrap();
    assert_eq!(again.platform_ids.len(), 1);
}

#[tokio::test]
async fn nothing_but_a_template_leaves_outside_the_window() {
    let (farm, client) = start().await;
    let closed = Dispatch { window: Window::default(), ..open() };
    let error = send(&client, vec![Content::text("a")], closed).await.unwrap_err();
    assert_eq!(error.class, SendClass::WindowClosed);
    assert!(farm.farm.log().is_empty());
    let template =
        Template { name: "hello".to_owned(), language: "en".to_owned(), ..Template::default() };
    assert!(send(&client, vec![Content::Template(template)], closed).await.is_ok());
}

#[tokio::test]
async fn each_failure_has_its_class() {
    let (farm, client) = start().await;
    let code = |code: u32| Fault::Named { name: "code".to_owned(), data: json!(code) };
    let cases = [
        (Fault::RateLimited { retry_after_s: Some(7) }, SendClass::Retry { after_ms: Some(7_000) }),
        (code(131_047), SendClass::WindowClosed),
        (code(131_050), SendClass::OptedOut),
        (code(131_026), SendClass::Refused { code: "131026".to_owned() }),
        (
            Fault::Named { name: "accepted_then_500".to_owned(), data: json!(null) },
            SendClass::Unknown,
        ),
        (Fault::Close, SendClass::Unknown),
        (Fault::Cut { after_bytes: 3, clean: false }, SendClass::Unknown),
        (Fault::Malformed, SendClass::Unknown),
        (Fault::Unauthorized, SendClass::Refused { code: "190".to_owned() }),
    ];
    for (index, (fault, want)) in cases.into_iter().enumerate() {
        farm.farm.script(Rule::next("whatsapp", fault));
        // The pace that the farm imposed is over by then.
        let now_ms = NOW_MS + 60_000 * i64::try_from(index).unwrap();
        let how = Dispatch { now_ms, ..open() };
        let error = send(&client, vec![Content::text("a")], how).await.unwrap_err();
        assert_eq!(error.class, want);
    }
}

#[tokio::test]
async fn what_went_out_before_a_failure_is_told_and_a_pace_holds_the_pair_back() {
    let (farm, client) = start().await;
    let pair = Fault::Named { name: "code".to_owned(), data: json!(131_056) };
    farm.farm.script(Rule { skip: 1, ..Rule::next("whatsapp", pair) });
    let content = vec![Content::text("a"), Content::text("b")];
    let error = send(&client, content.clone(), open()).await.unwrap_err();
    assert_eq!(error.class, SendClass::Retry { after_ms: Some(6_000) });
    assert_eq!(error.sent.len(), 1);
    let calls = farm.farm.log().len();
    let error = send(&client, content, Dispatch { from: 1, ..open() }).await.unwrap_err();
    assert!(matches!(error.class, SendClass::Retry { after_ms: Some(_) }));
    assert_eq!(farm.farm.log().len(), calls, "nobody was called");
}

#[tokio::test]
async fn nobody_there_is_certainly_not_sent() {
    let (farm, client) = start().await;
    drop(farm);
    tokio::task::yield_now().await;
    let error = send(&client, vec![Content::text("a")], open()).await.unwrap_err();
    assert!(matches!(error.class, SendClass::Retry { .. } | SendClass::Unknown));
}

#[tokio::test]
async fn media_go_up_and_down_and_messages_are_read() {
    let (farm, client) = start().await;
    let file = File { mime: "image/png".to_owned(), bytes: b"png".to_vec() };
    assert!(!client.upload("a.png", &file).await.unwrap().is_empty());
    let file = client.download("77").await.unwrap();
    assert_eq!((file.mime.as_str(), file.bytes.as_slice()), ("image/jpeg", &b"bytes of 77"[..]));
    assert!(client.download("../x").await.is_err());
    client.read("wamid.A", true).await.unwrap();
    let last = farm.farm.log().pop().unwrap().json();
    assert_eq!(last["typing_indicator"]["type"], "text");
}
