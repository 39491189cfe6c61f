//! Ways to chat platforms and to providers of models.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Changed, Connection as ApiConnection, Page, SaveConnection};
use impresario_ids::TenantId;
use impresario_kernel::Personal;
use impresario_tenant::{Answer, Command, ConnectionView, Query, Scope};
use serde_json::Value;

use super::tenants::{ask_own, query};
use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;
use crate::wire::time;

const MANAGE: Access = Access::Scope(Scope::IntegrationsManage);
const TAG: &str = "Assistant";
/// The kinds that bridges know; the first ones send webhooks.
const PLATFORMS: &[&str] = &["whatsapp", "twilio", "slack", "discord"];
const OTHERS: &[&str] = &["web", "llm", "embeddings", "rerank"];

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/connections", MANAGE, |call| Box::pin(list(call)))
        .doc(TAG, "List connections", "The values of settings are never shown.")
        .gives::<Page<ApiConnection>>(),
    Route::get("/api/v1/connections/{name}", MANAGE, |call| Box::pin(show(call)))
        .doc(TAG, "Get a connection", "The values of settings are never shown.")
        .gives::<ApiConnection>()
        .codes(&[&codes::CONNECTION_UNKNOWN]),
    Route::put("/api/v1/connections/{name}", MANAGE, |call| Box::pin(put(call)))
        .doc(
            TAG,
            "Add or replace a connection",
            "To a chat platform or a provider of models. Settings are kept sealed; replacing a \
             connection needs all of them again.",
        )
        .takes::<SaveConnection>()
        .gives::<Changed>()
        .codes(&[&codes::CONNECTION_INVALID, &codes::PLAN_LIMIT_REACHED]),
    Route::delete("/api/v1/connections/{name}", MANAGE, |call| Box::pin(remove(call)))
        .doc(TAG, "Remove a connection", "Its webhooks are refused from then on.")
        .gives::<Changed>()
        .codes(&[&codes::CONNECTION_UNKNOWN]),
];

async fn views(call: &Call) -> Result<Vec<ConnectionView>, Fault> {
    match query(call, call.tenant()?, Query::Connections).await? {
        Answer::Connections(views) => Ok(views),
        _ => Err(super::unexpected("connections")),
    }
}

fn shown(tenant: TenantId, view: ConnectionView) -> ApiConnection {
    let ConnectionView { name, kind, settings, version, created_at, changed_at } = view;
    let webhook = PLATFORMS.contains(&kind.as_str()).then(|| format!("/hooks/{tenant}/{name}"));
    ApiConnection {
        name,
        kind,
        settings,
        version,
        created_at: time::print(created_at),
        changed_at: time::print(changed_at),
        webhook,
    }
}

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let tenant = call.tenant()?;
    let items = views(call).await?.into_iter().map(|view| shown(tenant, view)).collect();
    call::ok(&Page { items, next: None })
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let (tenant, name) = (call.tenant()?, call.path("name").await?);
    let view = views(call).await?.into_iter().find(|view| view.name == name);
    let view = view.ok_or_else(|| Fault::new(&codes::CONNECTION_UNKNOWN))?;
    call::ok(&shown(tenant, view))
}

async fn put(call: &mut Call) -> Result<Response, Fault> {
    let name = call.path("name").await?;
    let SaveConnection { kind, settings } = call.json()?;
    if !PLATFORMS.contains(&kind.as_str()) && !OTHERS.contains(&kind.as_str()) {
        let known = [PLATFORMS, OTHERS].concat().join(", ");
        return Err(Fault::new(&codes::CONNECTION_INVALID)
            .detail(format!("kind is one of: {known}"))
            .pointer("/kind"));
    }
    let settings = Value::Object(settings).to_string();
    let problems = call.edge.talk.check_connection(&kind, &settings);
    if !problems.is_empty() {
        return Err(Fault::new(&codes::CONNECTION_INVALID).errors(problems).under("/settings"));
    }
    let command = Command::PutConnection { name: name.clone(), kind, settings: Personal(settings) };
    ask_own(call, &name, command).await
}

async fn remove(call: &mut Call) -> Result<Response, Fault> {
    let name = call.path("name").await?;
    ask_own(call, &name, Command::RemoveConnection { name: name.clone() }).await
}
