use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use impresario_routing::Class;
use impresario_webhooks::parse_retry_after;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::address::{NoPublicAddress, Options, Resolver};
use crate::error::Error;
use crate::settings::Timeouts;
use crate::{tls, wire};

/// The most bytes of an answer that is an error.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// Why no connections can be made at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The TLS settings do not fit together.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// The connections of a node to all providers, shared by all tenants. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Net {
    public: reqwest::Client,
    private: reqwest::Client,
    options: Arc<Options>,
    https_problem: Option<Arc<str>>,
}

impl Net {
    /// Connections as the operator wants them.
    ///
    /// # Errors
    /// If `roots` are no certificates, or a client cannot be built.
    pub fn new(options: &Options) -> Result<Self, BuildError> {
        let (tls, problem) = tls::client_config(&options.roots)?;
        let public = build(options, tls.clone(), options.allow_private)?;
        let private = build(options, tls, true)?;
        let https_problem = problem.map(Arc::from);
        Ok(Self { public, private, options: Arc::new(options.clone()), https_problem })
    }

    /// What the operator allows.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Why no `https` provider can be reached from this machine: it has no trusted certificates. To
    /// be logged at the start.
    #[must_use]
    pub fn https_problem(&self) -> Option<&str> {
        self.https_problem.as_deref()
    }

    pub(crate) fn http(&self, private: bool) -> reqwest::Client {
        if private { self.private.clone() } else { self.public.clone() }
    }
}

fn build(
    options: &Options,
    tls: rustls::ClientConfig,
    allow_private: bool,
) -> Result<reqwest::Client, BuildError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(Resolver { allow_private }))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(Duration::from_millis(options.connect_timeout_ms))
        .pool_max_idle_per_host(options.idle_connections_max)
        .pool_idle_timeout(Duration::from_millis(options.idle_timeout_ms))
        .user_agent(options.user_agent.as_str())
        .build()
        .map_err(|error| BuildError::Client(error.to_string()))
}

/// An answer whose head has arrived with a status of success.
#[derive(Debug)]
pub(crate) struct Reply {
    response: Response,
    timeouts: Timeouts,
    deadline: Instant,
    bytes_left: usize,
    pub(crate) started: Instant,
    pub(crate) request_id: Box<str>,
    pub(crate) retry_after_ms: Option<i64>,
    /// Whether the head says that one JSON follows.
    pub(crate) is_json: bool,
}

/// Sends a request; anything but success is an error with a class.
pub(crate) async fn send(
    request: RequestBuilder,
    timeouts: Timeouts,
    bytes_max: usize,
) -> Result<Reply, Error> {
    let started = Instant::now();
    let deadline = started + Duration::from_millis(timeouts.total_ms);
    let head = Duration::from_millis(timeouts.first_byte_ms.min(timeouts.total_ms));
    let response = match timeout(head, request.send()).await {
        Err(_) => return Err(Error::new(Class::Timeout, "first_byte_timeout", "")),
        Ok(Err(error)) => return Err(not_answered(&error)),
        Ok(Ok(response)) => response,
    };
    let status = response.status();
    let mut reply = Reply {
        request_id: request_id(response.headers()),
        retry_after_ms: retry_after(response.headers()),
        is_json: response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")),
        response,
        timeouts,
        deadline,
        bytes_left: bytes_max,
        started,
    };
    if status.is_success() {
        return Ok(reply);
    }
    reply.bytes_left = ERROR_BYTES_MAX;
    // The status has decided already; the body only says it better.
    let body = reply.body().await.unwrap_or_default();
    let json = serde_json::from_slice::<Value>(&body).unwrap_or_else(|_| {
        Value::String(String::from_utf8_lossy(&body).chars().take(500).collect())
    });
    let mut error = wire::failure(Some(status.as_u16()), &json);
    error.request_id = reply.request_id;
    error.retry_after_ms = reply.retry_after_ms;
    Err(error)
}

impl Reply {
    /// The next piece of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let idle = Duration::from_millis(self.timeouts.idle_ms);
        match timeout(idle.min(left), self.response.chunk()).await {
            Err(_) if left < idle => Err(self.error(Class::Timeout, "total_timeout")),
            Err(_) => Err(self.error(Class::Timeout, "idle_timeout")),
            Ok(Err(_)) => Err(self.error(Class::Truncated, "connection_lost")),
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(bytes))) if bytes.len() > self.bytes_left => {
                Err(self.error(Class::Malformed, "answer_too_large"))
            }
            Ok(Ok(Some(bytes))) => {
                self.bytes_left -= bytes.len();
                Ok(Some(bytes.to_vec()))
            }
        }
    }

    /// The whole body.
    pub(crate) async fn body(&mut self) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The whole body as JSON that is not an error.
    pub(crate) async fn json(&mut self) -> Result<Value, Error> {
        let body = self.body().await?;
        let json = serde_json::from_slice::<Value>(&body)
            .map_err(|_| self.error(Class::Malformed, "not_json"))?;
        if wire::is_failure(&json) {
            let mut error = wire::failure(None, &json);
            error.request_id.clone_from(&self.request_id);
            return Err(error);
        }
        Ok(json)
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn error(&self, class: Class, code: &str) -> Error {
        Error { request_id: self.request_id.clone(), ..Error::new(class, code, "") }
    }
}

/// What it means that no head arrived.
fn not_answered(error: &reqwest::Error) -> Error {
    let forbidden = causes(error).any(|cause| cause.is::<NoPublicAddress>());
    let (class, code) = if forbidden {
        (Class::Forbidden, "address_forbidden")
    } else if error.is_builder() {
        (Class::Invalid, "request_invalid")
    } else if error.is_connect() {
        (Class::NotSent, "connect")
    } else {
        (Class::Lost, "connection_lost")
    };
    let detail = causes(error).last().map(ToString::to_string).unwrap_or_default();
    Error::new(class, code, detail)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(Some(error as &(dyn StdError + 'static)), |&error| error.source())
}

fn request_id(headers: &HeaderMap) -> Box<str> {
    ["x-request-id", "request-id", "x-ratelimit-request-id", "cf-ray"]
        .into_iter()
        .find_map(|name| headers.get(name).and_then(|value| value.to_str().ok()))
        .map(|id| id.chars().take(200).collect::<String>().into())
        .unwrap_or_default()
}

/// What the provider asks for. A date counts from the provider's own clock, the `date` header.
fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.trim().parse::<i64>().ok()) {
        return Some(ms.clamp(0, impresario_webhooks::RETRY_AFTER_MS_MAX));
    }
    let asked = text(RETRY_AFTER.as_str())?;
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let now = text(DATE.as_str()).and_then(|date| parser.parse_timestamp(date).ok());
    match now {
        Some(now) => parse_retry_after(asked, now.as_millisecond()),
        // Without the provider's clock only seconds can be understood.
        None => asked.trim().parse::<u32>().ok().map(|seconds| i64::from(seconds) * 1_000),
    }
}
