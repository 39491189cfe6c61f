//! Timers, effects that are not done, commands that were set aside.

use axum::response::Response;

use super::{AdminQuery, Anything, MISSING, TENANT, act, read};
use crate::auth::Access;
use crate::call::Call;
use crate::fault::Fault;
use crate::port::{AdminAsk, Rows};
use crate::route::{LIMIT, Route};

pub(in crate::routes) const ROUTES: &[Route] = &[
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
];

fn rows(call: &Call) -> Result<Rows, Fault> {
    let query: AdminQuery = call.query()?;
    Ok(Rows { tenant: query.tenant, limit: query.limit()? })
}

async fn timers(call: &mut Call) -> Result<Response, Fault> {
    let rows = rows(call)?;
    call.operate(AdminAsk::Timers(rows)).await
}

async fn outbox(call: &mut Call) -> Result<Response, Fault> {
    let rows = rows(call)?;
    call.operate(AdminAsk::Outbox(rows)).await
}

async fn outbox_retry(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    call.operate(AdminAsk::OutboxRetry { id }).await
}

async fn outbox_drop(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    call.operate(AdminAsk::OutboxDrop { id }).await
}

async fn dead_letters(call: &mut Call) -> Result<Response, Fault> {
    let rows = rows(call)?;
    call.operate(AdminAsk::DeadLetters(rows)).await
}

async fn dead_letter_replay(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    call.operate(AdminAsk::DeadLetterReplay { id }).await
}

async fn dead_letter_drop(call: &mut Call) -> Result<Response, Fault> {
    let id = call.path("id").await?;
    call.operate(AdminAsk::DeadLetterDrop { id }).await
}
