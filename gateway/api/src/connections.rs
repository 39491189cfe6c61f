//! The assistant, and the ways to chat platforms and providers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The assistant's configuration in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Assistant {
    /// The whole configuration, defaults filled in (see the guide to the assistant).
    #[schema(value_type = Object)]
    pub config: Value,
    /// 0 as long as it was never configured, then one more with each change.
    pub version: u64,
    /// When it was last changed.
    pub changed_at: Option<String>,
}

/// The whole configuration of the assistant; what is left out gets its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = Object, example = json!({"name": "Ada", "tone": "friendly"}))]
pub struct AssistantConfig(pub Map<String, Value>);

/// A way to a chat platform or to a provider of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "slack", "settings": {"signing_secret": "8f74…", "bot_token": "xoxb-…"}
}))]
pub struct SaveConnection {
    /// `whatsapp`, `twilio`, `slack`, `discord`, `web`, `llm`, `embeddings` or `rerank`.
    pub kind: String,
    /// In the words of its kind, secrets included. They are kept sealed and never shown again.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
}

/// A connection: the names of its settings, never their values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "shop-wa", "kind": "whatsapp", "settings": ["access_token", "phone_number_id"],
    "version": 1, "created_at": "2026-11-20T12:00:00.000Z",
    "changed_at": "2026-11-20T12:00:00.000Z", "webhook": "/hooks/ten_01jd5x2k3m4n5p6q7r8s9t0v1w/shop-wa"
}))]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// Which bridge it belongs to.
    pub kind: String,
    /// The names of the settings that are given.
    pub settings: Vec<String>,
    /// 1 at first, one more with each change.
    pub version: u64,
    /// When it was first put.
    pub created_at: String,
    /// When it was last put.
    pub changed_at: String,
    /// Where the platform sends its webhooks on this server, for chat platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
}
