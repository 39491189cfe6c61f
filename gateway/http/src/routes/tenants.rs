//! Tenants, for the operator with the root token.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{
    Changed, LimitOverrides, NewTenant, Page, PlanChange, SettingsPatch, Suspension,
    Tenant as ApiTenant,
};
use impresario_ids::TenantId;
use impresario_router::Envelope;
use impresario_tenant::keys::Pepper;
use impresario_tenant::{Answer, Branding, Command, Overrides, Patch, Plan, Query, Tenant, View};

use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::{self, Fault};
use crate::route::{CURSOR, LIMIT, Route};

const CODES: &[&codes::Code] = &[
    &codes::TENANT_NOT_ONBOARDED,
    &codes::TENANT_DELETED,
    &codes::SETTINGS_INVALID,
    &codes::LIMITS_INVALID,
    &codes::ID_INVALID,
];

const fn root(route: Route, summary: &'static str, about: &'static str) -> Route {
    route.doc("Tenants", summary, about).codes(CODES)
}

pub(crate) const ROUTES: &[Route] = &[
    root(
        Route::post("/api/v1/tenants", Access::Root, |call| Box::pin(create(call))),
        "Begin a tenant",
        "",
    )
    .takes::<NewTenant>()
    .gives::<ApiTenant>()
    .status(201)
    .codes(&[&codes::SETTINGS_INVALID, &codes::TENANT_ALREADY_ONBOARDED]),
    root(
        Route::get("/api/v1/tenants", Access::Root, |call| Box::pin(list(call))),
        "List tenants",
        "",
    )
    .gives::<Page<ApiTenant>>()
    .query(&[LIMIT, CURSOR]),
    root(
        Route::get("/api/v1/tenants/{id}", Access::Root, |call| Box::pin(show(call))),
        "Get a tenant",
        "",
    )
    .gives::<ApiTenant>(),
    root(
        Route::patch("/api/v1/tenants/{id}", Access::Root, |call| Box::pin(update(call))),
        "Change a tenant's settings",
        "",
    )
    .takes::<SettingsPatch>()
    .gives::<Changed>(),
    root(
        Route::put("/api/v1/tenants/{id}/plan", Access::Root, |call| Box::pin(plan(call))),
        "Move a tenant to another plan",
        "",
    )
    .takes::<PlanChange>()
    .gives::<Changed>(),
    root(
        Route::put("/api/v1/tenants/{id}/limits", Access::Root, |call| Box::pin(limits(call))),
        "Override limits of a tenant's plan",
        "Replaces all overrides.",
    )
    .takes::<LimitOverrides>()
    .gives::<Changed>(),
    root(
        Route::post("/api/v1/tenants/{id}/suspend", Access::Root, |call| Box::pin(suspend(call))),
        "Stop serving a tenant",
        "Its data stays.",
    )
    .takes::<Suspension>()
    .gives::<Changed>(),
    root(
        Route::act("/api/v1/tenants/{id}/resume", Access::Root, |call| Box::pin(resume(call))),
        "Serve a tenant again",
        "",
    )
    .gives::<Changed>(),
    root(
        Route::get("/api/v1/tenants/{id}/export", Access::Root, |call| Box::pin(export(call))),
        "Export everything a tenant has",
        "One JSON document per line.",
    )
    .media("application/x-ndjson"),
    root(
        Route::delete("/api/v1/tenants/{id}", Access::Root, |call| Box::pin(delete(call))),
        "Delete a tenant",
        "Its keys stop working at once; then its data keys are destroyed, which makes every copy \
         unreadable, and its rows are removed. There is no way back.",
    )
    .status(204),
];

/// Sends a command to a tenant.
pub(super) async fn ask(
    call: &Call,
    tenant: TenantId,
    command: Command,
) -> Result<impresario_tenant::Reply, Fault> {
    let entity = impresario_tenant::key(tenant);
    let reply = call.edge.router.ask::<Tenant>(entity, command, call.envelope()?).await?;
    // Whoever is told that it is done finds it done here, wherever it was decided.
    call.edge.directory.invalidate(entity.tenant);
    Ok(reply)
}

/// Sends a command to the caller's own tenant and answers what became of it.
pub(super) async fn ask_own(call: &Call, id: &str, command: Command) -> Result<Response, Fault> {
    let reply = ask(call, call.tenant()?, command).await?;
    call::ok(&Changed { id: id.to_owned(), version: reply.version, changed: reply.changed })
}

/// Asks a tenant a question; the answer is as of now, not of the directory.
pub(super) async fn query(call: &Call, tenant: TenantId, query: Query) -> Result<Answer, Fault> {
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let entity = impresario_tenant::key(tenant);
    Ok(call.edge.router.query::<Tenant>(entity, query, envelope).await?)
}

pub(super) async fn view(call: &Call, tenant: TenantId) -> Result<View, Fault> {
    match query(call, tenant, Query::Get).await? {
        Answer::Tenant(Some(view)) => Ok(view),
        _ => Err(Fault::new(&codes::TENANT_NOT_ONBOARDED)),
    }
}

pub(super) fn plan_named(text: &str) -> Result<Plan, Fault> {
    text.parse::<Plan>().map_err(|error| {
        Fault::new(&codes::INVALID_REQUEST).detail(error.to_string()).pointer("/plan")
    })
}

pub(super) fn patch_of(patch: SettingsPatch) -> Patch {
    let SettingsPatch { name, domain, branding, allowed_origins, session_idle_minutes, time_zone } =
        patch;
    let branding = branding.map(|branding| Branding {
        display_name: branding.display_name,
        logo_url: branding.logo_url,
        colours: branding.colours,
    });
    Patch { name, domain, branding, allowed_origins, session_idle_minutes, time_zone }
}

async fn create(call: &mut Call) -> Result<Response, Fault> {
    let NewTenant { name, domain, plan } = call.json()?;
    let plan = plan_named(plan.as_deref().unwrap_or(Plan::Free.as_str()))?;
    // Before a key is made for a tenant that never begins.
    impresario_tenant::check_beginning(&name, &domain)
        .map_err(|rejection| fault::rejected(&rejection))?;
    let id: TenantId = call.fresh_id()?;
    call.edge.admin.provision(id).await?;
    let pepper = Pepper::new(call.edge.random_bytes());
    ask(call, id, Command::Onboard { name, domain, plan, pepper }).await?;
    call::json(StatusCode::CREATED, &view(call, id).await?)
}

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let limit = list.limit()?;
    let after = list.cursor_text().map(|text| text.parse::<TenantId>()).transpose()?;
    let directory = std::sync::Arc::clone(&call.edge.directory);
    let found = tokio::task::spawn_blocking(move || directory.tenants(after, limit)).await;
    let found = found.map_err(|error| {
        tracing::error!(%error, "listing tenants panicked");
        Fault::new(&codes::INTERNAL)
    })??;
    let next = if found.len() == limit { found.last().map(|(id, _)| id.to_string()) } else { None };
    let items = found.iter().map(|(id, state)| View::of(*id, state)).collect();
    call::ok(&Page { items, next })
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path_id("id").await?;
    call::ok(&view(call, id).await?)
}

async fn change(call: &mut Call, command: Command) -> Result<Response, Fault> {
    let id: TenantId = call.path_id("id").await?;
    let reply = ask(call, id, command).await?;
    call::ok(&Changed { id: id.to_string(), version: reply.version, changed: reply.changed })
}

async fn update(call: &mut Call) -> Result<Response, Fault> {
    let patch = patch_of(call.json()?);
    change(call, Command::Update { patch }).await
}

async fn plan(call: &mut Call) -> Result<Response, Fault> {
    let PlanChange { plan } = call.json()?;
    let plan = plan_named(&plan)?;
    change(call, Command::ChangePlan { plan }).await
}

async fn limits(call: &mut Call) -> Result<Response, Fault> {
    let LimitOverrides {
        requests_per_day,
        burst_per_second,
        profiles,
        segments,
        computed,
        keys,
        endpoints,
    } = call.json()?;
    let overrides = Overrides {
        requests_per_day,
        burst_per_second,
        profiles,
        segments,
        computed,
        keys,
        endpoints,
    };
    change(call, Command::OverrideLimits { overrides }).await
}

async fn suspend(call: &mut Call) -> Result<Response, Fault> {
    let Suspension { reason } = call.json()?;
    change(call, Command::Suspend { reason }).await
}

async fn resume(call: &mut Call) -> Result<Response, Fault> {
    change(call, Command::Resume).await
}

async fn export(call: &mut Call) -> Result<Response, Fault> {
    let id: TenantId = call.path_id("id").await?;
    view(call, id).await?;
    let lines = call.edge.admin.export(id).map(|value| {
        let mut line = value.to_string();
        line.push('\n');
        Ok::<_, std::convert::Infallible>(Bytes::from(line))
    });
    // Noted at the tenant when the last line is on its way.
    let (edge, trace) = (std::sync::Arc::clone(&call.edge), call.trace);
    let noted = stream::once(async move {
        let deadline = edge.router.deadline(std::time::Duration::from_secs(10));
        let envelope = Envelope { key: None, deadline, trace };
        let entity = impresario_tenant::key(id);
        if let Err(error) = edge.router.ask::<Tenant>(entity, Command::MarkExported, envelope).await
        {
            tracing::warn!(%error, tenant = %id, "the export could not be noted");
        }
        Ok(Bytes::new())
    });
    let lines = lines.chain(noted);
    Ok(call::raw(StatusCode::OK, "application/x-ndjson", Body::from_stream(lines)))
}

async fn delete(call: &mut Call) -> Result<Response, Fault> {
    let id: TenantId = call.path_id("id").await?;
    ask(call, id, Command::Delete).await?;
    call.edge.admin.erase(id).await?;
    call.edge.directory.invalidate(id);
    call::done()
}
