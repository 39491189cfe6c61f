use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::Router as AxumRouter;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use bytes::Bytes;
use http::{HeaderValue, Method as HttpMethod, StatusCode, header};
use impresario_api::codes;
use impresario_ids::{Id, Kind, TenantId};
use impresario_kernel::Timestamp;
use impresario_router::Router;
use impresario_views::{Directory, Views};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::auth::RootTokens;
use crate::auth::Tenants;
use crate::dispatch::{self, RouteMeters, dispatch};
use crate::fault::Fault;
use crate::limits::{Memory, Meters, RequestCounts};
use crate::live::Live;
use crate::options::Options;
use crate::port::{AdminPort, Chat, Talk};
use crate::route::{Method, Route, RouteInfo};
use crate::routes;

/// Files that are read at the same time.
const READERS: usize = 4;

/// Where the edge takes the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Where the edge takes unpredictable bytes from: ids, key secrets, peppers.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Everything that the edge is made of.
pub struct EdgeParts {
    /// Where commands and queries go.
    pub router: Router,
    /// The read models.
    pub views: Views,
    /// The tenants' states in memory.
    pub directory: Arc<Directory>,
    /// The hub that commits publish to.
    pub live: Arc<Live>,
    /// What operators may ask.
    pub admin: Arc<dyn AdminPort>,
    /// Retrieval, answers, model calls, webhooks of chat platforms.
    pub talk: Arc<dyn Talk>,
    /// What the widget and the endpoints for programs need beside.
    pub chat: Arc<dyn Chat>,
    /// The time.
    pub clock: Clock,
    /// A cryptographically strong generator.
    pub random: Random,
    /// How to listen and what to let in.
    pub options: Options,
    /// Renders `/metrics`. The recorder must be installed before [`Edge::new`].
    pub metrics: PrometheusHandle,
    /// BLAKE3 of the root token's text.
    pub root_token_hash: [u8; 32],
    /// The root tokens of the other nodes.
    pub root_tokens: RootTokens,
    /// The file in which the day's request counts outlive the process; without it they begin anew.
    pub quota_file: Option<PathBuf>,
}

impl fmt::Debug for EdgeParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeParts").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) views: Views,
    pub(crate) directory: Arc<Directory>,
    pub(crate) live: Arc<Live>,
    pub(crate) admin: Arc<dyn AdminPort>,
    pub(crate) talk: Arc<dyn Talk>,
    pub(crate) chat: Arc<dyn Chat>,
    pub(crate) guard: crate::talk::Guard,
    /// Places for files that are being read: it takes memory and a processor each.
    pub(crate) readers: Arc<Semaphore>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) options: Options,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) root_token_hash: [u8; 32],
    pub(crate) root_tokens: RootTokens,
    pub(crate) meters: Meters,
    pub(crate) memory: Option<Memory>,
    pub(crate) stopping: tokio::sync::watch::Sender<bool>,
    /// Made when first asked for.
    pub(crate) openapi: OnceLock<Bytes>,
    pub(crate) scalar: OnceLock<Bytes>,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A fresh id that sorts by time.
    pub(crate) fn fresh_id<K: Kind>(&self, now: Timestamp) -> Id<K> {
        Id::at(u64::try_from(now.as_ms()).unwrap_or_default(), self.random_bytes())
    }

    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }
}

impl Tenants for Shared {
    fn state(&self, id: TenantId) -> Result<Option<Arc<impresario_tenant::State>>, Fault> {
        Ok(self.directory.get(id)?)
    }
}

/// The edge, ready to be served.
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Edge {
    /// Puts the parts together and takes up the day's request counts.
    #[must_use]
    pub fn new(parts: EdgeParts) -> Self {
        let meters =
            Meters::new(parts.options.metered_tenants_max, parts.options.metrics_tenants_max);
        let memory = parts.quota_file.map(Memory::new);
        let today = (parts.clock)().day();
        let kept = memory.as_ref().and_then(Memory::load);
        if let Some(kept) = kept.filter(|kept| kept.day == today) {
            meters.seed(&kept);
        }
        Self {
            shared: Arc::new(Shared {
                router: parts.router,
                views: parts.views,
                directory: parts.directory,
                live: parts.live,
                admin: parts.admin,
                talk: parts.talk,
                chat: parts.chat,
                guard: crate::talk::Guard::default(),
                readers: Arc::new(Semaphore::new(READERS)),
                clock: parts.clock,
                random: parts.random,
                options: parts.options,
                metrics: parts.metrics,
                root_token_hash: parts.root_token_hash,
                root_tokens: parts.root_tokens,
                meters,
                memory,
                stopping: tokio::sync::watch::Sender::new(false),
                openapi: OnceLock::new(),
                scalar: OnceLock::new(),
            }),
        }
    }

    /// All routes as an axum router.
    pub fn router(&self) -> AxumRouter {
        let mut router = AxumRouter::new();
        for route in routes::all() {
            router = router.route(route.path, endpoint(route));
        }
        router
            .fallback(not_found)
            .method_not_allowed_fallback(wrong_method)
            .with_state(Arc::clone(&self.shared))
    }

    /// Every route with what it asks of its caller.
    pub fn routes() -> impl Iterator<Item = RouteInfo> {
        routes::all().map(|route| RouteInfo {
            method: route.method.as_str(),
            path: route.path,
            access: route.access,
            codes: route.codes,
        })
    }

    /// The OpenAPI document as served at `/openapi.json`.
    #[must_use]
    pub fn openapi() -> String {
        crate::openapi::document_json()
    }

    /// The day's requests, for whoever passes them between nodes.
    #[must_use]
    pub fn request_counts(&self) -> RequestCounts {
        RequestCounts::new(Arc::clone(&self.shared))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

fn endpoint(route: &'static Route) -> MethodRouter<Arc<Shared>> {
    let meters = Arc::new(RouteMeters::of(route.method.as_str(), route.path));
    let filter = match route.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    };
    on(filter, move |State(edge): State<Arc<Shared>>, request: Request| {
        dispatch(edge, route, Arc::clone(&meters), request)
    })
}

async fn not_found(State(edge): State<Arc<Shared>>, request: Request) -> Response {
    if let Some(answer) = preflight(&request) {
        return answer;
    }
    refuse(&edge, Fault::new(&codes::ROUTE_NOT_FOUND).detail(request.uri().path().to_owned()))
}

async fn wrong_method(State(edge): State<Arc<Shared>>, request: Request) -> Response {
    if let Some(answer) = preflight(&request) {
        return answer;
    }
    refuse(&edge, Fault::new(&codes::METHOD_NOT_ALLOWED).detail(request.method().to_string()))
}

fn refuse(edge: &Shared, fault: Fault) -> Response {
    let mut response = fault.into_response(edge.fresh_id(edge.now()));
    dispatch::secure(response.headers_mut(), edge.options.tls.is_some());
    response
}

/// The answer to a browser's question whether it may ask. It carries no credential, so it cannot be
/// answered per tenant: any page may ask, and the request itself is refused, before it has any
/// effect, if the tenant does not allow its origin.
fn preflight(request: &Request) -> Option<Response> {
    let headers = request.headers();
    if request.method() != HttpMethod::OPTIONS
        || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return None;
    }
    let origin = headers.get(header::ORIGIN)?.clone();
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"),
    );
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "authorization, content-type, content-encoding, idempotency-key, traceparent, x-api-key, x-strict-mode",
        ),
    );
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer.insert(header::VARY, HeaderValue::from_static("origin"));
    Some(response)
}
