//! What operators send. Nodes are named by their number or as `node-2`.

use std::str::FromStr;

use impresario_ids::NodeId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A node: its number, or `node-` and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!("node-2"))]
pub enum NodeName {
    /// The number.
    Number(u64),
    /// `node-2`, or `2`.
    Text(String),
}

impl NodeName {
    /// The node, if the name is one.
    #[must_use]
    pub fn id(&self) -> Option<NodeId> {
        match self {
            Self::Number(number) => Some(NodeId(*number)),
            Self::Text(text) => Self::read(text),
        }
    }

    /// Reads `node-2` or `2`.
    #[must_use]
    pub fn read(text: &str) -> Option<NodeId> {
        NodeId::from_str(text).ok().or_else(|| text.parse().ok().map(NodeId))
    }
}

/// How long a drain may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"within_ms": 30_000}))]
pub struct DrainNode {
    /// For how long to wait until the node leads nothing, in milliseconds; 30 000 if not given, at
    /// most 50 000. The drain goes on afterwards.
    #[schema(maximum = 50_000)]
    pub within_ms: Option<u64>,
}

/// Whether to insist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"force": false, "without_majority": false}))]
pub struct Insist {
    /// Also if partitions then have fewer replicas than they should.
    pub force: bool,
    /// Also if a partition has no majority of voters that answers, or would have none: it stands still
    /// then until it is recovered, and may lose what was acknowledged.
    pub without_majority: bool,
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"zone": "rack-2"}))]
pub struct PinZone {
    /// The zone's name.
    pub zone: String,
}

/// Where a tenant is best served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"zone": "rack-2"}))]
pub struct PlaceTenant {
    /// The zone's name. Without one: anywhere.
    pub zone: Option<String>,
}

/// From where to where a replica goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "node-1", "to": "node-4"}))]
pub struct MoveReplica {
    /// A node that holds a replica.
    pub from: NodeName,
    /// A node that holds none.
    pub to: NodeName,
}

/// Who should lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": "node-2"}))]
pub struct TransferLeader {
    /// A voter of the partition.
    pub to: NodeName,
}

/// Settings of the cluster to change; what is not given stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"replicas": 3, "moving_groups_max": 4}))]
pub struct ClusterSettings {
    /// Replicas of each partition: 1, 3 or 5.
    pub replicas: Option<u8>,
    /// Partitions whose replicas are moved at a time; 0 pauses every move.
    pub moving_groups_max: Option<u16>,
    /// Leaders that are moved per plan; 0 pauses that.
    pub leader_transfers_max: Option<u16>,
    /// How long a node may be silent before it is replaced, in milliseconds; 0 leaves that to a
    /// person.
    pub dead_after_ms: Option<u64>,
    /// A replica that is at most so many entries behind counts as caught up.
    pub caught_up_lag: Option<u64>,
}

/// Partitions have lost their quorum for ever: go on from what one node holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "node": "node-1", "groups": [3], "reason": "two machines burnt",
    "i_know_that_acknowledged_commits_may_be_missing": true
}))]
pub struct RecoverQuorum {
    /// The node whose replicas are kept.
    pub node: NodeName,
    /// The partitions; all without a quorum that the node holds if not given.
    #[serde(default)]
    pub groups: Option<Vec<u16>>,
    /// Why; it is put on record.
    pub reason: String,
    /// Must be true.
    #[serde(default)]
    pub i_know_that_acknowledged_commits_may_be_missing: bool,
}

/// For how long an entity is kept out of service, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "it answers nonsense", "seconds": 600}))]
pub struct HoldActor {
    /// Why; callers do not see it.
    pub reason: String,
    /// For how long, in seconds; 600 if not given.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// Anything that concerns a backup; see the guide on backups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!({"to": "file:///var/backups/impresario"}))]
pub struct BackupOrder(pub serde_json::Value);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, node: Option<u64>) {
        let name: NodeName = serde_json::from_str(json).expect("a name");
        assert_eq!(name.id(), node.map(NodeId), "{json}");
    }

    #[test]
    fn nodes_are_named_by_number_or_word() {
        check("2", Some(2));
        check("\"2\"", Some(2));
        check("\"node-2\"", Some(2));
        check("\"node\"", None);
        check("\"\"", None);
        check("\"-2\"", None);
    }
}
