//! Computed traits: counts, sums, last and distinct values over a window.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Changed, Computed, Page};
use impresario_tenant::{Command, Scope};
use serde_json::Value;

use super::tenants::ask_own;
use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/computed-traits", Access::Scope(Scope::SegmentsRead), |call| {
        Box::pin(list(call))
    })
    .doc("Segments", "List computed traits", "")
    .gives::<Page<Computed>>(),
    Route::put("/api/v1/computed-traits/{name}", Access::Scope(Scope::SegmentsWrite), |call| {
        Box::pin(define(call))
    })
    .doc(
        "Segments",
        "Add or replace a computed trait",
        "The body is the definition: kind (`count`, `sum`, `last`, `distinct`), event, property, \
         where, within_last. All profiles compute it from their past in the background.",
    )
    .takes::<impresario_api::ComputedDefinition>()
    .gives::<Changed>()
    .codes(&[&codes::COMPUTED_TRAIT_INVALID, &codes::PLAN_LIMIT_REACHED]),
    Route::delete("/api/v1/computed-traits/{name}", Access::Scope(Scope::SegmentsWrite), |call| {
        Box::pin(remove(call))
    })
    .doc("Segments", "Remove a computed trait", "")
    .gives::<Changed>()
    .codes(&[&codes::COMPUTED_TRAIT_UNKNOWN]),
];

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let items = call.caller()?.state.computed().map(|one| Computed {
        name: one.name.clone(),
        definition: serde_json::from_str(&one.spec).unwrap_or(Value::Null),
    });
    call::ok(&Page { items: items.collect(), next: None })
}

async fn define(call: &mut Call) -> Result<Response, Fault> {
    let name = call.path("name").await?;
    let mut definition: serde_json::Map<String, Value> = call.json()?;
    match definition.insert("name".to_owned(), Value::String(name.clone())) {
        None => {}
        Some(Value::String(given)) if given == name => {}
        Some(_) => {
            return Err(Fault::new(&codes::COMPUTED_TRAIT_INVALID)
                .detail("the name is in the path")
                .pointer("/name"));
        }
    }
    let spec = Value::Object(definition).to_string();
    ask_own(call, &name, Command::DefineComputed { spec }).await
}

async fn remove(call: &mut Call) -> Result<Response, Fault> {
    let name = call.path("name").await?;
    ask_own(call, &name, Command::RemoveComputed { name: name.clone() }).await
}
