use std::fmt;
use std::str::FromStr;

use impresario_ids::ProfileId;

use crate::ViewError;

/// Where a page ended: hand it back to get the next one. Opaque; prints as hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that was handed out here")]
pub struct MalformedCursor;

/// No cursor is longer than this.
const BYTES_MAX: usize = 64;

impl Cursor {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The place right after a profile in a list of profiles.
    #[must_use]
    pub fn after_profile(profile: ProfileId) -> Self {
        Self::new(*profile.as_bytes())
    }

    /// The place, if the cursor is one of this kind of list.
    pub(crate) fn place<const N: usize>(
        after: Option<&Self>,
    ) -> Result<Option<[u8; N]>, ViewError> {
        after
            .map(|cursor| <[u8; N]>::try_from(cursor.0.as_slice()))
            .transpose()
            .map_err(|_| ViewError::Cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let digits = text.as_bytes();
        if !digits.len().is_multiple_of(2) || digits.len() > 2 * BYTES_MAX {
            return Err(MalformedCursor);
        }
        let nibble =
            |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        digits
            .chunks_exact(2)
            .map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?))
            .collect::<Option<Vec<u8>>>()
            .map(Self)
            .ok_or(MalformedCursor)
    }
}

impl serde::Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
