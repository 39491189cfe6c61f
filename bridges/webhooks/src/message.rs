use serde_json::value::RawValue;

/// The most bytes of a message's body: the specification asks for less than 20 KB.
pub const BODY_BYTES_MAX: usize = 20_000;

/// The most characters of an event type.
const TYPE_LENGTH_MAX: usize = 128;

/// Why a message cannot be composed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The event type is empty, too long, or has a character outside `[a-zA-Z0-9_.]`.
    #[error("an event type is 1 to 128 characters of a-z, A-Z, 0-9, \"_\" and \".\"")]
    Type,
    /// The time is outside the years -9999 to 9999.
    #[error("the time of the event cannot be written as ISO 8601")]
    Time,
    /// The data is not one JSON value.
    #[error("the data is not JSON")]
    Data,
    /// The whole body is too large.
    #[error("the body has {0} bytes, at most {BODY_BYTES_MAX} are allowed")]
    TooLarge(usize),
}

#[derive(serde::Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: &'a RawValue,
}

/// Checks an event type such as `segment.entered`.
///
/// # Errors
/// [`MessageError::Type`].
pub fn check_type(kind: &str) -> Result<(), MessageError> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    if (1..=TYPE_LENGTH_MAX).contains(&kind.len()) && kind.bytes().all(valid) {
        Ok(())
    } else {
        Err(MessageError::Type)
    }
}

/// Composes the body `{"type", "timestamp", "data"}`. `at_ms` is when the event happened, in
/// milliseconds since 1970; `data` is JSON text and is taken over byte for byte, because the
/// signature covers bytes and not values.
///
/// # Errors
/// If a part is invalid or the whole is too large.
pub fn body(kind: &str, at_ms: i64, data: &str) -> Result<String, MessageError> {
    check_type(kind)?;
    let timestamp =
        jiff::Timestamp::from_millisecond(at_ms).map_err(|_| MessageError::Time)?.to_string();
    let data = serde_json::from_str::<&RawValue>(data).map_err(|_| MessageError::Data)?;
    let text =
        serde_json::to_string(&Body { kind, timestamp, data }).map_err(|_| MessageError::Data)?;
    if text.len() > BODY_BYTES_MAX {
        return Err(MessageError::TooLarge(text.len()));
    }
    Ok(text)
}
