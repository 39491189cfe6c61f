use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};

use crate::address::{NoPublicAddress, Ports, PublicOnly, Refusal, UrlPolicy};
use crate::schedule::parse_retry_after;
use crate::secret::{Secret, sign};
use crate::tls;

/// The most characters of an answer's body that are kept for the tenant to read.
const EXCERPT_CHARS_MAX: usize = 200;

/// How webhooks are sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Longest time for connecting, sending and the answer's head, in milliseconds (15 000 to
    /// 30 000 by the specification).
    pub timeout_ms: u64,
    /// Longest time for connecting alone, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Longest wait for the answer's body after its head, in milliseconds. The body decides nothing.
    pub body_timeout_ms: u64,
    /// The most bytes of the answer's body that are read.
    pub body_bytes_max: usize,
    /// Idle connections kept per host.
    pub idle_connections_max: usize,
    /// How long an idle connection is kept, in milliseconds.
    pub idle_timeout_ms: u64,
    /// Also call private and loopback addresses: for tests, the demo and closed networks.
    pub allow_private: bool,
    /// Call only `https` endpoints.
    pub require_https: bool,
    /// Which ports may be called.
    pub ports: Ports,
    /// DER certificates to trust instead of the system's.
    pub roots: Vec<Vec<u8>>,
    /// The `user-agent` header.
    pub user_agent: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout_ms: 20_000,
            connect_timeout_ms: 10_000,
            body_timeout_ms: 1_000,
            body_bytes_max: 16 * 1024,
            idle_connections_max: 4,
            idle_timeout_ms: 30_000,
            allow_private: false,
            require_https: false,
            ports: Ports::Web,
            roots: Vec::new(),
            user_agent: concat!("Impresario/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Options {
    /// The part that decides about URLs.
    #[must_use]
    pub fn url_policy(&self) -> UrlPolicy {
        UrlPolicy {
            allow_private: self.allow_private,
            require_https: self.require_https,
            ports: self.ports.clone(),
        }
    }
}

/// Why no sender can be built from the options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The TLS settings do not fit together.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// One attempt to deliver one message.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The endpoint's URL.
    pub url: &'a str,
    /// The endpoint's live secrets, the newest first.
    pub secrets: &'a [Secret],
    /// The message's id, the same over all attempts; the receiver dedupes by it.
    pub id: &'a str,
    /// The time of this attempt, in milliseconds since 1970.
    pub at_ms: i64,
    /// What [`crate::body`] made.
    pub body: &'a str,
}

/// What an attempt came to.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// What to do next.
    pub outcome: Outcome,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// For the tenant: the beginning of the answer's body, or what went wrong on the way.
    pub detail: String,
}

impl fmt::Debug for Answer {
    /// Without the detail: a receiver may echo what is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx: done.
    Delivered,
    /// Try again by the schedule.
    Retry {
        /// Not earlier than this many milliseconds from now, if the receiver said so.
        after_ms: Option<i64>,
        /// What went wrong.
        reason: Reason,
    },
    /// 410: the endpoint wants nothing any more.
    Gone,
    /// Nothing was sent, and trying again does not help.
    Refused(Refusal),
}

/// Why an attempt failed that may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An answer that is not a success.
    Status,
    /// 429, 502 or 504 (and 503): the receiver is overloaded.
    Throttled,
    /// 3xx: redirects are not followed.
    Redirect,
    /// No answer in time.
    Timeout,
    /// No connection, or the name does not resolve, or TLS failed.
    Connect,
    /// The name has no public address now.
    AddressForbidden,
    /// The connection broke before the answer.
    Broken,
}

impl Reason {
    /// A stable word for metrics and listings.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Throttled => "throttled",
            Self::Redirect => "redirect",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::AddressForbidden => "address_forbidden",
            Self::Broken => "broken",
        }
    }
}

impl Outcome {
    /// A stable word for metrics and listings.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry { reason, .. } => reason.code(),
            Self::Gone => "gone",
            Self::Refused(refusal) => refusal.code(),
        }
    }

    /// What a status means. `retry_after_ms` is the parsed header.
    #[must_use]
    pub fn of_status(status: u16, retry_after_ms: Option<i64>) -> Self {
        let reason = match status {
            200..=299 => return Self::Delivered,
            410 => return Self::Gone,
            300..=399 => Reason::Redirect,
            429 | 502..=504 => Reason::Throttled,
            _ => Reason::Status,
        };
        Self::Retry { after_ms: retry_after_ms, reason }
    }
}

/// Sends signed messages. Cheap to share behind an `Arc`; holds the connection pool.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    policy: UrlPolicy,
    body_timeout: Duration,
    body_bytes_max: usize,
    https_problem: Option<String>,
}

impl Sender {
    /// A sender with its own connections.
    ///
    /// # Errors
    /// If `roots` are no certificates, or the client cannot be built.
    pub fn new(options: &Options) -> Result<Self, BuildError> {
        let (tls, https_problem) = tls::client_config(&options.roots)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(PublicOnly { allow_private: options.allow_private }))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(Duration::from_millis(options.connect_timeout_ms))
            .timeout(Duration::from_millis(options.timeout_ms))
            .pool_max_idle_per_host(options.idle_connections_max)
            .pool_idle_timeout(Duration::from_millis(options.idle_timeout_ms))
            .user_agent(options.user_agent.as_str())
            .build()
            .map_err(|error| BuildError::Client(error.to_string()))?;
        Ok(Self {
            client,
            policy: options.url_policy(),
            body_timeout: Duration::from_millis(options.body_timeout_ms),
            body_bytes_max: options.body_bytes_max,
            https_problem,
        })
    }

    /// Why no `https` endpoint can be reached from this machine: it has no trusted certificates.
    /// To be logged at the start; endpoints then fail as [`Reason::Connect`] and are retried.
    #[must_use]
    pub fn https_problem(&self) -> Option<&str> {
        self.https_problem.as_deref()
    }

    /// Makes one attempt. Dropping the future closes the connection; the receiver may have the
    /// message nevertheless.
    pub async fn send(&self, delivery: &Delivery<'_>) -> Answer {
        let request = match self.request(delivery) {
            Ok(request) => request,
            Err(refusal) => {
                let detail = refusal.to_string();
                return Answer { outcome: Outcome::Refused(refusal), status: None, detail };
            }
        };
        match self.client.execute(request).await {
            Ok(response) => self.classify(response, delivery.at_ms).await,
            Err(error) => failed(&error),
        }
    }

    fn request(&self, delivery: &Delivery<'_>) -> Result<reqwest::Request, Refusal> {
        let url = self.policy.check(delivery.url)?;
        if delivery.secrets.is_empty() {
            return Err(Refusal::Secret);
        }
        let timestamp_s = delivery.at_ms.div_euclid(1_000);
        let signatures: Vec<String> = delivery
            .secrets
            .iter()
            .map(|secret| sign(secret, delivery.id, timestamp_s, delivery.body))
            .collect();
        let id = HeaderValue::from_str(delivery.id).map_err(|_| Refusal::Message)?;
        self.client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_s)
            .header("webhook-signature", signatures.join(" "))
            .body(delivery.body.to_owned())
            .build()
            .map_err(|_| Refusal::Message)
    }

    async fn classify(&self, mut response: Response, now_ms: i64) -> Answer {
        let status = response.status();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| parse_retry_after(value, now_ms));
        let mut read = Vec::new();
        // The status has decided already; the body is read only so that the connection can be used
        // again and the tenant sees what the endpoint said.
        let _ended = tokio::time::timeout(self.body_timeout, async {
            while let Ok(Some(chunk)) = response.chunk().await {
                let room = self.body_bytes_max.saturating_sub(read.len());
                read.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break;
                }
            }
        })
        .await;
        Answer {
            outcome: Outcome::of_status(status.as_u16(), after),
            status: Some(status.as_u16()),
            detail: excerpt(status, &read),
        }
    }
}

fn excerpt(status: StatusCode, body: &[u8]) -> String {
    let said = String::from_utf8_lossy(body);
    let text: String =
        said.chars().filter(|char| !char.is_control()).take(EXCERPT_CHARS_MAX).collect();
    if text.is_empty() { status.to_string() } else { text }
}

fn failed(error: &reqwest::Error) -> Answer {
    let forbidden = causes(error).any(|cause| cause.is::<NoPublicAddress>());
    let reason = if forbidden {
        Reason::AddressForbidden
    } else if error.is_timeout() {
        Reason::Timeout
    } else if error.is_connect() {
        Reason::Connect
    } else {
        Reason::Broken
    };
    // The innermost cause says what happened; the outer ones repeat the URL.
    let detail = causes(error).last().map_or_else(String::new, ToString::to_string);
    let detail = detail.chars().take(EXCERPT_CHARS_MAX).collect();
    Answer { outcome: Outcome::Retry { after_ms: None, reason }, status: None, detail }
}

fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error as &'a (dyn StdError + 'static)), |cause| {
        StdError::source(*cause)
    })
}
