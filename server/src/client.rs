//! The HTTP client of the command line: JSON in and out, refusals as they are.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Method, Response, Url, header};
use serde::Deserialize;
use serde_json::Value;

/// The header by which the root token says whose data it means.
const TENANT_HEADER: &str = "impresario-tenant";
/// An answer that takes longer than this counts as none.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The longest line of a stream, in bytes.
const LINE_BYTES_MAX: usize = 4 << 20;

/// One caller of one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    credential: String,
    tenant: Option<String>,
}

impl fmt::Debug for Client {
    /// Without the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// A refusal as the server words it (RFC 9457).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) detail: Option<String>,
    pub(crate) pointer: Option<String>,
    pub(crate) errors: Vec<FieldProblem>,
    pub(crate) trace_id: Option<String>,
    /// In seconds; only for what may succeed later as it is.
    pub(crate) retry_after: Option<u64>,
}

/// One mistake at one place of what was sent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct FieldProblem {
    pub(crate) pointer: String,
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// Why there is no answer to work with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CallError {
    /// The server refused.
    Refused(Box<Problem>),
    /// There was no answer; it is not known whether the server did anything.
    Unreachable(String),
}

impl CallError {
    /// After how long the same request may succeed: `None` if it never will, otherwise what the
    /// server asks for, if it says.
    pub(crate) fn retry(&self) -> Option<Option<Duration>> {
        match self {
            Self::Unreachable(_) => Some(None),
            Self::Refused(problem) => match problem.retry_after {
                Some(seconds) => Some(Some(Duration::from_secs(seconds))),
                None => matches!(problem.status, 408 | 429 | 502 | 503 | 504).then_some(None),
            },
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the server does not answer: {why}"),
            Self::Refused(problem) => {
                write!(f, "{} ({}, HTTP {})", problem.title, problem.code, problem.status)?;
                problem.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
            }
        }
    }
}

impl std::error::Error for CallError {}

/// What was answered with a status of success.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON; null if there is no body.
    pub(crate) body: Value,
}

impl Client {
    /// A caller of the server at `url` that shows `credential` as a bearer.
    ///
    /// # Errors
    /// If the address is none.
    pub(crate) fn new(url: &str, credential: &str) -> anyhow::Result<Self> {
        let base = Url::parse(url)
            .ok()
            .filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host())
            .with_context(|| format!("{url:?} is not an address such as http://127.0.0.1:8080"))?;
        // Fails if another part of the program was first, which serves as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .tcp_nodelay(true)
            .build()
            .context("the HTTP client cannot be made")?;
        Ok(Self { http, base, credential: credential.trim().to_owned(), tenant: None })
    }

    /// The same caller, with the operator's root token, for one tenant's data.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Self {
        Self { tenant: Some(tenant.to_owned()), ..self.clone() }
    }

    /// The same server with another credential.
    pub(crate) fn with_credential(&self, credential: &str) -> Self {
        Self { credential: credential.to_owned(), tenant: None, ..self.clone() }
    }

    /// The server's address without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, CallError> {
        self.json(Method::GET, path, query, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.json(Method::POST, path, &[], Some(body)).await
    }

    /// A `POST` without a document.
    pub(crate) async fn act(&self, path: &str) -> Result<Value, CallError> {
        self.json(Method::POST, path, &[], None).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.json(Method::PUT, path, &[], Some(body)).await
    }

    /// A `PUT` with a query.
    pub(crate) async fn put_at(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Value, CallError> {
        self.json(Method::PUT, path, query, Some(body)).await
    }

    /// A `POST` without a document, with a query.
    pub(crate) async fn act_at(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, CallError> {
        self.json(Method::POST, path, query, None).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.json(Method::PATCH, path, &[], Some(body)).await
    }

    /// A `POST` whose answer may take as long as it takes.
    pub(crate) async fn post_long(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        let body = body.to_string().into_bytes();
        let request = self
            .request(Method::POST, path, &[])
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        Ok(answered(request).await?.body)
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, CallError> {
        self.json(Method::DELETE, path, &[], None).await
    }

    async fn json(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, CallError> {
        let body = body.map(|body| body.to_string().into_bytes());
        Ok(self.send(method, path, query, body, &[]).await?.body)
    }

    /// Any request; `body` is JSON text.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, CallError> {
        let mut request = self.request(method, path, query).timeout(ANSWER_WITHIN);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        answered(request).await
    }

    /// The lines of an answer that may never end.
    pub(crate) async fn stream(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Lines, CallError> {
        let response = self
            .request(Method::GET, path, query)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            let wait = retry_after(&response);
            let bytes = response.bytes().await.map_err(|error| unreachable(&error))?;
            return Err(refused(status, wait, &bytes));
        }
        Ok(Lines { response, buffer: Vec::new(), ended: false })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url).bearer_auth(&self.credential);
        match &self.tenant {
            Some(tenant) => request.header(TENANT_HEADER, tenant),
            None => request,
        }
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Result<Answer, CallError> {
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    let wait = retry_after(&response);
    let bytes = response.bytes().await.map_err(|error| unreachable(&error))?;
    if status.is_success() {
        let body = if bytes.is_empty() { Value::Null } else { json_or_text(&bytes) };
        return Ok(Answer { status: status.as_u16(), body });
    }
    Err(refused(status, wait, &bytes))
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn retry_after(response: &Response) -> Option<u64> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn refused(status: reqwest::StatusCode, wait: Option<u64>, body: &[u8]) -> CallError {
    let mut problem = serde_json::from_slice::<Problem>(body).unwrap_or_default();
    problem.status = status.as_u16();
    problem.retry_after = problem.retry_after.or(wait);
    if problem.title.is_empty() {
        problem.title = status.canonical_reason().unwrap_or("refused").to_owned();
        let text = String::from_utf8_lossy(body);
        problem.detail = (!text.trim().is_empty()).then(|| text.chars().take(300).collect());
    }
    CallError::Refused(Box::new(problem))
}

fn unreachable(error: &reqwest::Error) -> CallError {
    // The outermost message names the address, the innermost the reason.
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let place = error
        .url()
        .map_or_else(String::new, |url| format!("{}: ", url.origin().ascii_serialization()));
    let reason =
        if error.is_timeout() { "no answer in time".to_owned() } else { reason.to_string() };
    CallError::Unreachable(format!("{place}{reason}"))
}

fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

/// The lines of an answer, as they come.
#[derive(Debug)]
pub(crate) struct Lines {
    response: Response,
    buffer: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// The next line without its end; `None` at the end of the answer.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, CallError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return Ok(Some(text(&line)));
            }
            if self.ended {
                let line = std::mem::take(&mut self.buffer);
                return Ok((!line.is_empty()).then(|| text(&line)));
            }
            match self.response.chunk().await.map_err(|error| unreachable(&error))? {
                Some(chunk) if self.buffer.len() + chunk.len() <= LINE_BYTES_MAX => {
                    self.buffer.extend_from_slice(&chunk);
                }
                Some(_) => {
                    return Err(CallError::Unreachable(
                        "a line of the answer is too long".to_owned(),
                    ));
                }
                None => self.ended = true,
            }
        }
    }

    /// The next JSON value of a stream of lines or of server-sent events.
    pub(crate) async fn next_json(&mut self) -> Result<Option<Value>, CallError> {
        while let Some(line) = self.next().await? {
            let data = line.strip_prefix("data:").unwrap_or(&line).trim();
            if let Ok(value) = serde_json::from_str(data) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, retry_after: Option<u64>, want: Option<Option<Duration>>) {
        let problem = Problem { status, retry_after, ..Problem::default() };
        assert_eq!(CallError::Refused(Box::new(problem)).retry(), want);
    }

    #[test]
    fn only_what_may_succeed_later_is_tried_again() {
        check(503, Some(2), Some(Some(Duration::from_secs(2))));
        check(429, None, Some(None));
        check(500, Some(1), Some(Some(Duration::from_secs(1))));
        check(500, None, None);
        check(401, None, None);
        check(413, None, None);
        assert_eq!(CallError::Unreachable(String::new()).retry(), Some(None));
    }

    #[test]
    fn a_refusal_without_a_problem_document_still_says_something() {
        let CallError::Refused(problem) =
            refused(reqwest::StatusCode::BAD_GATEWAY, Some(3), b"<html>upstream</html>")
        else {
            panic!("it is a refusal");
        };
        assert_eq!((problem.status, problem.retry_after), (502, Some(3)));
        assert_eq!(problem.title, "Bad Gateway");
        assert_eq!(problem.detail.as_deref(), Some("<html>upstream</html>"));
    }

    #[test]
    fn path_segments_are_escaped() {
        assert_eq!(segment("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
        assert_eq!(segment("ten_01jd.5x~"), "ten_01jd.5x~");
    }

    #[test]
    fn an_address_needs_a_scheme_and_a_host() {
        assert!(Client::new("127.0.0.1:8080", "").is_err());
        assert!(Client::new("ftp://example.org", "").is_err());
        let client = Client::new("http://127.0.0.1:8080/base/", " secret\n").unwrap();
        assert_eq!(client.base(), "http://127.0.0.1:8080/base");
        assert_eq!(client.credential, "secret");
        assert!(!format!("{client:?}").contains("secret"));
    }
}
