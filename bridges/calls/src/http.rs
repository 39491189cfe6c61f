use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response};

use crate::{Secret, tls};

pub use reqwest::Method;

/// The longest wait that a platform can impose, in milliseconds.
const RETRY_AFTER_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// How platforms are called.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Longest time for a whole call, in milliseconds.
    pub timeout_ms: u64,
    /// Longest time for connecting, in milliseconds.
    pub connect_timeout_ms: u64,
    /// The most bytes of an answer that is not media.
    pub body_bytes_max: usize,
    /// DER certificates to trust instead of the system's.
    pub roots: Vec<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout_ms: 20_000,
            connect_timeout_ms: 5_000,
            body_bytes_max: 4 << 20,
            roots: Vec::new(),
        }
    }
}

/// A client for all platforms. Cheap to clone; holds the connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    body_bytes_max: usize,
}

/// One request.
#[derive(Clone)]
pub struct Call {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    answer_bytes_max: Option<usize>,
}

impl fmt::Debug for Call {
    /// Without the query, the headers and the body: they hold tokens and what people said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Call {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        let url = url.into();
        Self { method, url, headers: HeaderMap::new(), body: None, answer_bytes_max: None }
    }

    /// With a header. A value that no header can have leaves it out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With `Authorization: <scheme> <token>`.
    #[must_use]
    pub fn token(mut self, scheme: &str, token: &Secret) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(&format!("{scheme} {}", token.expose())) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }

    /// With HTTP Basic authentication.
    #[must_use]
    pub fn basic(self, user: &str, password: &Secret) -> Self {
        let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
        self.token("Basic", &Secret::new(pair))
    }

    /// With a body of a type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        if let Ok(value) = HeaderValue::from_str(content_type) {
            self.headers.insert(CONTENT_TYPE, value);
        }
        self.body = Some(body.into());
        self
    }

    /// The most bytes of the answer that are taken; a longer one is an error.
    #[must_use]
    pub const fn answer_bytes_max(mut self, bytes: usize) -> Self {
        self.answer_bytes_max = Some(bytes);
        self
    }
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    headers: HeaderMap,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Answer {
    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the platform wants us to wait, in milliseconds.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<i64> {
        self.header(RETRY_AFTER.as_str()).and_then(parse_retry_after)
    }

    /// The beginning of the body, for the tenant to read.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.chars().filter(|char| !char.is_control()).take(200).collect();
        format!("{} {text}", self.status).trim_end().to_owned()
    }
}

/// `Retry-After` in seconds, also with a fraction as Discord writes it, in milliseconds and at most
/// a day. The platforms here never send a date.
#[must_use]
pub fn parse_retry_after(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !(fraction.is_empty() || digits(fraction)) {
        return None;
    }
    let seconds: i64 = seconds.parse().unwrap_or(RETRY_AFTER_MS_MAX);
    // Rounded up: a millisecond early is a refusal.
    let mut ms: i64 = 0;
    for place in 0..3 {
        let digit = fraction.as_bytes().get(place).map_or(0, |byte| i64::from(byte - b'0'));
        ms = ms * 10 + digit;
    }
    let more = fraction.bytes().skip(3).any(|byte| byte != b'0');
    Some(seconds.saturating_mul(1_000).saturating_add(ms + i64::from(more)).min(RETRY_AFTER_MS_MAX))
}

/// A call that got no whole answer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the platform did not answer: {detail}")]
pub struct CallError {
    /// Whether the request can have arrived: then what it asked for may have been done.
    pub arrived: bool,
    /// What went wrong. Holds no URL, no token and nothing of the bodies.
    pub detail: String,
}

impl CallError {
    /// It certainly did not arrive.
    #[must_use]
    pub fn unsent(detail: impl Into<String>) -> Self {
        Self { arrived: false, detail: detail.into() }
    }

    /// It can have arrived.
    #[must_use]
    pub fn unknown(detail: impl Into<String>) -> Self {
        Self { arrived: true, detail: detail.into() }
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallError")
            .field("arrived", &self.arrived)
            .field("detail", &self.detail)
            .finish()
    }
}

impl Http {
    /// A client with its own connections.
    ///
    /// # Errors
    /// If `roots` are no certificates, or the client cannot be built.
    pub fn new(options: &Options) -> Result<Self, CallError> {
        let (tls, _no_roots) = tls::client_config(&options.roots)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(Duration::from_millis(options.connect_timeout_ms))
            .timeout(Duration::from_millis(options.timeout_ms))
            .user_agent(concat!("Impresario/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| CallError::unsent(error.to_string()))?;
        Ok(Self { client, body_bytes_max: options.body_bytes_max })
    }

    /// Makes one request. Dropping the future closes the connection; the platform may have the
    /// request nevertheless.
    ///
    /// # Errors
    /// If there is no whole answer, or it is larger than allowed.
    pub async fn call(&self, call: Call) -> Result<Answer, CallError> {
        let max = call.answer_bytes_max.unwrap_or(self.body_bytes_max);
        let mut request = self.client.request(call.method, call.url).headers(call.headers);
        if let Some(body) = call.body {
            request = request.body(body);
        }
        let request = request.build().map_err(|error| CallError::unsent(cause(&error)))?;
        let response = self.client.execute(request).await.map_err(|error| CallError {
            arrived: !(error.is_connect() || error.is_builder()),
            detail: cause(&error),
        })?;
        read(response, max).await
    }
}

async fn read(mut response: Response, max: usize) -> Result<Answer, CallError> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= max => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(CallError::unknown("the answer is too large")),
            Ok(None) => return Ok(Answer { status, body, headers }),
            Err(error) => return Err(CallError::unknown(cause(&error))),
        }
    }
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut last: &dyn StdError = error;
    while let Some(next) = last.source() {
        last = next;
    }
    if error.is_timeout() { "timed out".to_owned() } else { last.to_string() }
}

/// A `multipart/form-data` body and its content type: fields, and one file as (field, file name,
/// MIME type, bytes). The border is derived from the content, so equal requests are equal.
#[must_use]
pub fn multipart(fields: &[(&str, &str)], file: (&str, &str, &str, &[u8])) -> (String, Vec<u8>) {
    let (field, name, mime, bytes) = file;
    let border = format!("impresario-{}", crate::to_hex(&crate::sha256(bytes)));
    let clean = |text: &str| text.replace(['"', '\r', '\n', '\\'], "_");
    let mut body = Vec::with_capacity(bytes.len() + 512);
    for (key, value) in fields {
        let head = format!(
            "--{border}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
            clean(key),
            value
        );
        body.extend_from_slice(head.as_bytes());
    }
    let head = format!(
        "--{border}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
         Content-Type: {}\r\n\r\n",
        clean(field),
        clean(name),
        clean(mime)
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{border}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={border}"), body)
}
