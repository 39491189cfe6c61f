use impresario_calls::{Refusal, Secret, from_hex, same, verify_hmac_sha256};
use impresario_messages::HandshakeAnswer;

/// Checks `X-Hub-Signature-256` over the body as it came. Meta writes other letters than ASCII as
/// escapes, so a body that was parsed and written again is another one.
///
/// # Errors
/// If the header is missing, malformed or of other bytes.
pub fn verify(app_secret: &Secret, signature: Option<&str>, raw: &[u8]) -> Result<(), Refusal> {
    let signature = signature.ok_or(Refusal::SignatureMissing)?;
    let hex = signature.trim().strip_prefix("sha256=").ok_or(Refusal::SignatureMalformed)?;
    let tag = from_hex(hex).filter(|tag| tag.len() == 32).ok_or(Refusal::SignatureMalformed)?;
    if verify_hmac_sha256(app_secret.expose().as_bytes(), &[raw], &tag) {
        Ok(())
    } else {
        Err(Refusal::SignatureWrong)
    }
}

/// Answers the `GET` with which Meta checks a new webhook URL; a refusal is to be answered by 403.
///
/// # Errors
/// If it is not such a request, or its token is not ours.
pub fn handshake(verify_token: &Secret, query: &str) -> Result<HandshakeAnswer, Refusal> {
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let token = value("hub.verify_token");
    let ours = verify_token.expose().as_bytes();
    let asked = value("hub.mode") == "subscribe" && !ours.is_empty();
    if asked && same(token.as_bytes(), ours) {
        Ok(HandshakeAnswer { content_type: "text/plain", body: value("hub.challenge") })
    } else {
        Err(Refusal::TokenWrong)
    }
}
