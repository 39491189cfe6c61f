use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use impresario_calls::{Refusal, from_hex};

/// Checks `X-Signature-Ed25519` over `X-Signature-Timestamp` and the body as it came. A refusal is to
/// be answered by 401.
///
/// # Errors
/// If a header is missing or malformed, or the signature is of other bytes.
pub fn verify(
    public_key: &str,
    signature: Option<&str>,
    timestamp: Option<&str>,
    raw: &[u8],
) -> Result<(), Refusal> {
    let signature = signature.ok_or(Refusal::SignatureMissing)?;
    let timestamp = timestamp.ok_or(Refusal::SignatureMissing)?;
    let tag = from_hex(signature.trim()).filter(|tag| tag.len() == 64);
    let tag = tag.ok_or(Refusal::SignatureMalformed)?;
    let key = from_hex(public_key).ok_or(Refusal::SignatureMalformed)?;
    let message = [timestamp.as_bytes(), raw].concat();
    UnparsedPublicKey::new(&ED25519, &key)
        .verify(&message, &tag)
        .map_err(|_| Refusal::SignatureWrong)
}
