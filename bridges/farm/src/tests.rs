use serde_json::{Value, json};

use super::*;

fn rule(json: Value) -> Rule {
    serde_json::from_value(json).expect("a rule")
}

#[test]
fn rules_are_used_as_often_as_they_say_and_the_oldest_first() {
    let script = script::Script::default();
    script.add([
        rule(json!({"provider": "a", "skip": 1, "times": 2, "fault": {"kind": "overloaded"}})),
        rule(json!({"path": "/x", "contains": "now", "fault": {"kind": "hang"}})),
        rule(json!({"provider": "b", "times": 0, "fault": {"kind": "close"}})),
    ]);
    let take = |provider, path, body| script.take(provider, path, body);
    assert_eq!(take("a", "/x", "now"), None, "skipped");
    assert_eq!(take("a", "/x", "now"), Some(Fault::Overloaded));
    assert_eq!(take("b", "/x", "later"), None);
    assert_eq!(take("b", "/x", "now"), Some(Fault::Hang));
    assert_eq!(take("b", "/x", "now"), None);
    assert_eq!(take("a", "/", ""), Some(Fault::Overloaded));
    assert!(script.rules().is_empty());
}

#[test]
fn rules_read_back_as_they_are_written() {
    let faults = [
        Fault::RateLimited { retry_after_s: Some(7) },
        Fault::Cut { after_bytes: 9, clean: true },
        Fault::Named { name: "duplicate".to_owned(), data: json!({"times": 2}) },
        Fault::Answer { status: 200, headers: Vec::new(), body: json!({"ok": false}) },
    ];
    for fault in faults {
        let written = Rule::next("slack", fault).at("chat.postMessage").times(3);
        let text = serde_json::to_string(&written).expect("JSON");
        assert_eq!(serde_json::from_str::<Rule>(&text).expect("reads"), written);
    }
    assert!(serde_json::from_str::<Rule>(r#"{"fault":{"kind":"nonsense"}}"#).is_err());
}

/// One POST over a real connection: the status and the body.
async fn post(running: &Running, path: &str, body: &Value) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(running.address).await.expect("it listens");
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: farm\r\nconnection: close\r\nx-client-request-id: call-1\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

fn ask(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": text}]})
}

const CHAT: &str = "/openai/v1/chat/completions";

#[tokio::test]
async fn answers_are_grounded_in_numbered_sources() {
    let running = Farm::local().await.expect("a port");
    let prompt = "[1] Shipping takes three days. We like cats.\n[2] Returns are free for 30 days.\n\n\
                  Question: How long can I do returns for free?";
    let (status, answer) = post(&running, CHAT, &ask(prompt)).await;
    assert_eq!(status, 200);
    assert!(answer.contains("Returns are free for 30 days [2]."), "{answer}");
    let (_, answer) = post(&running, CHAT, &ask("[1] We like cats.\n\nQuestion: Parking?")).await;
    assert!(answer.contains("I do not know"), "{answer}");
    let (_, answer) = post(&running, CHAT, &ask("Hello")).await;
    assert!(answer.contains("You said: Hello"), "{answer}");
}

#[tokio::test]
async fn what_was_charged_is_counted_by_request() {
    let running = Farm::local().await.expect("a port");
    let script = json!([
        {"provider": "openai", "fault": {"kind": "rate_limited", "retry_after_s": 3}},
        {"provider": "openai", "fault": {"kind": "cut", "after_bytes": 5}},
    ]);
    assert_eq!(post(&running, "/_script", &script).await.0, 204);
    let (status, answer) = post(&running, CHAT, &ask("1")).await;
    assert!(status == 429 && answer.contains("retry-after: 3"), "{answer}");
    assert!(running.farm.charged().is_empty());
    post(&running, CHAT, &ask("2")).await;
    assert_eq!(post(&running, CHAT, &ask("3")).await.0, 200);
    assert_eq!(running.farm.charged().get("call-1"), Some(&2));
    let endings: Vec<Ending> = running.farm.log().iter().map(|entry| entry.ending).collect();
    assert_eq!(endings, [Ending::Finished, Ending::Cut, Ending::Finished]);
    running.farm.clear();
    assert!(running.farm.log().is_empty());
}

#[tokio::test]
async fn an_overloaded_provider_says_so_in_its_own_way() {
    for (path, want) in [(CHAT, 503), ("/anthropic/v1/messages", 529), ("/ollama/api/chat", 503)] {
        let running = Farm::local().await.expect("a port");
        running.farm.script(Rule::next("", Fault::Overloaded));
        assert_eq!(post(&running, path, &ask("1")).await.0, want);
    }
}
