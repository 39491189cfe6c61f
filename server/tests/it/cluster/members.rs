//! Nodes that go while they are needed, and machines that take the place of lost ones.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::node::{Node, free_address};
use super::{number, three_at, three_with};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn who_is_forced_out_does_not_take_the_majority_along() {
    let mut nodes = three_with(&[]).await;
    let second = number(&nodes[1]).await;
    nodes[2].kill();
    // At once: nobody has noticed yet.
    let path = format!("/admin/v1/nodes/{second}/leave");
    let (status, refused) = nodes[0].ask("POST", &path, json!({ "force": true })).await;
    assert_eq!((status.as_u16(), &refused["code"]), (409, &json!("cluster_quorum_at_risk")));
    let detail = refused["detail"].as_str().expect("a detail");
    assert!(detail.contains("p0") && detail.contains("without_majority"), "{detail}");
    let words = format!("node leave node-{second} force");
    let told = nodes[0].program(&["shell", "--yes", "-c", &words]).await;
    assert!(!told.status.success());
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(said.contains("cluster_quorum_at_risk"), "{said}");
    // Nothing has begun: it is asked to stay, and does.
    let cluster = nodes[0].get("/admin/v1/cluster").await;
    let all = cluster["nodes"].as_array().expect("nodes");
    let row = all.iter().find(|row| row["node"] == second).expect("the second");
    assert_eq!(row["status"], "active", "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_under_a_lost_ones_address_waits_for_its_place() {
    let [first, second, third] = [free_address(), free_address(), free_address()];
    let mut nodes = three_at([&first, &second, &third], &[]).await;
    let lost = number(&nodes[2]).await;
    // At rest: what is under way with a node that dies has its own time-outs.
    let is_at_rest =
        |cluster: &Value| cluster["works"] == json!([]) && cluster["pending"] == json!([]);
    nodes[0].until("/admin/v1/cluster", is_at_rest).await;
    nodes[2].kill();
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let args = ["--cluster-listen", &third, "--join", &first, "--set", "cluster.replicas=3"];
    let giving_up = async {
        tokio::time::timeout(PATIENCE, has_said(&log, "not let in yet")).await.expect("it waits");
        nodes[0].post(&format!("/admin/v1/nodes/{lost}/remove"), json!({})).await;
    };
    let (fresh, ()) = tokio::join!(Node::start_in(folder, &args), giving_up);
    let mut voters = vec![number(&nodes[0]).await, number(&nodes[1]).await, number(&fresh).await];
    voters.sort_unstable();
    nodes[1]
        .until("/admin/v1/cluster", |cluster| {
            let groups = cluster["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
            groups.len() == 4 && groups.iter().all(|group| group["voters"] == json!(voters))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_led_where_it_is_best_served() {
    let nodes = three_with(&[]).await;
    nodes[0].shell("tenants create Shop pro shop.example").await;
    for (at, node) in nodes.iter().enumerate() {
        nodes[1].shell(&format!("node zone node-{} rack-{at}", number(node).await)).await;
    }
    for (at, node) in nodes.iter().enumerate() {
        nodes[2].shell(&format!("tenants place Shop rack-{at}")).await;
        let cluster = nodes[0].get("/admin/v1/cluster").await;
        let placed = &cluster["placed"][0];
        assert_eq!(placed["zone"], json!(format!("rack-{at}")), "{cluster}");
        let (group, leader) = (placed["group"].clone(), json!(number(node).await));
        let leads = |cluster: &Value| {
            let groups = cluster["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
            groups.iter().any(|one| one["group"] == group && one["leader"] == leader)
        };
        nodes[0].until("/admin/v1/cluster", leads).await;
    }
    nodes[0].shell("tenants place Shop").await;
    assert_eq!(nodes[0].get("/admin/v1/cluster").await["placed"], json!([]));
}

/// Waits until a log has a line of this text.
async fn has_said(log: &Path, text: &str) {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while !std::fs::read_to_string(log).is_ok_and(|said| said.contains(text)) {
        looks.tick().await;
    }
}
