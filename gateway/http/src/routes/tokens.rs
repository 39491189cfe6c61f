//! User tokens.

use axum::response::Response;
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{NewToken, SigningSecret, Token};
use impresario_kernel::Timestamp;
use impresario_tenant::Scope;

use super::keys::scopes;
use crate::auth::{self, Access, Claims, Proof};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;
use crate::wire::time;

pub(crate) const ROUTES: &[Route] = &[
    Route::post("/api/v1/tokens", Access::Tenant, |call| Box::pin(issue(call)))
        .doc(
            "Account",
            "Issue a user token",
            "A short-lived token, for example for a browser, with at most the scopes of the key. It \
             ends with the key. With `user_id` it speaks for that user alone.",
        )
        .takes::<NewToken>()
        .gives::<Token>()
        .status(201),
    Route::get("/api/v1/tokens/signing-secret", Access::Scope(Scope::TenantsManage), |call| {
        Box::pin(signing_secret(call))
    })
    .doc("Account", "Get the secret for signing user tokens yourself", "")
    .gives::<SigningSecret>(),
];

const TTL_S: u64 = 900;

async fn issue(call: &mut Call) -> Result<Response, Fault> {
    let NewToken { user_id, scopes: names, ttl_s } = call.json()?;
    let most = call.edge.options.token_ttl_max_s;
    let ttl_s = ttl_s.unwrap_or(TTL_S.min(most));
    if !(1..=most).contains(&ttl_s) {
        let detail = format!("a token lives for 1 to {most} seconds");
        return Err(Fault::new(&codes::INVALID_REQUEST).detail(detail).pointer("/ttl_s"));
    }
    let granted = match names {
        Some(names) => scopes(call, &names)?,
        None => call.caller()?.scopes.clone(),
    };
    let caller = call.caller()?;
    let key = match caller.proof {
        Proof::Key(id, _) => Some(id),
        Proof::Root => None,
        // Otherwise a token could live for ever by renewing itself.
        Proof::Token => {
            return Err(Fault::new(&codes::SCOPE_MISSING).detail("a token cannot issue tokens"));
        }
    };
    let pepper = caller.state.pepper().ok_or_else(|| Fault::new(&codes::TENANT_NOT_ONBOARDED))?;
    let issued_s = call.received.as_ms().div_euclid(1_000);
    let ends_s = issued_s.saturating_add_unsigned(ttl_s);
    let names: Vec<String> = granted.iter().map(ToString::to_string).collect();
    let claims = Claims {
        iss: caller.tenant,
        sub: user_id,
        scope: names.join(" "),
        exp: ends_s,
        iat: issued_s,
        key,
    };
    let token = auth::issue(&claims, &auth::signing_secret(pepper))?;
    let expires_at = time::print(Timestamp::from_ms(ends_s.saturating_mul(1_000)));
    call::json(StatusCode::CREATED, &Token { token, expires_at, scopes: names })
}

async fn signing_secret(call: &mut Call) -> Result<Response, Fault> {
    let caller = call.caller()?;
    // Who can sign tokens can give itself every scope.
    if let Some(scope) = Scope::ALL.iter().find(|scope| !caller.may(**scope)) {
        let detail = format!("this route needs every scope; {scope} is missing");
        return Err(Fault::new(&codes::SCOPE_MISSING).detail(detail));
    }
    let pepper = caller.state.pepper().ok_or_else(|| Fault::new(&codes::TENANT_NOT_ONBOARDED))?;
    call::ok(&SigningSecret {
        secret: auth::signing_secret(pepper),
        algorithm: "HS256".to_owned(),
        issuer: caller.tenant.to_string(),
    })
}
