use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An API key to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "secret", "name": "Backend", "scopes": ["events:write", "profiles:read"]}))]
pub struct NewApiKey {
    /// `write` (only sends events, may be public) or `secret`.
    pub kind: String,
    /// 1 to 100 characters.
    pub name: String,
    /// What a secret key may do; a write key has `events:write` alone.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// When it stops working, ISO 8601; never if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "key_01jd5x2k3m4n5p6q7r8s9t0v1w", "kind": "secret", "name": "Backend",
    "scopes": ["events:write"], "last4": "x7ka", "live": true,
    "created_at": "2026-11-20T12:00:00Z", "expires_at": null, "revoked_at": null, "replaces": null, "replaced_by": null
}))]
pub struct ApiKey {
    /// Its id, which is public.
    pub id: String,
    /// `write` or `secret`.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The last four characters of its text.
    pub last4: String,
    /// Whether it works.
    pub live: bool,
    /// When it was made.
    pub created_at: String,
    /// When it stops working.
    pub expires_at: Option<String>,
    /// When it was ended.
    pub revoked_at: Option<String>,
    /// The key that it replaced.
    pub replaces: Option<String>,
    /// The key that replaced it.
    pub replaced_by: Option<String>,
}

/// A new API key with its text, which is shown only here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "key_01jd5x2k3m4n5p6q7r8s9t0v1w",
    "key": "imp_sk_01jd5x2k3m4n5p6q7r8s9t0v1w_0123456789abcdefghjkmnpqrstvwxyz",
    "kind": "secret", "name": "Backend", "scopes": ["events:write"]
}))]
pub struct ApiKeyWithSecret {
    /// Its id, which is public.
    pub id: String,
    /// The text to use. It is stored nowhere: keep it now.
    pub key: String,
    /// `write` or `secret`.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// How to replace a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"grace_s": 86400}))]
pub struct RotateKey {
    /// How long the old key still works, in seconds: 0 (the default) to 30 days.
    #[schema(minimum = 0, maximum = 2592000)]
    pub grace_s: u32,
    /// When the new key stops working, ISO 8601; never if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A user token to issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"user_id": "u-42", "scopes": ["events:write", "profiles:read"], "ttl_s": 900}))]
pub struct NewToken {
    /// The only user that the token speaks for; without it, for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What it may do: at most what the key may. Without it, all of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Seconds until it ends; 900 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub ttl_s: Option<u64>,
}

/// A user token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"token": "eyJ…", "expires_at": "2026-11-20T12:15:00.000Z", "scopes": ["events:write"]}))]
pub struct Token {
    /// Send it as `Authorization: Bearer`.
    pub token: String,
    /// When it ends.
    pub expires_at: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

/// The secret under which a tenant's own server may sign user tokens: HS256 over the claims `iss`
/// (the tenant's id), `exp`, `scope` (separated by spaces) and perhaps `sub` (a user id).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"secret": "q83vEjRWeJC...", "algorithm": "HS256", "issuer": "ten_01jd5x2k3m4n5p6q7r8s9t0v1w"}))]
pub struct SigningSecret {
    /// The key of the signature is this text as it is, not decoded.
    pub secret: String,
    /// `HS256`.
    pub algorithm: String,
    /// What to put into `iss`.
    pub issuer: String,
}
