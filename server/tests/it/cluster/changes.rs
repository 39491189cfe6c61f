//! Live changes of profiles, heard at nodes that decide none of them.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Client;
use serde_json::json;

use super::super::clients::key;
use super::super::node::Node;
use super::three_with;

const PATIENCE: Duration = Duration::from_secs(30);
const PEOPLE: usize = 12;

/// Listens at a node until every person was heard of.
async fn listen(node: &Node, key: &str) {
    let url = format!("{}/api/v1/live", node.url());
    let listening = Client::new().get(url).bearer_auth(key).send().await;
    let mut listening = listening.expect("it answers");
    assert!(listening.status().is_success(), "{}", listening.status());
    let mut heard = String::new();
    let mut missing: BTreeSet<String> = (0..PEOPLE).map(|at| format!("\"Beat-{at}\"")).collect();
    while !missing.is_empty() {
        let piece = listening.chunk().await.expect("it goes on").expect("it does not end");
        heard.push_str(&String::from_utf8_lossy(&piece));
        missing.retain(|name| !heard.contains(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_heard_at_every_node_wherever_they_are_decided() {
    let mut nodes = three_with(&[]).await;
    let shop = json!({ "name": "Shop", "plan": "enterprise" });
    let tenant = nodes[0].post("/api/v1/tenants", shop).await["id"].clone();
    let tenant = tenant.as_str().expect("an id").to_owned();
    nodes.iter_mut().for_each(|node| node.be(&tenant));
    let key = key(&nodes[0], &["profiles:read", "events:write"]).await;
    for node in &nodes {
        node.until("/api/v1/keys", |keys| {
            keys["items"].as_array().is_some_and(|all| !all.is_empty())
        })
        .await;
    }
    let all = async {
        tokio::join!(listen(&nodes[0], &key), listen(&nodes[1], &key), listen(&nodes[2], &key));
    };
    // Changes in the first moments of a subscription may not come, so they go on.
    let http = Client::new();
    let changing = async {
        let mut rounds = tokio::time::interval(Duration::from_millis(100));
        loop {
            rounds.tick().await;
            for at in 0..PEOPLE {
                let event = json!({ "userId": format!("u{at}"), "event": format!("Beat-{at}") });
                let node = &nodes[at % 3];
                let request = http.post(format!("{}/v1/track", node.url())).bearer_auth(&key);
                let sent = request.json(&event).send().await.expect("it answers");
                assert!(sent.status().is_success(), "{}", sent.text().await.unwrap_or_default());
            }
        }
    };
    tokio::select! {
        heard = tokio::time::timeout(PATIENCE, all) => heard.expect("everybody hears everything"),
        () = changing => {}
    }
}
