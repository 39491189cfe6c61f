//! One message, one answer: whatever is delivered twice, forged, or interrupted.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::shop::{
    ALL, ANSWER, Posted, QUESTION, Shop, TWILIO_URL, field, id, now_s, secret, words, written,
};
use crate::clients::python;

type Headers = Vec<(String, String)>;

/// The headers that the platforms' own libraries make, in the order of the requests.
async fn sign(requests: &[(&str, &str)]) -> Vec<Headers> {
    let lines: Vec<String> = requests
        .iter()
        .map(|(platform, body)| {
            json!({
                "platform": platform, "secret": secret(platform), "url": TWILIO_URL,
                "body": body, "now": now_s(),
            })
            .to_string()
        })
        .collect();
    let mut command = python("sign_webhooks.py");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut signer = command.spawn().expect("it starts");
    let mut input = signer.stdin.take().expect("it is piped");
    input.write_all(lines.join("\n").as_bytes()).await.expect("it reads");
    drop(input);
    let output = signer.wait_with_output().await.expect("it ends");
    assert!(output.status.success(), "the libraries cannot sign");
    let headers = |line: &str| {
        let pairs: Vec<(String, String)> = serde_json::from_str(line).expect("pairs");
        pairs
    };
    String::from_utf8(output.stdout).expect("text").lines().map(headers).collect()
}

/// What each platform must be told at once.
fn check_ack(platform: &str, posted: &Posted) {
    let Posted { status, body, took } = posted;
    assert_eq!(*status, 200, "{platform}: {body}");
    assert!(took.as_secs() < 3, "{platform} waits no longer than three seconds: {took:?}");
    match platform {
        "twilio" => assert!(body.contains("<Response/>"), "{body}"),
        "discord" => assert_eq!(body, r#"{"type":5}"#, "an answer follows"),
        _ => assert_eq!(body, ""),
    }
}

/// The only answer that a platform was given, in its own shape.
fn check_answer(shop: &Shop, platform: &str) {
    let given = shop.given(platform);
    let texts: Vec<String> = given.iter().map(|entry| words(platform, entry)).collect();
    assert_eq!(given.len(), 1, "{platform}: {texts:?}");
    let (entry, text) = (&given[0], &texts[0]);
    assert!(text.contains(ANSWER), "{platform}: {text}");
    assert!(text.contains("https://shop.example/shipping"), "{platform} names the source: {text}");
    let json = entry.json();
    match platform {
        "whatsapp" => {
            assert_eq!(entry.path, "/whatsapp/v24.0/1065/messages");
            assert_eq!(entry.header("authorization"), Some("Bearer token"));
            assert_eq!(json["recipient"], "US.13491208655302741918");
            assert_eq!(json["type"], "text");
            assert_eq!(json["context"]["message_id"], "wamid.IN1");
        }
        "twilio" => {
            assert!(entry.header("authorization").is_some_and(|it| it.starts_with("Basic ")));
            assert_eq!(field(entry, "To"), "whatsapp:+16505551234");
            assert_eq!(field(entry, "From"), "whatsapp:+14155238886");
            assert!(field(entry, "StatusCallback").starts_with(TWILIO_URL));
        }
        "slack" => {
            assert_eq!(entry.header("authorization"), Some("Bearer xoxb-1"));
            assert_eq!((&json["channel"], &json["thread_ts"]), (&json!("D1"), &Value::Null));
            assert_eq!(json["metadata"]["event_type"], "impresario_message");
        }
        _ => {
            assert_eq!(entry.method, "PATCH", "instead of \"is thinking\"");
            assert!(entry.path.starts_with("/discord/api/v10/webhooks/999/tok-"), "{}", entry.path);
            assert_eq!(json["allowed_mentions"], json!({ "parse": [] }));
        }
    }
}

/// Every conversation has said what it will say.
async fn settled(shop: &Shop, count: usize) {
    let rows = |list: &Value| list["items"].as_array().map_or(0, Vec::len);
    shop.node.until("/api/v1/conversations", |list| rows(list) == count).await;
    for row in shop.conversations().await {
        let path = format!("/api/v1/conversations/{}", row["id"].as_str().expect("an id"));
        let is_done = |shown: &Value| {
            let deliveries = shown["deliveries"].as_array().cloned().unwrap_or_default();
            let all_told = !deliveries.is_empty()
                && deliveries
                    .iter()
                    .all(|fate| fate["status"] == "sent" && fate["sending"].is_null());
            all_told && shown["thinking"] == false && shown["collecting"] == 0
        };
        let shown = shop.node.until(&path, is_done).await;
        assert_eq!(shown["counters"]["replies"], 1, "{shown}");
        let said = shown["messages"].as_array().and_then(|all| all.last()).cloned();
        let said = said.expect("an answer");
        assert_eq!(said["citations"][0]["title"], "Shipping", "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_platform_gets_one_cited_answer_to_what_its_own_library_signed() {
    let shop = Shop::connected(&ALL, &[]).await;
    let asked = ALL.map(|platform| written(platform, &id(platform, 1), QUESTION));
    let forged = ALL.map(|platform| written(platform, &id(platform, 2), "I was never said"));
    let requests: Vec<(&str, &str)> =
        ALL.into_iter().zip(asked.iter().map(String::as_str)).collect();
    let headers = sign(&requests).await;
    for (index, platform) in ALL.into_iter().enumerate() {
        // Right for another body, and not at all.
        let wrong = shop.post(platform, "", &headers[index], &forged[index]).await;
        assert_eq!(wrong.status, 401, "{platform}: {}", wrong.body);
        let unsigned = shop.post(platform, "", &[], &asked[index]).await;
        assert_eq!(unsigned.status, 401, "{platform}: {}", unsigned.body);
    }
    assert_eq!(shop.conversations().await.len(), 0, "nothing happens");
    for _delivery in 0..3 {
        for (index, platform) in ALL.into_iter().enumerate() {
            let posted = shop.post(platform, "", &headers[index], &asked[index]).await;
            check_ack(platform, &posted);
        }
    }
    settled(&shop, 4).await;
    // And once more, long after the answer.
    for (index, platform) in ALL.into_iter().enumerate() {
        check_ack(platform, &shop.post(platform, "", &headers[index], &asked[index]).await);
    }
    settled(&shop, 4).await;
    ALL.iter().for_each(|platform| check_answer(&shop, platform));
}

/// `kill -9` between the webhook's acknowledgement and the answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_answered_once_after_a_crash() {
    let mut shop = Shop::connected(&ALL, &[]).await;
    for platform in ALL {
        shop.hear(platform, &written(platform, &id(platform, 1), QUESTION)).await;
    }
    shop.crash().await;
    settled(&shop, 4).await;
    ALL.iter().for_each(|platform| check_answer(&shop, platform));
}
