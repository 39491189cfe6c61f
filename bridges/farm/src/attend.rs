use std::time::Duration;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::{Ending, Entry, Farm, Fault, channels, llm};

/// The most bytes of a request.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What the script has for a request, in its extensions, so that a handler can do what only it
/// knows ([`Fault::Say`], [`Fault::CallTool`], [`Fault::Named`]).
#[derive(Clone, Debug)]
pub struct Fate(pub Option<Fault>);

/// A handler puts this into its response's extensions if the provider charges for the answer.
#[derive(Clone, Copy, Debug)]
pub struct Charged;

/// Tells the log how a request ended, whoever drops it.
struct Attendance {
    farm: Farm,
    number: u64,
    ending: Ending,
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let ending = self.ending;
        self.farm.log.update(self.number, |entry| entry.ending = ending);
    }
}

/// Logs a request, lets the script have its way, and has the provider answer otherwise.
pub(crate) async fn attend(State(farm): State<Farm>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let provider = path.split(['/', '?']).nth(1).unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(&body).into_owned();
    let fault = farm.script.take(&provider, &path, &text);
    let number = farm.log.add(Entry {
        number: 0,
        provider: provider.clone(),
        method: parts.method.to_string(),
        path,
        request_id: request_id(&parts.headers),
        headers: headers(&parts.headers),
        body: text,
        fault: fault.clone(),
        status: 0,
        charged: false,
        ending: Ending::Open,
    });
    let guard = Attendance { farm: farm.clone(), number, ending: Ending::Abandoned };
    parts.extensions.insert(Fate(fault.clone()));
    let request = Request::from_parts(parts, Body::from(body));
    let response = match &fault {
        Some(fault) => before(fault, &provider, &guard, request, next).await,
        None => next.run(request).await,
    };
    farm.log.update(number, |entry| {
        entry.status = response.status().as_u16();
        entry.charged |= response.extensions().get::<Charged>().is_some();
    });
    deliver(response, fault, guard)
}

/// What happens before, or instead of, the provider's answer.
async fn before(
    fault: &Fault,
    provider: &str,
    guard: &Attendance,
    request: Request,
    next: Next,
) -> Response {
    match fault {
        Fault::SlowFirstByte { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            next.run(request).await
        }
        Fault::Drip { .. }
        | Fault::Cut { .. }
        | Fault::Stall { .. }
        | Fault::Say { .. }
        | Fault::CallTool { .. }
        | Fault::Named { .. } => next.run(request).await,
        Fault::Close => {
            guard.farm.log.update(guard.number, |entry| entry.charged = true);
            Response::new(Body::empty())
        }
        Fault::Hang => std::future::pending().await,
        Fault::Malformed => {
            let mut response = Response::new(Body::from("{\"id\": \"x\", \"choices\": [{"));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }
        Fault::Answer { status, headers, body } => exactly(*status, headers, body),
        Fault::RateLimited { .. }
        | Fault::Overloaded
        | Fault::QuotaExhausted
        | Fault::Unauthorized
        | Fault::ContextTooLong
        | Fault::ErrorBody => {
            channels::failure(provider, fault).unwrap_or_else(|| llm::failure(provider, fault))
        }
    }
}

fn exactly(status: u16, headers: &[(String, String)], body: &serde_json::Value) -> Response {
    let (text, kind) = match body {
        serde_json::Value::Null => (String::new(), "text/plain"),
        serde_json::Value::String(text) => (text.clone(), "text/plain"),
        json => (json.to_string(), "application/json"),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Hands the answer over, as the script wants it, and notes how that ended.
fn deliver(response: Response, fault: Option<Fault>, guard: Attendance) -> Response {
    let (parts, body) = response.into_parts();
    let body =
        Delivery { body: body.into_data_stream(), rest: Bytes::new(), sent: 0, fault, guard };
    let stream = stream::unfold(body, async |mut body| body.next().await.map(|item| (item, body)));
    Response::from_parts(parts, Body::from_stream(stream))
}

struct Delivery {
    body: BodyDataStream,
    rest: Bytes,
    sent: usize,
    fault: Option<Fault>,
    guard: Attendance,
}

impl Delivery {
    /// The next piece; an error breaks the connection.
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        if matches!(self.fault, Some(Fault::Close)) {
            return Some(Err(self.broken()));
        }
        if let Some(Fault::Cut { after_bytes, clean }) = self.fault
            && self.sent >= after_bytes
        {
            let error = self.broken();
            // The server writes out what it has when it has to wait, and only then.
            tokio::task::yield_now().await;
            return (!clean).then_some(Err(error));
        }
        if self.rest.is_empty() {
            match self.body.next().await {
                Some(Ok(bytes)) => self.rest = bytes,
                Some(Err(error)) => return Some(Err(std::io::Error::other(error))),
                None => {
                    self.guard.ending = Ending::Finished;
                    return None;
                }
            }
        }
        if let Some(Fault::Stall { at }) = &self.fault
            && String::from_utf8_lossy(&self.rest).contains(at.as_str())
        {
            std::future::pending::<()>().await;
        }
        let most = match self.fault {
            Some(Fault::Drip { bytes, ms }) => {
                if ms > 0 && self.sent > 0 {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                bytes.max(1)
            }
            Some(Fault::Cut { after_bytes, .. }) => after_bytes - self.sent,
            _ => usize::MAX,
        };
        let piece = self.rest.split_to(self.rest.len().min(most));
        self.sent += piece.len();
        Some(Ok(piece))
    }

    fn broken(&mut self) -> std::io::Error {
        self.guard.ending = Ending::Cut;
        std::io::Error::other("the script breaks the connection")
    }
}

fn request_id(headers: &HeaderMap) -> String {
    ["x-client-request-id", "idempotency-key", "x-request-id"]
        .into_iter()
        .find_map(|name| headers.get(name).and_then(|value| value.to_str().ok()))
        .unwrap_or_default()
        .to_owned()
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}
