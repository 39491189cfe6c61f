//! Messages as a platform sends them: signed over their bytes, a retry with its number.

use anyhow::{Result, ensure};
use impresario_farm::channels::signed_headers;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::{Api, now_ms};

/// What the platform signs with.
pub(super) const SECRET: &str = "the-signing-secret";
/// The connection to the platform.
pub(super) const CONNECTION: &str = "workspace";

/// A message in a direct conversation.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// The platform's name of the event: the same for each delivery.
    pub id: String,
    /// Where.
    pub room: String,
    /// Who.
    pub user: String,
    /// What.
    pub text: &'a str,
    /// When it was written, as the platform tells it: seconds with six digits behind them.
    pub stamp: String,
    /// How often it was delivered before.
    pub again: u32,
}

/// The delivery of a message to a tenant.
///
/// # Errors
/// If it cannot be signed.
pub fn delivery(api: &Api, tenant: &str, event: &Event<'_>) -> Result<RequestBuilder> {
    let body = json!({
        "type": "event_callback",
        "event_id": event.id,
        "team_id": "T1",
        "event": {
            "type": "message",
            "channel_type": "im",
            "channel": event.room,
            "user": event.user,
            "text": event.text,
            "ts": event.stamp,
        },
    });
    let body = body.to_string();
    let path = format!("/hooks/{tenant}/{CONNECTION}");
    let url = format!("{}{path}", api.base());
    let mut request = api.with_token("").request(Method::POST, &path);
    let headers = signed_headers("slack", SECRET, &url, &body, now_ms() / 1_000);
    ensure!(!headers.is_empty(), "the farm cannot sign for this platform");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if event.again > 0 {
        request = request.header("x-slack-retry-num", event.again.to_string());
    }
    Ok(request.body(body))
}
