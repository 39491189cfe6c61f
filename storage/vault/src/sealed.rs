use chacha20poly1305::aead::{Aead as _, AeadInOut as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};

use crate::keys::DataKey;
use crate::nonce::NONCE_LENGTH;

const VERSION: u8 = 1;
const HEADER: usize = 1 + 4 + NONCE_LENGTH;
const TAG: usize = 16;

/// Bytes by which a sealed value is longer than its plain value.
pub const OVERHEAD: usize = HEADER + TAG;

/// A sealed value taken apart: version 1, key id (4 bytes, big-endian), nonce, ciphertext and tag.
pub(crate) struct Parts<'a> {
    pub(crate) key_id: u32,
    nonce: &'a [u8; NONCE_LENGTH],
    body: &'a [u8],
}

/// Why bytes are not a sealed value.
pub(crate) enum Malformed {
    Short,
    Version(u8),
}

impl<'a> Parts<'a> {
    pub(crate) fn of(sealed: &'a [u8]) -> Result<Self, Malformed> {
        let (version, rest) = sealed.split_first().ok_or(Malformed::Short)?;
        if *version != VERSION {
            return Err(Malformed::Version(*version));
        }
        let (key_id, rest) = rest.split_first_chunk::<4>().ok_or(Malformed::Short)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(Malformed::Short)?;
        if body.len() < TAG {
            return Err(Malformed::Short);
        }
        Ok(Self { key_id: u32::from_be_bytes(*key_id), nonce, body })
    }

    /// `None` if the key, the associated data or a byte is wrong.
    pub(crate) fn open(&self, key: &DataKey, aad: &[u8]) -> Option<Vec<u8>> {
        cipher(key).decrypt(&XNonce::from(*self.nonce), Payload { msg: self.body, aad }).ok()
    }
}

/// `None` only for plain values over 256 GiB, which the cipher cannot take.
pub(crate) fn seal(
    key: &DataKey,
    nonce: [u8; NONCE_LENGTH],
    aad: &[u8],
    plain: &[u8],
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(OVERHEAD + plain.len());
    out.push(VERSION);
    out.extend_from_slice(&key.id.to_be_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    let tag: Tag = cipher(key)
        .encrypt_inout_detached(&XNonce::from(nonce), aad, (&mut out[HEADER..]).into())
        .ok()?;
    out.extend_from_slice(&tag);
    Some(out)
}

fn cipher(key: &DataKey) -> XChaCha20Poly1305 {
    // Borrowed, so that no copy of the key is left behind on the stack.
    XChaCha20Poly1305::new(<&Key>::from(&*key.bytes))
}
