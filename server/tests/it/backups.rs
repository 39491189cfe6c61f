//! Backups of a node that serves, shipped behind, and brought back as of a time.

use serde_json::{Value, json};

use super::node::Node;

/// Writes an event of a person for the tenant, by its key.
async fn track(node: &Node, key: &str, event: &str) {
    let http = reqwest::Client::new();
    let body = json!({ "userId": "ada", "event": event });
    let request = http.post(format!("{}/v1/track", node.url())).bearer_auth(key).json(&body);
    let answer = request.send().await.expect("it answers");
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
}

/// The events that a node knows of the person.
async fn known(node: &Node) -> Vec<String> {
    let profile = node.get("/api/v1/profiles/user:ada").await;
    let counters = profile["counters"].as_array().expect("counters");
    let mut names: Vec<String> = counters
        .iter()
        .map(|counter| counter["name"].as_str().expect("a name").to_owned())
        .collect();
    names.sort_unstable();
    names
}

/// Waits until everything that is known now is shipped; the time up to which that is certain. The first
/// look that shows progress may have begun before.
async fn shipped(node: &Node) -> String {
    let path = "/admin/v1/backups/shipping";
    let at = |shown: &Value| shown["shipping"]["at_ms"].as_i64().unwrap_or(0);
    let mut shown = node.get(path).await;
    for _ in 0..2 {
        let before = at(&shown);
        shown = node.until(path, |shown| at(shown) > before).await;
    }
    shown["shipping"]["at"].as_str().expect("a time").to_owned()
}

async fn filled(target: &str, tenant: &str, until: Option<&str>) -> Node {
    let mut node = Node::start(&["--set", "node.partitions=5"]).await;
    let order = json!({ "target": target, "until": until });
    node.post("/admin/v1/backups/restore", order).await;
    node.be(tenant);
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_brought_back_as_of_any_time_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().display().to_string();
    let ship = format!("backup.target={target}");
    let mut node = Node::start(&["--set", &ship, "--set", "backup.ship_ms=200"]).await;
    let shop = json!({ "name": "Shop", "plan": "enterprise" });
    let tenant = node.post("/api/v1/tenants", shop).await["id"].clone();
    let tenant = tenant.as_str().expect("an id").to_owned();
    node.be(&tenant);
    let key = json!({ "kind": "write", "name": "shop", "scopes": [] });
    let key = node.post("/api/v1/keys", key).await["key"].clone();
    let key = key.as_str().expect("a key");

    track(&node, key, "First").await;
    node.post("/admin/v1/backups", json!({})).await;
    track(&node, key, "Second").await;
    let then = shipped(&node).await;
    track(&node, key, "Third").await;
    shipped(&node).await;

    let (status, body) = node.ask("POST", "/admin/v1/backups/restore", json!({})).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("restore_not_empty")), "{body}");
    assert_eq!(known(&node).await, ["First", "Second", "Third"]);
    let checked = node.post("/admin/v1/backups/verify", json!({})).await;
    assert_eq!(checked["whole"], true, "{checked}");
    let (earlier, last) =
        tokio::join!(filled(&target, &tenant, Some(&then)), filled(&target, &tenant, None));
    assert_eq!(known(&earlier).await, ["First", "Second"]);
    assert_eq!(known(&last).await, ["First", "Second", "Third"]);
    track(&last, key, "Fourth").await;
    assert_eq!(known(&last).await.len(), 4);
}
