//! Partitions as this node sees them: for operators, and as gauges.

use impresario_consensus::{Consensus, ConsensusError, GroupMetrics};
use impresario_http::PortError;
use impresario_journal::{Journal, JournalStats, PartitionStats, Role};
use serde_json::{Value, json};

use super::{Admin, internal};

impl Admin {
    pub(super) async fn partitions_value(&self, digest: bool) -> Value {
        let neighbours = &self.parts.neighbours;
        let stats = self.parts.host.journal().stats();
        let mut rows = Vec::new();
        for group in neighbours.consensus().groups() {
            if let Some(mut row) = self.row(group, &stats) {
                if digest {
                    row["digest"] = self.digest(group).await;
                }
                rows.push(row);
            }
        }
        json!({ "node": neighbours.me(), "partitions": rows })
    }

    /// This node's part of what all see of one partition.
    pub(super) async fn partition_value(
        &self,
        partition: u16,
        digest: bool,
    ) -> Result<Value, PortError> {
        if partition > self.parts.host.journal().partitions() {
            return Err(PortError::coded("partition_unknown", "there is no such partition"));
        }
        let stats = self.parts.host.journal().stats();
        let mut rows: Vec<Value> = self.row(partition, &stats).into_iter().collect();
        for row in rows.iter_mut().filter(|_| digest) {
            row["digest"] = self.digest(partition).await;
        }
        Ok(json!({ "replicas": rows }))
    }

    fn row(&self, group: u16, stats: &JournalStats) -> Option<Value> {
        let consensus = self.parts.neighbours.consensus();
        let figures = consensus.metrics(group)?;
        let stats = stats.partitions.get(usize::from(group)).copied().unwrap_or_default();
        let mut row = shown(&figures, &stats);
        let partitions = self.parts.host.journal().partitions();
        row["system"] = (group == partitions).into();
        row["leader"] = json!(self.parts.neighbours.leader(impresario_kernel::PartitionId(group)));
        if let Some(members) = consensus.members(group) {
            row["voters"] = json!(members.voters);
            row["learners"] = json!(members.learners);
            row["changing"] = members.changing.into();
        }
        Some(row)
    }

    async fn digest(&self, group: u16) -> Value {
        match self.digest_of(group).await {
            Ok(digest) => digest,
            Err(error) => json!({ "error": error.detail }),
        }
    }

    async fn digest_of(&self, group: u16) -> Result<Value, PortError> {
        let digest = self.parts.neighbours.consensus().digest(group).await;
        let digest = digest.map_err(|error| match error {
            ConsensusError::NoGroup(_) => PortError::not_found(format!(
                "{} holds no replica of it",
                self.parts.neighbours.me()
            )),
            other => internal(other),
        })?;
        Ok(json!({
            "applied": digest.applied,
            "index": digest.index,
            "blake3": super::rows::to_hex(&digest.digest),
        }))
    }

    /// Forces everything applied into the state file, and says its hash.
    pub(super) async fn snapshot(&self, partition: u16) -> Result<Value, PortError> {
        let mut digest = self.digest_of(partition).await?;
        digest["node"] = json!(self.parts.neighbours.me());
        digest["partition"] = partition.into();
        Ok(digest)
    }
}

fn role(figures: &GroupMetrics) -> &'static str {
    match figures.leadership.role {
        Role::Leader => "leader",
        Role::Follower { leader: Some(_) } => "follower",
        Role::Follower { leader: None } => "orphan",
        Role::Absent => "absent",
    }
}

fn log_entries(figures: &GroupMetrics) -> u64 {
    let next = |index: Option<u64>| index.map_or(0, |index| index + 1);
    next(figures.last).saturating_sub(next(figures.purged))
}

fn shown(figures: &GroupMetrics, stats: &PartitionStats) -> Value {
    let followers: Vec<Value> = figures
        .followers
        .iter()
        .map(|follower| {
            json!({
                "node": follower.node,
                "voter": follower.voter,
                "lag": follower.lag,
                "matching": follower.matching,
                "answered_ms": follower.answered_ms,
            })
        })
        .collect();
    let moving = |progress: &impresario_consensus::SnapshotProgress| {
        json!({
            "peer": progress.peer,
            "index": progress.index,
            "pieces": progress.pieces,
            "bytes": progress.bytes,
        })
    };
    json!({
        "partition": figures.group,
        "role": role(figures),
        "term": figures.leadership.term.0,
        "last": figures.last,
        "committed": figures.committed,
        "applied": figures.applied,
        "durable": figures.durable,
        "purged": figures.purged,
        "apply_lag": figures.apply_lag(),
        "log_entries": log_entries(figures),
        "in_flight": figures.in_flight,
        "reigns": figures.reigns,
        "followers": followers,
        "sending": figures.sending.iter().map(moving).collect::<Vec<_>>(),
        "receiving": figures.receiving.as_ref().map(moving),
        "batches": stats.applied,
        "checkpointed": stats.checkpointed,
        "state_bytes": stats.state_bytes,
        "dirty_rows": stats.dirty_rows,
    })
}

/// The roles by their number in `impresario_partition_role`.
const ROLES: [&str; 4] = ["absent", "orphan", "follower", "leader"];

/// Sets the gauges of every partition that this node holds: role (0 absent, 1 without a leader, 2
/// follower, 3 leader), term, lags in entries, elections won, bytes.
pub(crate) fn record_metrics(consensus: &Consensus, journal: &dyn Journal) {
    let stats = journal.stats();
    for group in consensus.groups() {
        let Some(figures) = consensus.metrics(group) else { continue };
        let part = stats.partitions.get(usize::from(group)).copied().unwrap_or_default();
        let role = ROLES.iter().position(|name| *name == role(&figures)).unwrap_or(0);
        let lag = figures.followers.iter().filter(|other| other.voter).map(|other| other.lag).max();
        let moving = figures.sending.iter().chain(&figures.receiving);
        let label = group.to_string();
        let set = |name: &'static str, value: f64| {
            metrics::gauge!(name, "partition" => label.clone()).set(value);
        };
        set("impresario_partition_role", role as f64);
        set("impresario_partition_term", figures.leadership.term.0 as f64);
        set("impresario_partition_commit_lag_entries", lag.unwrap_or(0) as f64);
        set("impresario_partition_apply_lag_entries", figures.apply_lag() as f64);
        set("impresario_partition_log_entries", log_entries(&figures) as f64);
        set(
            "impresario_partition_snapshot_moving_bytes",
            moving.map(|progress| progress.bytes).sum::<u64>() as f64,
        );
        set("impresario_partition_state_bytes", part.state_bytes as f64);
        metrics::counter!("impresario_partition_elections_won_total", "partition" => label.clone())
            .absolute(figures.reigns);
    }
}
