//! A page with nothing but the chat: for links in mails and QR codes, and for trying the assistant
//! before there is a website.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use impresario_api::codes;
use sha2::{Digest, Sha256};

use super::site::Site;
use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

const STYLE: &str = "html,body{margin:0;height:100%;background:#e9ecf1;color-scheme:light dark}\
@media (prefers-color-scheme:dark){html,body{background:#0e1013}}\
noscript{display:block;padding:2rem;font:1rem system-ui,sans-serif}";

pub(crate) const ROUTES: &[Route] = &[Route::get(
    "/chat/{tenant}/{connection}",
    Access::Public,
    |call| Box::pin(page(call)),
)
.doc(
    "Widget",
    "A page with nothing but the chat",
    "For links in mails and QR codes, and to try the assistant without a website of your own. \
             Visitors are unknown here: a page of yours can say who they are.",
)
.media("text/html")
.codes(&[&codes::CONNECTION_UNKNOWN, &codes::TENANT_SUSPENDED])];

async fn page(call: &mut Call) -> Result<Response, Fault> {
    let site = Site::of(call).await?;
    let assistant = site.assistant();
    let widget = &assistant.widget;
    let title = if widget.title.is_empty() { &assistant.name } else { &widget.title };
    let language = call.parts.headers.get(header::ACCEPT_LANGUAGE);
    let language = language.and_then(|value| value.to_str().ok()?.get(..2));
    let language = language
        .filter(|tag| tag.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .map_or_else(|| assistant.languages.default.clone(), str::to_lowercase);
    let html = format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n\
         <noscript>This chat needs JavaScript.</noscript>\n\
         <script src=\"/widget.js\" data-tenant=\"{tenant}\" data-connection=\"{connection}\" \
         data-full=\"true\" async></script>\n</body>\n</html>\n",
        language = escaped(&language),
        title = escaped(title),
        tenant = site.tenant,
        connection = escaped(&site.connection),
    );
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'sha256-{hash}'; connect-src 'self'; \
         img-src https: http: data:; media-src https: http:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let mut response = call::raw(StatusCode::OK, "text/html; charset=utf-8", html);
    let policy = HeaderValue::try_from(policy).map_err(|_| Fault::new(&codes::INTERNAL))?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.append(header::VARY, HeaderValue::from_static("accept-language"));
    Ok(response)
}

/// For text and quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
