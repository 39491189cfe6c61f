//! Passing on what concerns backups.

use impresario_http::{AdminAsk, PortError};
use serde_json::Value;

use super::Admin;
use crate::backup::BackupCall;

impl Admin {
    pub(super) async fn backup(&self, ask: AdminAsk) -> Result<Value, PortError> {
        let call = match ask {
            AdminAsk::Backup { order } => BackupCall::Create(order),
            AdminAsk::Backups { order } => BackupCall::List(order),
            AdminAsk::BackupVerify { order } => BackupCall::Verify(order),
            AdminAsk::Restore { order } => BackupCall::Restore(order),
            AdminAsk::Shipping => BackupCall::Shipping,
            AdminAsk::TenantExport { tenant, order } => BackupCall::TenantExport(tenant, order),
            AdminAsk::TenantImport { tenant, order } => BackupCall::TenantImport(tenant, order),
            _ => return Err(PortError::internal("this does not concern backups")),
        };
        let answer = self.parts.backups.asked(call).await;
        answer.map_err(|failed| PortError::coded(&failed.code, failed.message))
    }
}
