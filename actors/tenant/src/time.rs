use impresario_kernel::Timestamp;
use impresario_rules::format_time;

/// For `serde(serialize_with)`: RFC 3339 in UTC.
pub(crate) fn serialize<S: serde::Serializer>(
    at: &Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(at.as_ms()))
}

/// For `serde(serialize_with)`: RFC 3339 in UTC, or null.
#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
pub(crate) fn serialize_option<S: serde::Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize(at, serializer),
        None => serializer.serialize_none(),
    }
}
