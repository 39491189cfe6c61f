use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use impresario_api::codes;
use impresario_tenant::keys::{self, Presented};

use crate::fault::Fault;

/// Something presented as proof, by its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential<'h> {
    /// Shaped like an API key.
    Key(Presented),
    /// Shaped like a JSON Web Token.
    Token(&'h str),
    /// Anything else; perhaps the root token.
    Opaque(&'h str),
}

/// The credential of the headers: `Authorization: Bearer`, `Authorization: Basic` (the key as the
/// user name, the colon may be missing) or `X-API-Key`.
pub(crate) fn find(headers: &HeaderMap) -> Result<Option<Credential<'_>>, Fault> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().map_err(|_| malformed())?.trim();
        let (scheme, rest) = text.split_once(' ').ok_or_else(malformed)?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Some(of(rest)));
        }
        if scheme.eq_ignore_ascii_case("basic") {
            return basic(rest).map(Some);
        }
        return Err(malformed());
    }
    match headers.get("x-api-key") {
        Some(value) => Ok(Some(of(value.to_str().map_err(|_| malformed())?.trim()))),
        None => Ok(None),
    }
}

/// The credential of a body's `writeKey`.
pub(crate) fn from_write_key(text: &str) -> Result<Credential<'static>, Fault> {
    keys::parse(text)
        .map(Credential::Key)
        .map_err(|error| Fault::new(&codes::CREDENTIAL_INVALID).detail(error.to_string()))
}

fn of(text: &str) -> Credential<'_> {
    if let Ok(key) = keys::parse(text) {
        return Credential::Key(key);
    }
    if text.bytes().filter(|byte| *byte == b'.').count() == 2 {
        return Credential::Token(text);
    }
    Credential::Opaque(text)
}

fn basic(encoded: &str) -> Result<Credential<'static>, Fault> {
    let mut plain = [0; 192];
    // Some clients leave the padding out.
    let length = STANDARD
        .decode_slice(encoded, &mut plain)
        .or_else(|_| {
            base64::engine::general_purpose::STANDARD_NO_PAD
                .decode_slice(encoded.trim_end_matches('='), &mut plain)
        })
        .map_err(|_| malformed())?;
    let text = std::str::from_utf8(&plain[..length]).map_err(|_| malformed())?;
    let user = text.split_once(':').map_or(text, |(user, _)| user);
    from_write_key(user)
}

fn malformed() -> Fault {
    Fault::new(&codes::CREDENTIAL_INVALID)
        .detail("expected Authorization: Bearer <key or token>, or Basic with the key as user name")
}
