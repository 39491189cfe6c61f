use std::fmt;

/// What a platform made of one [`crate::Outgoing`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The platform's ids, one per message that it became, in order.
    pub platform_ids: Vec<String>,
}

/// What to do about a message that was not, or perhaps not, sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendClass {
    /// Certainly not sent; later it may be.
    Retry {
        /// Not earlier than this many milliseconds from now, if the platform said so.
        after_ms: Option<i64>,
    },
    /// Certainly not sent, and trying again does not help.
    Refused {
        /// The platform's code, or a word of ours.
        code: String,
    },
    /// The 24-hour window is closed: only a template may go out.
    WindowClosed,
    /// The person wants no more of this: record it, it is no failure.
    OptedOut,
    /// It may have arrived: look it up (`reconcile`) before another attempt.
    Unknown,
}

impl SendClass {
    /// A stable word for metrics and listings.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::Refused { .. } => "refused",
            Self::WindowClosed => "window_closed",
            Self::OptedOut => "opted_out",
            Self::Unknown => "unknown",
        }
    }
}

/// A message was not sent, or not wholly, or it is not known.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message was not sent: {}", class.code())]
pub struct SendError {
    /// What to do.
    pub class: SendClass,
    /// What the platform said; for the tenant, not for logs.
    pub detail: String,
    /// The platform's ids of the parts that did go out before: a further attempt begins after them.
    pub sent: Vec<String>,
}

impl SendError {
    /// Nothing of the message has gone out.
    #[must_use]
    pub fn new(class: SendClass, detail: impl Into<String>) -> Self {
        Self { class, detail: detail.into(), sent: Vec::new() }
    }
}

impl fmt::Debug for SendError {
    /// Without the detail: a platform may echo what is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("class", &self.class)
            .field("sent", &self.sent.len())
            .finish_non_exhaustive()
    }
}
