use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, Query, RawPathParams};
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use impresario_api::codes;
use impresario_ids::{Id, Kind, TenantId, TraceId};
use impresario_kernel::Timestamp;
use impresario_router::{Deadline, Envelope, IdempotencyKey};
use impresario_views::{Cursor, ViewError, Views};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::auth::{self, Access, Authority, Caller, Credential, Proof};
use crate::edge::Shared;
use crate::fault::Fault;
use crate::limits::Standing;
use crate::route::Route;
use crate::wire::guard::{self, DEPTH_MAX};
use std::sync::Arc;

/// Longest `Idempotency-Key`, in bytes.
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// One request on its way through the edge.
pub(crate) struct Call {
    pub(crate) edge: Arc<Shared>,
    pub(crate) route: &'static Route,
    pub(crate) parts: Parts,
    /// Decompressed; empty for routes without a body.
    pub(crate) body: Bytes,
    pub(crate) trace: TraceId,
    pub(crate) received: Timestamp,
    caller: Option<Caller>,
    /// For the response's headers.
    pub(crate) standing: Option<Standing>,
    /// The origin that the tenant allows.
    pub(crate) origin: Option<HeaderValue>,
}

impl Call {
    pub(crate) fn new(edge: Arc<Shared>, route: &'static Route, parts: Parts) -> Self {
        let received = (edge.clock)();
        let trace = trace_of(&parts, &edge, received);
        Self {
            edge,
            route,
            parts,
            body: Bytes::new(),
            trace,
            received,
            caller: None,
            standing: None,
            origin: None,
        }
    }

    /// Finds the credential in the headers (for live routes also in `?access_token=`) and admits it.
    pub(crate) fn authorise(&mut self) -> Result<(), Fault> {
        let headers = std::mem::take(&mut self.parts.headers);
        let outcome = self.authorise_with(&headers);
        self.parts.headers = headers;
        outcome
    }

    fn authorise_with(&mut self, headers: &http::HeaderMap) -> Result<(), Fault> {
        match self.route.access {
            Access::Public => Ok(()),
            Access::Root => self.authorise_root(headers),
            // The body of a tracking request may carry the key: its handler looks there if the
            // headers do not say.
            Access::Write => match auth::find(headers)? {
                None if self.is_tracking() => Ok(()),
                None => Err(Fault::new(&codes::CREDENTIAL_MISSING)),
                Some(Credential::Opaque(text)) if self.is_tracking() && !self.is_root(text) => {
                    Ok(())
                }
                Some(credential) => self.admit(&credential, headers),
            },
            Access::Tenant | Access::Scope(_) => match auth::find(headers)? {
                Some(credential) => self.admit(&credential, headers),
                None => match self.query_token() {
                    Some(token) => self.admit(&Credential::Token(&token), headers),
                    None => Err(Fault::new(&codes::CREDENTIAL_MISSING)),
                },
            },
        }
    }

    /// Whether the route is one of the Segment tracking API.
    pub(crate) fn is_tracking(&self) -> bool {
        self.route.path.starts_with("/v1/")
    }

    fn authorise_root(&self, headers: &http::HeaderMap) -> Result<(), Fault> {
        match auth::find(headers)? {
            None => Err(Fault::new(&codes::CREDENTIAL_MISSING)),
            Some(Credential::Opaque(text)) if self.authority().is_root(text) => Ok(()),
            Some(Credential::Opaque(_)) => Err(Fault::new(&codes::CREDENTIAL_INVALID)),
            Some(_) => Err(Fault::new(&codes::ROOT_REQUIRED)),
        }
    }

    /// Browsers cannot set headers on live connections; a token (never a key) may come in the query.
    fn query_token(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Token {
            access_token: String,
        }
        let live = self.route.path.ends_with("/live") || self.route.path.starts_with("/ws/");
        let query = Query::<Token>::try_from_uri(&self.parts.uri).ok().filter(|_| live)?;
        Some(query.0.access_token)
    }

    /// The key of a tracking body, where the headers had none.
    pub(crate) fn admit_write_key(&mut self, key: Option<&str>) -> Result<(), Fault> {
        if self.caller.is_some() {
            return Ok(());
        }
        let key = key.ok_or_else(|| Fault::new(&codes::CREDENTIAL_MISSING))?;
        let headers = std::mem::take(&mut self.parts.headers);
        let outcome =
            auth::from_write_key(key).and_then(|credential| self.admit(&credential, &headers));
        self.parts.headers = headers;
        outcome
    }

    pub(crate) fn is_root(&self, text: &str) -> bool {
        self.authority().is_root(text)
    }

    fn authority(&self) -> Authority<'_, Shared> {
        Authority {
            tenants: &*self.edge,
            root_token_hash: &self.edge.root_token_hash,
            root_tokens: &self.edge.root_tokens,
            now: self.received,
            token_ttl_max_s: self.edge.options.token_ttl_max_s,
        }
    }

    fn admit(
        &mut self,
        credential: &Credential<'_>,
        headers: &http::HeaderMap,
    ) -> Result<(), Fault> {
        let caller = self.authority().admit(credential, self.route.access, headers)?;
        let of_one_user = self.route.access == Access::Write
            || self.route.path.starts_with("/api/v1/profiles/{id}");
        if caller.user.is_some() && !of_one_user {
            return Err(
                Fault::new(&codes::USER_MISMATCH).detail("the token speaks for one user alone")
            );
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            self.check_origin(origin, headers, &caller)?;
        }
        if caller.proof != Proof::Root {
            let limits = caller.state.limits();
            let (standing, taken) = self.edge.meters.take(caller.tenant, &limits, self.received);
            self.standing = Some(standing);
            taken?;
        }
        self.caller = Some(caller);
        Ok(())
    }

    /// A browser's page may call if the tenant allows its origin, or if it came from here.
    fn check_origin(
        &mut self,
        origin: &HeaderValue,
        headers: &http::HeaderMap,
        caller: &Caller,
    ) -> Result<(), Fault> {
        let text = origin.to_str().unwrap_or_default();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let own =
            text.split_once("://").map(|(_, host)| host).is_some_and(|from| host == Some(from));
        if !own && !caller.state.settings().allows_origin(text) {
            return Err(Fault::new(&codes::ORIGIN_NOT_ALLOWED)
                .detail(format!("the origin {text} is not allowed")));
        }
        self.origin = Some(origin.clone());
        Ok(())
    }

    /// The caller; only for routes that have one.
    pub(crate) fn caller(&self) -> Result<&Caller, Fault> {
        self.caller.as_ref().ok_or_else(|| Fault::new(&codes::CREDENTIAL_MISSING))
    }

    pub(crate) fn tenant(&self) -> Result<TenantId, Fault> {
        self.caller().map(|caller| caller.tenant)
    }

    /// The tenant that was let in, if one was.
    pub(crate) fn seen_tenant(&self) -> Option<TenantId> {
        self.caller.as_ref().map(|caller| caller.tenant)
    }

    /// The client's address, if the edge may use it.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        let info = self.parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        self.edge.options.client_addresses.then(|| info.0.ip())
    }

    /// A path parameter as it was sent, percent signs undone.
    pub(crate) async fn path(&mut self, name: &str) -> Result<String, Fault> {
        let params = RawPathParams::from_request_parts(&mut self.parts, &())
            .await
            .map_err(|error| Fault::new(&codes::PARAMETER_INVALID).detail(error.to_string()))?;
        let value =
            params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        match value {
            Some(value) if !value.contains('\0') => Ok(value),
            _ => {
                Err(Fault::new(&codes::PARAMETER_INVALID).detail(format!("the path needs {name}")))
            }
        }
    }

    /// A path parameter that is an id.
    pub(crate) async fn path_id<K: Kind>(&mut self, name: &str) -> Result<Id<K>, Fault> {
        Ok(self.path(name).await?.parse::<Id<K>>()?)
    }

    /// The query parameters.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        Query::<T>::try_from_uri(&self.parts.uri)
            .map(|query| query.0)
            .map_err(|error| Fault::new(&codes::PARAMETER_INVALID).detail(error.body_text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> Result<&str, Fault> {
        std::str::from_utf8(&self.body).map_err(|error| {
            Fault::new(&codes::INVALID_UTF8).detail(format!("after {} bytes", error.valid_up_to()))
        })
    }

    /// The body as a document.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let text = self.text()?;
        guard::check(text, DEPTH_MAX)?;
        serde_json::from_str(text)
            .map_err(|error| Fault::new(&codes::INVALID_REQUEST).detail(error.to_string()))
    }

    /// What travels with a command; the caller's `Idempotency-Key` makes it safe to repeat, with the
    /// same body. Keys of different routes and tenants never meet.
    pub(crate) fn envelope(&self) -> Result<Envelope, Fault> {
        Ok(Envelope {
            key: self.idempotency_key("")?,
            deadline: self.deadline(),
            trace: self.trace,
        })
    }

    pub(crate) fn deadline(&self) -> Deadline {
        let ms = i64::try_from(self.edge.options.answer_timeout_ms).unwrap_or(i64::MAX);
        Deadline(self.received.plus_ms(ms))
    }

    /// The caller's own key, if it sent one.
    pub(crate) fn idempotency_text(&self) -> Result<Option<&str>, Fault> {
        let Some(value) = self.parts.headers.get("idempotency-key") else { return Ok(None) };
        match value.to_str() {
            Ok(text) if (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len()) => Ok(Some(text)),
            _ => Err(Fault::new(&codes::IDEMPOTENCY_KEY_INVALID)
                .detail(format!("1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters"))),
        }
    }

    fn idempotency_key(&self, part: &str) -> Result<Option<IdempotencyKey>, Fault> {
        let Some(text) = self.idempotency_text()? else { return Ok(None) };
        let path = self.parts.uri.path();
        let method = self.route.method.as_str();
        let key = IdempotencyKey::of(format!("{method}\0{path}\0{part}\0{text}").as_bytes());
        Ok(Some(key.with_content(&self.body)))
    }

    /// A fresh id, or with an `Idempotency-Key` always the same one.
    pub(crate) fn fresh_id<K: Kind>(&self) -> Result<Id<K>, Fault> {
        let tenant = self.seen_tenant().unwrap_or(TenantId::NIL);
        Ok(match self.idempotency_text()? {
            Some(text) => {
                Id::derived(&[tenant.as_bytes(), self.parts.uri.path().as_bytes(), text.as_bytes()])
            }
            None => self.edge.fresh_id(self.received),
        })
    }
}

/// The trace that the caller began (`traceparent`), or a fresh one.
fn trace_of(parts: &Parts, edge: &Shared, now: Timestamp) -> TraceId {
    let given = parts.headers.get("traceparent").and_then(|value| value.to_str().ok());
    given.and_then(traceparent).unwrap_or_else(|| edge.fresh_id(now))
}

/// The trace id of a W3C `traceparent`: version, 32 digits, 16 digits, flags.
pub(crate) fn traceparent(text: &str) -> Option<TraceId> {
    let mut fields = text.trim().split('-');
    let (_version, trace) = (fields.next().filter(|field| field.len() == 2)?, fields.next()?);
    if trace.len() != 32 || fields.next()?.len() != 16 {
        return None;
    }
    let bits = u128::from_str_radix(trace, 16).ok().filter(|bits| *bits != 0)?;
    Some(TraceId::from_bytes(bits.to_be_bytes()))
}

/// An answer as JSON.
pub(crate) fn json<T: Serialize + ?Sized>(
    status: StatusCode,
    value: &T,
) -> Result<Response, Fault> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as json");
        Fault::new(&codes::INTERNAL)
    })?;
    Ok(raw(status, "application/json", body))
}

/// An answer of any media type.
pub(crate) fn raw(status: StatusCode, media: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// `200` with a JSON document.
pub(crate) fn ok<T: Serialize + ?Sized>(value: &T) -> Result<Response, Fault> {
    json(StatusCode::OK, value)
}

/// `204`.
pub(crate) fn done() -> Result<Response, Fault> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// The page size that a caller asked for.
pub(crate) fn limit(given: Option<usize>) -> Result<usize, Fault> {
    match given.unwrap_or(50) {
        limit @ 1..=500 => Ok(limit),
        _ => Err(Fault::new(&codes::PARAMETER_INVALID).detail("limit is 1 to 500")),
    }
}

/// What every list takes.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

impl ListQuery {
    pub(crate) fn limit(&self) -> Result<usize, Fault> {
        limit(self.limit)
    }

    pub(crate) fn cursor_text(&self) -> Option<String> {
        self.cursor.clone()
    }

    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Fault> {
        let parsed = self.cursor.as_deref().map(str::parse::<Cursor>).transpose();
        parsed.map_err(|error| Fault::new(&codes::PARAMETER_INVALID).detail(error.to_string()))
    }
}

impl Call {
    /// Reads a view on a thread that may block.
    pub(crate) async fn view<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Views) -> Result<T, ViewError> + Send + 'static,
    ) -> Result<T, Fault> {
        let views = self.edge.views.clone();
        match tokio::task::spawn_blocking(move || read(&views)).await {
            Ok(outcome) => Ok(outcome?),
            Err(error) => {
                tracing::error!(%error, "a reader of views panicked");
                Err(Fault::new(&codes::INTERNAL))
            }
        }
    }
}

/// A time that a caller gave in a parameter or a field.
pub(crate) fn time(name: &str, text: &str) -> Result<Timestamp, Fault> {
    crate::wire::time::parse(text).map(Timestamp::from_ms).ok_or_else(|| {
        Fault::new(&codes::PARAMETER_INVALID).detail(format!("{name}: expected ISO 8601"))
    })
}

/// A page of the API from a page of a view.
pub(crate) fn page<T, U>(
    page: impresario_views::Page<T>,
    show: impl FnMut(T) -> U,
) -> impresario_api::Page<U> {
    impresario_api::Page {
        items: page.items.into_iter().map(show).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }
}

impl Call {
    /// Secret bytes: random, or with an `Idempotency-Key` always the same ones, so that a repeated
    /// request is answered with the secret that was stored the first time. Only who knows the
    /// tenant's pepper could derive them.
    pub(crate) fn secret_bytes<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let pepper = self.caller.as_ref().and_then(|caller| caller.state.pepper());
        let (Some(text), Some(pepper)) = (self.idempotency_text()?, pepper) else {
            return Ok(self.edge.random_bytes());
        };
        let mut hasher =
            blake3::Hasher::new_derive_key("impresario 2026-11-20 secrets of repeatable requests");
        for part in
            [&impresario_kernel::encode(pepper), self.parts.uri.path().as_bytes(), text.as_bytes()]
        {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; N];
        hasher.finalize_xof().fill(&mut bytes);
        Ok(bytes)
    }
}
