use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The text before the base 64 of a symmetric secret.
const PREFIX: &str = "whsec_";

/// The fewest and the most bytes of a secret.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A symmetric signing secret of 24 to 64 bytes. `Debug` hides it; memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text or bytes are not a signing secret. Never quotes the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text does not begin with `whsec_`.
    #[error("a signing secret begins with \"whsec_\"")]
    Prefix,
    /// What follows is not standard base 64 with padding.
    #[error("a signing secret is \"whsec_\" and standard base 64")]
    Base64,
    /// The secret has too few or too many bytes.
    #[error("a signing secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
}

impl Secret {
    /// Reads `whsec_<base 64>`.
    ///
    /// # Errors
    /// If the prefix, the base 64 or the length is wrong.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?);
        Self::from_bytes(&bytes)
    }

    /// A secret of these (random) bytes.
    ///
    /// # Errors
    /// If there are fewer than 24 or more than 64 of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretError> {
        if LENGTHS.contains(&bytes.len()) {
            Ok(Self(Zeroizing::new(bytes.to_vec())))
        } else {
            Err(SecretError::Length(bytes.len()))
        }
    }

    /// `whsec_<base 64>`, to show to the owner of the endpoint.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&*self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// The signature `v1,<base 64>` of a message. `timestamp_s` is the attempt's time in seconds since
/// 1970, the same as in the `webhook-timestamp` header.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "it cannot: HMAC takes keys of every length")]
pub fn sign(secret: &Secret, id: &str, timestamp_s: i64, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes keys of every length");
    for part in [id, ".", &timestamp_s.to_string(), ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
