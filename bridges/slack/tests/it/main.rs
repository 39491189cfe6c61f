//! The bridge against the provider farm, over real HTTP.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use impresario_calls::{Http, Options};
use impresario_farm::{Farm, Fault, Rule, Running, channels};
use impresario_messages::{Address, Channel, Content, Outgoing, SendClass};
use impresario_slack::{Client, Delivery, Settings, Streamed, verify};
use serde_json::json;

const NOW_MS: i64 = 1_700_000_000_000;

async fn start() -> (Running, Client) {
    let farm = Farm::local().await.unwrap();
    let settings: Settings = serde_json::from_value(json!({
        "bot_token": "xoxb-1",
        "signing_secret": "s3cret",
        "team_id": "T1",
        "base_url": format!("{}/api", farm.url("slack")),
    }))
    .unwrap();
    assert_eq!(settings.validate(), []);
    let client = Client::new(Http::new(&Options::default()).unwrap(), settings);
    (farm, client)
}

fn outgoing(words: &[&str]) -> Outgoing {
    let address = Address {
        channel: Channel::Slack,
        connection: "con".to_owned(),
        user: "U1".to_owned(),
        thread: "C1:1600000000.000001".to_owned(),
    };
    let content = words.iter().map(|words| Content::text(*words)).collect();
    Outgoing { id: "msg_1".to_owned(), address, content, in_reply_to: None }
}

#[tokio::test]
async fn a_message_goes_into_its_thread_with_our_metadata() {
    let (farm, client) = start().await;
    let sent = client.send(&outgoing(&["a", "b"]), 0, NOW_MS).await.unwrap();
    assert_eq!(sent.platform_ids, ["C1:1700000000.000001", "C1:1700000000.000002"]);
    let entry = &farm.farm.log()[1];
    assert_eq!(entry.header("authorization"), Some("Bearer xoxb-1"));
    assert_eq!(entry.json()["thread_ts"], "1600000000.000001");
    assert_eq!(entry.json()["metadata"]["event_payload"], json!({"id": "msg_1", "part": 1}));
}

#[tokio::test]
async fn each_failure_has_its_class() {
    let (farm, client) = start().await;
    let word = |word: &str| Fault::Named { name: "error".to_owned(), data: json!(word) };
    let refused = |code: &str| SendClass::Refused { code: code.to_owned() };
    let cases = [
        (Fault::RateLimited { retry_after_s: Some(3) }, SendClass::Retry { after_ms: Some(3_000) }),
        (Fault::RateLimited { retry_after_s: None }, SendClass::Retry { after_ms: None }),
        (Fault::ErrorBody, refused("channel_not_found")),
        (word("is_archived"), refused("is_archived")),
        (word("internal_error"), SendClass::Unknown),
        (Fault::Malformed, SendClass::Unknown),
        (Fault::Close, SendClass::Unknown),
        (Fault::Overloaded, SendClass::Retry { after_ms: None }),
    ];
    for (index, (fault, want)) in cases.into_iter().enumerate() {
        farm.farm.script(Rule::next("slack", fault));
        let now_ms = NOW_MS + 10_000 * i64::try_from(index).unwrap();
        let error = client.send(&outgoing(&["a"]), 0, now_ms).await.unwrap_err();
        assert_eq!(error.class, want);
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_up_by_our_metadata() {
    let (farm, client) = start().await;
    let accepted = Fault::Named { name: "accepted_then_500".to_owned(), data: json!(null) };
    farm.farm.script(Rule { skip: 1, ..Rule::next("slack", accepted) });
    let message = outgoing(&["a", "b", "c"]);
    let error = client.send(&message, 0, NOW_MS).await.unwrap_err();
    assert_eq!((error.class, error.sent.len()), (SendClass::Unknown, 1));
    let found = client.reconcile(&message, NOW_MS - 60_000).await.unwrap();
    let parts: Vec<usize> = found.iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [0, 1], "the second arrived although it was answered by 500");
    let sent = client.send(&message, parts.len(), NOW_MS).await.unwrap();
    assert_eq!(sent.platform_ids.len(), 1);
    let posts = farm.farm.log();
    assert_eq!(posts.iter().filter(|entry| entry.method == "POST").count(), 3);
}

#[tokio::test]
async fn an_answer_is_streamed() {
    let (farm, client) = start().await;
    let message = outgoing(&["ignored"]);
    let mut stream = client.start_stream(&message).await.unwrap();
    assert_eq!(client.append_stream(&mut stream, "**Hello**").await.unwrap(), Streamed::Added);
    let long = "x".repeat(12_000);
    assert_eq!(client.append_stream(&mut stream, &long).await.unwrap(), Streamed::Full);
    assert!(stream.id().starts_with("C1:"));
    client.stop_stream(stream, &message).await.unwrap();
    let log = farm.farm.log();
    assert_eq!(log[0].json()["recipient_user_id"], "U1");
    assert_eq!(log[1].json()["markdown_text"], "**Hello**");
    assert_eq!(log[2].json()["metadata"]["event_payload"]["id"], "msg_1");
}

#[tokio::test]
async fn the_farm_signs_as_slack_does() {
    let headers = channels::signed_headers("slack", "s3cret", "", "{}", 1_700_000_000);
    let delivery =
        Delivery { timestamp: Some(&headers[1].1), signature: Some(&headers[2].1), retry: None };
    let secret = impresario_calls::Secret::new("s3cret");
    assert_eq!(verify(&secret, delivery, b"{}", NOW_MS), Ok(()));
}
