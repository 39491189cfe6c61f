//! The language model providers. What they say is worked out in `brain`; the other files only give
//! it each provider's shape.

mod anthropic;
mod assistant;
mod brain;
mod failure;
mod ollama;
mod openai;
mod responses;
mod vectors;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde_json::Value;

pub(crate) use failure::failure;

use crate::{Charged, Farm};

/// The time that every answer says: the farm has no clock.
const CREATED_S: u64 = 1_700_000_000;

/// Providers that speak the chat wire of `OpenAI`.
const CHAT_PROVIDERS: [&str; 5] = ["openai", "xai", "together", "compatible", "ollama"];

/// The routes of all language model providers, each below its provider's name.
pub(crate) fn routes() -> Router<Farm> {
    let mut router = Router::new();
    for provider in CHAT_PROVIDERS {
        router = router
            .route(&format!("/{provider}/v1/chat/completions"), post(openai::chat))
            .route(&format!("/{provider}/v1/models"), get(openai::models));
        if provider != "xai" {
            router = router.route(&format!("/{provider}/v1/embeddings"), post(vectors::openai));
        }
    }
    for provider in ["openai", "xai"] {
        router = router.route(&format!("/{provider}/v1/responses"), post(responses::create));
    }
    router
        .route("/together/v1/rerank", post(vectors::rerank))
        .route("/compatible/v1/rerank", post(vectors::rerank))
        .route("/cohere/v2/rerank", post(vectors::rerank))
        .route("/anthropic/v1/messages", post(anthropic::messages))
        .route("/anthropic/v1/messages/count_tokens", post(anthropic::count_tokens))
        .route("/anthropic/v1/models", get(anthropic::models))
        .route("/ollama/api/chat", post(ollama::chat))
        .route("/ollama/api/generate", post(ollama::generate))
        .route("/ollama/api/embed", post(vectors::ollama))
        .route("/ollama/api/tags", get(ollama::tags))
        .route("/ollama/api/version", get(ollama::version))
}

/// A paid answer as JSON.
fn paid(body: &Value, headers: &[(&'static str, String)]) -> Response {
    let mut response = axum::Json(body).into_response();
    add_headers(response.headers_mut(), headers);
    response.extensions_mut().insert(Charged);
    response
}

/// A paid answer as a stream of pieces, each handed to the connection by itself.
fn paid_stream(
    kind: &'static str,
    pieces: Vec<String>,
    headers: &[(&'static str, String)],
) -> Response {
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::convert::Infallible>));
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    add_headers(response.headers_mut(), headers);
    response.extensions_mut().insert(Charged);
    response
}

fn add_headers(map: &mut HeaderMap, headers: &[(&'static str, String)]) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            map.insert(*name, value);
        }
    }
}

/// One server-sent event.
fn event(name: &str, data: &Value) -> String {
    if name.is_empty() {
        format!("data: {data}\n\n")
    } else {
        format!("event: {name}\ndata: {data}\n\n")
    }
}

/// Pieces of a text as a model would stream it: a few characters each.
fn tokens(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(4).map(|piece| piece.iter().collect()).collect()
}

/// An id that depends on the request only.
fn id(prefix: &str, body: &Value) -> String {
    let text = body.to_string();
    // FNV-1a: any hash that is the same everywhere will do.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{prefix}{hash:016x}")
}
