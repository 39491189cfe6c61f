//! Tenants, their keys, what they used.

use serde_json::{Value, json};

use super::command::Command;
use super::print;
use super::session::{Fail, Output, Session};
use crate::client::{Client, segment};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("tenants list", "", "All tenants", "tenants list", |s, _| Box::pin(list(s))),
    Command::new(
        "tenants show",
        "<tenant>",
        "One tenant: status, limits, settings",
        "tenants show Shop",
        |s, words| {
            Box::pin(async {
                let id = s.tenant(&words[0]).await?;
                Ok(Output::Facts(s.client.get(&path(&id, ""), &[]).await?))
            })
        },
    ),
    Command::new(
        "tenants create",
        "<name> [plan] [domain]",
        "Begin a tenant; the plan is free, pro or enterprise",
        "tenants create \"Shop Ltd\" pro shop.example",
        |s, words| Box::pin(create(s, words)),
    ),
    Command::new(
        "tenants suspend",
        "<tenant> <reason>",
        "Stop serving a tenant; its data stays",
        "tenants suspend Shop \"unpaid invoice\"",
        |s, words| {
            Box::pin(async {
                let id = s.tenant(&words[0]).await?;
                let raw =
                    s.client.post(&path(&id, "/suspend"), &json!({ "reason": words[1] })).await?;
                Ok(changed(raw, format!("{id} is suspended")))
            })
        },
    )
    .risks("The tenant's keys are refused until it is resumed."),
    Command::new(
        "tenants resume",
        "<tenant>",
        "Serve a tenant again",
        "tenants resume Shop",
        |s, words| {
            Box::pin(async {
                let id = s.tenant(&words[0]).await?;
                Ok(changed(
                    s.client.act(&path(&id, "/resume")).await?,
                    format!("{id} is served again"),
                ))
            })
        },
    ),
    Command::new(
        "tenants plan",
        "<tenant> <plan>",
        "Move a tenant to another plan: free, pro or enterprise",
        "tenants plan Shop enterprise",
        |s, words| {
            Box::pin(async {
                let id = s.tenant(&words[0]).await?;
                let raw = s.client.put(&path(&id, "/plan"), &json!({ "plan": words[1] })).await?;
                Ok(changed(raw, format!("{id} is on the plan {}", words[1])))
            })
        },
    ),
    Command::new(
        "tenants place",
        "<tenant> [zone]",
        "Say in which zone a tenant's own entity is best led; without one, anywhere",
        "tenants place Shop rack-2",
        |s, words| {
            Box::pin(async {
                let id = s.tenant(&words[0]).await?;
                let path = format!("/admin/v1/tenants/{id}/zone");
                let raw = s.client.put(&path, &json!({ "zone": words.get(1) })).await?;
                let place = words.get(1).map_or("anywhere", String::as_str);
                Ok(changed(raw, format!("{id} is best served {place}")))
            })
        },
    ),
    Command::new(
        "tenants export",
        "<tenant>",
        "Everything a tenant has, one JSON document per line",
        "tenants export Shop",
        |s, words| Box::pin(export(s, words)),
    ),
    Command::new(
        "tenants delete",
        "<tenant> [yes]",
        "End a tenant and erase it: keys stop working, data keys are destroyed, rows removed; also \
         finishes one that was interrupted",
        "tenants delete ten_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| Box::pin(delete(s, words)),
    )
    .ends("Everything of the tenant is erased; its data keys are destroyed."),
    Command::new(
        "keys list",
        "<tenant>",
        "A tenant's API keys, without their secrets",
        "keys list Shop",
        |s, words| {
            Box::pin(async {
                let raw = s.of(&words[0]).await?.get("/api/v1/keys", &[]).await?;
                Ok(Output::list(raw, "items", KEYS))
            })
        },
    ),
    Command::new(
        "keys create",
        "<tenant> <kind> <name> [scopes]",
        "Make an API key; the kind is write or secret, scopes are separated by commas",
        "keys create Shop secret Backend events:write,profiles:read",
        |s, words| Box::pin(create_key(s, words)),
    ),
    Command::new(
        "keys rotate",
        "<tenant> <key> [seconds]",
        "Replace an API key; the old one works on for so many seconds",
        "keys rotate Shop key_01jd5x2k3m4n5p6q7r8s9t0v1w 86400",
        |s, words| Box::pin(rotate(s, words)),
    ),
    Command::new(
        "keys revoke",
        "<tenant> <key>",
        "End an API key at once",
        "keys revoke Shop key_01jd5x2k3m4n5p6q7r8s9t0v1w",
        |s, words| {
            Box::pin(async {
                let path = format!("/api/v1/keys/{}", segment(&words[1]));
                let raw = s.of(&words[0]).await?.delete(&path).await?;
                Ok(changed(raw, "the key no longer works".to_owned()))
            })
        },
    )
    .risks("Whoever uses the key is refused from now on."),
    Command::new(
        "usage",
        "<tenant> [grain]",
        "Events, active profiles, messages, requests by day or month",
        "usage Shop month",
        |s, words| Box::pin(usage(s, words)),
    ),
];

const TENANTS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("STATUS", "status"),
    ("PLAN", "plan"),
    ("SEGMENTS", "segments"),
    ("ENDPOINTS", "endpoints"),
    ("SINCE", "created_at"),
    ("NAME", "/settings/name"),
];
const KEYS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("KIND", "kind"),
    ("WORKS", "live"),
    ("ENDS IN", "last4"),
    ("SINCE", "created_at"),
    ("UNTIL", "expires_at"),
    ("NAME", "name"),
    ("SCOPES", "scopes"),
];
const USAGE: &[(&str, &str)] = &[("PERIOD", "period"), ("METER", "meter"), ("COUNT", "count")];

/// Pages of a list that are put together, at most.
const PAGES_MAX: usize = 100;

fn path(tenant: &str, rest: &str) -> String {
    format!("/api/v1/tenants/{}{rest}", segment(tenant))
}

fn changed(raw: Value, words: String) -> Output {
    let words =
        if raw["changed"] == false { format!("{words} (it was so already)") } else { words };
    Output::done(raw, words)
}

async fn list(session: &Session) -> Result<Output, Fail> {
    let mut rows = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = session.tenants_page(cursor.as_deref(), 500).await?;
        rows.extend(page["items"].as_array().cloned().unwrap_or_default());
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Ok(Output::list(json!({ "items": rows, "next": cursor }), "items", TENANTS))
}

async fn create(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let word = |position: usize, default: &'static str| {
        words.get(position).map_or(default, String::as_str)
    };
    let body = json!({ "name": words[0], "plan": word(1, "free"), "domain": word(2, "") });
    let raw = session.client.post("/api/v1/tenants", &body).await?;
    if session.json {
        return Ok(Output::Facts(raw));
    }
    let id = raw["id"].as_str().unwrap_or_default().to_owned();
    Ok(Output::done(
        raw,
        format!("{id} begins; `keys create {id} write Website` makes its first key"),
    ))
}

async fn export(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let id = session.tenant(&words[0]).await?;
    let mut lines = session.client.stream(&path(&id, "/export"), &[]).await?;
    let mut complete = false;
    while let Some(value) = lines.next_json().await? {
        complete = value["type"] == "end" && value["complete"] == true;
        print::line(&value.to_string());
    }
    if complete {
        Ok(Output::Nothing)
    } else {
        Err(Fail::Usage("the export ended before everything was in it; try again".to_owned()))
    }
}

async fn delete(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let id = session.tenant(&words[0]).await?;
    session.client.delete(&path(&id, "")).await?;
    Ok(Output::done(json!({ "id": id, "deleted": true }), format!("{id} is gone")))
}

async fn create_key(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let scopes: Vec<&str> = words.get(3).map_or(Vec::new(), |scopes| {
        scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).collect()
    });
    let body = json!({ "kind": words[1], "name": words[2], "scopes": scopes });
    shown_once(&session.of(&words[0]).await?, "/api/v1/keys", &body).await
}

async fn rotate(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let grace = words.get(2).map_or("0", String::as_str);
    let grace: u32 =
        grace.parse().map_err(|_| Fail::Usage(format!("{grace:?} is not a number of seconds")))?;
    let path = format!("/api/v1/keys/{}/rotate", segment(&words[1]));
    shown_once(&session.of(&words[0]).await?, &path, &json!({ "grace_s": grace })).await
}

async fn shown_once(client: &Client, path: &str, body: &Value) -> Result<Output, Fail> {
    let raw = client.post(path, body).await?;
    print::error("the key's text is shown only now; keep it");
    Ok(Output::Facts(raw))
}

async fn usage(session: &Session, words: &[String]) -> Result<Output, Fail> {
    let grain = words.get(1).map_or("day", String::as_str);
    let raw = session.of(&words[0]).await?.get("/api/v1/usage", &[("grain", grain)]).await?;
    Ok(Output::list(raw, "items", USAGE))
}
