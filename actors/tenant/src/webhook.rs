//! The types of webhook messages (Standard Webhooks 1.0), and which of them an endpoint wants.

use serde::Serialize;

/// One type of webhook message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EventType {
    /// Words joined by dots.
    pub name: &'static str,
    /// When it is sent.
    pub description: &'static str,
}

/// Every type that is sent, sorted by name.
pub const EVENT_TYPES: &[EventType] = &[
    EventType {
        name: "budget.threshold",
        description: "50, 80 or 100 % of a limit for model calls is used up",
    },
    EventType { name: "consent.changed", description: "a person gave or withdrew a consent" },
    EventType {
        name: "conversation.assigned",
        description: "a person of the tenant took a conversation, or was given it",
    },
    EventType {
        name: "conversation.handoff",
        description: "a human should take over a conversation",
    },
    EventType {
        name: "conversation.lead_qualified",
        description: "a customer gave all the details of a lead",
    },
    EventType { name: "conversation.rated", description: "a customer said how satisfied they are" },
    EventType { name: "conversation.reopened", description: "a resolved conversation goes on" },
    EventType { name: "conversation.resolved", description: "the matter is done" },
    EventType {
        name: "conversation.sla_missed",
        description: "nobody replied in time to a customer who waits for a human",
    },
    EventType { name: "conversation.started", description: "somebody wrote for the first time" },
    EventType { name: "conversation.undelivered", description: "a reply could not be delivered" },
    EventType {
        name: ENDPOINT_DISABLED,
        description: "a webhook endpoint was disabled by the sender",
    },
    EventType { name: "knowledge.expired", description: "a document's time is over" },
    EventType { name: "knowledge.failed", description: "a document could not be read or embedded" },
    EventType {
        name: "knowledge.review_due",
        description: "somebody should look whether a document is still right",
    },
    EventType {
        name: "profile.deleted",
        description: "everything known about a person was forgotten",
    },
    EventType { name: "profile.merged", description: "two profiles turned out to be one person" },
    EventType { name: "profile.unmerged", description: "a merge was taken back" },
    EventType { name: "segment.entered", description: "a profile became a member of a segment" },
    EventType {
        name: "segment.left",
        description: "a profile stopped being a member of a segment",
    },
    EventType { name: TENANT_RESUMED, description: "the tenant is served again" },
    EventType { name: TENANT_SUSPENDED, description: "the tenant is no longer served" },
];

pub(crate) const ENDPOINT_DISABLED: &str = "endpoint.disabled";
pub(crate) const TENANT_RESUMED: &str = "tenant.resumed";
pub(crate) const TENANT_SUSPENDED: &str = "tenant.suspended";

/// Whether a filter is `*`, a known type, or a family with known types (`segment.*`).
#[must_use]
pub fn is_filter(filter: &str) -> bool {
    filter == "*" || EVENT_TYPES.iter().any(|known| fits(filter, known.name))
}

/// Whether an endpoint with these filters wants messages of type `kind`; no filters want all.
#[must_use]
pub fn matches(filters: &[String], kind: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter == "*" || fits(filter, kind))
}

fn fits(filter: &str, kind: &str) -> bool {
    match filter.strip_suffix(".*") {
        Some(family) => kind.strip_prefix(family).is_some_and(|rest| rest.starts_with('.')),
        None => filter == kind,
    }
}

/// Whether a text is `whsec_` and padded standard base 64 of 24 to 64 bytes.
pub(crate) fn is_secret(text: &str) -> bool {
    let Some(encoded) = text.strip_prefix("whsec_") else { return false };
    let digits = encoded.trim_end_matches('=');
    let padding = encoded.len() - digits.len();
    let bytes = digits.len() * 3 / 4;
    encoded.len() % 4 == 0
        && padding <= 2
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
        && ends_canonically(digits)
        && (24..=64).contains(&bytes)
}

/// The bits of the last digit that belong to no byte must be zero, or strict decoders refuse it.
fn ends_canonically(digits: &str) -> bool {
    let Some(last) = digits.bytes().last() else { return true };
    match digits.len() % 4 {
        2 => b"AQgw".contains(&last),
        3 => b"AEIMQUYcgkosw048".contains(&last),
        _ => true,
    }
}
