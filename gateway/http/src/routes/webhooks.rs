//! Webhook endpoints and what became of their messages.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{
    Changed, Delivery, Endpoint, EndpointPatch as ApiPatch, EndpointWithSecret,
    NewEndpoint as ApiNew, Page, Replay, RotateSecret,
};
use impresario_ids::{EndpointId, MessageId};
use impresario_kernel::Personal;
use impresario_tenant::{Answer, Command, EndpointPatch, NewEndpoint, Query, Scope};

use super::tenants::{ask, ask_own, query};
use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::Fault;
use crate::route::{CURSOR, LIMIT, Route};

const MANAGE: Access = Access::Scope(Scope::WebhooksManage);
const CODES: &[&codes::Code] =
    &[&codes::ENDPOINT_UNKNOWN, &codes::ENDPOINT_INVALID, &codes::ID_INVALID];
const TAG: &str = "Webhooks";

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/webhooks", MANAGE, |call| Box::pin(list(call)))
        .doc(TAG, "List webhook endpoints", "")
        .gives::<Page<Endpoint>>(),
    Route::post("/api/v1/webhooks", MANAGE, |call| Box::pin(create(call)))
        .doc(
            TAG,
            "Add a webhook endpoint",
            "Messages follow Standard Webhooks 1.0; the signing secret is shown only here.",
        )
        .takes::<ApiNew>()
        .gives::<EndpointWithSecret>()
        .status(201)
        .codes(&[&codes::ENDPOINT_INVALID, &codes::PLAN_LIMIT_REACHED, &codes::ENDPOINT_ID_TAKEN]),
    Route::get("/api/v1/webhooks/{id}", MANAGE, |call| Box::pin(show(call)))
        .doc(TAG, "Get a webhook endpoint", "")
        .gives::<Endpoint>()
        .codes(CODES),
    Route::patch("/api/v1/webhooks/{id}", MANAGE, |call| Box::pin(update(call)))
        .doc(
            TAG,
            "Change a webhook endpoint",
            "Enabling clears the reason for which it was disabled.",
        )
        .takes::<ApiPatch>()
        .gives::<Changed>()
        .codes(CODES),
    Route::delete("/api/v1/webhooks/{id}", MANAGE, |call| Box::pin(remove(call)))
        .doc(TAG, "Remove a webhook endpoint", "")
        .gives::<Changed>()
        .codes(CODES),
    Route::post("/api/v1/webhooks/{id}/rotate-secret", MANAGE, |call| Box::pin(rotate(call)))
        .doc(TAG, "Replace an endpoint's signing secret", "The new one is shown only here.")
        .takes::<RotateSecret>()
        .gives::<EndpointWithSecret>()
        .codes(CODES),
    Route::get("/api/v1/webhooks/{id}/deliveries", MANAGE, |call| Box::pin(deliveries(call)))
        .doc(TAG, "List deliveries to an endpoint, newest first", "")
        .gives::<Page<Delivery>>()
        .query(&[LIMIT, CURSOR])
        .codes(CODES),
    Route::post("/api/v1/webhooks/{id}/replay", MANAGE, |call| Box::pin(replay(call)))
        .doc(TAG, "Send a past message once more", "Under the same message id.")
        .takes::<Replay>()
        .gives::<Changed>()
        .codes(&[
            &codes::ENDPOINT_UNKNOWN,
            &codes::ENDPOINT_DISABLED,
            &codes::DELIVERY_NOT_FOUND,
            &codes::WEBHOOK_MESSAGE_INVALID,
            &codes::ID_INVALID,
        ]),
];

async fn endpoints(call: &Call) -> Result<Vec<impresario_tenant::EndpointView>, Fault> {
    match query(call, call.tenant()?, Query::Endpoints).await? {
        Answer::Endpoints(items) => Ok(items),
        _ => Err(super::unexpected("endpoints")),
    }
}

async fn list(call: &mut Call) -> Result<Response, Fault> {
    call::ok(&Page { items: endpoints(call).await?, next: None })
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let id: EndpointId = call.path_id("id").await?;
    let found = endpoints(call).await?.into_iter().find(|endpoint| endpoint.id == id);
    call::ok(&found.ok_or_else(|| Fault::new(&codes::ENDPOINT_UNKNOWN))?)
}

fn fresh_secret(call: &Call) -> Result<String, Fault> {
    let bytes: [u8; 32] = call.secret_bytes()?;
    Ok(format!("whsec_{}", STANDARD.encode(bytes)))
}

async fn create(call: &mut Call) -> Result<Response, Fault> {
    let ApiNew { url, description, events, secret } = call.json()?;
    let id: EndpointId = call.fresh_id()?;
    let secret = match secret {
        Some(secret) => secret,
        None => fresh_secret(call)?,
    };
    let endpoint = NewEndpoint { id, url, description, events, secret: Personal(secret.clone()) };
    ask(call, call.tenant()?, Command::AddEndpoint { endpoint }).await?;
    call::json(StatusCode::CREATED, &EndpointWithSecret { id: id.to_string(), secret })
}

async fn update(call: &mut Call) -> Result<Response, Fault> {
    let ApiPatch { url, description, events, enabled } = call.json()?;
    let patch = EndpointPatch { url, description, events, enabled };
    let id: EndpointId = call.path_id("id").await?;
    ask_own(call, &id.to_string(), Command::UpdateEndpoint { id, patch }).await
}

async fn remove(call: &mut Call) -> Result<Response, Fault> {
    let id: EndpointId = call.path_id("id").await?;
    ask_own(call, &id.to_string(), Command::RemoveEndpoint { id }).await
}

async fn rotate(call: &mut Call) -> Result<Response, Fault> {
    let RotateSecret { grace_s } =
        if call.body.is_empty() { RotateSecret::default() } else { call.json()? };
    let id: EndpointId = call.path_id("id").await?;
    let secret = fresh_secret(call)?;
    let command = Command::RotateEndpointSecret {
        id,
        secret: Personal(secret.clone()),
        grace_ms: i64::from(grace_s) * 1_000,
    };
    ask(call, call.tenant()?, command).await?;
    call::ok(&EndpointWithSecret { id: id.to_string(), secret })
}

async fn deliveries(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let (tenant, limit) = (call.tenant()?, list.limit()?);
    let id: EndpointId = call.path_id("id").await?;
    if call.caller()?.state.endpoint(id).is_none() {
        return Err(Fault::new(&codes::ENDPOINT_UNKNOWN));
    }
    call::ok(&call.edge.admin.deliveries(tenant, id, list.cursor_text(), limit).await?)
}

async fn replay(call: &mut Call) -> Result<Response, Fault> {
    let Replay { message } = call.json()?;
    let message: MessageId = message.parse()?;
    let (tenant, endpoint) =
        (call.tenant()?, call.path_id::<impresario_ids::EndpointKind>("id").await?);
    let sent = call.edge.admin.delivery(tenant, endpoint, message).await?;
    let sent = sent.ok_or_else(|| Fault::new(&codes::DELIVERY_NOT_FOUND))?;
    let command = Command::ReplayDelivery { endpoint, message, kind: sent.kind, body: sent.body };
    ask_own(call, &message.to_string(), command).await
}
