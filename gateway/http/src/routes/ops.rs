//! For load balancers and Prometheus.

use axum::response::Response;
use http::StatusCode;
use impresario_api::Health;
use impresario_api::codes;

use crate::auth::{self, Access, Credential};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/healthz", Access::Public, |call| Box::pin(healthz(call)))
        .doc("Health", "Whether the process runs", "")
        .gives::<Health>(),
    Route::get("/readyz", Access::Public, |call| Box::pin(readyz(call)))
        .doc(
            "Health",
            "Whether requests can be taken",
            "503 while starting, stopping, or without a store.",
        )
        .gives::<Health>()
        .codes(&[&codes::UNAVAILABLE, &codes::SHUTTING_DOWN]),
    Route::get("/metrics", Access::Public, |call| Box::pin(metrics(call)))
        .doc(
            "Health",
            "Metrics in the format of Prometheus",
            "Needs the root token if so configured.",
        )
        .media("text/plain"),
];

async fn healthz(_call: &mut Call) -> Result<Response, Fault> {
    call::ok(&Health { status: "ok".to_owned() })
}

async fn readyz(call: &mut Call) -> Result<Response, Fault> {
    if *call.edge.stopping.borrow() {
        return Err(Fault::new(&codes::SHUTTING_DOWN));
    }
    match call.edge.admin.ready().await {
        Ok(_) => call::ok(&Health { status: "ok".to_owned() }),
        Err(error) => Err(Fault::new(&codes::UNAVAILABLE).detail(error.detail)),
    }
}

async fn metrics(call: &mut Call) -> Result<Response, Fault> {
    if !call.edge.options.metrics_public {
        match auth::find(&call.parts.headers)? {
            Some(Credential::Opaque(text)) if call.is_root(text) => {}
            None => return Err(Fault::new(&codes::CREDENTIAL_MISSING)),
            Some(_) => return Err(Fault::new(&codes::ROOT_REQUIRED)),
        }
    }
    let handle = call.edge.metrics.clone();
    let text = tokio::task::spawn_blocking(move || handle.render()).await.map_err(|error| {
        tracing::error!(%error, "rendering metrics panicked");
        Fault::new(&codes::INTERNAL)
    })?;
    Ok(call::raw(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
}
