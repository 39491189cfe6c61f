use std::borrow::Cow;

use serde::Serialize;

/// One thing that is wrong with a configuration or with a model's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where, as an RFC 6901 pointer into the document (`""` is the whole document).
    pub pointer: String,
    /// What, as a stable code: one of [`codes`].
    pub code: Cow<'static, str>,
    /// What to do about it, for a person.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(
        pointer: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), code: Cow::Borrowed(code), message: message.into() }
    }
}

/// The stable codes of [`Problem`]. Part of the public interface.
pub mod codes {
    /// The text is not JSON, or not an object.
    pub const INVALID_JSON: &str = "invalid_json";
    /// The text is longer than [`crate::CONFIG_BYTES_MAX`].
    pub const TOO_LARGE: &str = "too_large";
    /// A value is of the wrong type, or a key means nothing there.
    pub const WRONG_SHAPE: &str = "wrong_shape";
    /// A text is empty or too long, or a name has characters that it must not have.
    pub const INVALID_TEXT: &str = "invalid_text";
    /// A list has too many items.
    pub const WRONG_LENGTH: &str = "wrong_length";
    /// A number is outside the range allowed there.
    pub const NUMBER_OUT_OF_RANGE: &str = "number_out_of_range";
    /// Two numbers or times are in the wrong order.
    pub const INVALID_RANGE: &str = "invalid_range";
    /// A name is used twice.
    pub const DUPLICATE_NAME: &str = "duplicate_name";
    /// A name that should be defined elsewhere in the document is not.
    pub const UNKNOWN_NAME: &str = "unknown_name";
    /// Names refer to each other in a circle.
    pub const CIRCLE: &str = "circle";
    /// No such time zone.
    pub const UNKNOWN_ZONE: &str = "unknown_zone";
    /// Not a date, a time of day, a colour, an address or a language.
    pub const INVALID_VALUE: &str = "invalid_value";
    /// Something that the law wants said is switched off without a reason.
    pub const REASON_MISSING: &str = "reason_missing";
}
