//! API keys of the caller's own tenant.

use axum::response::Response;
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{ApiKey, ApiKeyWithSecret, Changed, NewApiKey, Page, RotateKey};
use impresario_ids::ApiKeyId;
use impresario_kernel::Timestamp;
use impresario_tenant::keys::{self, Secret};
use impresario_tenant::{Answer, Command, KeyKind, NewKey, Query, RotatedKey, Scope};

use super::tenants::{ask, ask_own, query};
use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

const MANAGE: Access = Access::Scope(Scope::KeysManage);

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/keys", MANAGE, |call| Box::pin(list(call)))
        .doc("Account", "List API keys", "Without their secrets.")
        .gives::<Page<ApiKey>>(),
    Route::post("/api/v1/keys", MANAGE, |call| Box::pin(create(call)))
        .doc(
            "Account",
            "Make an API key",
            "Its text is shown only in this answer. A key gives no scope that its maker lacks.",
        )
        .takes::<NewApiKey>()
        .gives::<ApiKeyWithSecret>()
        .status(201)
        .codes(&[&codes::API_KEY_INVALID, &codes::PLAN_LIMIT_REACHED, &codes::API_KEY_ID_TAKEN]),
    Route::post("/api/v1/keys/{id}/rotate", MANAGE, |call| Box::pin(rotate(call)))
        .doc("Account", "Replace an API key", "The new text is shown only in this answer.")
        .takes::<RotateKey>()
        .gives::<ApiKeyWithSecret>()
        .status(201)
        .codes(&[
            &codes::API_KEY_UNKNOWN,
            &codes::API_KEY_DEAD,
            &codes::API_KEY_INVALID,
            &codes::API_KEY_ID_TAKEN,
            &codes::ID_INVALID,
        ]),
    Route::delete("/api/v1/keys/{id}", MANAGE, |call| Box::pin(revoke(call)))
        .doc("Account", "Revoke an API key", "At once.")
        .gives::<Changed>()
        .codes(&[&codes::API_KEY_UNKNOWN, &codes::ID_INVALID]),
];

async fn list(call: &mut Call) -> Result<Response, Fault> {
    match query(call, call.tenant()?, Query::Keys).await? {
        Answer::Keys(items) => call::ok(&Page { items, next: None }),
        _ => Err(super::unexpected("keys")),
    }
}

/// Scopes by their names; nobody hands out what it lacks itself.
pub(super) fn scopes(call: &Call, names: &[String]) -> Result<Vec<Scope>, Fault> {
    let caller = call.caller()?;
    let mut scopes = Vec::with_capacity(names.len());
    for (position, name) in names.iter().enumerate() {
        let scope: Scope = name.parse().map_err(|error: impresario_tenant::ParseNameError| {
            Fault::new(&codes::INVALID_REQUEST)
                .detail(error.to_string())
                .pointer(format!("/scopes/{position}"))
        })?;
        if !caller.may(scope) {
            let detail = format!("you lack the scope {scope} yourself");
            return Err(Fault::new(&codes::SCOPE_MISSING)
                .detail(detail)
                .pointer(format!("/scopes/{position}")));
        }
        scopes.push(scope);
    }
    Ok(scopes)
}

fn expiry(text: Option<String>) -> Result<Option<Timestamp>, Fault> {
    text.map(|text| call::time("expires_at", &text)).transpose()
}

async fn create(call: &mut Call) -> Result<Response, Fault> {
    let NewApiKey { kind, name, scopes: names, expires_at } = call.json()?;
    let kind: KeyKind = kind.parse().map_err(|error: impresario_tenant::ParseNameError| {
        Fault::new(&codes::INVALID_REQUEST).detail(error.to_string()).pointer("/kind")
    })?;
    let scopes = scopes(call, &names)?;
    let expires_at = expiry(expires_at)?;
    let (tenant, id) = (call.tenant()?, call.fresh_id()?);
    let (secret, hash) = secret_for(call, kind)?;
    let key = NewKey {
        id,
        kind,
        name: name.clone(),
        scopes: scopes.clone(),
        hash,
        last4: secret.last4(),
        expires_at,
    };
    ask(call, tenant, Command::CreateKey { key }).await?;
    let scopes = if kind == KeyKind::Write { vec![Scope::EventsWrite] } else { scopes };
    call::json(
        StatusCode::CREATED,
        &ApiKeyWithSecret {
            id: id.to_string(),
            key: keys::format(tenant, kind, &secret),
            kind: kind.to_string(),
            name,
            scopes: scopes.iter().map(ToString::to_string).collect(),
        },
    )
}

fn secret_for(call: &Call, kind: KeyKind) -> Result<(Secret, keys::KeyHash), Fault> {
    let secret = Secret::new(call.secret_bytes()?);
    let state = &call.caller()?.state;
    let pepper = state.pepper().ok_or_else(|| Fault::new(&codes::TENANT_NOT_ONBOARDED))?;
    let hash = keys::hash(pepper, kind, &secret);
    Ok((secret, hash))
}

async fn rotate(call: &mut Call) -> Result<Response, Fault> {
    let RotateKey { grace_s, expires_at } =
        if call.body.is_empty() { RotateKey::default() } else { call.json()? };
    let old: ApiKeyId = call.path_id("id").await?;
    let state = std::sync::Arc::clone(&call.caller()?.state);
    let known = state.key(old).ok_or_else(|| Fault::new(&codes::API_KEY_UNKNOWN))?;
    if !known.scopes.iter().all(|scope| call.caller().is_ok_and(|caller| caller.may(*scope))) {
        return Err(
            Fault::new(&codes::SCOPE_MISSING).detail("the key has scopes that you lack yourself")
        );
    }
    let (tenant, id) = (call.tenant()?, call.fresh_id()?);
    let (secret, hash) = secret_for(call, known.kind)?;
    let new = RotatedKey { id, hash, last4: secret.last4(), expires_at: expiry(expires_at)? };
    let grace_ms = i64::from(grace_s) * 1_000;
    ask(call, tenant, Command::RotateKey { old, new, grace_ms }).await?;
    call::json(
        StatusCode::CREATED,
        &ApiKeyWithSecret {
            id: id.to_string(),
            key: keys::format(tenant, known.kind, &secret),
            kind: known.kind.to_string(),
            name: known.name.clone(),
            scopes: known.scopes.iter().map(ToString::to_string).collect(),
        },
    )
}

async fn revoke(call: &mut Call) -> Result<Response, Fault> {
    let id: ApiKeyId = call.path_id("id").await?;
    ask_own(call, &id.to_string(), Command::RevokeKey { id }).await
}
