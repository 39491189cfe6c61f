//! A person in the inbox reads, and is helped to write, what is in another language.

use impresario_farm::{Fault, Rule, Running};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::models::connected;
use super::node::Node;
use super::talk::{informed, say};

const GERMAN: &str =
    "Guten Tag, ich habe das Zelt letzte Woche bestellt und es ist noch nicht angekommen.";
const ENGLISH: &str = "Good day, I ordered the tent last week and it has not arrived yet.";

/// A conversation that a person holds.
async fn held(node: &Node) -> String {
    let path = say(node, "lena", "I want to talk to a human please").await;
    node.until(&path, |shown| shown["status"] == "waiting_human").await;
    say(node, "lena", GERMAN).await;
    path
}

/// The model gives these texts next.
fn gives(farm: &Running, texts: &[&str]) {
    let say = Fault::Say {
        text: json!({ "texts": texts }).to_string(),
        cached_tokens: 0,
        reasoning_tokens: 0,
        finish: None,
    };
    farm.farm.script(Rule::next("openai", say));
}

async fn translate(node: &Node, path: &str, body: Value) -> (StatusCode, Value) {
    node.ask("POST", &format!("{path}/translate"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_customer_wrote_is_read_in_another_language() {
    let (node, _, farm) = connected().await;
    let path = held(&node).await;
    farm.farm.clear();
    gives(&farm, &[ENGLISH]);
    let (status, done) = translate(&node, &path, json!({ "language": "en" })).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    let messages = done["messages"].as_array().expect("messages");
    let last = messages.last().expect("a message");
    assert_eq!((&last["text"], &last["from"]), (&json!(ENGLISH), &json!("de")), "{done}");
    assert_eq!(last["doubtful"], false, "{done}");
    // What is English already is not paid for again.
    let same = &messages[0];
    assert_eq!(
        (&same["text"], &same["same"]),
        (&json!("I want to talk to a human please"), &json!(true))
    );
    let asked = farm.farm.log()[0].json().to_string();
    assert!(asked.contains("Guten Tag") && !asked.contains("talk to a human"), "{asked}");
    assert!(done["cost_micros"].as_i64() > Some(0), "{done}");
    let call = format!("/api/v1/llm/traces/{}", done["call"].as_str().expect("a call"));
    let row = node.until(&call, |call| call["row"]["purpose"] == "translation").await;
    assert_eq!(row["row"]["cost_micros"], done["cost_micros"]);

    // The other way round: what a person is about to write, and numbers that do not fit.
    gives(&farm, &["Es kommt in 4 Tagen."]);
    let draft = json!({ "text": "It will arrive within 5 days.", "language": "de" });
    let (_, done) = translate(&node, &path, draft).await;
    assert_eq!(
        (&done["text"]["text"], &done["messages"]),
        (&json!("Es kommt in 4 Tagen."), &json!([]))
    );
    assert_eq!(done["text"]["doubtful"], true, "{done}");
    // Nothing was sent.
    let shown = node.get(&path).await;
    assert!(!shown.to_string().contains("4 Tagen"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_model_or_no_money_is_told() {
    let (node, _) = informed(&[]).await;
    let path = held(&node).await;
    let english = json!({ "language": "en" });
    let (status, refused) = translate(&node, &path, english.clone()).await;
    assert_eq!(
        (status.as_u16(), &refused["code"]),
        (503, &json!("translation_unavailable")),
        "{refused}"
    );
    for (body, pointer) in
        [(json!({}), "/language"), (json!({ "language": "English" }), "/language")]
    {
        let (status, refused) = translate(&node, &path, body).await;
        assert_eq!((status.as_u16(), &refused["pointer"]), (400, &json!(pointer)), "{refused}");
    }
    // Nothing to translate needs no model.
    let (status, done) = translate(&node, &path, json!({ "language": "de", "before": 1 })).await;
    assert_eq!((status.as_u16(), &done["messages"]), (200, &json!([])), "{done}");
}
