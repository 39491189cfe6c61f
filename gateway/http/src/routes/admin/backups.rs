//! Backups, restores, archives of tenants.

use axum::response::Response;
use impresario_api::{BackupOrder, codes};
use serde_json::{Value, json};

use super::{AdminQuery, Anything, post, read};
use crate::auth::Access;
use crate::call::Call;
use crate::fault::Fault;
use crate::port::AdminAsk;
use crate::route::{Param, Route};

/// What work with backups may be refused with.
const CODES: &[&codes::Code] = &[
    &codes::ADMIN_NOT_FOUND,
    &codes::ID_INVALID,
    &codes::ARCHIVE_PASSPHRASE_WRONG,
    &codes::BACKUP_DAMAGED,
    &codes::BACKUP_FORMAT_UNKNOWN,
    &codes::BACKUP_INCOMPLETE,
    &codes::BACKUP_NOT_FOUND,
    &codes::BACKUP_RUNNING,
    &codes::BACKUP_TARGET_INVALID,
    &codes::BACKUP_TARGET_UNAVAILABLE,
    &codes::RESTORE_FAILED,
    &codes::RESTORE_KEY_WRONG,
    &codes::RESTORE_NOT_EMPTY,
    &codes::TENANT_EXISTS,
];
const TARGET: Param = Param::text("target", "The place to look at, if not the configured one.");

pub(in crate::routes) const ROUTES: &[Route] = &[
    read("/admin/v1/backups", |call| Box::pin(backups(call)), "The backups at a place")
        .query(&[TARGET])
        .codes(CODES),
    post("/admin/v1/backups", |call| Box::pin(backup(call)), "Take a backup")
        .takes::<BackupOrder>()
        .codes(CODES),
    read(
        "/admin/v1/backups/shipping",
        |call| Box::pin(shipping(call)),
        "How far the log is shipped",
    ),
    post(
        "/admin/v1/backups/verify",
        |call| Box::pin(verify(call)),
        "Hold a backup against its checksums",
    )
    .takes::<BackupOrder>()
    .codes(CODES),
    post("/admin/v1/backups/restore", |call| Box::pin(restore(call)), "Fill an empty cluster")
        .takes::<BackupOrder>()
        .codes(CODES),
    post(
        "/admin/v1/tenants/{tenant}/archive",
        |call| Box::pin(tenant_export(call)),
        "Write everything of a tenant into an archive",
    )
    .takes::<BackupOrder>()
    .codes(CODES),
    Route::put("/admin/v1/tenants/{tenant}/archive", Access::Root, |call| {
        Box::pin(tenant_import(call))
    })
    .doc("Operators", "Bring a tenant in from an archive", "")
    .takes::<BackupOrder>()
    .gives::<Anything>()
    .codes(CODES),
];

/// What was sent, or an empty document.
fn order(call: &Call) -> Result<Value, Fault> {
    if call.body.is_empty() { Ok(json!({})) } else { Ok(call.json::<BackupOrder>()?.0) }
}

async fn backups(call: &mut Call) -> Result<Response, Fault> {
    let AdminQuery { target, .. } = call.query()?;
    let order = target.map_or_else(|| json!({}), |target| json!({ "target": target }));
    call.operate(AdminAsk::Backups { order }).await
}

async fn shipping(call: &mut Call) -> Result<Response, Fault> {
    call.operate(AdminAsk::Shipping).await
}

async fn backup(call: &mut Call) -> Result<Response, Fault> {
    let order = order(call)?;
    call.operate(AdminAsk::Backup { order }).await
}

async fn verify(call: &mut Call) -> Result<Response, Fault> {
    let order = order(call)?;
    call.operate(AdminAsk::BackupVerify { order }).await
}

async fn restore(call: &mut Call) -> Result<Response, Fault> {
    let order = order(call)?;
    call.operate(AdminAsk::Restore { order }).await
}

async fn tenant_export(call: &mut Call) -> Result<Response, Fault> {
    let (tenant, order) = (call.path_id("tenant").await?, order(call)?);
    call.operate(AdminAsk::TenantExport { tenant, order }).await
}

async fn tenant_import(call: &mut Call) -> Result<Response, Fault> {
    let (tenant, order) = (call.path_id("tenant").await?, order(call)?);
    call.operate(AdminAsk::TenantImport { tenant, order }).await
}
