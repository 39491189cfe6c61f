use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::{answer, fated, number};
use crate::{Farm, Fate, Fault};

pub(super) fn routes() -> Router<Farm> {
    Router::new()
        .route("/whatsapp/{version}/{number}/messages", post(send))
        .route("/whatsapp/{version}/{number}/media", post(upload))
        .route("/whatsapp/{version}/{media}", get(media))
        .route("/whatsapp/_media/{media}", get(file))
}

fn error(code: u32, kind: &str, message: &str, details: &str) -> Value {
    json!({ "error": {
        "message": format!("(#{code}) {message}"),
        "type": kind,
        "code": code,
        "error_data": { "messaging_product": "whatsapp", "details": details },
        "fbtrace_id": "AbCdEfGhIjK",
    }})
}

pub(super) fn failure(fault: &Fault) -> Response {
    match fault {
        Fault::RateLimited { retry_after_s } => {
            let body = error(130_429, "OAuthException", "Rate limit hit", "Too many messages");
            answer(429, *retry_after_s, &body)
        }
        Fault::Unauthorized => {
            let body = error(190, "OAuthException", "Invalid OAuth access token", "");
            answer(401, None, &body)
        }
        Fault::QuotaExhausted => {
            let body = error(131_042, "OAuthException", "Business eligibility payment issue", "");
            answer(400, None, &body)
        }
        _ => answer(503, None, &error(131_016, "OAuthException", "Service unavailable", "")),
    }
}

async fn send(
    State(farm): State<Farm>,
    Extension(Fate(fault)): Extension<Fate>,
    body: String,
) -> Response {
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    if json["messaging_product"] != "whatsapp" {
        let details = "The parameter messaging_product is required.";
        return answer(400, None, &error(100, "OAuthException", "Invalid parameter", details));
    }
    if json["status"] == "read" {
        return answer(200, None, &json!({ "success": true }));
    }
    // `{"name":"code","data":131047}`: refused with this code.
    if let Some(Fault::Named { name, data }) = &fault
        && name == "code"
    {
        let code = data.as_u64().and_then(|code| u32::try_from(code).ok()).unwrap_or(100);
        return answer(400, None, &error(code, "OAuthException", "Refused", "as scripted"));
    }
    let user = json["to"].as_str().or_else(|| json["recipient"].as_str()).unwrap_or_default();
    let id = format!("wamid.{:08}", number(&farm, &body));
    let contact = if json["recipient"].is_string() {
        json!({ "input": user, "user_id": user })
    } else {
        json!({ "input": user, "wa_id": user })
    };
    let body = json!({
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [{ "id": id }],
    });
    fated(fault.as_ref(), answer(200, None, &body))
}

async fn upload(State(farm): State<Farm>) -> Response {
    answer(200, None, &json!({ "id": format!("{}", 1_000_000 + farm.log().len()) }))
}

async fn media(Path((_, media)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let body = json!({
        "messaging_product": "whatsapp",
        "url": format!("http://{host}/whatsapp/_media/{media}"),
        "mime_type": "image/jpeg",
        "id": media,
    });
    answer(200, None, &body)
}

async fn file(Path(media): Path<String>) -> Response {
    ([(header::CONTENT_TYPE, "image/jpeg")], format!("bytes of {media}")).into_response()
}
