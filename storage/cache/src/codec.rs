//! Values: a version, a checksum, bincode.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Changes whenever a value's form does; values of another version are misses.
const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;
/// No value is larger; a damaged length must not reserve all memory.
const VALUE_BYTES_MAX: usize = 16 << 20;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vector(pub(crate) Vec<f32>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) until_ms: i64,
    pub(crate) body: Vec<u8>,
}

/// The key of a text under a model; depends on the border between them.
pub(crate) fn text_key(model: &str, text: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(model.len() as u64).to_le_bytes());
    hasher.update(model.as_bytes());
    hasher.update(text.as_bytes());
    *hasher.finalize().as_bytes()
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<VALUE_BYTES_MAX>()
}

/// `None` for a value that is too large to keep.
pub(crate) fn write(value: &impl Serialize) -> Option<Vec<u8>> {
    let body = bincode::serde::encode_to_vec(value, config()).ok()?;
    if body.len() > VALUE_BYTES_MAX {
        return None;
    }
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&blake3::hash(&body).as_bytes()[..CHECK_BYTES]);
    bytes.extend_from_slice(&body);
    Some(bytes)
}

pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (version, rest) = bytes.split_first()?;
    let (check, body) = rest.split_at_checked(CHECK_BYTES)?;
    if *version != VERSION || blake3::hash(body).as_bytes()[..CHECK_BYTES] != *check {
        return None;
    }
    let (value, used) = bincode::serde::decode_from_slice(body, config()).ok()?;
    (used == body.len()).then_some(value)
}
