//! The bridge against the provider farm, over real HTTP and a real web socket.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use impresario_calls::{Call, Http, Method, Options};
use impresario_discord::gateway::{self, Ended};
use impresario_discord::{Client, Dispatch, INTERACTION_MS, Settings, verify};
use impresario_farm::{Farm, Fault, Rule, Running, channels};
use impresario_messages::{Address, Channel, Content, Event, Outgoing, SendClass};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

const NOW_MS: i64 = 1_700_000_000_000;
const SEED: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn settings(farm: &Running) -> Settings {
    let settings: Settings = serde_json::from_value(json!({
        "application_id": "999",
        "public_key": channels::discord_public_key(SEED).unwrap(),
        "bot_token": "bot-token",
        "base_url": format!("{}/api/v10", farm.url("discord")),
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

fn outgoing(words: &[&str]) -> Outgoing {
    let address = Address {
        channel: Channel::Discord,
        connection: "con".to_owned(),
        user: "U1".to_owned(),
        thread: "C1".to_owned(),
    };
    let content = words.iter().map(|words| Content::text(*words)).collect();
    Outgoing { id: "msg_1".to_owned(), address, content, in_reply_to: None }
}

fn how(token: Option<(&str, i64)>) -> Dispatch {
    let interaction = token.map(|(token, at_ms)| (token.to_owned(), at_ms));
    Dispatch { now_ms: NOW_MS, interaction, ..Dispatch::default() }
}

fn paths(farm: &Running) -> Vec<String> {
    farm.farm.log().iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect()
}

#[tokio::test]
async fn an_interaction_is_answered_in_its_place_and_later_in_the_channel() {
    let (farm, client) = start().await;
    client.send(&outgoing(&["a", "b"]), &how(Some(("tok", NOW_MS)))).await.unwrap();
    client.send(&outgoing(&["c"]), &how(Some(("tok", NOW_MS - INTERACTION_MS)))).await.unwrap();
    client.send(&outgoing(&["d"]), &how(Some(("expired", NOW_MS)))).await.unwrap();
    let after = Dispatch { answered: true, ..how(Some(("tok", NOW_MS))) };
    client.send(&outgoing(&["e"]), &after).await.unwrap();
    let want = [
        "PATCH /discord/api/v10/webhooks/999/tok/messages/@original",
        "POST /discord/api/v10/webhooks/999/tok?wait=true",
        "POST /discord/api/v10/channels/C1/messages",
        "PATCH /discord/api/v10/webhooks/999/expired/messages/@original",
        "POST /discord/api/v10/channels/C1/messages",
        "POST /discord/api/v10/webhooks/999/tok?wait=true",
    ];
    assert_eq!(paths(&farm), want);
    let log = farm.farm.log();
    assert_eq!(log[0].header("authorization"), None);
    assert_eq!(log[2].header("authorization"), Some("Bot bot-token"));
    assert_eq!(log[2].json()["allowed_mentions"], json!({"parse": []}));
}

#[tokio::test]
async fn a_repeated_send_is_the_same_message() {
    let (farm, client) = start().await;
    let accepted = Fault::Named { name: "accepted_then_500".to_owned(), data: json!(null) };
    farm.farm.script(Rule::next("discord", accepted));
    let error = client.send(&outgoing(&["a"]), &how(None)).await.unwrap_err();
    assert_eq!(error.class, SendClass::Unknown);
    let first = client.send(&outgoing(&["a"]), &how(None)).await.unwrap();
    let again = client.send(&outgoing(&["a"]), &how(None)).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(first.platform_ids, ["1100000000000000001"], "the one that was answered by 500");
}

#[tokio::test]
async fn each_failure_has_its_class() {
    let (farm, client) = start().await;
    let code = |code: u32| Fault::Named { name: "code".to_owned(), data: json!(code) };
    for (fault, want) in [
        (Fault::RateLimited { retry_after_s: Some(2) }, SendClass::Retry { after_ms: Some(2_000) }),
        (code(50_007), SendClass::OptedOut),
        (code(50_001), SendClass::Refused { code: "50001".to_owned() }),
        (Fault::Close, SendClass::Unknown),
    ] {
        farm.farm.script(Rule::next("discord", fault));
        let error = client.send(&outgoing(&["a"]), &how(None)).await.unwrap_err();
        assert_eq!(error.class, want);
    }
    client.typing("C1").await.unwrap();
}

#[tokio::test]
async fn the_farm_signs_as_discord_does() {
    let headers = channels::signed_headers("discord", SEED, "", "{\"type\":1}", 1_700_000_000);
    let key = channels::discord_public_key(SEED).unwrap();
    let (stamp, tag) = (headers[1].1.as_str(), headers[2].1.as_str());
    assert_eq!(verify(&key, Some(tag), Some(stamp), b"{\"type\":1}"), Ok(()));
}

async fn say(farm: &Running, id: &str, words: &str) {
    let data =
        json!({"id": id, "channel_id": "C1", "type": 0, "content": words, "author": {"id": "U1"}});
    let body = json!({"t": "MESSAGE_CREATE", "d": data}).to_string();
    let http = Http::new(&Options::default()).unwrap();
    let url = format!("{}/_dispatch", farm.url("discord"));
    let call = Call::new(Method::POST, url).body("application/json", body);
    http.call(call).await.unwrap();
}

fn options(farm: &Running) -> gateway::Options {
    gateway::Options {
        url: farm.url("discord/gateway").replace("http://", "ws://"),
        wait_ms_min: 1,
        wait_ms_max: 10,
        ..gateway::Options::new("con", 7)
    }
}

/// The words of the next messages.
async fn hear(events: &mut mpsc::Receiver<Event>, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    while words.len() < count {
        let event = timeout(Duration::from_secs(20), events.recv()).await.unwrap().unwrap();
        let Event::Message(inbound) = event else { panic!("{event:?}") };
        words.push(inbound.content.words().unwrap().to_owned());
    }
    words
}

#[tokio::test]
async fn the_gateway_is_resumed_where_it_stopped() {
    let (farm, client) = start().await;
    assert!(client.gateway_url().await.unwrap().starts_with("ws://"));
    let close = |after: u64| Fault::Named {
        name: "close".to_owned(),
        data: json!({"code": 4_000, "after": after}),
    };
    farm.farm.script(Rule::next("discord", close(2)).at("discord/gateway/"));
    let (settings, options) = (settings(&farm), options(&farm));
    let (sink, mut events) = mpsc::channel(1);
    let running = tokio::spawn(async move { gateway::run(&settings, &options, &sink).await });
    for (index, words) in ["one", "two", "three", "four"].iter().enumerate() {
        say(&farm, &format!("{}", 175_928_847_299_117_063 + index), words).await;
    }
    assert_eq!(hear(&mut events, 4).await, ["one", "two", "three", "four"]);
    drop(events);
    // The next message finds nobody who takes it.
    say(&farm, "175928847299117099", "five").await;
    let ended = timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    assert_eq!(ended, Ended::SinkClosed);
}

#[tokio::test]
async fn a_gateway_that_answers_no_beat_is_left_and_a_refusal_is_final() {
    let (farm, _client) = start().await;
    let deaf = Fault::Named { name: "deaf".to_owned(), data: Value::Null };
    farm.farm.script(Rule::next("discord", deaf).at("discord/gateway/"));
    let refuse =
        Fault::Named { name: "close".to_owned(), data: json!({"code": 4_004, "after": 1}) };
    farm.farm.script(Rule::next("discord", refuse).at("discord/gateway/"));
    let (sink, mut events) = mpsc::channel(4);
    let (settings, options) = (settings(&farm), options(&farm));
    say(&farm, "175928847299117063", "one").await;
    let running = tokio::spawn(async move { gateway::run(&settings, &options, &sink).await });
    assert_eq!(hear(&mut events, 1).await, ["one"]);
    // The deaf line is resumed; the next dispatch closes it for good.
    farm.farm.wait(|log| log.iter().filter(|it| it.path.contains("/gateway/")).count() == 2).await;
    say(&farm, "175928847299117064", "two").await;
    let ended = timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    assert_eq!(ended, Ended::Refused(4_004));
}
