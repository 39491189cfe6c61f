use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::Fault;

/// A failure in a provider's own shape.
pub(crate) fn failure(provider: &str, fault: &Fault) -> Response {
    let (status, body) = match provider {
        "anthropic" => anthropic(fault),
        "ollama" => ollama(fault),
        "cohere" => cohere(fault),
        _ => openai(fault),
    };
    let mut response =
        (StatusCode::from_u16(status).unwrap_or_default(), axum::Json(body)).into_response();
    if let Fault::RateLimited { retry_after_s: Some(seconds) } = fault {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("req_farm"));
    response
}

fn openai(fault: &Fault) -> (u16, Value) {
    let error = |message: &str, kind: &str, code: Value| json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    match fault {
        Fault::RateLimited { .. } => (
            429,
            error("Rate limit reached for requests", "requests", json!("rate_limit_exceeded")),
        ),
        Fault::QuotaExhausted => (
            429,
            error(
                "You exceeded your current quota, please check your plan and billing details.",
                "insufficient_quota",
                json!("insufficient_quota"),
            ),
        ),
        Fault::Unauthorized => (
            401,
            error(
                "Incorrect API key provided: sk-****abcd.",
                "invalid_request_error",
                json!("invalid_api_key"),
            ),
        ),
        Fault::ContextTooLong => (
            400,
            error(
                "This model's maximum context length is 400000 tokens.",
                "invalid_request_error",
                json!("context_length_exceeded"),
            ),
        ),
        Fault::ErrorBody => (200, error("The server had an error", "server_error", Value::Null)),
        _ => (
            503,
            error(
                "The engine is currently overloaded, please try again later",
                "server_error",
                Value::Null,
            ),
        ),
    }
}

fn anthropic(fault: &Fault) -> (u16, Value) {
    let error = |kind: &str, message: &str| {
        json!({
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": "req_farm",
        })
    };
    match fault {
        Fault::RateLimited { .. } => {
            (429, error("rate_limit_error", "This request would exceed your rate limit."))
        }
        Fault::QuotaExhausted => (
            400,
            error(
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API.",
            ),
        ),
        Fault::Unauthorized => (401, error("authentication_error", "invalid x-api-key")),
        Fault::ContextTooLong => (
            400,
            error("invalid_request_error", "prompt is too long: 1200000 tokens > 1000000 maximum"),
        ),
        Fault::ErrorBody => (200, error("api_error", "Internal server error")),
        _ => (529, error("overloaded_error", "Overloaded")),
    }
}

fn ollama(fault: &Fault) -> (u16, Value) {
    match fault {
        Fault::RateLimited { .. } => (429, json!({"error": "too many requests"})),
        Fault::Unauthorized => (401, json!({"error": "unauthorized"})),
        Fault::ContextTooLong => {
            (400, json!({"error": "the input length exceeds the context length"}))
        }
        Fault::ErrorBody => {
            (200, json!({"error": "an error was encountered while running the model"}))
        }
        _ => (
            503,
            json!({"error": "server busy, please try again.  maximum pending requests exceeded"}),
        ),
    }
}

fn cohere(fault: &Fault) -> (u16, Value) {
    match fault {
        Fault::RateLimited { .. } => (429, json!({"message": "You are past the rate limit"})),
        Fault::Unauthorized => (401, json!({"message": "invalid api token"})),
        Fault::ContextTooLong => (400, json!({"message": "too many tokens"})),
        Fault::ErrorBody => (200, json!({"message": "internal server error"})),
        _ => (503, json!({"message": "service unavailable"})),
    }
}
