//! Everything that can go wrong with a request, on its way to a problem document.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use impresario_api::codes::{self, Code};
use impresario_api::{FieldProblem, PROBLEM_JSON, Problem};
use impresario_ids::{ParseIdError, TraceId};
use impresario_kernel::Coded;
use impresario_router::{AskError, Failure};
use impresario_views::ViewError;
use serde_json::Value;

use crate::port::PortError;
use crate::wire::guard::Flaw;

/// A refusal or a failure with its stable code. Boxed, so that results stay small.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Clone, Debug, PartialEq)]
struct Inner {
    problem: Problem,
    retry_after_ms: Option<u64>,
}

impl Fault {
    pub(crate) fn new(code: &Code) -> Self {
        let retry_after_ms = code.retryable.then_some(1_000);
        Self(Box::new(Inner { problem: Problem::of(code), retry_after_ms }))
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.problem.detail = Some(detail.into());
        self
    }

    pub(crate) fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.0.problem.pointer = Some(pointer.into());
        self
    }

    pub(crate) fn info(mut self, info: Value) -> Self {
        self.0.problem.info = Some(info);
        self
    }

    pub(crate) fn errors(mut self, errors: Vec<FieldProblem>) -> Self {
        self.0.problem.errors = errors;
        self
    }

    pub(crate) fn retry_after_ms(mut self, ms: Option<u64>) -> Self {
        self.0.retry_after_ms = ms;
        self
    }

    /// For the tracking routes, where compatibility fixes the status of some codes.
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.0.problem.status = status;
        self
    }

    /// Puts the positions of all mistakes under `prefix`: they were found in a part of the body.
    pub(crate) fn under(mut self, prefix: &str) -> Self {
        for error in &mut self.0.problem.errors {
            error.pointer.insert_str(0, prefix);
        }
        if let Some(pointer) = &mut self.0.problem.pointer {
            pointer.insert_str(0, prefix);
        }
        self
    }

    pub(crate) fn code(&self) -> &str {
        &self.0.problem.code
    }

    pub(crate) fn http_status(&self) -> u16 {
        self.0.problem.status
    }

    pub(crate) fn problem(&self) -> &Problem {
        &self.0.problem
    }

    pub(crate) fn waits_ms(&self) -> Option<u64> {
        self.0.retry_after_ms
    }

    pub(crate) fn into_response(mut self, trace: TraceId) -> Response {
        self.0.problem.trace_id = Some(trace.to_string());
        let seconds = self.0.retry_after_ms.map(|ms| ms.div_ceil(1_000).max(1));
        self.0.problem.retry_after = seconds;
        // A problem holds texts, numbers and JSON values: it always has a JSON form.
        let body = serde_json::to_vec(&self.0.problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.0.problem.status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        Self::new(flaw.code).detail(flaw.detail)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let code = Code::named(failure.code()).unwrap_or(&codes::INTERNAL);
        // What a store or a panic says is for the log, not for a stranger.
        let detail = match &failure {
            Failure::Overloaded { .. }
            | Failure::DeadlineExceeded
            | Failure::UnknownTenant
            | Failure::KeyReused
            | Failure::Crashed => Some(failure.to_string()),
            _ => None,
        };
        let fault = Self::new(code).retry_after_ms(failure.retry_after_ms());
        match detail {
            Some(detail) => fault.detail(detail),
            None => fault,
        }
    }
}

impl<R: Coded> From<AskError<R>> for Fault {
    fn from(error: AskError<R>) -> Self {
        match error {
            AskError::Failed(failure) => failure.into(),
            AskError::Rejected(rejection) => rejected(&rejection),
        }
    }
}

/// The problem of an entity's refusal: its code, its words, and its `problems` as positions.
pub(crate) fn rejected(rejection: &dyn Coded) -> Fault {
    let fault = match Code::named(rejection.code()) {
        Some(code) => Fault::new(code),
        None => {
            tracing::error!(code = rejection.code(), "an entity answers with an unregistered code");
            Fault::new(&codes::INTERNAL)
        }
    };
    let mut fault = fault.detail(rejection.to_string());
    if let Some(Value::Object(mut info)) =
        rejection.detail().and_then(|text| serde_json::from_str(&text).ok())
    {
        if let Some(Value::Array(problems)) = info.remove("problems") {
            fault = fault.errors(problems.iter().map(field_problem).collect());
        }
        if !info.is_empty() {
            fault = fault.info(Value::Object(info));
        }
    }
    fault
}

fn field_problem(problem: &Value) -> FieldProblem {
    let text = |name| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    FieldProblem { pointer: text("pointer"), code: text("code"), detail: text("message") }
}

impl From<ViewError> for Fault {
    fn from(error: ViewError) -> Self {
        let code = Code::named(error.code()).unwrap_or(&codes::INTERNAL);
        if code.status >= 500 {
            tracing::error!(%error, code = code.name, "a view could not be read");
            return Self::new(code);
        }
        Self::new(code).detail(error.to_string())
    }
}

impl From<PortError> for Fault {
    fn from(error: PortError) -> Self {
        Self::new(error.code).detail(error.detail)
    }
}

impl From<ParseIdError> for Fault {
    fn from(error: ParseIdError) -> Self {
        Self::new(&codes::ID_INVALID).detail(error.to_string())
    }
}
