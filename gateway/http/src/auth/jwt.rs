//! User tokens (API-04): short-lived JSON Web Tokens, HS256, under a secret of the tenant that is
//! derived from its pepper. The server issues them for a secret key; a tenant's own server may
//! fetch the secret once and sign them itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use impresario_api::codes;
use impresario_ids::{ApiKeyId, TenantId};
use impresario_kernel::Timestamp;
use impresario_tenant::Scope;
use impresario_tenant::keys::Pepper;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Clocks of tenants' servers may be off by this much, in seconds.
const LEEWAY_S: i64 = 60;
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

/// What a user token says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The tenant's id.
    pub(crate) iss: TenantId,
    /// The user that the token speaks for; without it, for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    /// Scopes, separated by spaces.
    pub(crate) scope: String,
    /// When it ends, in seconds since the epoch.
    pub(crate) exp: i64,
    /// When it was made, in seconds since the epoch.
    #[serde(default)]
    pub(crate) iat: i64,
    /// The key that asked for it, if the server issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<ApiKeyId>,
}

impl Claims {
    /// The known scopes; words that mean nothing here give nothing.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        self.scope.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
    }
}

/// The secret under which a tenant's user tokens are signed. Derived, so nothing new is stored, and
/// it ends with the tenant's pepper.
/// The key of the signature is the text itself, as most libraries take it.
pub(crate) fn signing_secret(pepper: &Pepper) -> String {
    let context = "impresario 2026-11-20 user tokens of a tenant";
    STANDARD.encode(blake3::derive_key(context, &impresario_kernel::encode(pepper)))
}

/// The text of a token.
pub(crate) fn issue(claims: &Claims, secret: &str) -> Result<String, Fault> {
    jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        Fault::new(&codes::INTERNAL)
    })
}

/// The tenant that a token claims to be from; nothing is verified yet.
pub(crate) fn tenant_of(text: &str) -> Result<TenantId, Fault> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: TenantId,
    }
    if text.len() > TOKEN_BYTES_MAX {
        return Err(Fault::new(&codes::TOKEN_INVALID));
    }
    jsonwebtoken::dangerous::insecure_decode_claims::<Issuer>(text)
        .map(|issuer| issuer.iss)
        .map_err(|_| {
            Fault::new(&codes::TOKEN_INVALID).detail("the claim iss must be the tenant's id")
        })
}

/// The claims of a genuine token that has not ended.
pub(crate) fn verify(
    text: &str,
    secret: &str,
    now: Timestamp,
    ttl_max_s: u64,
) -> Result<Claims, Fault> {
    let mut validation = Validation::new(Algorithm::HS256);
    // The times are checked here, by the server's one clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(
        text,
        &DecodingKey::from_secret(secret.as_bytes()),
        &validation,
    )
    .map_err(|_| Fault::new(&codes::TOKEN_INVALID))?
    .claims;
    let now_s = now.as_ms().div_euclid(1_000);
    if claims.exp.saturating_add(LEEWAY_S) <= now_s {
        return Err(Fault::new(&codes::TOKEN_EXPIRED));
    }
    let latest = now_s.saturating_add_unsigned(ttl_max_s).saturating_add(LEEWAY_S);
    if claims.exp > latest || claims.iat > now_s + LEEWAY_S {
        let detail = format!("a token lives for at most {ttl_max_s} seconds");
        return Err(Fault::new(&codes::TOKEN_INVALID).detail(detail));
    }
    Ok(claims)
}
