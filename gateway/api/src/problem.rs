use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::codes::Code;

/// The media type of a [`Problem`] (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not done, in the form of RFC 9457. `code` is the part that programs should
/// look at: it never changes its meaning, and `type` leads to a page about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "/docs/errors/scope_missing",
    "title": "The credential lacks a scope",
    "status": 403,
    "code": "scope_missing",
    "detail": "this route needs the scope profiles:read",
    "trace_id": "trc_01jd5x2k3m4n5p6q7r8s9t0v1w"
}))]
pub struct Problem {
    /// Where the code is explained, relative to this server.
    pub r#type: String,
    /// The code in words; the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What is particular about this occurrence, for a person to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where in the request body the mistake is (RFC 6901), if it is in one place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// All mistakes, if there are several or they have positions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// What a program needs to act on the problem: limits, dates, what exists already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub info: Option<Value>,
    /// The trace of the request; quote it when asking for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Seconds after which trying again makes sense, as in the `Retry-After` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// One mistake at one place of the request body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "pointer": "/rule/all/0/count/at_least",
    "code": "number_expected",
    "detail": "expected a whole number from 1 to 1000"
}))]
pub struct FieldProblem {
    /// Where (RFC 6901).
    pub pointer: String,
    /// The stable code of the mistake.
    pub code: String,
    /// What is wrong, for a person to read.
    pub detail: String,
}

impl Problem {
    /// The problem that a code stands for, without particulars.
    #[must_use]
    pub fn of(code: &Code) -> Self {
        Self {
            r#type: format!("/docs/errors/{}", code.name),
            title: code.title.to_owned(),
            status: code.status,
            code: code.name.to_owned(),
            ..Self::default()
        }
    }
}
