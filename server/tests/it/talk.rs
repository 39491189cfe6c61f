//! Knowledge, questions and conversations, asked of a running node as an application would.

use serde_json::{Value, json};

use super::node::Node;

const PAGES: [(&str, &str); 3] = [
    ("Returns", "You can send anything back within 30 days of delivery. The label is free."),
    ("Shipping", "Parcels to Austria take four working days. Above 50 euros shipping is free."),
    ("Warranty", "Every tent has a warranty of five years. Zips are repaired free of charge."),
];

/// A node whose tenant knows the pages.
pub(crate) async fn informed(more: &[&str]) -> (Node, String) {
    let mut node = Node::start(more).await;
    let tenant = found(&mut node).await;
    (node, tenant)
}

/// A new tenant that knows the pages, for which the node is asked from now on.
pub(crate) async fn found(node: &mut Node) -> String {
    let tenant =
        node.post("/api/v1/tenants", json!({ "name": "Shop", "plan": "enterprise" })).await;
    let tenant = tenant["id"].as_str().expect("an id").to_owned();
    node.be(&tenant);
    teach(node).await;
    tenant
}

/// Gives the tenant the pages.
pub(crate) async fn teach(node: &Node) {
    for (title, content) in PAGES {
        let page = json!({ "title": title, "content": content, "external_id": title });
        node.post("/api/v1/knowledge/product-docs/documents", page).await;
    }
}

/// What was said to the customer by the assistant.
fn replies(shown: &Value) -> Vec<String> {
    let messages = shown["messages"].as_array().expect("messages");
    let said = messages.iter().filter(|message| message["from"] == "assistant");
    said.map(|message| message["content"].to_string()).collect()
}

pub(crate) async fn say(node: &Node, user: &str, text: &str) -> String {
    let body = json!({ "user": user, "text": text });
    let answer = node.post("/api/v1/conversations/messages", body).await;
    let id = answer["conversation"].as_str().expect("a conversation");
    format!("/api/v1/conversations/{id}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_with_its_source_or_not_at_all() {
    let (node, _) = informed(&[]).await;
    let ask = async |question: &str| {
        node.post("/api/v1/knowledge/answer", json!({ "question": question })).await
    };
    let answer = ask("How many working days do parcels to Austria take?").await;
    assert_eq!(answer["abstained"], false, "{answer}");
    assert_eq!(answer["citations"][0]["title"], "Shipping", "{answer}");
    assert!(
        answer["text"].as_str().expect("a text").contains("four working days. [1]"),
        "{answer}"
    );
    let answer = ask("Who won the football world cup in 1974?").await;
    assert_eq!((&answer["abstained"], &answer["text"]), (&json!(true), &json!("")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_in_no_answer() {
    let (node, _) = informed(&[]).await;
    let ask = async || {
        let body = json!({ "query": "warranty of a tent", "limit": 1 });
        node.post("/api/v1/knowledge/search", body).await["passages"][0]["title"].clone()
    };
    assert_eq!(ask().await, "Warranty");
    let list = node.get("/api/v1/knowledge/product-docs/documents").await;
    let mut deleted = 0;
    for row in list["items"].as_array().expect("items") {
        let path = format!(
            "/api/v1/knowledge/product-docs/documents/{}",
            row["id"].as_str().expect("an id")
        );
        if node.get(&path).await["title"] == "Warranty" {
            let (status, body) = node.ask("DELETE", &path, Value::Null).await;
            assert!(status.is_success(), "{body}");
            deleted += 1;
        }
    }
    assert_eq!(deleted, 1);
    assert_ne!(ask().await, "Warranty");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_gets_one_answer_and_who_asks_for_a_human_gets_one() {
    let (node, _) = informed(&[]).await;
    say(&node, "lena", "hello").await;
    let path =
        say(&node, "lena", "within how many days of delivery can I send anything back?").await;
    let shown = node.until(&path, |shown| !replies_or_none(shown).is_empty()).await;
    let said = replies(&shown);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("30 days"), "{said:?}");
    say(&node, "lena", "I want to talk to a human").await;
    node.until(&path, |shown| shown["status"] == "waiting_human").await;
}

pub(crate) fn replies_or_none(shown: &Value) -> Vec<String> {
    if shown["messages"].is_array() { replies(shown) } else { Vec::new() }
}

/// `kill -9` while the answer is on its way: it comes afterwards, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_answers_what_it_was_asked_once() {
    let (mut node, tenant) = informed(&[]).await;
    let path = say(&node, "ada", "how many working days do parcels to Austria take?").await;
    node.kill_and_start().await;
    node.be(&tenant);
    let shown = node.until(&path, |shown| !replies_or_none(shown).is_empty()).await;
    assert_eq!(replies(&shown).len(), 1);
    assert_eq!(shown["thinking"], false);
}
