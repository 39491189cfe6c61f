use std::borrow::Cow;
use std::fmt;

use impresario_kernel::Coded;
use minicbor::{Decode, Encode};

/// One wrong field of a document.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Problem {
    /// Where, as an RFC 6901 pointer into the document that was given.
    #[n(0)]
    pub pointer: String,
    /// Lower-case words joined by underscores.
    #[n(1)]
    pub code: Cow<'static, str>,
    /// For people.
    #[n(2)]
    pub message: String,
}

impl Problem {
    pub(crate) fn new(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), code: code.into(), message: message.into() }
    }
}

/// What was invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Subject {
    /// The settings.
    #[n(0)]
    Settings,
    /// An API key.
    #[n(1)]
    Key,
    /// A webhook endpoint.
    #[n(2)]
    Endpoint,
    /// A computed trait.
    #[n(3)]
    Computed,
    /// A webhook message to replay.
    #[n(4)]
    Message,
    /// The operator's overrides of limits.
    #[n(5)]
    Limits,
    /// The assistant's configuration.
    #[n(6)]
    Assistant,
    /// A connection.
    #[n(7)]
    Connection,
    /// The collections.
    #[n(8)]
    Collections,
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
            Self::Assistant => "assistant configuration",
            Self::Connection => "connection",
            Self::Collections => "collections",
        })
    }
}

/// Why a tenant refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub enum Rejection {
    /// There is no such tenant (yet).
    #[error("the tenant is not onboarded")]
    #[n(0)]
    NotOnboarded,
    /// It was onboarded with another name, domain or plan.
    #[error("the tenant is already onboarded, with other details")]
    #[n(1)]
    AlreadyOnboarded,
    /// It is suspended.
    #[error("the tenant is suspended: {reason}")]
    #[n(2)]
    Suspended {
        /// The operator's reason.
        #[n(0)]
        reason: String,
    },
    /// It was deleted.
    #[error("the tenant was deleted")]
    #[n(3)]
    Deleted,
    /// Something given is invalid; each wrong field is named.
    #[error("invalid {subject}: {}", first_message(.problems))]
    #[n(4)]
    Invalid {
        /// What is invalid.
        #[n(0)]
        subject: Subject,
        /// Not empty.
        #[n(1)]
        problems: Vec<Problem>,
    },
    /// The plan allows no more of these.
    #[error("the plan allows {limit} {what}")]
    #[n(5)]
    LimitReached {
        /// The field of the limits.
        #[n(0)]
        what: Cow<'static, str>,
        /// Its value.
        #[n(1)]
        limit: u64,
    },
    /// No such API key.
    #[error("no such API key")]
    #[n(6)]
    KeyUnknown,
    /// The key no longer works, or was replaced already, so it cannot be rotated.
    #[error("the API key no longer works or was replaced already")]
    #[n(7)]
    KeyDead,
    /// Another key has this id.
    #[error("another API key has this id")]
    #[n(8)]
    KeyIdTaken,
    /// No such webhook endpoint.
    #[error("no such webhook endpoint")]
    #[n(9)]
    EndpointUnknown,
    /// Another endpoint has this id.
    #[error("another webhook endpoint has this id")]
    #[n(10)]
    EndpointIdTaken,
    /// The endpoint is disabled, so nothing is sent to it.
    #[error("the webhook endpoint is disabled")]
    #[n(11)]
    EndpointDisabled,
    /// No such computed trait.
    #[error("no such computed trait")]
    #[n(12)]
    ComputedUnknown,
    /// No such connection.
    #[error("no such connection")]
    #[n(13)]
    ConnectionUnknown,
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
    "assistant_invalid",
    "connection_invalid",
    "collections_invalid",
    "plan_limit_reached",
    "api_key_unknown",
    "api_key_dead",
    "api_key_id_taken",
    "endpoint_unknown",
    "endpoint_id_taken",
    "endpoint_disabled",
    "computed_trait_unknown",
    "connection_unknown",
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
                Subject::Assistant => "assistant_invalid",
                Subject::Connection => "connection_invalid",
                Subject::Collections => "collections_invalid",
            },
            Self::LimitReached { .. } => "plan_limit_reached",
            Self::KeyUnknown => "api_key_unknown",
            Self::KeyDead => "api_key_dead",
            Self::KeyIdTaken => "api_key_id_taken",
            Self::EndpointUnknown => "endpoint_unknown",
            Self::EndpointIdTaken => "endpoint_id_taken",
            Self::EndpointDisabled => "endpoint_disabled",
            Self::ComputedUnknown => "computed_trait_unknown",
            Self::ConnectionUnknown => "connection_unknown",
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
            | Self::ComputedUnknown
            | Self::ConnectionUnknown => return None,
        };
        Some(value.to_string())
    }
}
