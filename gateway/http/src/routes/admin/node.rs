//! One node: what it is, how it is set, what it logs, what operators did.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::StatusCode;
use impresario_api::{LogFilter, codes};

use super::{AdminQuery, Anything, MISSING, NODE_PARAM, TENANT, read};
use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::port::AdminAsk;
use crate::route::{LIMIT, Param, Route};

pub(in crate::routes) const ROUTES: &[Route] = &[
    read("/admin/v1/node", |call| Box::pin(node(call)), "One node").query(&[NODE_PARAM]),
    read("/admin/v1/stores", |call| Box::pin(stores(call)), "The stores of one node")
        .query(&[NODE_PARAM]),
    read(
        "/admin/v1/tenants",
        |call| Box::pin(tenants(call)),
        "Every tenant that was ever onboarded",
    )
    .query(&[Param::text("after", "Only tenants with ids after this one."), LIMIT]),
    read("/admin/v1/config", |call| Box::pin(config(call)), "The configuration of one node")
        .query(&[NODE_PARAM]),
    read("/admin/v1/log-level", |call| Box::pin(log_level(call)), "The log filter of one node")
        .query(&[NODE_PARAM]),
    Route::put("/admin/v1/log-level", Access::Root, |call| Box::pin(set_log_level(call)))
        .doc("Operators", "Change the log filter", "Until the next start.")
        .takes::<LogFilter>()
        .gives::<Anything>()
        .codes(MISSING)
        .query(&[NODE_PARAM]),
    read(
        "/admin/v1/audit",
        |call| Box::pin(audit(call)),
        "What operators did, newest first, from the records of all nodes",
    )
    .query(&[NODE_PARAM, LIMIT]),
    Route::get("/admin/v1/tail", Access::Root, |call| Box::pin(tail(call)))
        .doc("Operators", "What happens in a tenant from now on", "One JSON document per line.")
        .media("application/x-ndjson")
        .query(&[TENANT.required()]),
];

async fn node(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::Node).await
}

async fn stores(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::Stores).await
}

async fn tenants(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    let limit = query.limit()?;
    call.operate(AdminAsk::Tenants { after: query.after, limit }).await
}

async fn config(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::Config).await
}

async fn log_level(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::LogLevel { set: None }).await
}

async fn set_log_level(call: &mut Call) -> Result<Response, Fault> {
    let LogFilter { filter } = call.json()?;
    call.operate(AdminAsk::LogLevel { set: Some(filter) }).await
}

async fn audit(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    let limit = query.limit()?;
    call.operate(AdminAsk::Audit { limit }).await
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
