//! Questions that a model answers: what is said of it, what it costs, and what is said again.

use impresario_farm::{Fault, Rule, Running};
use serde_json::{Value, json};

use super::models::{connect, connected, requests, will_say};
use super::node::Node;
use super::talk::{replies_or_none, say};

const QUESTION: &str = "within how many days of delivery can I send anything back?";
const TRUE: &str = "Gladly! You can send anything back within 30 days of delivery [k1].";

async fn ask(node: &Node, more: Value) -> Value {
    let mut body = json!({ "question": QUESTION });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    node.post("/api/v1/knowledge/answer", body).await
}

/// The calls that are listed, the newest first: what for, and what became of them.
async fn calls(node: &Node, count: usize) -> Vec<(String, String, i64)> {
    let rows = |traces: &Value| traces["items"].as_array().cloned().unwrap_or_default();
    let traces = node.until("/api/v1/llm/traces", |traces| rows(traces).len() == count).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| {
        let cost = row["cost_micros"].as_i64().unwrap_or(-1);
        (text(row, "purpose"), text(row, "outcome"), cost)
    };
    rows(&traces).iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_by_a_model_as_far_as_its_sources_say_it() {
    let (node, _, farm) = connected().await;
    will_say(&farm, &format!("{TRUE} And we give you 500 euros [k1]."));
    let answer = ask(&node, json!({})).await;
    assert_eq!(answer["path"], "generated", "{answer}");
    let want = "You can send anything back within 30 days of delivery. [1]";
    assert_eq!(answer["text"], want, "{answer}");
    assert_eq!(answer["citations"][0]["title"], "Returns", "{answer}");
    let quote = answer["citations"][0]["quote"].as_str().expect("a quote");
    assert!(quote.starts_with("You can send anything back within 30 days"), "{answer}");
    assert_eq!(answer["model"], "openai/farm-large", "{answer}");
    assert!(answer["cost_micros"].as_i64() > Some(0), "{answer}");
    let calls = calls(&node, 1).await;
    assert_eq!((calls[0].0.as_str(), calls[0].1.as_str()), ("question", "ok"));
    let call = format!("/api/v1/llm/traces/{}", answer["call"].as_str().expect("a call"));
    assert_eq!(node.get(&call).await["row"]["cost_micros"], answer["cost_micros"]);
    // Nothing of it holds: the pages' own words.
    will_say(&farm, "You have 60 days [k1].");
    let body = json!({ "question": "how many days do I have to send a tent back after delivery?" });
    let answer = node.post("/api/v1/knowledge/answer", body).await;
    assert_eq!(answer["path"], "extractive", "{answer}");
    assert!(!answer.to_string().contains("60 days"), "{answer}");
    assert!(answer["cost_micros"].as_i64() > Some(0), "it was paid all the same: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_question_costs_once() {
    let (node, _, farm) = connected().await;
    will_say(&farm, TRUE);
    let first = ask(&node, json!({})).await;
    let again = ask(&node, json!({})).await;
    assert_eq!(again["text"], first["text"]);
    assert_eq!((requests(&farm), &again["cost_micros"]), (1, &json!(0)), "{again}");
    let listed = calls(&node, 2).await;
    assert_eq!((listed[0].1.as_str(), listed[0].2), ("cached", 0), "{listed:?}");
    let call = format!("/api/v1/llm/traces/{}", again["call"].as_str().expect("a call"));
    assert_eq!(node.get(&call).await["row"]["outcome"], "cached");
    // Switched off, it is asked again; without generation nobody is asked.
    let words = ask(&node, json!({ "generate": false })).await;
    assert_eq!((&words["path"], &words["call"]), (&json!("extractive"), &Value::Null), "{words}");
    let off = json!({ "features": { "cached_answers": false } });
    let (status, body) = node.ask("PUT", "/api/v1/assistant", off).await;
    assert!(status.is_success(), "{body}");
    will_say(&farm, TRUE);
    let paid = ask(&node, json!({})).await;
    assert_eq!((requests(&farm), paid["cost_micros"].as_i64() > Some(0)), (2, true), "{paid}");
}

/// What one tenant's model said is nothing that another one gets.
#[tokio::test(flavor = "multi_thread")]
async fn ten_02_another_tenant_asks_for_itself() {
    let (mut node, _, farm) = connected().await;
    will_say(&farm, TRUE);
    ask(&node, json!({})).await;
    let other = node.post("/api/v1/tenants", json!({ "name": "Other", "plan": "pro" })).await;
    node.be(other["id"].as_str().expect("an id"));
    super::talk::teach(&node).await;
    connect(&node, &farm).await;
    will_say(&farm, TRUE);
    let answer = ask(&node, json!({})).await;
    assert_eq!((requests(&farm), &answer["path"]), (2, &json!("generated")), "{answer}");
}

/// Two people ask the same thing before anything is known of them: one call. Whoever tells something
/// of themselves, or has spoken before, gets an answer of their own.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_said_is_no_part_of_what_is_said_again() {
    let (node, _, farm) = connected().await;
    let quick = json!({ "burst": { "quiet_ms": 200 } });
    let (status, body) = node.ask("PUT", "/api/v1/assistant", quick).await;
    assert!(status.is_success(), "{body}");
    let answered = async |user: &str, text: &str, count: usize, farm: &Running| {
        will_say(farm, TRUE);
        let path = say(&node, user, text).await;
        node.until(&path, |shown| replies_or_none(shown).len() == count).await;
        let asked = requests(farm);
        farm.farm.clear();
        asked
    };
    assert_eq!(answered("lena", QUESTION, 1, &farm).await, 1);
    let other = answered("eva", QUESTION, 1, &farm).await;
    assert_eq!(other, 0, "said again");
    let named = format!("My name is Ada Lovelace. {QUESTION}");
    assert_eq!(answered("ada", &named, 1, &farm).await, 1);
    assert_eq!(answered("ida", &named, 1, &farm).await, 1, "nothing of it was kept");
    assert_eq!(answered("lena", QUESTION, 2, &farm).await, 1, "lena has a history");
}

/// A picture without words is found by what a model sees on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_described_by_a_model_that_sees() {
    let (node, _, farm) = connected().await;
    let say = Fault::Say {
        text: "A red kite surfboard leans against a wall.".to_owned(),
        cached_tokens: 0,
        reasoning_tokens: 0,
        finish: None,
    };
    farm.farm.script(Rule::next("openai", say));
    // The smallest picture there is.
    let picture = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
    let path = "/api/v1/knowledge/product-docs/files?filename=board.gif";
    let (status, saved) = node.upload(path, "image/gif", picture).await;
    assert!(status.is_success(), "{saved}");
    let found = node.post("/api/v1/knowledge/search", json!({ "query": "surfboard" })).await;
    assert!(found["passages"][0].to_string().contains("leans against a wall"), "{found}");
    let listed = calls(&node, 1).await;
    assert_eq!((listed[0].0.as_str(), listed[0].1.as_str()), ("image", "ok"));
    let asked = farm.farm.log()[0].json().to_string();
    assert!(asked.contains("data:image/gif;base64,R0lGODlh"), "{asked}");
}
