//! Answering an ask on this node.

use impresario_http::{AdminAsk, PortError};
use serde_json::{Value, json};

use super::{Admin, internal};

impl Admin {
    /// This node's own answer; nothing is passed on from here, except what the steward passes on.
    pub(crate) async fn here(&self, ask: AdminAsk) -> Result<Value, PortError> {
        match ask {
            AdminAsk::Cluster => Ok(self.cluster_value().await),
            AdminAsk::Settings(change) => self.configure(change).await,
            AdminAsk::Rebalance => self.rebalance().await,
            AdminAsk::Recover { groups, reason, sure } => self.recover(groups, reason, sure).await,
            AdminAsk::Drain { member, within_ms } => self.drain(member, within_ms).await,
            AdminAsk::Resume { member } => self.resume(member).await,
            AdminAsk::Leave { member, force, without_majority } => {
                self.leave(member, force, without_majority).await
            }
            AdminAsk::Remove { member, without_majority } => {
                self.remove(member, without_majority).await
            }
            AdminAsk::Zone { member, zone } => self.set_zone(member, &zone).await,
            AdminAsk::Place { tenant, zone } => self.place(tenant, zone.as_deref()).await,
            AdminAsk::Partitions { digest } => Ok(self.partitions_value(digest).await),
            AdminAsk::Partition { partition, digest } => {
                self.partition_value(partition, digest).await
            }
            AdminAsk::Move { partition, from, to } => self.move_replica(partition, from, to).await,
            AdminAsk::Transfer { partition, to } => self.transfer(partition, to).await,
            AdminAsk::Snapshot { partition } => self.snapshot(partition).await,
            AdminAsk::Peers => Ok(self.peers_value()),
            AdminAsk::Node => Ok(self.node_value()),
            AdminAsk::Stores => Ok(self.stores_value()),
            AdminAsk::Config => self.config_value(),
            AdminAsk::LogLevel { set } => self.log_level(set),
            AdminAsk::Actors { kind, limit } => Ok(self.actors_value(kind.as_deref(), limit)),
            AdminAsk::Top { limit } => self.top_value(limit).await,
            AdminAsk::ActorShow(actor) => self.show_value(&actor).await,
            AdminAsk::ActorTrace { actor, limit } => self.trace_value(&actor, limit).await,
            AdminAsk::ActorPassivate(actor) => self.passivate(&actor).await,
            AdminAsk::ActorQuarantine { actor, reason, seconds } => {
                self.quarantine(&actor, reason, seconds)
            }
            AdminAsk::ActorRelease(actor) => self.release(&actor),
            AdminAsk::Timers(rows) => self.timers_value(rows).await,
            AdminAsk::Outbox(rows) => self.outbox_value(rows).await,
            AdminAsk::OutboxRetry { id } => self.retry_effect(&id).await,
            AdminAsk::OutboxDrop { id } => self.drop_effect(&id).await,
            AdminAsk::DeadLetters(rows) => self.dead_letters_value(rows).await,
            AdminAsk::DeadLetterReplay { id } => self.replay_dead_letter(&id).await,
            AdminAsk::DeadLetterDrop { id } => self.drop_dead_letter(&id).await,
            AdminAsk::Tenants { after, limit } => self.tenants_value(after, limit).await,
            AdminAsk::Audit { limit } => self.audit_value(limit).await,
            AdminAsk::Backup { .. }
            | AdminAsk::Backups { .. }
            | AdminAsk::Shipping
            | AdminAsk::BackupVerify { .. }
            | AdminAsk::Restore { .. }
            | AdminAsk::TenantExport { .. }
            | AdminAsk::TenantImport { .. } => self.backup(ask).await,
        }
    }

    fn config_value(&self) -> Result<Value, PortError> {
        serde_json::to_value(&self.parts.config).map_err(internal)
    }

    fn log_level(&self, set: Option<String>) -> Result<Value, PortError> {
        if let Some(filter) = set {
            self.parts.logs.set(&filter).map_err(PortError::invalid)?;
            tracing::info!(filter, "log filter set");
        }
        Ok(json!({ "node": self.parts.neighbours.me(), "filter": self.parts.logs.get() }))
    }

    async fn audit_value(&self, limit: usize) -> Result<Value, PortError> {
        let audit = std::sync::Arc::clone(&self.audit);
        let lines = tokio::task::spawn_blocking(move || audit.lines()).await;
        let lines = lines.map_err(internal)?.map_err(internal)?;
        Ok(json!({ "acts": super::audit::acts(&lines, limit) }))
    }
}
