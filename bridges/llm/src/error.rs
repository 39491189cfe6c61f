use std::fmt;

use impresario_routing::{Class, Usage};

/// Why a call came to nothing. Neither `Debug` nor `Display` show the provider's words: it may quote
/// the prompt or the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    /// What it means.
    pub class: Class,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The provider's own code, or ours; never free text.
    pub code: Box<str>,
    /// The provider's words, for the owner of the connection only.
    pub detail: Box<str>,
    /// Not earlier than this many milliseconds from now, if the provider said so.
    pub retry_after_ms: Option<i64>,
    /// What was used until then, if it is known.
    pub usage: Option<Usage>,
    /// The provider's id of the request; may be empty.
    pub request_id: Box<str>,
}

impl Error {
    pub(crate) fn new(class: Class, code: &str, detail: impl Into<Box<str>>) -> Self {
        Self {
            class,
            status: None,
            code: code.into(),
            detail: detail.into(),
            retry_after_ms: None,
            usage: None,
            request_id: Box::default(),
        }
    }

    pub(crate) const fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Whether the provider may charge for it.
    #[must_use]
    pub const fn may_be_charged(&self) -> bool {
        self.class.may_be_charged()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the provider's call failed: {}", self.class.as_str())?;
        self.status.map_or(Ok(()), |status| write!(f, " (status {status})"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("class", &self.class)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("retry_after_ms", &self.retry_after_ms)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}
