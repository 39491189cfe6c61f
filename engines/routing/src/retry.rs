use serde::{Deserialize, Serialize};

/// Why a call to a provider came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Too many requests or tokens a minute; later is better.
    RateLimited,
    /// The provider has too much to do.
    Overloaded,
    /// The provider broke (5xx).
    Server,
    /// The account has no money or no quota left.
    QuotaExhausted,
    /// The key is wrong or not allowed to.
    Auth,
    /// The request is not valid; the same one never will be.
    Invalid,
    /// No such model for this account.
    ModelMissing,
    /// More tokens than the model takes.
    ContextTooLong,
    /// The provider refused the content.
    ContentFilter,
    /// No answer, or no further piece of it, in time.
    Timeout,
    /// No connection was made, so nothing was asked.
    NotSent,
    /// The connection broke after the request went out: nobody knows whether it was answered.
    Lost,
    /// The answer began and did not end.
    Truncated,
    /// The answer cannot be read.
    Malformed,
    /// The address may not be called.
    Forbidden,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 15] = [
        Self::RateLimited,
        Self::Overloaded,
        Self::Server,
        Self::QuotaExhausted,
        Self::Auth,
        Self::Invalid,
        Self::ModelMissing,
        Self::ContextTooLong,
        Self::ContentFilter,
        Self::Timeout,
        Self::NotSent,
        Self::Lost,
        Self::Truncated,
        Self::Malformed,
        Self::Forbidden,
    ];

    /// A stable word for metrics, traces and listings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Auth => "auth",
            Self::Invalid => "invalid",
            Self::ModelMissing => "model_missing",
            Self::ContextTooLong => "context_too_long",
            Self::ContentFilter => "content_filter",
            Self::Timeout => "timeout",
            Self::NotSent => "not_sent",
            Self::Lost => "lost",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Forbidden => "forbidden",
        }
    }

    /// Whether the provider may have done the work, and charge for it. A refusal by status never is;
    /// what broke on the way may be.
    #[must_use]
    pub const fn may_be_charged(self) -> bool {
        match self {
            Self::Timeout
            | Self::Lost
            | Self::Truncated
            | Self::Malformed
            | Self::ContentFilter => true,
            Self::RateLimited
            | Self::Overloaded
            | Self::Server
            | Self::QuotaExhausted
            | Self::Auth
            | Self::Invalid
            | Self::ModelMissing
            | Self::ContextTooLong
            | Self::NotSent
            | Self::Forbidden => false,
        }
    }

    /// Whether it says that the provider is not well, so that its breaker counts it.
    #[must_use]
    pub const fn is_unhealthy(self) -> bool {
        match self {
            Self::RateLimited
            | Self::Overloaded
            | Self::Server
            | Self::QuotaExhausted
            | Self::Auth
            | Self::Timeout
            | Self::NotSent
            | Self::Lost
            | Self::Truncated
            | Self::Malformed => true,
            Self::Invalid
            | Self::ModelMissing
            | Self::ContextTooLong
            | Self::ContentFilter
            | Self::Forbidden => false,
        }
    }

    /// Whether one failure is enough to know that the next call will fail too.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        matches!(self, Self::QuotaExhausted | Self::Auth)
    }
}

/// How often a call is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts_max: u32,
    /// The wait before the second attempt, in milliseconds; doubled each time.
    pub base_ms: i64,
    /// The longest wait, in milliseconds. A provider that asks for more is left for another one.
    pub wait_ms_max: i64,
    /// Whether a call that may have been charged is tried again.
    pub again_if_charged: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts_max: 3, base_ms: 500, wait_ms_max: 8_000, again_if_charged: false }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same call to the same model, after this many milliseconds.
    Again {
        /// How long to wait.
        after_ms: i64,
    },
    /// The next model of the chain.
    Fallback,
    /// Nothing that another model would do better: the request itself is the trouble.
    Stop,
}

/// Decides what follows the `attempt`-th failure (counted from 1) of a call. `jitter` is chance,
/// handed in: the wait lies between half and the whole of the exponential one, never below what the
/// provider asked for.
#[must_use]
pub fn next(
    settings: &Retry,
    class: Class,
    attempt: u32,
    retry_after_ms: Option<i64>,
    jitter: u64,
) -> Next {
    match class {
        Class::Invalid | Class::ContentFilter => return Next::Stop,
        // A longer context, another account, another address may be there.
        Class::QuotaExhausted
        | Class::Auth
        | Class::ModelMissing
        | Class::ContextTooLong
        | Class::Forbidden => return Next::Fallback,
        Class::Timeout | Class::Lost | Class::Truncated | Class::Malformed
            if !settings.again_if_charged =>
        {
            return Next::Fallback;
        }
        Class::RateLimited
        | Class::Overloaded
        | Class::Server
        | Class::NotSent
        | Class::Timeout
        | Class::Lost
        | Class::Truncated
        | Class::Malformed => {}
    }
    let asked = retry_after_ms.unwrap_or(0).max(0);
    if attempt >= settings.attempts_max || asked > settings.wait_ms_max {
        return Next::Fallback;
    }
    let doubled =
        settings.base_ms.max(0).saturating_mul(1_i64 << attempt.saturating_sub(1).min(30));
    let whole = doubled.min(settings.wait_ms_max.max(0));
    let half = whole / 2;
    let spread = u64::try_from(whole - half).unwrap_or(0);
    let part = i64::try_from(jitter % (spread + 1)).unwrap_or(0);
    Next::Again { after_ms: (half + part).max(asked) }
}
