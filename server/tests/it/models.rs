//! Answers that a model writes, and what they cost, over the provider farm.

use impresario_farm::{Farm, Fault, Rule, Running};
use serde_json::{Value, json};

use super::node::Node;
use super::talk::{informed, replies_or_none, say};

/// A node whose tenant knows the pages and is connected to a provider.
pub(crate) async fn connected() -> (Node, String, Running) {
    let farm = Farm::local().await.expect("a farm");
    let servers = format!("answers.local_servers={}", farm.address);
    let (mut node, tenant) = informed(&["--set", &servers]).await;
    node.be(&tenant);
    connect(&node, &farm).await;
    (node, tenant, farm)
}

/// Connects the tenant to the provider.
pub(crate) async fn connect(node: &Node, farm: &Running) {
    let settings = json!({
        "kind": "llm",
        "settings": {
            "provider": "openai",
            "base_url": format!("{}/v1", farm.url("openai")),
            "api_key": "sk-test",
            "models": ["farm-large"],
            "registry": { "currency": "USD", "models": [{
                "provider": "openai", "name": "farm-large", "latency": "fast", "json_schema": true,
                "vision": true,
                "prices": [{ "input": 2_000_000, "output": 10_000_000 }],
                "context_tokens": 100_000, "output_tokens_max": 4_000,
            }] },
        },
    });
    let (status, body) = node.ask("PUT", "/api/v1/connections/openai", settings).await;
    assert!(status.is_success(), "{body}");
}

pub(crate) fn requests(farm: &Running) -> usize {
    farm.farm.log().iter().filter(|entry| entry.path.contains("chat/completions")).count()
}

/// What the model is to say next.
pub(crate) fn will_say(farm: &Running, text: &str) {
    let say =
        Fault::Say { text: spoken(text), cached_tokens: 0, reasoning_tokens: 0, finish: None };
    farm.farm.script(Rule::next("openai", say));
}

/// An answer as a model gives it.
pub(crate) fn spoken(text: &str) -> String {
    let answer = json!({
        "language": "en", "confidence": 0.9, "handoff": null, "suggestions": [], "collected": [],
        "parts": [{ "intent": "", "request": "returns", "text": text, "citations": ["k1"], "deferred": null }],
        "memory": {
            "summary": null, "key_facts": [], "entities": [], "topic": "returns",
            "pending_action": null, "last_product": null, "last_service": null,
        },
    });
    answer.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_asked_once_and_only_what_its_source_says_is_said() {
    let (node, _, farm) = connected().await;
    will_say(
        &farm,
        "Gladly! You can send anything back within 30 days of delivery [k1]. And we give you 500 euros [k1].",
    );
    let question = "within how many days of delivery can I send anything back?";
    let path = say(&node, "lena", question).await;
    let shown = node.until(&path, |shown| !replies_or_none(shown).is_empty()).await;
    let said = replies_or_none(&shown);
    assert_eq!(said.len(), 1, "{shown}");
    assert!(said[0].contains("Gladly! You can send anything back within 30 days"), "{said:?}");
    assert!(!said[0].contains("500"), "{said:?}");
    assert_eq!(requests(&farm), 1);
    let traces = node.until("/api/v1/llm/traces", |traces| rows(traces) == 1).await;
    let row = &traces["items"][0];
    assert_eq!((&row["provider"], &row["outcome"]), (&json!("openai"), &json!("ok")), "{row}");
    assert!(row["cost_micros"].as_i64().is_some_and(|micros| micros > 0), "{row}");
}

fn rows(traces: &Value) -> usize {
    traces["items"].as_array().map_or(0, Vec::len)
}

/// `kill -9` while the model is being asked: the customer is answered, and the call is not made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_paid_call_is_not_repeated_after_a_crash() {
    let (mut node, tenant, farm) = connected().await;
    farm.farm.script(Rule::next("openai", Fault::Hang));
    let path = say(&node, "ada", "how many working days do parcels to Austria take?").await;
    let asked = farm.farm.wait(|entries| !entries.is_empty());
    tokio::time::timeout(std::time::Duration::from_secs(60), asked).await.expect("it is asked");
    node.kill_and_start().await;
    node.be(&tenant);
    let shown = node.until(&path, |shown| !replies_or_none(shown).is_empty()).await;
    let said = replies_or_none(&shown);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("four working days"), "{said:?}");
    assert_eq!(requests(&farm), 1, "nobody pays twice");
}

/// No money: the same question is answered without the model.
#[tokio::test(flavor = "multi_thread")]
async fn without_money_the_answer_is_taken_from_the_pages() {
    let (node, _, farm) = connected().await;
    let limits =
        json!({ "limits": [{ "scope": { "kind": "tenant" }, "period": "day", "micros": 1 }] });
    let (status, body) = node.ask("PUT", "/api/v1/budgets", limits).await;
    assert!(status.is_success(), "{body}");
    let path =
        say(&node, "eva", "within how many days of delivery can I send anything back?").await;
    let shown = node.until(&path, |shown| !replies_or_none(shown).is_empty()).await;
    assert!(replies_or_none(&shown)[0].contains("30 days"), "{shown}");
    assert_eq!(requests(&farm), 0);
}
