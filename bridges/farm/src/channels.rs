//! The chat platforms: the shapes of their APIs, and webhooks signed as they sign them.
//!
//! Nothing is kept beside the log: what was accepted is what the log says, so that lists and
//! histories can be asked for. A request counts as accepted also when its answer was cut off or was
//! turned into an error ([`Fault::Cut`], [`Fault::Close`], `named` `accepted_then_500`).

mod discord;
mod gateway;
mod post;
mod sign;
mod slack;
#[cfg(test)]
mod tests;
mod twilio;
mod whatsapp;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::{Entry, Farm, Fault};

pub use post::{Delivery, Posted, post};
pub use sign::{discord_public_key, signed_headers};

/// The routes of all chat platforms, each below its provider's name.
pub fn routes() -> Router<Farm> {
    Router::new()
        .merge(whatsapp::routes())
        .merge(twilio::routes())
        .merge(slack::routes())
        .merge(discord::routes())
        .merge(gateway::routes())
}

/// A failure in a platform's own shape; `None` if the provider is not one of these.
pub fn failure(provider: &str, fault: &Fault) -> Option<Response> {
    match provider {
        "whatsapp" => Some(whatsapp::failure(fault)),
        "twilio" => Some(twilio::failure(fault)),
        "slack" => Some(slack::failure(fault)),
        "discord" => Some(discord::failure(fault)),
        _ => None,
    }
}

/// JSON with a status and, if given, a `retry-after` in seconds.
fn answer(status: u16, retry_after_s: Option<u64>, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, Body::from(body.to_string())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What the script does to an answer that only a chat platform gives: accepted, and yet an error.
fn fated(fault: Option<&Fault>, response: Response) -> Response {
    match fault {
        Some(Fault::Named { name, .. }) if name == "accepted_then_500" => {
            answer(500, None, &json!({}))
        }
        _ => response,
    }
}

/// Whether the platform has done what a request asked for.
fn accepted(entry: &Entry) -> bool {
    match &entry.fault {
        None
        | Some(
            Fault::SlowFirstByte { .. }
            | Fault::Drip { .. }
            | Fault::Cut { .. }
            | Fault::Stall { .. }
            | Fault::Close
            | Fault::Say { .. }
            | Fault::CallTool { .. }
            | Fault::Named { .. },
        ) => true,
        Some(
            Fault::RateLimited { .. }
            | Fault::Overloaded
            | Fault::QuotaExhausted
            | Fault::Unauthorized
            | Fault::ContextTooLong
            | Fault::Answer { .. }
            | Fault::Hang
            | Fault::ErrorBody
            | Fault::Malformed,
        ) => false,
    }
}

/// The accepted requests to a path, oldest first.
fn taken(farm: &Farm, method: &str, part: &str) -> Vec<Entry> {
    let mut entries = farm.log();
    entries.retain(|entry| entry.method == method && entry.path.contains(part) && accepted(entry));
    entries
}

/// The number of the newest request with this body: the one that is being answered.
fn number(farm: &Farm, body: &str) -> u64 {
    farm.log.newest(body).unwrap_or(0)
}
