use std::fmt;

use impresario_kernel::Coded;

/// One wrong field of a document.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Where, as an RFC 6901 pointer into the document that was given.
    pub pointer: String,
    /// Lower-case words joined by underscores.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(
        pointer: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), code, message: message.into() }
    }
}

/// What was invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The settings.
    Settings,
    /// An API key.
    Key,
    /// A webhook endpoint.
    Endpoint,
    /// A computed trait.
    Computed,
    /// A webhook message to replay.
    Message,
    /// The operator's overrides of limits.
    Limits,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "settings",
            Self::Key => "API key",
            Self::Endpoint => "webhook endpoint",
            Self::Computed => "computed trait",
            Self::Message => "webhook message",
            Self::Limits => "limits",
        })
    }
}

/// Why a tenant refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such tenant (yet).
    #[error("the tenant is not onboarded")]
    NotOnboarded,
    /// It was onboarded with another name, domain or plan.
    #[error("the tenant is already onboarded, with other details")]
    AlreadyOnboarded,
    /// It is suspended.
    #[error("the tenant is suspended: {reason}")]
    Suspended {
        /// The operator's reason.
        reason: String,
    },
    /// It was deleted.
    #[error("the tenant was deleted")]
    Deleted,
    /// Something given is invalid; each wrong field is named.
    #[error("invalid {subject}: {}", first_message(.problems))]
    Invalid {
        /// What is invalid.
        subject: Subject,
        /// Not empty.
        problems: Vec<Problem>,
    },
    /// The plan allows no more of these.
    #[error("the plan allows {limit} {what}")]
    LimitReached {
        /// The field of the limits.
        what: &'static str,
        /// Its value.
        limit: u64,
    },
    /// No such API key.
    #[error("no such API key")]
    KeyUnknown,
    /// The key no longer works, or was replaced already, so it cannot be rotated.
    #[error("the API key no longer works or was replaced already")]
    KeyDead,
    /// Another key has this id.
    #[error("another API key has this id")]
    KeyIdTaken,
    /// No such webhook endpoint.
    #[error("no such webhook endpoint")]
    EndpointUnknown,
    /// Another endpoint has this id.
    #[error("another webhook endpoint has this id")]
    EndpointIdTaken,
    /// The endpoint is disabled, so nothing is sent to it.
    #[error("the webhook endpoint is disabled")]
    EndpointDisabled,
    /// No such computed trait.
    #[error("no such computed trait")]
    ComputedUnknown,
}

/// Every code that [`Rejection`] may answer; each has a page in `docs/errors/`.
pub const CODES: &[&str] = &[
    "tenant_not_onboarded",
    "tenant_already_onboarded",
    "tenant_suspended",
    "tenant_deleted",
    "settings_invalid",
    "api_key_invalid",
    "endpoint_invalid",
    "computed_trait_invalid",
    "webhook_message_invalid",
    "limits_invalid",
    "plan_limit_reached",
    "api_key_unknown",
    "api_key_dead",
    "api_key_id_taken",
    "endpoint_unknown",
    "endpoint_id_taken",
    "endpoint_disabled",
    "computed_trait_unknown",
];

fn first_message(problems: &[Problem]) -> String {
    match problems {
        [] => "no reason given".to_owned(),
        [only] => format!("{} {}", only.pointer, only.message),
        [first, rest @ ..] => {
            format!("{} {} (and {} more)", first.pointer, first.message, rest.len())
        }
    }
}

impl Coded for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOnboarded => "tenant_not_onboarded",
            Self::AlreadyOnboarded => "tenant_already_onboarded",
            Self::Suspended { .. } => "tenant_suspended",
            Self::Deleted => "tenant_deleted",
            Self::Invalid { subject, .. } => match subject {
                Subject::Settings => "settings_invalid",
                Subject::Key => "api_key_invalid",
                Subject::Endpoint => "endpoint_invalid",
                Subject::Computed => "computed_trait_invalid",
                Subject::Message => "webhook_message_invalid",
                Subject::Limits => "limits_invalid",
            },
            Self::LimitReached { .. } => "plan_limit_reached",
            Self::KeyUnknown => "api_key_unknown",
            Self::KeyDead => "api_key_dead",
            Self::KeyIdTaken => "api_key_id_taken",
            Self::EndpointUnknown => "endpoint_unknown",
            Self::EndpointIdTaken => "endpoint_id_taken",
            Self::EndpointDisabled => "endpoint_disabled",
            Self::ComputedUnknown => "computed_trait_unknown",
        }
    }

    fn detail(&self) -> Option<String> {
        let value = match self {
            Self::Invalid { problems, .. } => serde_json::json!({ "problems": problems }),
            Self::LimitReached { what, limit } => {
                serde_json::json!({ "what": what, "limit": limit })
            }
            Self::Suspended { reason } => serde_json::json!({ "reason": reason }),
            Self::NotOnboarded
            | Self::AlreadyOnboarded
            | Self::Deleted
            | Self::KeyUnknown
            | Self::KeyDead
            | Self::KeyIdTaken
            | Self::EndpointUnknown
            | Self::EndpointIdTaken
            | Self::EndpointDisabled
            | Self::ComputedUnknown => return None,
        };
        Some(value.to_string())
    }
}
