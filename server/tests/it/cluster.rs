//! The admin routes and the shell of a cluster of three, from any of its nodes.

mod changes;
mod members;
mod quotas;
mod talks;

use serde_json::{Value, json};

use super::node::{Node, free_address};

/// Three nodes, each with a replica of everything.
async fn three() -> [Node; 3] {
    three_with(&[]).await
}

/// The same, each started with this, too.
pub(crate) async fn three_with(more: &[&str]) -> [Node; 3] {
    three_at([&free_address(), &free_address(), &free_address()], more).await
}

/// The same, with the addresses at which they hear each other.
async fn three_at(addresses: [&str; 3], more: &[&str]) -> [Node; 3] {
    let [first, second, third] = addresses;
    let start = async |own: &[&str]| {
        Node::start(&[own, &["--set", "cluster.replicas=3"], more].concat()).await
    };
    let founder = start(&["--cluster-listen", first]).await;
    let join = async |address: &str| start(&["--cluster-listen", address, "--join", first]).await;
    let (second, third) = tokio::join!(join(second), join(third));
    founder
        .until("/admin/v1/cluster", |cluster| {
            let groups = cluster["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
            groups.len() == 4
                && groups
                    .iter()
                    .all(|group| group["voters"] == json!([1, 2, 3]) && !group["leader"].is_null())
        })
        .await;
    [founder, second, third]
}

/// Which node it is, as it says itself.
pub(crate) async fn number(node: &Node) -> u64 {
    node.get("/admin/v1/node").await["node"].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_answers_for_all() {
    let nodes = three().await;
    let [first, second, third] = &nodes;
    let me = number(third).await;
    assert_eq!(first.get(&format!("/admin/v1/node?node=node-{me}")).await["node"], me);
    let all = second.get("/admin/v1/log-level?node=all").await;
    assert_eq!(all["nodes"].as_array().map(Vec::len), Some(3), "{all}");

    // A tenant that was begun at one node is seen, and its entity found, from the others.
    third.shell("tenants create Shop pro shop.example").await;
    let actors = first.get("/admin/v1/actors?kind=tenant").await;
    let row = &actors["actors"][0];
    let (tenant, id) = (row["tenant"].as_str().expect("it"), row["id"].as_str().expect("it"));
    for node in &nodes {
        let shown = node.get(&format!("/admin/v1/actors/{tenant}/tenant/{id}")).await;
        assert_eq!(shown["node"], row["node"]);
    }

    // Replicas that applied the same are the same.
    let same = |view: &Value| {
        let replicas = view["replicas"].as_array().map(Vec::as_slice).unwrap_or_default();
        replicas.len() == 3
            && replicas.iter().all(|replica| {
                replica["digest"]["blake3"].is_string()
                    && replica["digest"] == replicas[0]["digest"]
            })
    };
    second.until("/admin/v1/partitions/0?digest=true", same).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_move_and_every_node_has_it_on_record() {
    let nodes = three().await;
    let [first, second, third] = &nodes;
    let target = number(third).await;
    let moved =
        second.post("/admin/v1/partitions/1/transfer", json!({ "to": format!("node-{target}") }));
    assert_eq!(moved.await["leader"], target);
    let drained = first.post(&format!("/admin/v1/nodes/{target}/drain"), json!({})).await;
    assert_eq!(drained["still_leads"], json!([]), "{drained}");
    let shown = second.shell("nodes").await;
    assert!(shown.contains("draining"), "{shown}");
    second.post(&format!("/admin/v1/nodes/{target}/resume"), Value::Null).await;
    for node in &nodes {
        // Each node has been told what was asked of the others.
        let path = format!("/admin/v1/audit?node={}", number(node).await);
        node.until(&path, |audit| {
            let acts = audit["acts"].as_array().map(Vec::as_slice).unwrap_or_default();
            acts.len() == 3 && acts.iter().all(|act| act["outcome"] == "done")
        })
        .await;
    }
}
