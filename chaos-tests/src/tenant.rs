//! A customer of the platform, onboarded for one test.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, eventually};

/// A tenant with limits that no test reaches, and its keys.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The text of its id.
    pub id: String,
    /// Sends events.
    pub write: Api,
    /// Reads and administers.
    pub secret: Api,
}

/// A webhook endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The text of its id.
    pub id: String,
    /// What deliveries are signed with.
    pub secret: String,
}

/// The text at a pointer of an answer.
fn text(answer: &Value, pointer: &str) -> Result<String> {
    let value = answer.pointer(pointer).and_then(Value::as_str);
    Ok(value.with_context(|| format!("no {pointer} in {answer}"))?.to_owned())
}

/// Everything that a secret key can be allowed.
const SCOPES: [&str; 14] = [
    "events:write",
    "profiles:read",
    "profiles:write",
    "segments:read",
    "segments:write",
    "webhooks:manage",
    "tenants:read",
    "tenants:manage",
    "keys:manage",
    "usage:read",
    "integrations:manage",
    "analytics:view",
    "conversations:read",
    "conversations:write",
];

/// Makes a key as the operator; its text.
async fn add_key(root: &Api, tenant: &str, kind: &str, scopes: &[&str]) -> Result<String> {
    let body = json!({ "kind": kind, "name": format!("{kind} key"), "scopes": scopes });
    let request =
        root.request(Method::POST, "/api/v1/keys").header("impresario-tenant", tenant).json(&body);
    text(&root.send(request).await?.ok()?, "/key")
}

impl Tenant {
    /// Onboards a tenant as the operator.
    ///
    /// # Errors
    /// If the operator is refused.
    pub async fn onboard(root: &Api, name: &str) -> Result<Self> {
        let id = text(
            &root
                .post("/api/v1/tenants", &json!({ "name": name, "plan": "enterprise" }))
                .await?
                .ok()?,
            "/id",
        )?;
        let limits = json!({ "requests_per_day": 1_000_000_000, "burst_per_second": 1_000_000 });
        root.call(Method::PUT, &format!("/api/v1/tenants/{id}/limits"), &limits).await?.ok()?;
        let write = add_key(root, &id, "write", &[]).await?;
        let secret = add_key(root, &id, "secret", &SCOPES).await?;
        Ok(Self { write: root.with_token(&write), secret: root.with_token(&secret), id })
    }

    /// Sends one event.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn track(&self, user: &str, event: &str, properties: Value) -> Result<Answer> {
        self.write
            .post("/v1/track", &json!({ "userId": user, "event": event, "properties": properties }))
            .await
    }

    /// What is known about a person.
    ///
    /// # Errors
    /// If it is not known, or not shown.
    pub async fn profile(&self, user: &str) -> Result<Value> {
        self.secret.get(&format!("/api/v1/profiles/user:{user}")).await?.ok()
    }

    /// All events of a person, with their properties.
    ///
    /// # Errors
    /// If they are not shown.
    pub async fn history(&self, user: &str) -> Result<Vec<Value>> {
        self.list(&format!("/api/v1/profiles/user:{user}/timeline"), "/items").await
    }

    /// How often an event happened to a person; 0 for a person who is not known.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn count(&self, user: &str, event: &str) -> Result<u64> {
        let answer = self.secret.get(&format!("/api/v1/profiles/user:{user}")).await?;
        if answer.status == 404 {
            return Ok(0);
        }
        let profile = answer.ok()?;
        let counters = profile["counters"].as_array().context("counters")?;
        Ok(counters
            .iter()
            .find(|counter| counter["name"] == event)
            .and_then(|c| c["count"].as_u64())
            .unwrap_or(0))
    }

    /// Completed orders of a person and what they brought, in cents.
    ///
    /// # Errors
    /// If they are not shown, or not whole cents.
    pub async fn orders(&self, user: &str) -> Result<(u64, u64)> {
        let profile = self.profile(user).await?;
        let orders = profile["orders"]["completed"].as_u64().context("orders")?;
        // A decimal text or number such as 12.3: compared as text, so that nothing is rounded here.
        let revenue = profile["orders"]["revenue"].to_string();
        let revenue = revenue.trim_matches('"');
        let (whole, part) = revenue.split_once('.').unwrap_or((revenue, ""));
        let cents = format!("{whole}{part:0<2}")
            .parse()
            .with_context(|| format!("not cents: {revenue}"))?;
        Ok((orders, cents))
    }

    /// All pages of a list.
    async fn list(&self, path: &str, items: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let glue = if path.contains('?') { '&' } else { '?' };
            let page = self.secret.get(&format!("{path}{glue}limit=500{cursor}")).await?.ok()?;
            found.extend(
                page.pointer(items).and_then(Value::as_array).context("a list")?.iter().cloned(),
            );
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }

    /// People with this value.
    ///
    /// # Errors
    /// If they are not shown.
    pub async fn search(&self, field: &str, value: &str) -> Result<Vec<Value>> {
        self.list(&format!("/api/v1/profiles?{field}={value}"), "/items").await
    }

    /// Everything that was refused.
    ///
    /// # Errors
    /// If it is not shown.
    pub async fn quarantined(&self) -> Result<Vec<Value>> {
        self.list("/api/v1/quarantine", "/items").await
    }

    /// Events that the usage meter has counted.
    ///
    /// # Errors
    /// If it is not shown.
    pub async fn usage_events(&self) -> Result<u64> {
        let rows = self.list("/api/v1/usage?grain=month", "/items").await?;
        Ok(rows
            .iter()
            .filter(|row| row["meter"] == "events")
            .filter_map(|row| row["count"].as_u64())
            .sum())
    }

    /// Makes a segment and waits until it is built; its id.
    ///
    /// # Errors
    /// If it is refused, or not built in time.
    pub async fn add_segment(&self, name: &str, rule: &Value) -> Result<String> {
        let body = json!({ "name": name, "rule": rule });
        let id = text(&self.secret.post("/api/v1/segments", &body).await?.ok()?, "/id")?;
        let path = format!("/api/v1/segments/{id}");
        eventually("the segment is built", Duration::from_secs(30), || async {
            let segment = self.secret.get(&path).await?.ok()?;
            Ok((segment["build"]["status"] == "ready").then_some(()))
        })
        .await?;
        Ok(id)
    }

    /// Whether a person is in a segment now.
    ///
    /// # Errors
    /// If it is not shown.
    pub async fn is_member(&self, user: &str, segment: &str) -> Result<bool> {
        let profile = self.profile(user).await?;
        let segments = profile["segments"].as_array().context("segments")?;
        Ok(segments.iter().any(|membership| membership["segment"] == segment))
    }

    /// Makes a webhook endpoint that wants everything.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn add_endpoint(&self, url: &str) -> Result<Endpoint> {
        let answer = self.secret.post("/api/v1/webhooks", &json!({ "url": url })).await?.ok()?;
        Ok(Endpoint { id: text(&answer, "/id")?, secret: text(&answer, "/secret")? })
    }

    /// Whether an endpoint is sent to; `None` if it is not there.
    ///
    /// # Errors
    /// If it is not shown.
    pub async fn endpoint_enabled(&self, id: &str) -> Result<Option<bool>> {
        let answer = self.secret.get(&format!("/api/v1/webhooks/{id}")).await?;
        Ok(if answer.status == 404 { None } else { answer.ok()?["enabled"].as_bool() })
    }

    /// The id of one of its keys.
    ///
    /// # Errors
    /// If they are not shown.
    pub async fn first_key(&self) -> Result<String> {
        let keys = self.list("/api/v1/keys", "/items").await?;
        text(keys.first().context("a key")?, "/id")
    }

    /// Revokes its write key.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn revoke_write_key(&self) -> Result<()> {
        let keys = self.list("/api/v1/keys", "/items").await?;
        let key = keys.iter().find(|key| key["kind"] == "write").context("the write key")?;
        let path = format!("/api/v1/keys/{}", text(key, "/id")?);
        self.secret.call(Method::DELETE, &path, &json!({})).await?.ok().map(drop)
    }
}
