//! C3: no route gives a tenant anything of another, whichever ids and keys it is given.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use impresario_chaos_tests::{Api, Options, Tenant, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

/// In every value that the victim stores.
const MARK: &str = "victimsecretmark";
/// A collection that only the victim has. Its name is in paths, so no mark is in it.
const COLLECTION: &str = "cellar";
/// Where documents of a collection are that every tenant has.
const SHARED_DOCUMENTS: &str = "/api/v1/knowledge/product-docs/documents";

/// One operation of the OpenAPI document.
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    /// Names of the parameters in the path.
    parameters: Vec<String>,
    has_body: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_crosses_the_border_between_tenants() -> Result<()> {
    let server = TestServer::start(Options::default())?;
    let root = server.root()?;
    let victim = Tenant::onboard(&root, &format!("{MARK} Ltd")).await?;
    let ids = furnish(&victim).await?;
    let stranger = Tenant::onboard(&root, "stranger").await?;
    let before = everything(&victim).await?;
    let operations = operations(&root.get("/openapi.json").await?.ok()?)?;
    ensure!(operations.len() > 20, "the document lists the routes");
    let (mut tried, mut leaks) = (0, Vec::new());
    for operation in &operations {
        for (name, caller) in callers(&stranger) {
            tried += 1;
            leaks.extend(try_one(operation, &ids, name, &caller, &victim).await?);
        }
    }
    leaks.extend(ask_for_the_secret(&stranger).await?);
    ensure!(leaks.is_empty(), "{}", leaks.join("\n"));
    ensure!(tried > 100, "only {tried} requests were tried");
    ensure!(everything(&victim).await? == before, "something of the victim changed");
    Ok(())
}

/// The stranger's credentials, and some that are none.
fn callers(stranger: &Tenant) -> Vec<(&'static str, Api)> {
    let none = stranger.write.with_token("");
    let garbage = stranger.write.with_token("imp_sk_garbage");
    vec![
        ("secret key", stranger.secret.clone()),
        ("write key", stranger.write.clone()),
        ("no key", none),
        ("garbage", garbage),
    ]
}

/// Gives the victim one of everything; the ids by what they are of.
async fn furnish(victim: &Tenant) -> Result<BTreeMap<&'static str, String>> {
    let traits = json!({"userId": MARK, "anonymousId": format!("anon{MARK}"), "traits": {"email": format!("{MARK}@example.org")}});
    victim.write.post("/v1/identify", &traits).await?.ok()?;
    victim.track(MARK, MARK, json!({ "note": MARK })).await?.ok()?;
    let segment = victim.add_segment(MARK, &json!({"event": MARK, "at_least": 1})).await?;
    let endpoint = victim.add_endpoint("https://hooks.example.org/in").await?.id;
    let profile =
        victim.profile(MARK).await?["id"].as_str().context("the profile's id")?.to_owned();
    let key = victim.first_key().await?;
    let collections = json!({"collections": [{"name": COLLECTION, "title": MARK}]});
    victim.secret.call(Method::PUT, "/api/v1/knowledge/collections", &collections).await?.ok()?;
    let page = json!({"title": MARK, "content": format!("The secret of the house is {MARK}.")});
    let document =
        id_of(victim, &format!("/api/v1/knowledge/{COLLECTION}/documents"), &page).await?;
    id_of(victim, SHARED_DOCUMENTS, &page).await?;
    let item = json!({"sku": MARK, "name": MARK, "description": format!("The house's {MARK}")});
    let item = id_of(victim, "/api/v1/catalogue", &item).await?;
    let message = json!({"user": "guest", "text": format!("what about {MARK}?")});
    let talk = victim.secret.post("/api/v1/conversations/messages", &message).await?.ok()?;
    let talk = talk["conversation"].as_str().context("a conversation")?.to_owned();
    Ok(BTreeMap::from([
        ("collection", COLLECTION.to_owned()),
        ("document", document),
        ("catalogue", item),
        ("conversation", talk),
        ("tenant", victim.id.clone()),
        ("segment", segment),
        ("endpoint", endpoint),
        ("profile", profile),
        ("user", MARK.to_owned()),
        ("key", key),
    ]))
}

async fn id_of(victim: &Tenant, path: &str, body: &Value) -> Result<String> {
    let made = victim.secret.post(path, body).await?.ok()?;
    Ok(made["id"].as_str().context("an id")?.to_owned())
}

/// The stranger asks for what the victim wrote into a collection that every tenant has.
async fn ask_for_the_secret(stranger: &Tenant) -> Result<Vec<String>> {
    let question = "What is the secret of the house?";
    let mut leaks = Vec::new();
    for (path, body) in [
        ("/api/v1/knowledge/search", json!({ "query": question })),
        ("/api/v1/knowledge/answer", json!({ "question": question })),
        ("/api/v1/knowledge/status", Value::Null),
        (SHARED_DOCUMENTS, Value::Null),
        ("/api/v1/catalogue", Value::Null),
        ("/api/v1/conversations", Value::Null),
    ] {
        let answer = match &body {
            Value::Null => stranger.secret.get(path).await?.ok()?,
            body => stranger.secret.post(path, body).await?.ok()?,
        };
        if answer.to_string().contains(MARK) {
            leaks.push(format!("{path}: {answer}"));
        }
    }
    Ok(leaks)
}

/// What the victim's own key shows of it.
async fn everything(victim: &Tenant) -> Result<Vec<Value>> {
    let mut seen = vec![victim.profile(MARK).await?];
    seen.extend(victim.history(MARK).await?);
    let in_cellar = format!("/api/v1/knowledge/{COLLECTION}/documents");
    for path in [
        "/api/v1/keys",
        "/api/v1/segments",
        "/api/v1/webhooks",
        &in_cellar,
        SHARED_DOCUMENTS,
        "/api/v1/catalogue",
    ] {
        seen.push(victim.secret.get(path).await?.ok()?);
    }
    Ok(seen)
}

fn operations(document: &Value) -> Result<Vec<Operation>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("a path")? {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            if !matches!(method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
                continue;
            }
            let parameters = path
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .collect();
            let has_body = operation.get("requestBody").is_some();
            found.push(Operation { method, path: path.clone(), parameters, has_body });
        }
    }
    Ok(found)
}

/// The victim's id for a parameter of this name.
fn id_for<'a>(ids: &'a BTreeMap<&'static str, String>, path: &str, parameter: &str) -> &'a str {
    let hint =
        format!("{} {}", parameter, path.split(&format!("{{{parameter}}}")).next().unwrap_or(""));
    let kinds = [
        "document",
        "collection",
        "catalogue",
        "conversation",
        "endpoint",
        "webhook",
        "segment",
        "key",
        "user",
        "profile",
        "tenant",
    ];
    let kind = kinds
        .iter()
        .find(|kind| parameter.contains(*kind))
        .or_else(|| kinds.iter().find(|kind| hint.contains(*kind)));
    let kind = match kind {
        Some(&"webhook") => "endpoint",
        Some(kind) => kind,
        None => "user",
    };
    ids.get(kind).map_or(MARK, String::as_str)
}

/// Tries a route with the victim's ids; what is wrong with the answer.
async fn try_one(
    operation: &Operation,
    ids: &BTreeMap<&'static str, String>,
    name: &str,
    caller: &Api,
    victim: &Tenant,
) -> Result<Option<String>> {
    let mut path = operation.path.clone();
    for parameter in &operation.parameters {
        path = path.replace(&format!("{{{parameter}}}"), id_for(ids, &operation.path, parameter));
    }
    // Streams have no end to wait for; they are bound to the key's tenant like the rest.
    if path.contains("/live") || path.contains("/ws/") || path.contains("/tail") {
        return Ok(None);
    }
    let mut request = caller.request(operation.method.clone(), &path);
    if operation.has_body {
        request =
            request.json(&json!({"userId": "s", "event": "e", "name": "s", "tenant": victim.id}));
    }
    let answer =
        caller.send(request).await.with_context(|| format!("{} {path}", operation.method))?;
    let is_public = operation.path.starts_with("/docs") || operation.path == "/openapi.json";
    let shows = !is_public && answer.body.to_string().replace(&path, "").contains(MARK);
    let must_refuse = !operation.parameters.is_empty() && !is_public;
    // Deleting what is not there is done at once: it was not there for the stranger.
    let nothing = operation.method == Method::DELETE && answer.status == 204;
    let refused = nothing || matches!(answer.status, 400 | 401 | 403 | 404 | 422);
    let is_wrong = answer.status >= 500 || shows || (must_refuse && !refused);
    Ok(is_wrong.then(|| {
        format!("{} {path} with {name}: {} {}", operation.method, answer.status, answer.body)
    }))
}
