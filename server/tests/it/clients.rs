//! Clients that others wrote, against a node that runs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use impresario_farm::{Ending, Entry, Farm, Fault, Rule};
use serde_json::json;
use tokio::process::Command;

use super::models::connected;
use super::node::Node;
use super::talk::{informed, say};

const MISSING: &str = "run `cargo xtask test` once: it fetches what this test needs";
/// What a client has not done after this it will not do.
const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A program that the set-up fetched.
pub(crate) fn installed(path: &str) -> PathBuf {
    let program = root().join(path);
    assert!(program.exists(), "no {}: {MISSING}", program.display());
    program
}

/// A Python script of `tests/clients`, ready to run.
pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new(installed(".cache/venv/bin/python"));
    command.arg(root().join("server/tests/clients").join(script));
    command
}

/// A Node script of `tests/clients`, ready to run.
pub(crate) fn script(name: &str) -> Command {
    let folder = root().join(".cache/node");
    let modules = installed(".cache/node/node_modules");
    let own = folder.join("bin/node");
    let mut command = Command::new(if own.exists() { own } else { PathBuf::from("node") });
    command.arg(root().join("server/tests/clients").join(name)).env("NODE_PATH", modules);
    command
}

/// Runs a client to its end, which must be a good one.
pub(crate) async fn succeeds(mut command: Command) {
    command.kill_on_drop(true).stdin(Stdio::null());
    let ran = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = ran.expect("it ends in time").expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// A secret key of the tenant.
pub(crate) async fn key(node: &Node, scopes: &[&str]) -> String {
    let body = json!({ "kind": "secret", "name": "client", "scopes": scopes });
    let made = node.post("/api/v1/keys", body).await;
    made["key"].as_str().expect("a key").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_library_talks_to_the_assistant() {
    let farm = Farm::local().await.expect("a farm");
    let servers = format!("answers.local_servers={}", farm.address);
    let (node, _) = informed(&["--set", &servers]).await;
    let key = key(&node, &["conversations:write"]).await;
    let base = format!("{}/openai/v1", node.url());
    let run = |what: &'static str| {
        let mut command = python("openai_client.py");
        command.args([&base, &key, what]);
        succeeds(command)
    };
    run("chat").await;
    let settings = json!({ "kind": "embeddings", "settings": {
        "provider": "openai", "base_url": format!("{}/v1", farm.url("openai")),
        "api_key": "sk-test", "model": "text-embedding-3-small",
    }});
    let (status, body) = node.ask("PUT", "/api/v1/connections/vectors", settings).await;
    assert!(status.is_success(), "{body}");
    run("embeddings").await;
}

/// Nobody pays for tokens that nobody reads: who leaves takes the model's request along.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_stops_the_model() {
    let (node, _, farm) = connected().await;
    let key = key(&node, &["conversations:write"]).await;
    farm.farm.script(Rule::next("openai", Fault::Hang).times(2));
    let mut command = python("openai_client.py");
    let (base, log) = (format!("{}/openai/v1", node.url()), format!("http://{}", farm.address));
    command.args([&base, &key, "leave", &log]);
    succeeds(command).await;
    let stopped = |entries: &[Entry]| entries.len() == 2 && entries.iter().all(is_abandoned);
    let stopped = farm.farm.wait(stopped);
    tokio::time::timeout(PATIENCE, stopped).await.expect("the model is no longer asked");
}

/// A model writes and does not end: the sentence that is verified is heard before.
#[tokio::test(flavor = "multi_thread")]
async fn sentences_are_heard_before_the_model_has_ended() {
    let (node, _, farm) = connected().await;
    let key = key(&node, &["conversations:write"]).await;
    let stall = Fault::Stall { at: r#""finish_reason":"stop""#.to_owned() };
    farm.farm.script(Rule::next("openai", stall));
    let mut command = python("openai_client.py");
    command.args([&format!("{}/openai/v1", node.url()), &key, "aloud"]);
    succeeds(command).await;
    let left = |entries: &[Entry]| entries.len() == 1 && is_abandoned(&entries[0]);
    tokio::time::timeout(PATIENCE, farm.farm.wait(left)).await.expect("the model is left");
}

fn is_abandoned(entry: &Entry) -> bool {
    matches!(entry.ending, Ending::Abandoned)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mcp_library_uses_the_tools() {
    let (node, _) = informed(&[]).await;
    let event = json!({ "user_id": "u-1", "traits": { "plan": "pro" } });
    node.post("/api/v1/users/identify", event).await;
    let path = say(&node, "u-1", "how many working days do parcels to Austria take?").await;
    node.until(&path, |shown| !super::talk::replies_or_none(shown).is_empty()).await;
    let scopes = ["integrations:manage", "profiles:read", "conversations:read"];
    let all = key(&node, &scopes).await;
    let few = key(&node, &["profiles:read"]).await;
    let url = format!("{}/mcp", node.url());
    let conversation = path.rsplit('/').next().expect("an id");
    let mut command = python("mcp_client.py");
    command.args([&url, &all, &few, conversation]);
    succeeds(command).await;
}
