//! The caller's own tenant.

use axum::response::Response;
use impresario_api::codes;
use impresario_api::{Changed, SettingsPatch, Tenant as ApiTenant};
use impresario_tenant::{Command, Scope};

use super::tenants::{ask_own, patch_of, view};
use crate::auth::Access;
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::route::Route;

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/tenant", Access::Scope(Scope::TenantsRead), |call| Box::pin(show(call)))
        .doc("Account", "Get your own tenant", "")
        .gives::<ApiTenant>(),
    Route::patch("/api/v1/tenant", Access::Scope(Scope::TenantsManage), |call| {
        Box::pin(update(call))
    })
    .doc(
        "Account",
        "Change your own settings",
        "Name, branding, allowed origins, when a visit ends, time zone.",
    )
    .takes::<SettingsPatch>()
    .gives::<Changed>()
    .codes(&[&codes::SETTINGS_INVALID]),
];

async fn show(call: &mut Call) -> Result<Response, Fault> {
    call::ok(&view(call, call.tenant()?).await?)
}

async fn update(call: &mut Call) -> Result<Response, Fault> {
    let patch = patch_of(call.json()?);
    let id = call.tenant()?.to_string();
    ask_own(call, &id, Command::Update { patch }).await
}
