//! Entities: which are active, which are busy, one of them.

use axum::response::Response;
use impresario_api::HoldActor;

use super::{AdminQuery, NODE_PARAM, act, post, read, wrong};
use crate::call::Call;
use crate::fault::Fault;
use crate::port::{Actor, AdminAsk};
use crate::route::{LIMIT, Param, Route};

const KIND: Param =
    Param::text("kind", "`tenant`, `profile`, `segment` or `quarantine`; all if not given.");

pub(in crate::routes) const ROUTES: &[Route] = &[
    read(
        "/admin/v1/actors",
        |call| Box::pin(actors(call)),
        "The most recently used active entities",
    )
    .query(&[KIND, NODE_PARAM, LIMIT]),
    read("/admin/v1/top", |call| Box::pin(top(call)), "What is busy: entities, tenants, waits")
        .query(&[NODE_PARAM, LIMIT]),
    read("/admin/v1/actors/{tenant}/{kind}/{id}", |call| Box::pin(show(call)), "One entity"),
    read(
        "/admin/v1/actors/{tenant}/{kind}/{id}/trace",
        |call| Box::pin(trace(call)),
        "What happened to an entity, newest first, without personal values",
    )
    .query(&[LIMIT]),
    act(
        "/admin/v1/actors/{tenant}/{kind}/{id}/passivate",
        |call| Box::pin(passivate(call)),
        "Take an entity out of memory",
    ),
    post(
        "/admin/v1/actors/{tenant}/{kind}/{id}/quarantine",
        |call| Box::pin(quarantine(call)),
        "Keep an entity out of service for a while",
    )
    .takes::<HoldActor>(),
    act(
        "/admin/v1/actors/{tenant}/{kind}/{id}/release",
        |call| Box::pin(release(call)),
        "Let an entity serve again",
    ),
];

/// How long a quarantine lasts, unless the caller says.
const HOLD_S: u64 = 600;
/// Longer than this is not a while.
const HOLD_S_MAX: u64 = 7 * 24 * 3_600;

impl Call {
    async fn actor(&mut self) -> Result<Actor, Fault> {
        Ok(Actor {
            tenant: self.path_id("tenant").await?,
            kind: self.path("kind").await?,
            id: self.path("id").await?,
        })
    }
}

async fn actors(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    let limit = query.limit()?;
    call.operate(AdminAsk::Actors { kind: query.kind, limit }).await
}

async fn top(call: &mut Call) -> Result<Response, Fault> {
    let query: AdminQuery = call.query()?;
    let limit = query.limit()?;
    call.operate(AdminAsk::Top { limit }).await
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let actor = call.actor().await?;
    call.operate(AdminAsk::ActorShow(actor)).await
}

async fn trace(call: &mut Call) -> Result<Response, Fault> {
    let (actor, query) = (call.actor().await?, call.query::<AdminQuery>()?);
    let limit = query.limit()?;
    call.operate(AdminAsk::ActorTrace { actor, limit }).await
}

async fn passivate(call: &mut Call) -> Result<Response, Fault> {
    let actor = call.actor().await?;
    call.operate(AdminAsk::ActorPassivate(actor)).await
}

async fn quarantine(call: &mut Call) -> Result<Response, Fault> {
    let (actor, HoldActor { reason, seconds }) = (call.actor().await?, call.json()?);
    let seconds = seconds.unwrap_or(HOLD_S);
    if reason.trim().is_empty() || !(1..=HOLD_S_MAX).contains(&seconds) {
        return Err(wrong("a quarantine has a reason, and 1 to 604800 seconds"));
    }
    call.operate(AdminAsk::ActorQuarantine { actor, reason, seconds }).await
}

async fn release(call: &mut Call) -> Result<Response, Fault> {
    let actor = call.actor().await?;
    call.operate(AdminAsk::ActorRelease(actor)).await
}
