//! A whole node, asked over HTTP.

use impresario_config::Config;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use crate::client::{CallError, Client, Problem};
use crate::serve::{LogHandle, Running, ServeOptions, start};

/// A node with one tenant, and two callers of it: the operator and a secret key.
struct World {
    running: Running,
    root: Client,
    shop: Client,
    tenant: String,
    /// The node writes there until it is stopped.
    _data: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut config = Config::default();
        config.node.data = data.path().to_owned();
        config.http.listen = ([127, 0, 0, 1], 0).into();
        let metrics = Some(PrometheusBuilder::new().build_recorder().handle());
        let options = ServeOptions { config, logs: LogHandle::none(), metrics };
        let running = Box::pin(start(options)).await.expect("a node");
        let root = Client::new(&running.url(), &running.root_token).expect("a caller");
        let made = root.post("/api/v1/tenants", &json!({"name": "Shop"})).await.expect("a tenant");
        let tenant = text(&made, "/id");
        let scopes = ["events:write", "profiles:read", "usage:read"];
        let key = json!({"kind": "secret", "name": "s", "scopes": scopes});
        let made = root.of_tenant(&tenant).post("/api/v1/keys", &key).await.expect("a key");
        let shop = root.with_credential(&text(&made, "/key"));
        let world = Self { running, root, shop, tenant, _data: data };
        world.allow(1_000).await;
        world
    }

    /// Sets how many profiles the tenant may have. At each change it is counted anew.
    async fn allow(&self, profiles: u64) {
        let limits =
            json!({"profiles": profiles, "requests_per_day": 10_000, "burst_per_second": 1_000});
        let path = format!("/api/v1/tenants/{}/limits", self.tenant);
        self.root.put(&path, &limits).await.expect("limits are set");
    }

    /// Changes the tenant's own settings.
    async fn set(&self, patch: &Value) {
        let path = format!("/api/v1/tenants/{}", self.tenant);
        let body = Some(patch.to_string().into_bytes());
        let sent = self.root.send(reqwest::Method::PATCH, &path, &[], body, &[]).await;
        sent.expect("settings are set");
    }

    /// What becomes of these events in one batch: the codes of the refused ones, empty otherwise.
    async fn send(&self, events: Value) -> Vec<String> {
        let answer = self.shop.post("/api/v1/events/track", &events).await.expect("an answer");
        let results = answer["results"].as_array().expect("results");
        results.iter().map(|one| one["code"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// How many profiles there are, and how many the plan allows.
    async fn usage(&self) -> (Value, Value) {
        let usage = self.shop.get("/api/v1/usage", &[]).await.expect("usage");
        let row = usage["items"].as_array().expect("rows").iter();
        let row = row.clone().find(|row| row["meter"] == "profiles").expect("a row of profiles");
        (row["count"].clone(), row["limit"].clone())
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned()
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, CallError>) -> Box<Problem> {
    match outcome {
        Err(CallError::Refused(problem)) => problem,
        other => panic!("not refused: {other:?}"),
    }
}

const FULL: &str = "plan_limit_reached";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_08_a_full_plan_keeps_its_people_and_takes_no_new_ones() {
    let world = World::new().await;
    let seen = |who: &str, id: &str| json!({who: id, "event": "Seen"});
    let first =
        json!([seen("user_id", "ada"), seen("user_id", "bob"), seen("anonymous_id", "dev")]);
    assert_eq!(world.send(first).await, ["", "", ""]);
    world.allow(3).await;
    assert_eq!(world.usage().await, (json!(3), json!(3)));

    let second = json!([seen("user_id", "eve"), seen("user_id", "ada"), seen("anonymous_id", "x")]);
    assert_eq!(world.send(second).await, [FULL, "", FULL]);
    let eve = json!({"user_id": "eve", "traits": {"plan": "pro"}});
    let problem = refused(world.shop.post("/api/v1/users/identify", &eve).await);
    assert_eq!((problem.status, problem.code.as_str()), (403, FULL));
    let kept = world.shop.get("/api/v1/quarantine", &[]).await.expect("the quarantine");
    let codes: Vec<&Value> =
        kept["items"].as_array().expect("items").iter().map(|item| &item["code"]).collect();
    assert_eq!(codes, [FULL, FULL, FULL]);
    assert_eq!(world.usage().await, (json!(3), json!(3)));

    world.running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_08_in_a_full_plan_a_known_visitor_may_log_in_and_the_limit_may_be_raised() {
    let world = World::new().await;
    let visit = json!([{"anonymous_id": "dev", "event": "Seen"}]);
    assert_eq!(world.send(visit).await, [""]);
    world.allow(1).await;
    // The second event is the same person's, who begins with the first.
    let login = json!([
        {"type": "identify", "user_id": "ada", "anonymous_id": "dev", "traits": {"a": 1}},
        {"user_id": "ada", "event": "Bought"},
        {"type": "identify", "user_id": "eve", "anonymous_id": "unseen"},
    ]);
    assert_eq!(world.send(login).await, ["", "", FULL]);
    let ada = world.shop.get("/api/v1/profiles/user:ada", &[]).await.expect("she is there");
    assert_eq!(ada["traits"]["a"], 1);
    world.allow(1_000).await;
    let again = json!([{"user_id": "eve", "event": "Seen"}]);
    assert_eq!(world.send(again).await, [""]);
    world.running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ing_21_the_tenants_own_idle_time_ends_visits() {
    let world = World::new().await;
    let at = |minute: u32, user: &str| {
        let at = format!("2026-11-19T12:{minute:02}:00Z");
        json!({"user_id": user, "event": "Seen", "timestamp": at})
    };
    assert_eq!(world.send(json!([at(0, "ada"), at(40, "ada")])).await, ["", ""]);
    world.set(&json!({"session_idle_minutes": 45})).await;
    assert_eq!(world.send(json!([at(0, "bob"), at(40, "bob")])).await, ["", ""]);
    for (user, visits) in [("ada", 2), ("bob", 1)] {
        let path = format!("/api/v1/profiles/user:{user}");
        let shown = world.shop.get(&path, &[]).await.expect("a profile");
        assert_eq!(shown["session_count"], visits, "{shown}");
    }
    world.running.stop().await.expect("a clean end");
}
