//! The API's own documentation; everything is served from here, nothing from a CDN.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use impresario_api::codes::{self, Code};
use serde_json::json;

use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::openapi;
use crate::route::Route;

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/openapi.json", Access::Public, |call| Box::pin(document(call))).doc(
        "Documentation",
        "This API as OpenAPI 3.1",
        "",
    ),
    Route::get("/docs", Access::Public, |call| Box::pin(reference(call)))
        .doc("Documentation", "This API to read and to try", "")
        .media("text/html"),
    Route::get("/docs/scalar.js", Access::Public, |call| Box::pin(script(call)))
        .doc("Documentation", "The script of the reference", "")
        .media("text/javascript"),
    Route::get("/docs/errors", Access::Public, |call| Box::pin(errors(call))).doc(
        "Documentation",
        "Every problem code",
        "",
    ),
    Route::get("/docs/errors/{code}", Access::Public, |call| Box::pin(error_page(call)))
        .doc("Documentation", "What a problem code means", "")
        .media("text/markdown")
        .codes(&[&codes::ROUTE_NOT_FOUND]),
];

async fn document(call: &mut Call) -> Result<Response, Fault> {
    let text = call.edge.openapi.get_or_init(|| openapi::document_json().into());
    Ok(call::raw(StatusCode::OK, "application/json", text.clone()))
}

/// The reference runs one inline script, which is named by its hash, and its own bundle, which
/// styles itself inline.
async fn reference(_call: &mut Call) -> Result<Response, Fault> {
    let config = json!({
        "url": "/openapi.json",
        "withDefaultFonts": false,
        "telemetry": false,
        "hideClientButton": true,
        "showDeveloperTools": "never",
        "agent": { "disabled": true },
    });
    let html = scalar_api_reference::scalar_html(&config, Some("/docs/scalar.js"));
    let hash = inline_script_hash(&html);
    let policy = format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
    );
    let mut response = call::raw(StatusCode::OK, "text/html; charset=utf-8", html);
    let policy = HeaderValue::try_from(policy).map_err(|_| Fault::new(&codes::INTERNAL))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// SHA-256 of the last script element's text, in base 64.
pub(crate) fn inline_script_hash(html: &str) -> String {
    use base64::Engine;
    let script = html
        .rsplit_once("<script>")
        .and_then(|(_, rest)| rest.split_once("</script>"))
        .map_or("", |(script, _)| script);
    base64::engine::general_purpose::STANDARD.encode(<sha2::Sha256 as sha2::Digest>::digest(script))
}

async fn script(call: &mut Call) -> Result<Response, Fault> {
    let bytes = call
        .edge
        .scalar
        .get_or_init(|| scalar_api_reference::get_asset("scalar.js").unwrap_or_default().into())
        .clone();
    if bytes.is_empty() {
        return Err(Fault::new(&codes::ROUTE_NOT_FOUND));
    }
    let mut response = call::raw(StatusCode::OK, "text/javascript; charset=utf-8", bytes);
    let cached = HeaderValue::from_static("public, max-age=86400");
    response.headers_mut().insert(header::CACHE_CONTROL, cached);
    Ok(response)
}

async fn errors(_call: &mut Call) -> Result<Response, Fault> {
    let rows: Vec<_> = codes::ALL
        .iter()
        .map(|code| {
            json!({
                "code": code.name,
                "status": code.status,
                "title": code.title,
                "retryable": code.retryable,
                "page": format!("/docs/errors/{}", code.name),
            })
        })
        .collect();
    call::ok(&rows)
}

async fn error_page(call: &mut Call) -> Result<Response, Fault> {
    let name = call.path("code").await?;
    match Code::named(&name) {
        Some(code) => Ok(call::raw(StatusCode::OK, "text/markdown; charset=utf-8", code.page)),
        None => Err(Fault::new(&codes::ROUTE_NOT_FOUND).detail(format!("there is no code {name}"))),
    }
}
