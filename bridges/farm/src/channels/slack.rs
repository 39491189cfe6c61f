use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::{answer, fated, number, taken};
use crate::{Entry, Farm, Fate, Fault};

pub(super) fn routes() -> Router<Farm> {
    Router::new().route("/slack/api/{method}", get(read).post(call))
}

pub(super) fn failure(fault: &Fault) -> Response {
    let word = |word: &str| json!({ "ok": false, "error": word });
    match fault {
        Fault::RateLimited { retry_after_s } => answer(429, *retry_after_s, &word("ratelimited")),
        Fault::Unauthorized => answer(200, None, &word("invalid_auth")),
        Fault::ErrorBody => answer(200, None, &word("channel_not_found")),
        _ => answer(503, None, &word("service_unavailable")),
    }
}

/// The time of a message, which is its id: a fixed second, then the request's number.
fn stamp(number: u64) -> String {
    format!("1700000000.{number:06}")
}

async fn call(
    State(farm): State<Farm>,
    Path(method): Path<String>,
    Extension(Fate(fault)): Extension<Fate>,
    body: String,
) -> Response {
    // `{"name":"error","data":"is_archived"}`: 200 with this word.
    if let Some(Fault::Named { name, data }) = &fault
        && name == "error"
    {
        return answer(200, None, &json!({ "ok": false, "error": data }));
    }
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let stamp = stamp(number(&farm, &body));
    let reply = match method.as_str() {
        "chat.postMessage" if json["channel"].is_null() => {
            json!({ "ok": false, "error": "channel_not_found" })
        }
        "chat.postMessage" => json!({
            "ok": true,
            "channel": json["channel"],
            "ts": stamp,
            "message": { "type": "message", "bot_id": "B1", "text": json["text"], "ts": stamp },
        }),
        "chat.startStream" => json!({ "ok": true, "channel": json["channel"], "ts": stamp }),
        "chat.appendStream" | "chat.stopStream" => {
            json!({ "ok": true, "channel": json["channel"], "ts": json["ts"] })
        }
        "reactions.add" | "reactions.remove" | "assistant.threads.setStatus" => {
            json!({ "ok": true })
        }
        _ => json!({ "ok": false, "error": "unknown_method" }),
    };
    fated(fault.as_ref(), answer(200, None, &reply))
}

fn message(entry: &Entry) -> Value {
    let sent = entry.json();
    json!({
        "type": "message",
        "bot_id": "B1",
        "text": sent["text"],
        "ts": stamp(entry.number),
        "thread_ts": sent["thread_ts"],
        "metadata": sent["metadata"],
        "channel": sent["channel"],
    })
}

/// `conversations.history` and `conversations.replies`: what was accepted, newest first.
async fn read(
    State(farm): State<Farm>,
    Path(method): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let wanted = |name: &str| query.get(name).map(String::as_str);
    let threaded = match method.as_str() {
        "conversations.history" => None,
        "conversations.replies" => wanted("ts"),
        _ => return answer(200, None, &json!({ "ok": false, "error": "unknown_method" })),
    };
    let all = taken(&farm, "POST", "chat.postMessage");
    let all: Vec<Value> = all
        .iter()
        .rev()
        .map(message)
        .filter(|message| message["channel"].as_str() == wanted("channel"))
        .filter(|message| message["thread_ts"].as_str() == threaded)
        .collect();
    answer(200, None, &json!({ "ok": true, "messages": all, "has_more": false }))
}
