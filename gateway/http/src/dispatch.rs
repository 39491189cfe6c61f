//! The one layer around every handler: trace, credential, origin, limits, body, metrics, headers.
//! A stack of middlewares would do the same with a boxed future and a look-up for each of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use impresario_api::codes;
use metrics::{Counter, Histogram};
use tokio::time::Instant;

use crate::body;
use crate::call::Call;
use crate::edge::Shared;
use crate::fault::Fault;
use crate::route::{BodyRule, Route};

/// Largest document of the own API, in bytes.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 256 * 1_024;
/// Largest document where many texts come at once, in bytes.
const LONG_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Largest file that is uploaded, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 20 * 1_024 * 1_024;
/// Largest webhook of a chat platform, in bytes: WhatsApp sends up to 3 MB.
const HOOK_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// The metrics of one route, looked up once.
pub(crate) struct RouteMeters {
    /// By the first digit of the status, 1 to 5.
    requests: [Counter; 5],
    seconds: Histogram,
}

impl std::fmt::Debug for RouteMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RouteMeters")
    }
}

impl RouteMeters {
    pub(crate) fn of(method: &'static str, path: &'static str) -> Self {
        let requests = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| {
            metrics::counter!("impresario_http_requests_total", "method" => method, "route" => path, "status" => class)
        });
        let seconds = metrics::histogram!("impresario_http_request_seconds", "method" => method, "route" => path);
        Self { requests, seconds }
    }

    fn record(&self, status: u16, seconds: f64) {
        if let Some(counter) = self.requests.get(usize::from(status / 100).saturating_sub(1)) {
            counter.increment(1);
        }
        self.seconds.record(seconds);
    }
}

/// Runs a request through a route.
pub(crate) async fn dispatch(
    edge: Arc<Shared>,
    route: &'static Route,
    meters: Arc<RouteMeters>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let mut call = Call::new(edge, route, parts);
    let answer = match AssertUnwindSafe(run(&mut call, body)).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::error!(route = route.path, trace = %call.trace, "a handler panicked");
            Err(Fault::new(&codes::INTERNAL))
        }
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(fault) => {
            if fault.http_status() >= 500 {
                tracing::warn!(route = route.path, trace = %call.trace, code = fault.code(), "request failed");
            }
            (call.route.refuse)(fault, call.trace)
        }
    };
    finish(&call, response.headers_mut());
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    meters.record(status, elapsed.as_secs_f64());
    log(&call, status, elapsed);
    response
}

async fn run(call: &mut Call, body: axum::body::Body) -> Result<Response, Fault> {
    call.authorise()?;
    let limit = match call.route.body {
        BodyRule::None => None,
        BodyRule::Document => Some(DOCUMENT_BYTES_MAX),
        BodyRule::Events => Some(call.edge.options.body_bytes_max),
        BodyRule::Long => Some(LONG_BYTES_MAX),
        BodyRule::File => Some(FILE_BYTES_MAX),
        BodyRule::Hook => Some(HOOK_BYTES_MAX),
    };
    if let Some(limit) = limit {
        let timeout = Duration::from_millis(call.edge.options.body_timeout_ms);
        let headers = &call.parts.headers;
        call.body = if call.route.body == BodyRule::Hook {
            body::read_raw(headers, body, limit, timeout).await?
        } else {
            body::read(headers, body, limit, timeout).await.map_err(|fault| {
                // Segment's clients know 400 for a body that is too large, not 413.
                if call.is_tracking() && fault.code() == codes::BODY_TOO_LARGE.name {
                    fault.status(400)
                } else {
                    fault
                }
            })?
        };
    }
    (call.route.run)(call).await
}

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-trace-id, retry-after, ratelimit, ratelimit-policy");

fn finish(call: &Call, headers: &mut HeaderMap) {
    if let Ok(trace) = HeaderValue::try_from(call.trace.to_string()) {
        headers.insert(TRACE_ID, trace);
    }
    secure(headers, call.edge.options.tls.is_some());
    if let Some(standing) = &call.standing {
        standing.write(headers);
    }
    if let Some(origin) = &call.origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}

/// The security headers; those that a handler has set stay.
pub(crate) fn secure(headers: &mut HeaderMap, tls: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CSP);
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

fn log(call: &Call, status: u16, elapsed: Duration) {
    let ms = elapsed.as_secs_f64() * 1_000.0;
    let (method, route) = (call.route.method.as_str(), call.route.path);
    if call.edge.options.access_log {
        let tenant = call.seen_tenant().map(tracing::field::display);
        tracing::info!(method, route, status, ms, trace = %call.trace, tenant, "request");
    } else {
        tracing::debug!(method, route, status, ms, trace = %call.trace, "request");
    }
}
