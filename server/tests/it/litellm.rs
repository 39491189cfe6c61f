//! The litellm proxy, which others wrote, as a tenant's model provider. Its models say what they are
//! told to, so nothing leaves the machine.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::clients::{installed, key};
use super::models::spoken;
use super::node::{Node, free_address};
use super::talk::{informed, replies_or_none, say};

const KEY: &str = "sk-litellm-test";
/// The proxy loads for seconds, for many where it has never run.
const PATIENCE: Duration = Duration::from_secs(90);
const TRUE: &str = "You can send anything back within 30 days of delivery [k1].";

/// A running proxy. Killed when dropped.
struct Proxy {
    address: String,
    _child: Child,
    _folder: TempDir,
}

impl Proxy {
    /// Starts one with these models: the name, and what it says to everything.
    async fn start(models: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let (host, port) = address.split_once(':').expect("a port");
        let model = |(name, says): &(&str, &str)| {
            json!({ "model_name": name, "litellm_params": {
                "model": format!("openai/{name}"), "api_key": "none", "mock_response": says,
            }})
        };
        // JSON is YAML.
        let config = json!({
            "model_list": models.iter().map(model).collect::<Vec<_>>(),
            "router_settings": { "num_retries": 0, "disable_cooldowns": true },
            "general_settings": { "master_key": KEY },
        });
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, config.to_string()).expect("written");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(installed(".cache/litellm/bin/litellm"))
            .arg("--config")
            .arg(&path)
            .args(["--host", host, "--port", port, "--telemetry", "False"])
            // Prices and settings are looked up nowhere.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env_remove("DATABASE_URL")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut proxy = Self { address, _child: child, _folder: folder };
        proxy.serves().await;
        proxy
    }

    async fn serves(&mut self) {
        let url = format!("http://{}/health/liveliness", self.address);
        let http = reqwest::Client::new();
        let begin = tokio::time::Instant::now();
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        let log = self._folder.path().join("log");
        while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            let has_ended = self._child.try_wait().expect("it is ours").is_some();
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(!has_ended && begin.elapsed() < PATIENCE, "no proxy: {}", said());
            pause.tick().await;
        }
    }

    /// Makes it the tenant's provider: the first model answers, the second where that cannot.
    async fn connect(&self, node: &Node, key: &str, primary: &str, secondary: &str) {
        let model = |name: &str| {
            json!({
                "provider": "litellm", "name": name, "latency": "fast", "json_schema": true,
                "prices": [{ "input": 2_000_000, "output": 10_000_000 }],
                "context_tokens": 100_000, "output_tokens_max": 4_000,
            })
        };
        let named = |name: &str| format!("litellm/{name}");
        let settings = json!({ "kind": "llm", "settings": {
            "id": "litellm", "provider": "compatible", "api_key": key,
            "base_url": format!("http://{}/v1", self.address),
            "models": [primary, secondary],
            "registry": { "currency": "USD", "models": [model(primary), model(secondary)] },
            "routing": { "roles": { "primary": named(primary), "secondary": named(secondary) } },
        }});
        let (status, body) = node.ask("PUT", "/api/v1/connections/litellm", settings).await;
        assert!(status.is_success(), "{body}");
    }
}

/// Model and outcome of the calls, the first one first.
async fn calls(node: &Node, count: usize) -> Vec<(String, String)> {
    let rows = |traces: &Value| traces["items"].as_array().cloned().unwrap_or_default();
    let traces = node.until("/api/v1/llm/traces", |traces| rows(traces).len() >= count).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    rows(&traces).iter().rev().map(|row| (text(row, "model"), text(row, "outcome"))).collect()
}

/// The same as a stream: the proxy's own pieces, and what it says they used.
async fn streams(node: &Node) {
    let question = "can I send anything back within 30 days of delivery?";
    let asked = json!({ "model": "assistant", "stream": true,
        "messages": [{ "role": "user", "content": question }] });
    let request = reqwest::Client::new().post(format!("{}/openai/v1/chat/completions", node.url()));
    let request = request.bearer_auth(key(node, &["conversations:write"]).await).json(&asked);
    let heard = request.send().await.expect("it answers").text().await.expect("a text");
    let chunks = heard.lines().filter_map(|line| line.strip_prefix("data: {"));
    let said: String = chunks
        .filter_map(|text| serde_json::from_str::<Value>(&format!("{{{text}")).ok())
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert!(
        said.starts_with("You can send anything back within 30 days of delivery. [1]"),
        "{heard}"
    );
    assert_eq!(calls(node, 2).await[1], ("litellm/good".to_owned(), "ok".to_owned()));
    let streamed = &node.get("/api/v1/llm/traces").await["items"][0];
    assert!(streamed["output_tokens"].as_i64() > Some(0), "{streamed}");
}

/// One proxy for all of it: it takes long to load.
#[tokio::test(flavor = "multi_thread")]
async fn models_behind_a_proxy_of_others_answer_fail_and_are_left_for_others() {
    let good = spoken(TRUE);
    let models = [
        ("good", good.as_str()),
        ("busy", "litellm.RateLimitError"),
        ("small", "litellm.ContextWindowExceededError"),
        ("chatty", "Sure! You have 60 days."),
    ];
    let proxy = Proxy::start(&models).await;
    let servers = format!("answers.local_servers={}", proxy.address);
    let (node, _) = informed(&["--set", &servers]).await;
    let ask = async |question: &str| {
        node.post("/api/v1/knowledge/answer", json!({ "question": question })).await
    };

    proxy.connect(&node, KEY, "good", "busy").await;
    let path = say(&node, "lena", "within how many days of delivery can I return it?").await;
    let shown = node.until(&path, |shown| !replies_or_none(shown).is_empty()).await;
    assert!(replies_or_none(&shown)[0].contains("within 30 days of delivery"), "{shown}");
    assert_eq!(calls(&node, 1).await, [("litellm/good".to_owned(), "ok".to_owned())]);
    let traces = node.get("/api/v1/llm/traces").await;
    let row = &traces["items"][0];
    let counted = |name: &str| row[name].as_i64().unwrap_or_default() > 0;
    assert!(counted("input_tokens") && counted("output_tokens"), "{row}");
    let cost = row["input_tokens"].as_i64().unwrap_or_default() * 2
        + row["output_tokens"].as_i64().unwrap_or_default() * 10;
    assert_eq!(row["cost_micros"], cost, "{row}");

    streams(&node).await;

    // What it refuses is left for the next model, what it makes up is not said.
    let mut before = 2;
    for (first, outcome, rows) in
        [("small", "context_too_long", 2), ("chatty", "ok", 3), ("busy", "rate_limited", 4)]
    {
        proxy.connect(&node, KEY, first, "good").await;
        let answer =
            ask(&format!("after delivery, how many days to send it back? ({first})")).await;
        assert_eq!(answer["path"], "generated", "{answer}");
        assert_eq!(answer["model"], "litellm/good", "{answer}");
        let made = calls(&node, before + rows).await.split_off(before);
        assert_eq!(made.len(), rows, "{made:?}");
        before += rows;
        let want = (format!("litellm/{first}"), outcome.to_owned());
        assert_eq!(
            (&made[0], made.last()),
            (&want, Some(&("litellm/good".to_owned(), "ok".to_owned())))
        );
    }

    // A key that is wrong: the pages answer.
    proxy.connect(&node, "sk-wrong", "good", "busy").await;
    let answer = ask("How many working days do parcels to Austria take?").await;
    assert_eq!(
        (&answer["path"], &answer["cost_micros"]),
        (&json!("extractive"), &json!(0)),
        "{answer}"
    );
    assert!(answer["text"].as_str().expect("a text").contains("four working days"), "{answer}");
    let last = calls(&node, before + 2).await.pop().expect("a call");
    // The proxy knows other keys than its master's only with a database, and says 400.
    assert_eq!(last.1, "invalid");
}
