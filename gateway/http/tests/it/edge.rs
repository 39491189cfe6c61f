//! A whole edge, and one way to ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use impresario_budget::Budget;
use impresario_conversation::Conversation;
use impresario_host::clock::ManualClock;
use impresario_host::{Host, HostBuilder, HostParts, NoPolicy};
use impresario_http::{
    AdminAsk, AdminPort, Edge, EdgeParts, Live, Operator, Options, Place, PortError, PortFuture,
    PortStream, PortTyped,
};
use impresario_ids::{EndpointId, MessageId, TenantId};
use impresario_journal::MemoryJournal;
use impresario_kernel::{PartitionId, Timestamp};
use impresario_knowledge::Document;
use impresario_profile::Profile;
use impresario_quarantine::Quarantine;
use impresario_segment::Segment;
use impresario_tenant::Tenant;
use impresario_vault::{MasterKey, Vault};
use impresario_views::{Directory, Views};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::chat::LittleChat;
use crate::talk::LittleTalk;

pub(crate) const ROOT: &str = "root-token-of-the-test";
pub(crate) const NOW: i64 = 1_795_176_000_000; // 2026-11-20T12:00:00Z

pub(crate) struct World {
    app: axum::Router,
    pub(crate) edge: Edge,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) vault: Arc<Vault>,
}

/// The answer to a request.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        let ours = self.body["code"].as_str();
        // OpenAI's clients look for it one floor down.
        ours.or_else(|| self.body["error"]["code"].as_str()).unwrap_or("")
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_ms(NOW)));
        let journal = Arc::new(MemoryJournal::new(4));
        let vault = Arc::new(Vault::open(MasterKey::from_bytes([9; 32]), []).expect("a vault"));
        let directory = Arc::new(Directory::new(journal.clone(), vault.clone()));
        let told = Arc::clone(&directory);
        let commits = tokio::sync::broadcast::Sender::new(64);
        let tell = commits.clone();
        let parts = HostParts {
            journal: journal.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            options: impresario_host::Options::default(),
            seed: 1,
        };
        let host = HostBuilder::new(parts)
            .entity::<Tenant>(
                Arc::new(NoPolicy::default()),
                vec![Arc::new(move |committed: &impresario_host::Committed<'_, Tenant>| {
                    told.invalidate(committed.key.tenant);
                })],
            )
            .entity::<Profile>(Arc::new(NoPolicy::default()), Vec::new())
            .entity::<Segment>(Arc::new(NoPolicy::default()), Vec::new())
            .entity::<Quarantine>(Arc::new(NoPolicy::default()), Vec::new())
            .entity::<Document>(Arc::new(NoPolicy::default()), Vec::new())
            .entity::<Conversation>(
                Arc::new(NoPolicy::default()),
                vec![Arc::new(move |committed: &impresario_host::Committed<'_, Conversation>| {
                    // Nobody may be listening.
                    let _ = tell.send(committed.key.tenant);
                })],
            )
            .entity::<Budget>(Arc::new(NoPolicy::default()), Vec::new())
            .start()
            .await
            .expect("a host");
        let live = Arc::new(Live::new(16, 4));
        let chance = AtomicU64::new(1);
        let time = Arc::clone(&clock);
        let edge = Edge::new(EdgeParts {
            router: impresario_router::Router::new(
                host.clone(),
                impresario_router::Options::default(),
            ),
            views: Views::new(journal, vault.clone()),
            directory,
            live: Arc::clone(&live),
            admin: Arc::new(Port { host }),
            talk: Arc::new(LittleTalk),
            chat: Arc::new(LittleChat { commits }),
            clock: Arc::new(move || impresario_host::clock::Clock::now(&*time)),
            random: Arc::new(move |bytes| {
                let mut rng = impresario_kernel::Rng(chance.fetch_add(1, Ordering::Relaxed));
                bytes.fill_with(|| rng.next_u64().to_le_bytes()[0]);
            }),
            options,
            metrics: metrics_exporter_prometheus::PrometheusBuilder::new()
                .build_recorder()
                .handle(),
            root_token_hash: *blake3::hash(ROOT.as_bytes()).as_bytes(),
            root_tokens: Arc::new(|_| false),
            quota_file: None,
        });
        Self { app: edge.router(), edge, live, clock, vault }
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.expect("routers do not fail")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.raw(request).await.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A request with a bearer credential and a JSON body.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .body(body)
            .expect("a request");
        self.send(request).await
    }

    /// A request with a bearer credential and a body of any kind.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        token: &str,
        media: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", media)
            .body(body.into())
            .expect("a request");
        self.send(request).await
    }

    /// A tenant with a write key and a secret key with every scope.
    pub(crate) async fn tenant(&self, name: &str) -> Keys {
        let made = self
            .ask("POST", "/api/v1/tenants", ROOT, json!({"name": name, "plan": "enterprise"}))
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
        let tenant = made.body["id"].as_str().expect("an id").to_owned();
        let scopes: Vec<&str> =
            impresario_tenant::Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        let mut texts = Vec::new();
        for body in [
            json!({"kind": "write", "name": "w"}),
            json!({"kind": "secret", "name": "s", "scopes": scopes}),
        ] {
            let request = Request::post("/api/v1/keys")
                .header("authorization", format!("Bearer {ROOT}"))
                .header(impresario_http::TENANT_HEADER, &tenant)
                .body(Body::from(body.to_string()))
                .expect("a request");
            let made = self.send(request).await;
            assert_eq!(made.status, 201, "{}", made.body);
            texts.push(made.body["key"].as_str().expect("a key").to_owned());
        }
        let [write, secret] = <[String; 2]>::try_from(texts).expect("two keys");
        Keys { tenant, write, secret }
    }
}

pub(crate) struct Keys {
    pub(crate) tenant: String,
    pub(crate) write: String,
    pub(crate) secret: String,
}

/// The operators' side of this little world: only what the edge itself needs.
struct Port {
    host: Host,
}

fn nothing<'a, T: Send + 'a>() -> PortTyped<'a, T> {
    Box::pin(async { Err(PortError::not_found("not part of this world")) })
}

impl AdminPort for Port {
    fn provision(&self, tenant: TenantId) -> PortFuture<'_> {
        Box::pin(async move {
            let vault = self.host.vault();
            if !vault.contains(tenant) {
                let row = vault.provision(tenant).expect("a key");
                vault.activate(tenant, &row).expect("it is a key");
            }
            Ok(Value::Null)
        })
    }

    fn erase(&self, tenant: TenantId) -> PortFuture<'_> {
        Box::pin(async move {
            self.host.vault().forget(tenant);
            for number in 0..self.host.journal().partitions() {
                self.host
                    .remove_tenant(PartitionId(number), tenant)
                    .await
                    .map_err(|error| PortError::internal(error.to_string()))?;
            }
            Ok(Value::Null)
        })
    }

    fn ready(&self) -> PortFuture<'_> {
        Box::pin(async { Ok(Value::Null) })
    }

    fn ask(&self, _: Operator, ask: AdminAsk, _: Place) -> PortFuture<'_> {
        Box::pin(async move {
            match ask {
                AdminAsk::Node => Ok(json!({"node": "test"})),
                _ => Err(PortError::not_found("not part of this world")),
            }
        })
    }

    fn export(&self, _: TenantId) -> PortStream {
        Box::pin(futures_util::stream::iter([json!({"line": 1})]))
    }
    fn tail(&self, _: TenantId) -> PortStream {
        Box::pin(futures_util::stream::iter([json!({"line": 1})]))
    }
    fn deliveries(
        &self,
        _: TenantId,
        _: EndpointId,
        _: Option<String>,
        _: usize,
    ) -> PortTyped<'_, impresario_api::Page<impresario_api::Delivery>> {
        nothing()
    }
    fn delivery(
        &self,
        _: TenantId,
        _: EndpointId,
        _: MessageId,
    ) -> PortTyped<'_, Option<impresario_http::SentDelivery>> {
        nothing()
    }
}
