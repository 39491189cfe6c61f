//! What operators and the shell ask of a node. Every answer is the port's JSON value.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::StatusCode;
use impresario_api::LogFilter;
use impresario_api::codes;
use impresario_ids::TenantId;
use serde::Deserialize;
use serde_json::Value;

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::port::PortError;
use crate::route::{Handler, LIMIT, Param, Route};

const TENANT: Param = Param::text("tenant", "Only this tenant.");
const KIND: Param =
    Param::text("kind", "`tenant`, `profile`, `segment` or `quarantine`; all if not given.");
const MISSING: &[&codes::Code] = &[&codes::ADMIN_NOT_FOUND, &codes::ID_INVALID];

const fn read(path: &'static str, run: Handler, summary: &'static str) -> Route {
    Route::get(path, Access::Root, run)
        .doc("Operators", summary, "")
        .gives::<Anything>()
        .codes(MISSING)
}

const fn act(path: &'static str, run: Handler, summary: &'static str) -> Route {
    Route::act(path, Access::Root, run)
        .doc("Operators", summary, "")
        .gives::<Anything>()
        .codes(MISSING)
}

pub(crate) const ROUTES: &[Route] = &[
    read("/admin/v1/node", |call| Box::pin(node(call)), "The node"),
    read("/admin/v1/stores", |call| Box::pin(stores(call)), "The stores"),
    read(
        "/admin/v1/actors",
        |call| Box::pin(actors(call)),
        "The most recently used active entities",
    )
    .query(&[KIND, LIMIT]),
    read("/admin/v1/actors/{tenant}/{kind}/{id}", |call| Box::pin(actor(call)), "One entity")
        .codes(MISSING),
    read("/admin/v1/timers", |call| Box::pin(timers(call)), "Durable timers, the next first")
        .query(&[TENANT, LIMIT]),
    read("/admin/v1/outbox", |call| Box::pin(outbox(call)), "Effects that are not done yet")
        .query(&[TENANT, LIMIT]),
    act("/admin/v1/outbox/{id}/retry", |call| Box::pin(outbox_retry(call)), "Try an effect now"),
    Route::delete("/admin/v1/outbox/{id}", Access::Root, |call| Box::pin(outbox_drop(call)))
        .doc("Operators", "Forget an effect", "")
        .gives::<Anything>()
        .codes(MISSING),
    read(
        "/admin/v1/dead-letters",
        |call| Box::pin(dead_letters(call)),
        "Commands that were set aside",
    )
    .query(&[TENANT, LIMIT]),
    act(
        "/admin/v1/dead-letters/{id}/replay",
        |call| Box::pin(dead_letter_replay(call)),
        "Send a command that was set aside once more",
    ),
    Route::delete("/admin/v1/dead-letters/{id}", Access::Root, |call| {
        Box::pin(dead_letter_drop(call))
    })
    .doc("Operators", "Forget a command that was set aside", "")
    .gives::<Anything>()
    .codes(MISSING),
    read(
        "/admin/v1/tenants",
        |call| Box::pin(tenants(call)),
        "Every tenant that was ever onboarded",
    )
    .query(&[Param::text("after", "Only tenants with ids after this one."), LIMIT]),
    read("/admin/v1/config", |call| Box::pin(config(call)), "The configuration in effect"),
    read("/admin/v1/log-level", |call| Box::pin(log_level(call)), "The log filter"),
    Route::put("/admin/v1/log-level", Access::Root, |call| Box::pin(set_log_level(call)))
        .doc("Operators", "Change the log filter", "Until the next start.")
        .takes::<LogFilter>()
        .gives::<Anything>(),
    Route::get("/admin/v1/tail", Access::Root, |call| Box::pin(tail(call)))
        .doc("Operators", "What happens in a tenant from now on", "One JSON document per line.")
        .media("application/x-ndjson")
        .query(&[TENANT.required()]),
];

/// A JSON value for people and for the shell; its form may change with any release.
#[derive(Debug, utoipa::ToSchema)]
struct Anything(#[expect(dead_code, reason = "only its schema is used")] Value);

#[derive(Deserialize)]
struct AdminQuery {
    tenant: Option<TenantId>,
    after: Option<TenantId>,
    kind: Option<String>,
    limit: Option<usize>,
}

impl AdminQuery {
    fn limit(&self) -> Result<usize, Fault> {
        call::limit(self.limit)
    }
}

fn shown(answer: Result<Value, PortError>) -> Result<Response, Fault> {
    call::ok(&answer?)
}

async fn node(call: &mut Call) -> Result<Response, Fault> {
    shown(call.edge.admin.node().await)
}

async fn stores(call: &mut Call) -> Result<Response, Fault> {
    shown(call.edge.admin.stores().await)
}

async fn actors(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    let limit = query.limit()?;
    shown(call.edge.admin.actors_top(query.kind, limit).await)
}

async fn actor(call: &mut Call) -> Result<Response, Fault> {
    let (tenant, kind) = (call.path_id("tenant").await?, call.path("kind").await?);
    let id = call.path("id").await?;
    shown(call.edge.admin.actor_show(tenant, kind, id).await)
}

async fn timers(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    shown(call.edge.admin.timers(query.tenant, query.limit()?).await)
}

async fn outbox(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    shown(call.edge.admin.outbox(query.tenant, query.limit()?).await)
}

async fn outbox_retry(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    shown(call.edge.admin.outbox_retry(id).await)
}

async fn outbox_drop(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    shown(call.edge.admin.outbox_drop(id).await)
}

async fn dead_letters(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    shown(call.edge.admin.dead_letters(query.tenant, query.limit()?).await)
}

async fn dead_letter_replay(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    shown(call.edge.admin.dead_letter_replay(id).await)
}

async fn dead_letter_drop(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    shown(call.edge.admin.dead_letter_drop(id).await)
}

async fn tenants(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    shown(call.edge.admin.tenants(query.after, query.limit()?).await)
}

async fn config(call: &mut Call) -> Result<Response, Fault> {
    shown(call.edge.admin.config().await)
}

async fn log_level(call: &mut Call) -> Result<Response, Fault> {
    shown(call.edge.admin.log_level(None).await)
}

async fn set_log_level(call: &mut Call) -> Result<Response, Fault> {
    let LogFilter { filter } = call.json()?;
    shown(call.edge.admin.log_level(Some(filter)).await)
}

async fn tail(call: &mut Call) -> Result<Response, Fault> {
    let AdminQuery { tenant, .. } = call.query()?;
    let tenant =
        tenant.ok_or_else(|| Fault::new(&codes::PARAMETER_INVALID).detail("tail needs tenant"))?;
    let mut stopping = call.edge.stopping.subscribe();
    let stopped = async move {
        // An error says that the edge itself is gone.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let lines = call.edge.admin.tail(tenant).take_until(Box::pin(stopped)).map(|value| {
        let mut line = value.to_string();
        line.push('\n');
        Ok::<_, std::convert::Infallible>(Bytes::from(line))
    });
    Ok(call::raw(StatusCode::OK, "application/x-ndjson", Body::from_stream(lines)))
}
