//! A day's requests are the tenant's, not the node's.

use reqwest::Client;
use serde_json::{Value, json};

use super::super::node::Node;
use super::three_with;

const PLAN: u64 = 30;

/// The status and the code that an event gets.
async fn track(http: &Client, node: &Node, key: &str) -> (u16, String) {
    let event = json!({ "userId": "ada", "event": "Beat" });
    let request = http.post(format!("{}/v1/track", node.url())).bearer_auth(key).json(&event);
    let response = request.send().await.expect("it answers");
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// Whether a node knows of this plan and so many requests of today.
fn counts(usage: &Value, used: u64) -> bool {
    let rows = usage["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = rows.iter().find(|row| row["meter"] == "requests");
    row.is_some_and(|row| row["limit"] == PLAN && row["count"] == used)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_days_requests_are_counted_over_all_nodes() {
    let mut nodes = three_with(&[]).await;
    let shop = json!({ "name": "Shop", "plan": "free" });
    let tenant = nodes[0].post("/api/v1/tenants", shop).await["id"].clone();
    let tenant = tenant.as_str().expect("an id").to_owned();
    nodes.iter_mut().for_each(|node| node.be(&tenant));
    let limits = json!({ "requests_per_day": PLAN, "burst_per_second": 1_000 });
    let path = format!("/api/v1/tenants/{tenant}/limits");
    let (status, body) = nodes[0].ask("PUT", &path, limits).await;
    assert!(status.is_success(), "{body}");
    let key = json!({ "kind": "write", "name": "shop", "scopes": [] });
    let key = nodes[0].post("/api/v1/keys", key).await["key"].clone();
    let key = key.as_str().expect("a key");
    let today = "/api/v1/usage?grain=day";
    for node in &nodes {
        node.until(today, |usage| counts(usage, 0)).await;
        node.until("/api/v1/keys", |keys| {
            keys["items"].as_array().is_some_and(|all| !all.is_empty())
        })
        .await;
    }

    let http = Client::new();
    for node in &nodes[..2] {
        for _ in 0..10 {
            let (status, code) = track(&http, node, key).await;
            assert_eq!(status, 200, "{code}");
        }
    }
    nodes[2].until(today, |usage| counts(usage, 20)).await;
    for _ in 20..PLAN {
        assert_eq!(track(&http, &nodes[2], key).await.0, 200);
    }
    let exhausted = (429, "quota_exhausted".to_owned());
    assert_eq!(track(&http, &nodes[2], key).await, exhausted);
    for node in &nodes {
        node.until(today, |usage| counts(usage, PLAN)).await;
        assert_eq!(track(&http, node, key).await, exhausted);
    }

    // Nobody begins anew after a crash: neither the node nor, for it, the others.
    nodes[1].kill_and_start().await;
    nodes[1].until(today, |usage| counts(usage, PLAN)).await;
    assert_eq!(track(&http, &nodes[1], key).await, exhausted);
}
