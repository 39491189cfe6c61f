//! The tenant: what it knows, its assistant, a model provider and a platform, both of the farm.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use impresario_farm::{Farm, Fault, Rule, Running};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::bursts::FACTS;
use super::oracle::Windows;
use super::slack::{CONNECTION, SECRET};
use crate::{Api, Chance, Options, Tenant, TestServer, eventually};

/// Where paid calls go.
pub(super) const CHAT: &str = "chat/completions";
/// Where replies go.
pub(super) const POST: &str = "chat.postMessage";

/// What the customers and the killer share.
pub(super) struct Scene {
    pub(super) tenant: String,
    pub(super) api: Api,
    pub(super) farm: Running,
    pub(super) windows: Windows,
    /// Whether the server is there.
    pub(super) up: watch::Sender<bool>,
    /// Deliveries that were acknowledged.
    pub(super) taken: watch::Sender<u64>,
}

/// A server and all that it needs to answer, the provider's answers as late as the seed wants it.
pub(super) async fn open(
    program: &Path,
    windows: Windows,
    talks: usize,
    chance: &mut Chance,
) -> Result<(TestServer, Scene)> {
    let farm = Farm::local().await.context("the farm")?;
    let servers = format!("answers.local_servers={}", farm.address);
    let settings = Options::set(&[&servers, "answers.platforms_anywhere=true"]);
    let options = Options { quiet: true, ..settings };
    let server = TestServer::start_program(program.to_path_buf(), options)?;
    let root = server.root()?;
    let tenant = Tenant::onboard(&root, "talks").await?;
    let api = tenant.secret.clone();
    let (provider, platform) = (format!("{}/v1", farm.url("openai")), farm.url("slack"));
    furnish(&api, windows, &provider, &platform).await?;
    hold_up(&farm, talks, chance);
    let scene = Scene {
        tenant: tenant.id,
        api,
        farm,
        windows,
        up: watch::channel(true).0,
        taken: watch::channel(0).0,
    };
    Ok((server, scene))
}

/// Gives a tenant what it knows ([`FACTS`]), its assistant, a provider of models and a platform.
///
/// # Errors
/// If one of them is refused.
pub async fn furnish(api: &Api, windows: Windows, provider: &str, platform: &str) -> Result<()> {
    for fact in FACTS {
        let page = json!({
            "title": fact.intent, "content": fact.page, "external_id": fact.intent,
        });
        api.post("/api/v1/knowledge/product-docs/documents", &page).await?.ok()?;
    }
    put(api, "/api/v1/assistant", &assistant(windows)).await?;
    put(api, "/api/v1/connections/openai", &model(provider)).await?;
    put(api, &format!("/api/v1/connections/{CONNECTION}"), &workspace(platform)).await?;
    eventually("all pages can be found", Duration::from_secs(30), || async {
        let status = api.get("/api/v1/knowledge/status").await?.ok()?;
        Ok((status["chunks"].as_u64() >= Some(FACTS.len() as u64)).then_some(()))
    })
    .await
}

async fn put(api: &Api, path: &str, body: &Value) -> Result<()> {
    let answer = api.call(Method::PUT, path, body).await?;
    answer.ok().map(drop).with_context(|| path.to_owned())
}

fn assistant(windows: Windows) -> Value {
    let intents = FACTS.map(|fact| {
        json!({
            "name": fact.intent,
            "description": fact.page,
            "examples": [format!("{}?", fact.question), fact.example],
        })
    });
    json!({
        "burst": { "quiet_ms": windows.quiet_ms, "max_wait_ms": windows.max_wait_ms },
        "thresholds": { "answer": 0.0, "handoff": 0.0 },
        "handoff": { "low_confidence_turns": 0 },
        "intents": intents,
    })
}

fn model(base_url: &str) -> Value {
    json!({
        "kind": "llm",
        "settings": {
            "provider": "openai",
            "base_url": base_url,
            "api_key": "sk-test",
            "models": ["farm-large"],
            "registry": { "currency": "USD", "models": [{
                "provider": "openai", "name": "farm-large", "latency": "fast", "json_schema": true,
                "prices": [{ "input": 2_000_000, "output": 10_000_000 }],
                "context_tokens": 100_000, "output_tokens_max": 4_000,
            }] },
        },
    })
}

fn workspace(url: &str) -> Value {
    json!({
        "kind": "slack",
        "settings": {
            "bot_token": "xoxb-test",
            "signing_secret": SECRET,
            "base_url": format!("{url}/api"),
        },
    })
}

/// Most answers of the provider take a while, so that kills and further messages find calls under way;
/// and so do many acknowledgements of the platform, which has the message by then.
fn hold_up(farm: &Running, talks: usize, chance: &mut Chance) {
    for _ in 0..2 * talks {
        let ms = if chance.once_in(4) { 0 } else { 100 + chance.below(1_400) };
        farm.farm.script(Rule::next("openai", Fault::SlowFirstByte { ms }).at(CHAT));
        let ms = if chance.once_in(2) { 0 } else { chance.below(600) };
        farm.farm.script(Rule::next("slack", Fault::SlowFirstByte { ms }).at(POST));
    }
}
