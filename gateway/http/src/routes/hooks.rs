//! Where chat platforms send what their people write. There is no key: the platform's signature is
//! verified over the raw bytes by the bridge of the connection.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use impresario_api::codes;
use impresario_ids::TenantId;

use crate::call::Call;
use crate::fault::Fault;
use crate::port::{Hook, HookAnswer};
use crate::route::{Method, Route};

const PATH: &str = "/hooks/{tenant}/{connection}";
const CODES: &[&codes::Code] =
    &[&codes::CONNECTION_UNKNOWN, &codes::HOOK_REFUSED, &codes::TENANT_SUSPENDED];

pub(crate) const ROUTES: &[Route] = &[
    Route::hook(Method::Get, PATH, |call| Box::pin(receive(call)))
        .doc(
            "Platforms",
            "Answer a chat platform that asks whether the address is yours",
            "Give this address to the platform; it is shown with the connection.",
        )
        .media("text/plain")
        .codes(CODES),
    Route::hook(Method::Post, PATH, |call| Box::pin(receive(call)))
        .doc(
            "Platforms",
            "Take what a chat platform sends",
            "Signatures are verified over the bytes as they came; the answer is what the platform \
             expects. Sending something again is safe.",
        )
        .codes(CODES),
];

async fn receive(call: &mut Call) -> Result<Response, Fault> {
    // Which tenants there are is nobody's business: whatever is wrong here, there is no connection.
    let unknown = || Fault::new(&codes::CONNECTION_UNKNOWN);
    let tenant: TenantId = call.path("tenant").await?.parse().map_err(|_| unknown())?;
    let connection = call.path("connection").await?;
    let state = call.edge.directory.get(tenant)?.ok_or_else(unknown)?;
    if state.connection(&connection).is_none() {
        return Err(unknown());
    }
    match state.status() {
        impresario_tenant::Status::Active => {}
        // Platforms send again later what was not taken.
        impresario_tenant::Status::Suspended { .. } => {
            return Err(Fault::new(&codes::TENANT_SUSPENDED));
        }
        impresario_tenant::Status::Missing | impresario_tenant::Status::Deleted { .. } => {
            return Err(unknown());
        }
    }
    let hook = Hook {
        method: call.route.method.as_str(),
        uri: call.parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        query: call.parts.uri.query().unwrap_or_default().to_owned(),
        headers: call.parts.headers.clone(),
        raw: call.body.clone(),
        received: call.received,
        trace: call.trace,
    };
    answered(call.edge.talk.webhook(tenant, connection, hook).await?)
}

fn answered(answer: HookAnswer) -> Result<Response, Fault> {
    let wrong = |what: &str| {
        tracing::error!(what, "a bridge gave an answer that cannot be sent");
        Fault::new(&codes::INTERNAL)
    };
    let HookAnswer { status, headers, body } = answer;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| wrong("status"))?;
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|_| wrong("header name"))?;
        let value = HeaderValue::try_from(value).map_err(|_| wrong("header value"))?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}
