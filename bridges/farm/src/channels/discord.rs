use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::{answer, fated, number, taken};
use crate::{Farm, Fate, Fault};

pub(super) fn routes() -> Router<Farm> {
    let message = "/discord/api/v10/channels/{channel}/messages/{message}";
    Router::new()
        .route("/discord/api/v10/channels/{channel}/messages", post(send))
        .route("/discord/api/v10/channels/{channel}/typing", post(done))
        .route(&format!("{message}/reactions/{{emoji}}/@me"), put(done))
        .route(&format!("{message}/reactions"), delete(done))
        .route(
            "/discord/api/v10/webhooks/{app}/{token}/messages/@original",
            patch(answered).delete(done),
        )
        .route("/discord/api/v10/webhooks/{app}/{token}", post(answered))
        .route("/discord/api/v10/gateway/bot", get(gateway))
}

pub(super) fn failure(fault: &Fault) -> Response {
    match fault {
        Fault::RateLimited { retry_after_s } => {
            let body = json!({
                "message": "You are being rate limited.",
                "retry_after": retry_after_s.map(|seconds| json!(seconds)),
                "global": false,
            });
            let mut response = answer(429, *retry_after_s, &body);
            let headers = response.headers_mut();
            headers.insert("x-ratelimit-scope", HeaderValue::from_static("user"));
            headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
            response
        }
        Fault::Unauthorized => {
            answer(401, None, &json!({ "message": "401: Unauthorized", "code": 0 }))
        }
        _ => answer(503, None, &json!({})),
    }
}

fn message(id: u64, body: &Value) -> Value {
    json!({
        "id": format!("{}", 1_100_000_000_000_000_000 + id),
        "type": 0,
        "content": body["content"],
        "nonce": body["nonce"],
        "author": { "id": "1", "bot": true },
    })
}

/// A code that the script wants: `{"name":"code","data":50007}`.
fn scripted(fault: Option<&Fault>) -> Option<Response> {
    match fault {
        Some(Fault::Named { name, data }) if name == "code" => {
            Some(answer(400, None, &json!({ "message": "as scripted", "code": data })))
        }
        _ => None,
    }
}

async fn send(
    State(farm): State<Farm>,
    Extension(Fate(fault)): Extension<Fate>,
    body: String,
) -> Response {
    if let Some(response) = scripted(fault.as_ref()) {
        return response;
    }
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut first = number(&farm, &body);
    if json["enforce_nonce"] == true {
        // The message that already has this nonce is given back.
        let all = taken(&farm, "POST", "/messages");
        let before = all.iter().find(|entry| entry.json()["nonce"] == json["nonce"]);
        first = before.map_or(first, |entry| entry.number);
    }
    fated(fault.as_ref(), answer(200, None, &message(first, &json)))
}

async fn answered(
    State(farm): State<Farm>,
    Path((_, token)): Path<(String, String)>,
    Extension(Fate(fault)): Extension<Fate>,
    body: String,
) -> Response {
    if let Some(response) = scripted(fault.as_ref()) {
        return response;
    }
    if token == "expired" {
        return answer(401, None, &json!({ "message": "Invalid Webhook Token", "code": 50_027 }));
    }
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    fated(fault.as_ref(), answer(200, None, &message(number(&farm, &body), &json)))
}

async fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

async fn gateway(headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let body = json!({ "url": format!("ws://{host}/discord/gateway"), "shards": 1 });
    answer(200, None, &body)
}
