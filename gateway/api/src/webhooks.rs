use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A webhook endpoint to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://hooks.shop.example/impresario", "events": ["segment.entered", "segment.left"]}))]
pub struct NewEndpoint {
    /// `https://…` or `http://…`.
    pub url: String,
    /// At most 200 characters.
    #[serde(default)]
    pub description: String,
    /// Event types (`segment.entered`), families (`segment.*`) or `*`; empty means all.
    #[serde(default)]
    pub events: Vec<String>,
    /// `whsec_` and base 64 of 24 to 64 bytes; made by the server if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// The address.
    pub url: String,
    /// What people call it.
    pub description: String,
    /// Event types, families or `*`; empty means all.
    pub events: Vec<String>,
    /// Whether deliveries are made.
    pub enabled: bool,
    /// Why it was disabled by the sender.
    pub disabled_reason: Option<String>,
    /// When it was added.
    pub created_at: String,
}

/// An endpoint's id with the secret that signs its messages, which is shown only here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "whe_01jd5x2k3m4n5p6q7r8s9t0v1w", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}))]
pub struct EndpointWithSecret {
    /// The endpoint's id.
    pub id: String,
    /// Verify signatures with it (Standard Webhooks 1.0).
    pub secret: String,
}

/// Changes to an endpoint; a field that is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"enabled": true}))]
pub struct EndpointPatch {
    /// As when adding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// As when adding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// As when adding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Whether deliveries are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// How to replace an endpoint's secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"grace_s": 86400}))]
pub struct RotateSecret {
    /// How long messages carry the old signature too, in seconds: 0 (the default) to 30 days.
    #[schema(minimum = 0, maximum = 2592000)]
    pub grace_s: u32,
}

/// What became of a webhook message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "message": "msg_01jd5x2k3m4n5p6q7r8s9t0v1w", "type": "segment.entered",
    "decided_at": "2026-11-20T12:00:00.000Z", "status": "delivered", "attempts": 1,
    "last_at": "2026-11-20T12:00:00.130Z", "next_at": null, "http_status": 200, "error": null
}))]
pub struct Delivery {
    /// The message's id, the same over all attempts and replays.
    pub message: String,
    /// The event type.
    pub r#type: String,
    /// When it was decided.
    pub decided_at: String,
    /// `pending`, `delivered`, `failed`, `gone` or `dropped`.
    pub status: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the last attempt was made.
    pub last_at: String,
    /// When the next one is made.
    pub next_at: Option<String>,
    /// The HTTP status of the last attempt, if there was an answer.
    pub http_status: Option<u16>,
    /// What was wrong with the last attempt, as a stable word.
    pub error: Option<String>,
}

/// Which message to send once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"message": "msg_01jd5x2k3m4n5p6q7r8s9t0v1w"}))]
pub struct Replay {
    /// The message's id, as the list of deliveries shows it.
    pub message: String,
}
