//! The admin routes and the shell of a node that is alone.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::node::Node;

/// A status and a code for an ask.
#[track_caller]
fn check(got: &(StatusCode, Value), status: u16, code: &str) {
    assert_eq!(
        (got.0.as_u16(), got.1["code"].as_str().unwrap_or_default()),
        (status, code),
        "{}",
        got.1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_alone_answers_as_a_cluster_of_one() {
    let node = Node::start(&[]).await;
    let cluster = node.get("/admin/v1/cluster").await;
    assert_eq!(cluster["nodes"].as_array().map(Vec::len), Some(1), "{cluster}");
    assert_eq!(cluster["nodes"][0]["alive"], true);
    assert!(cluster["groups"].as_array().expect("groups").iter().all(|group| group["leader"] == 1));
    let partitions = node.get("/admin/v1/partitions?digest=true").await;
    let rows = partitions["partitions"].as_array().expect("partitions");
    assert_eq!(rows.len(), 4, "three and the system's own");
    for row in rows {
        assert_eq!(row["role"], "leader", "{row}");
        assert_eq!(row["digest"]["blake3"].as_str().map(str::len), Some(64), "{row}");
    }
    for path in ["node", "stores", "config", "log-level", "peers", "timers", "outbox", "audit"] {
        node.get(&format!("/admin/v1/{path}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_refused_with_its_code() {
    let node = Node::start(&[]).await;
    for (method, path, body, status, code) in [
        ("POST", "nodes/node-1/drain", json!({}), 409, "cluster_alone"),
        ("POST", "nodes/one/drain", json!({}), 400, "parameter_invalid"),
        ("POST", "nodes/1/drain", json!({"within_ms": 99_000}), 400, "parameter_invalid"),
        ("POST", "partitions/0/move", json!({"from": 1, "to": "node-2"}), 409, "cluster_alone"),
        ("POST", "partitions/x/snapshot", Value::Null, 400, "parameter_invalid"),
        ("POST", "partitions/99/snapshot", Value::Null, 404, "admin_not_found"),
        ("GET", "partitions/99", Value::Null, 404, "partition_unknown"),
        ("GET", "node?node=node-7", Value::Null, 404, "admin_not_found"),
        ("GET", "timers?node=all", Value::Null, 400, "parameter_invalid"),
        ("PATCH", "cluster/settings", json!({}), 400, "parameter_invalid"),
        ("PATCH", "cluster/settings", json!({"nonsense": 1}), 400, "invalid_request"),
        ("DELETE", "outbox/zz", Value::Null, 400, "parameter_invalid"),
        ("POST", "cluster/recover", json!({"node": 1, "reason": "x"}), 409, "cluster_alone"),
    ] {
        check(&node.ask(method, &format!("/admin/v1/{path}"), body).await, status, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_are_on_record_with_their_outcome() {
    let node = Node::start(&[]).await;
    node.post("/admin/v1/partitions/0/snapshot", Value::Null).await;
    check(&node.ask("POST", "/admin/v1/nodes/1/resume", Value::Null).await, 409, "cluster_alone");
    let audit = node.get("/admin/v1/audit?limit=2").await;
    let acts = audit["acts"].as_array().expect("acts");
    assert_eq!(
        acts.iter()
            .map(|act| (act["act"].as_str(), act["outcome"].as_str(), act["token"].as_str()))
            .collect::<Vec<_>>(),
        [
            (Some("node_resume"), Some("cluster_alone"), Some("root")),
            (Some("partition_snapshot"), Some("done"), Some("root")),
        ]
    );
    assert_eq!(acts[0]["peer"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_shows_a_tenants_entities() {
    let node = Node::start(&[]).await;
    node.shell("tenants create Shop pro shop.example").await;
    let actors = node.get("/admin/v1/actors?kind=tenant").await;
    let id = actors["actors"][0]["id"].as_str().expect("it is active").to_owned();
    assert!(node.shell(&format!("actor show Shop tenant {id}")).await.contains("State"));
    assert!(node.shell(&format!("actor trace Shop tenant {id}")).await.contains("trc_"));
    assert!(node.shell("top 5").await.contains("COMMANDS/S"));
    assert!(node.shell("cluster").await.contains("all is well"));
    assert!(node.shell("partition show 0 digest").await.contains("HASH"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_say_yes_and_get_json() {
    let node = Node::start(&[]).await;
    let asked = node.program(&["shell", "-c", "cluster rebalance"]).await;
    assert!(!asked.status.success());
    assert!(String::from_utf8_lossy(&asked.stderr).contains("--yes"));
    let meant = node.program(&["shell", "--yes", "-c", "cluster rebalance"]).await;
    assert!(String::from_utf8_lossy(&meant.stderr).contains("cluster_alone"));
    let json = node.program(&["shell", "--json", "-c", "nodes"]).await;
    let nodes: Value = serde_json::from_slice(&json.stdout).expect("one document");
    assert_eq!(nodes[0]["node"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn top_writes_one_frame_without_a_terminal() {
    let node = Node::start(&[]).await;
    let frame = node.program(&["top"]).await;
    assert!(frame.status.success());
    let text = String::from_utf8_lossy(&frame.stdout).into_owned();
    assert!(text.contains("1 of 1 nodes answer, 4 of 4 partitions are led"), "{text}");
}
