use crate::entity::Stored;

/// Bytes that should be a stored value are not.
#[derive(Debug, thiserror::Error)]
#[error("stored bytes do not decode as {what}")]
pub struct CodecError {
    what: &'static str,
    #[source]
    source: minicbor::decode::Error,
}

/// The stored form of a value.
#[must_use]
pub fn encode<T: Stored>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    match value.encode(&mut encoder, &mut ()) {
        Ok(()) => bytes,
        // A vector takes every byte, and the derived encoders have no other way to fail.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}

/// Reads a stored value; bytes after it are ignored, as a later release may append.
///
/// # Errors
/// If the bytes are not the stored form of a `T`.
pub fn decode<T: Stored>(bytes: &[u8]) -> Result<T, CodecError> {
    minicbor::decode(bytes)
        .map_err(|source| CodecError { what: std::any::type_name::<T>(), source })
}
