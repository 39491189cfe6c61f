use impresario_calls::{Refusal, Secret, from_hex, verify_hmac_sha256};

/// How far the signed time may be from ours, in seconds.
pub const TOLERANCE_S: i64 = 5 * 60;

/// What the headers say about a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// `X-Slack-Signature`.
    pub signature: Option<&'a str>,
    /// `X-Slack-Request-Timestamp`.
    pub timestamp: Option<&'a str>,
    /// `X-Slack-Retry-Num`: the how manieth repetition this is. The event has the same id as before.
    pub retry: Option<u32>,
}

/// Checks a request: its signature over the raw bytes, and that it is not an old one sent again.
///
/// # Errors
/// If a header is missing or malformed, the time too far away, or the signature of other bytes.
pub fn verify(
    signing_secret: &Secret,
    delivery: Delivery<'_>,
    raw: &[u8],
    now_ms: i64,
) -> Result<(), Refusal> {
    let signature = delivery.signature.ok_or(Refusal::SignatureMissing)?;
    let stamp = delivery.timestamp.ok_or(Refusal::SignatureMissing)?;
    let at_s: i64 = stamp.parse().map_err(|_| Refusal::SignatureMalformed)?;
    let hex = signature.trim().strip_prefix("v0=").ok_or(Refusal::SignatureMalformed)?;
    let tag = from_hex(hex).filter(|tag| tag.len() == 32).ok_or(Refusal::SignatureMalformed)?;
    let parts: [&[u8]; 4] = [b"v0:", stamp.as_bytes(), b":", raw];
    if !verify_hmac_sha256(signing_secret.expose().as_bytes(), &parts, &tag) {
        return Err(Refusal::SignatureWrong);
    }
    if now_ms.div_euclid(1_000).abs_diff(at_s) > TOLERANCE_S.unsigned_abs() {
        return Err(Refusal::Stale);
    }
    Ok(())
}
