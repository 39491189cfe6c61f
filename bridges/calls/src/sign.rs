use aws_lc_rs::{constant_time, digest, hmac};

/// Why a webhook is not taken. None of them says what would have been right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The signature's header is not there.
    #[error("the signature is missing")]
    SignatureMissing,
    /// The header does not hold a signature.
    #[error("the signature is malformed")]
    SignatureMalformed,
    /// The signature is of other bytes, or made with another key.
    #[error("the signature is wrong")]
    SignatureWrong,
    /// The time that was signed is too far from now: it may be a replay.
    #[error("the signature is too old or from the future")]
    Stale,
    /// The token of the handshake is another one.
    #[error("the verify token is wrong")]
    TokenWrong,
}

impl Refusal {
    /// A stable word for metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SignatureMissing => "signature_missing",
            Self::SignatureMalformed => "signature_malformed",
            Self::SignatureWrong => "signature_wrong",
            Self::Stale => "signature_stale",
            Self::TokenWrong => "token_wrong",
        }
    }
}

/// A webhook whose signature is right but that is not what the platform sends. Does not quote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook cannot be read: {0}")]
pub struct Unreadable(pub String);

/// HMAC-SHA256 over the parts, one after the other.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    mac(hmac::HMAC_SHA256, key, parts)
}

/// HMAC-SHA1 over the parts, one after the other: Twilio's.
#[must_use]
pub fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, parts)
}

fn mac(algorithm: hmac::Algorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

/// Whether `tag` is the HMAC-SHA256 over the parts, in constant time.
#[must_use]
pub fn verify_hmac_sha256(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    same(&hmac_sha256(key, parts), tag)
}

/// Whether `tag` is the HMAC-SHA1 over the parts, in constant time.
#[must_use]
pub fn verify_hmac_sha1(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    same(&hmac_sha1(key, parts), tag)
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
#[must_use]
pub fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The bytes of a hexadecimal text; none if it is not one.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() % 2 == 1 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks_exact(2).map(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?)).collect()
}
