//! The host page's word on who its visitor is, signed by the host's server with the connection's
//! `identity_secret`: a JSON Web Token (HS256) with `sub` and `exp`, or the user id with its
//! HMAC-SHA256 in hexadecimal digits.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use impresario_api::codes;
use impresario_kernel::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::fault::Fault;

/// Clocks of hosts may be off by this much, in seconds.
const LEEWAY_S: i64 = 60;
const TOKEN_BYTES_MAX: usize = 4_096;
/// Longest user id and other text about a person, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 200;

/// The settings of a connection of the kind `web` that matter here.
#[derive(Default, Deserialize)]
pub(crate) struct Settings {
    /// What the host signs with.
    #[serde(default)]
    pub(crate) identity_secret: Option<String>,
}

impl Settings {
    /// Reads the settings; what cannot be read is as if it were not set.
    pub(crate) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// What a page hands over.
#[derive(Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Given {
    /// A JSON Web Token.
    Token {
        /// Its text.
        jwt: String,
    },
    /// A user id and its code.
    Code {
        /// The user id.
        user_id: String,
        /// HMAC-SHA256 of the user id, 64 hexadecimal digits.
        hmac: String,
    },
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given")
    }
}

/// Who the visitor is, by the host's signature.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) user_id: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(alias = "user_id")]
    sub: String,
    exp: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

/// Who the visitor is, if the signature is genuine and has not ended.
pub(crate) fn verify(settings: &Settings, given: &Given, now: Timestamp) -> Result<Known, Fault> {
    let secret = settings.identity_secret.as_ref().filter(|secret| !secret.is_empty());
    let secret = secret.ok_or_else(|| {
        Fault::new(&codes::TOKEN_INVALID).detail("the connection has no identity_secret")
    })?;
    let key = DecodingKey::from_secret(secret.as_bytes());
    let known = match given {
        Given::Token { jwt } => of_token(jwt, &key, now)?,
        Given::Code { user_id, hmac } => of_code(user_id, hmac, &key)?,
    };
    let id = &known.user_id;
    if id.is_empty() || id.len() > NAME_BYTES_MAX || id.contains('\0') {
        return Err(Fault::new(&codes::TOKEN_INVALID)
            .detail(format!("a user id has 1 to {NAME_BYTES_MAX} bytes")));
    }
    Ok(known)
}

fn of_token(text: &str, key: &DecodingKey, now: Timestamp) -> Result<Known, Fault> {
    let invalid = || Fault::new(&codes::TOKEN_INVALID).detail("the identity's token is not valid");
    if text.len() > TOKEN_BYTES_MAX {
        return Err(invalid());
    }
    let mut validation = Validation::new(Algorithm::HS256);
    // The time is checked here, by the server's one clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(text, key, &validation);
    let Claims { sub, exp, name, email, phone } = claims.map_err(|_| invalid())?.claims;
    if exp.saturating_add(LEEWAY_S) <= now.as_ms().div_euclid(1_000) {
        return Err(Fault::new(&codes::TOKEN_EXPIRED).detail("the identity's token has expired"));
    }
    let short =
        |text: Option<String>| text.filter(|text| (1..=NAME_BYTES_MAX).contains(&text.len()));
    Ok(Known { user_id: sub, name: short(name), email: short(email), phone: short(phone) })
}

fn of_code(user_id: &str, hmac: &str, key: &DecodingKey) -> Result<Known, Fault> {
    let refused = || Fault::new(&codes::TOKEN_INVALID).detail("the identity's hmac is not right");
    let signature = URL_SAFE_NO_PAD.encode(unhex(hmac).ok_or_else(refused)?);
    // Takes the same time wherever the first difference is.
    let right = jsonwebtoken::crypto::verify(&signature, user_id.as_bytes(), key, Algorithm::HS256);
    if !right.unwrap_or(false) {
        return Err(refused());
    }
    Ok(Known { user_id: user_id.to_owned(), ..Known::default() })
}

/// 32 bytes as 64 hexadecimal digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok()?;
    }
    Some(bytes)
}
