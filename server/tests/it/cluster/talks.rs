//! Conversations and what they cost, seen from nodes at which nothing of it happened.

use std::time::Duration;

use impresario_farm::Farm;
use reqwest::Client;
use serde_json::{Value, json};

use super::super::models::{connect, will_say};
use super::super::node::Node;
use super::super::talk::found;
use super::three_with;

/// A watcher that hears nothing looks again by itself after twenty seconds.
const SOON: Duration = Duration::from_secs(10);

/// A visitor of the tenant's website.
struct Visitor {
    http: Client,
    site: String,
    session: String,
}

impl Visitor {
    async fn come(node: &Node, tenant: &str) -> Self {
        let http = Client::new();
        let site = format!("/widget/v1/{tenant}/web");
        let begin = http.post(format!("{}{site}/session", node.url())).json(&json!({}));
        let begun: Value = begin.send().await.expect("it answers").json().await.expect("JSON");
        let session = begun["session"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
        Self { http, site, session }
    }

    async fn say(&self, node: &Node, text: &str) {
        let message = json!({ "id": "m-1", "text": text });
        let url = format!("{}{}/messages", node.url(), self.site);
        let sent = self.http.post(url).bearer_auth(&self.session).json(&message).send().await;
        let sent = sent.expect("it answers");
        assert!(sent.status().is_success(), "{}", sent.text().await.unwrap_or_default());
    }

    /// Waits at a node until it is told of this.
    async fn hear(&self, node: &Node, text: &str) {
        let url = format!("{}{}/events", node.url(), self.site);
        let listening = self.http.get(url).bearer_auth(&self.session).send().await;
        let mut listening = listening.expect("it answers");
        assert!(listening.status().is_success(), "{}", listening.status());
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(text) {
            let piece = listening.chunk().await.expect("it goes on");
            heard.extend(piece.expect("it does not end"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_heard_and_its_cost_is_seen_at_every_node() {
    let farm = Farm::local().await.expect("a farm");
    let servers = format!("answers.local_servers={}", farm.address);
    let mut nodes = three_with(&["--set", &servers]).await;
    let tenant = found(&mut nodes[0]).await;
    nodes.iter_mut().for_each(|node| node.be(&tenant));
    connect(&nodes[0], &farm).await;
    for (path, body) in [
        ("/api/v1/connections/web", json!({ "kind": "web", "settings": {} })),
        ("/api/v1/assistant", json!({ "name": "Nordlicht", "burst": { "quiet_ms": 300 } })),
    ] {
        let (status, answer) = nodes[0].ask("PUT", path, body).await;
        assert!(status.is_success(), "{path}: {answer}");
    }
    for node in &nodes {
        node.until("/api/v1/connections/web", |known| known["kind"] == "web").await;
    }
    let visitor = Visitor::come(&nodes[0], &tenant).await;
    will_say(&farm, "You can send anything back within 30 days of delivery [k1].");
    // Everybody listens before anything is said, at whichever node the conversation is decided.
    let hear = |node| tokio::time::timeout(SOON, visitor.hear(node, "30 days"));
    let question = "within how many days of delivery can I send anything back?";
    let (_, one, two, three) = tokio::join!(
        visitor.say(&nodes[1], question),
        hear(&nodes[0]),
        hear(&nodes[1]),
        hear(&nodes[2])
    );
    assert!(one.is_ok() && two.is_ok() && three.is_ok(), "not heard everywhere in {SOON:?}");

    let mut seen = Vec::new();
    for node in &nodes {
        let traces = node
            .until("/api/v1/llm/traces", |traces| {
                traces["items"].as_array().map_or(0, Vec::len) == 1
            })
            .await;
        let id = traces["items"][0]["id"].as_str().expect("an id").to_owned();
        let shown = node.get(&format!("/api/v1/llm/traces/{id}")).await;
        assert!(shown["answer"].is_object(), "{shown}");
        seen.push(shown);
    }
    assert!(seen.iter().all(|shown| *shown == seen[0]), "{seen:?}");
}
