//! This node: version, uptime, what is going on.

use std::sync::Arc;

use impresario_api::codes;
use impresario_http::PortError;
use impresario_ids::TenantId;
use serde_json::{Value, json};

use super::{Admin, internal};

impl Admin {
    pub(super) fn node_value(&self) -> Value {
        let host = &self.parts.host;
        let kinds: Vec<Value> = host
            .info()
            .into_iter()
            .map(|info| json!({ "kind": info.kind, "active": info.active, "down": info.down }))
            .collect();
        json!({
            "node": self.parts.neighbours.me(),
            "version": env!("CARGO_PKG_VERSION"),
            "listen": self.parts.config.http.listen,
            "data": self.parts.config.node.data,
            "up_ms": self.now().since_ms(self.started),
            "partitions": host.journal().partitions(),
            "tenants": host.vault().tenants().len(),
            "under_way": self.parts.router.under_way(),
            "kinds": kinds,
            "failed_partitions": self.failed(),
        })
    }

    fn failed(&self) -> Vec<Value> {
        let failed = self.parts.host.failed_partitions();
        failed
            .into_iter()
            .map(|(partition, reason)| json!({ "partition": partition.0, "reason": reason }))
            .collect()
    }

    /// An error names the partitions that are out of service: they take no commit until the node is
    /// started again.
    pub(super) fn ready_value(&self) -> Result<Value, PortError> {
        if self.parts.neighbours.is_cut_off() {
            return Err(PortError {
                code: &codes::UNAVAILABLE,
                detail: "no majority of the cluster answers this node".to_owned(),
            });
        }
        let failed = self.parts.host.failed_partitions();
        match failed.iter().min_by_key(|(partition, _)| **partition) {
            None => Ok(json!({ "ready": true })),
            Some((partition, reason)) => Err(internal(format!(
                "{} partitions are out of service until a restart, {partition} because: {reason}",
                failed.len()
            ))),
        }
    }

    pub(super) fn stores_value(&self) -> Value {
        let stats = self.parts.host.journal().stats();
        let partitions: Vec<Value> = (0_u16..)
            .zip(&stats.partitions)
            .map(|(number, partition)| {
                json!({
                    "partition": number,
                    "applied": partition.applied,
                    "checkpointed": partition.checkpointed,
                    "state_bytes": partition.state_bytes,
                    "dirty_rows": partition.dirty_rows,
                })
            })
            .collect();
        json!({
            "node": self.parts.neighbours.me(),
            "log_bytes": stats.log_bytes,
            "log_syncs": stats.log_syncs,
            "batches": stats.batches,
            "partitions": partitions,
        })
    }

    pub(super) async fn tenants_value(
        &self,
        after: Option<TenantId>,
        limit: usize,
    ) -> Result<Value, PortError> {
        let directory = Arc::clone(&self.parts.directory);
        let read = tokio::task::spawn_blocking(move || directory.tenants(after, limit));
        let tenants = read.await.map_err(internal)?.map_err(internal)?;
        let shown: Vec<Value> = tenants
            .iter()
            .map(|(id, state)| {
                json!({
                    "id": id,
                    "name": state.settings().name,
                    "plan": state.plan().as_str(),
                    "status": state.status().as_str(),
                })
            })
            .collect();
        let next = if tenants.len() == limit { tenants.last().map(|(id, _)| *id) } else { None };
        Ok(json!({ "tenants": shown, "next": next }))
    }
}
