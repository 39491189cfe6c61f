use impresario_calls::{sha256, to_hex};

/// The nonce of a part of a message: 24 characters (25 are allowed), always the same for the same
/// message, so that Discord gives back the first when it is sent twice.
#[must_use]
pub fn nonce(outgoing_id: &str, part: usize) -> String {
    let mut text = to_hex(&sha256(format!("{outgoing_id}#{part}").as_bytes()));
    text.truncate(24);
    text
}
