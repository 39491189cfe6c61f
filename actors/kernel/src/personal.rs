use std::fmt;

/// A value about a person. `Debug` hides it, so it cannot reach a log by accident; `Display` is
/// missing on purpose. Whoever needs the value says `.0`.
#[derive(
    Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Personal<T>(#[n(0)] pub T);

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<personal>")
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}
