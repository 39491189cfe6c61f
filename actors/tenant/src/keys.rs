//! API keys as text, and how their secrets are kept.
//!
//! A key reads `imp_wk_<tenant>_<secret>` (write) or `imp_sk_<tenant>_<secret>` (secret): the tenant
//! as the 26 characters of its id, the secret as 32 characters of lower-case Crockford base 32 (160
//! bits). The text names its tenant, so no table over all tenants is needed to find it. Only the
//! keyed BLAKE3 hash of the secret is stored, under the tenant's own pepper.

use std::fmt;

use impresario_ids::TenantId;
use impresario_kernel::Personal;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use subtle::ConstantTimeEq;

use crate::KeyKind;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SECRET_BYTES: usize = 20;
const SECRET_DIGITS: usize = 32;
const TENANT_DIGITS: usize = 26;

/// 32 random bytes of one tenant under which its secrets are hashed. Never prints.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Pepper(#[n(0)] Personal<ByteArray<32>>);

impl Pepper {
    /// From random bytes of the edge.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Personal(ByteArray::from(bytes)))
    }
}

/// The keyed hash of a key's secret. Never prints, compares in constant time.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(transparent)]
pub struct KeyHash(#[n(0)] Personal<ByteArray<32>>);

impl KeyHash {
    /// From its stored bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Personal(ByteArray::from(bytes)))
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.0[..].ct_eq(&other.0.0[..]).into()
    }
}
impl Eq for KeyHash {}

/// The 160 random bits of a key. Never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// From random bytes of the edge.
    #[must_use]
    pub const fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The last four characters of the key's text.
    #[must_use]
    pub fn last4(&self) -> String {
        let digits = encode(&self.0);
        digits[SECRET_DIGITS - 4..].iter().map(|digit| char::from(*digit)).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// A key as somebody presented it; not yet known to be genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Whose key it claims to be.
    pub tenant: TenantId,
    /// Which kind it claims to be.
    pub kind: KeyKind,
    /// The proof.
    pub secret: Secret,
}

/// The text is not an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key is \"imp_wk_\" or \"imp_sk_\", 26 characters, an underscore and 32 characters")]
pub struct MalformedKey;

/// The text of a key. Show it once; it is not stored anywhere.
#[must_use]
pub fn format(tenant: TenantId, kind: KeyKind, secret: &Secret) -> String {
    let tenant = tenant.to_string();
    let tenant = tenant.split_once('_').map_or("", |(_, digits)| digits);
    let mut text = String::with_capacity(prefix(kind).len() + TENANT_DIGITS + 1 + SECRET_DIGITS);
    text.push_str(prefix(kind));
    text.push_str(tenant);
    text.push('_');
    text.extend(encode(&secret.0).iter().map(|digit| char::from(*digit)));
    text
}

/// Reads the text of a key.
///
/// # Errors
/// If it is not shaped like one. That says nothing about whether the key exists.
pub fn parse(text: &str) -> Result<Presented, MalformedKey> {
    let (kind, rest) = [KeyKind::Write, KeyKind::Secret]
        .into_iter()
        .find_map(|kind| Some((kind, text.strip_prefix(prefix(kind))?)))
        .ok_or(MalformedKey)?;
    let (tenant, secret) = rest.split_once('_').ok_or(MalformedKey)?;
    if tenant.len() != TENANT_DIGITS {
        return Err(MalformedKey);
    }
    let tenant = format!("ten_{tenant}").parse().map_err(|_| MalformedKey)?;
    let secret = decode(secret.as_bytes()).ok_or(MalformedKey)?;
    Ok(Presented { tenant, kind, secret: Secret(secret) })
}

/// The hash under which a secret is stored.
#[must_use]
pub fn hash(pepper: &Pepper, kind: KeyKind, secret: &Secret) -> KeyHash {
    let mut hasher = blake3::Hasher::new_keyed(&pepper.0.0);
    hasher.update(kind.as_str().as_bytes());
    hasher.update(&secret.0);
    KeyHash::from_bytes(*hasher.finalize().as_bytes())
}

const fn prefix(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Write => "imp_wk_",
        KeyKind::Secret => "imp_sk_",
    }
}

/// Whether a text could be the last four characters of a key.
pub(crate) fn is_last4(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| DIGITS.contains(&byte))
}

/// Five bytes at a time become eight digits, most significant bits first.
fn encode(bytes: &[u8; SECRET_BYTES]) -> [u8; SECRET_DIGITS] {
    let mut digits = [0; SECRET_DIGITS];
    for (chunk, out) in bytes.chunks_exact(5).zip(digits.chunks_exact_mut(8)) {
        let word = chunk.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
        for (place, digit) in out.iter_mut().rev().enumerate() {
            *digit = DIGITS[((word >> (5 * place)) & 31) as usize];
        }
    }
    digits
}

fn decode(digits: &[u8]) -> Option<[u8; SECRET_BYTES]> {
    if digits.len() != SECRET_DIGITS {
        return None;
    }
    let mut bytes = [0; SECRET_BYTES];
    for (chunk, out) in digits.chunks_exact(8).zip(bytes.chunks_exact_mut(5)) {
        let mut word = 0_u64;
        for digit in chunk {
            let value = DIGITS.iter().position(|known| known == digit)?;
            word = (word << 5) | value as u64;
        }
        out.copy_from_slice(&word.to_be_bytes()[3..]);
    }
    Some(bytes)
}
