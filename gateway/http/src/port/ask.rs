use std::net::IpAddr;

use impresario_api::ClusterSettings;
use impresario_ids::{NodeId, TenantId, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The kind of credential: `root`.
    pub token: String,
    /// The address that the request came from.
    pub peer: Option<IpAddr>,
    /// The trace of the request.
    pub trace: TraceId,
}

/// Which node answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Wherever it belongs.
    #[default]
    Any,
    /// This one.
    Node(NodeId),
    /// Every node that is alive.
    All,
}

/// What operators ask. Nodes pass it on to each other as JSON, also to those of the release before
/// and after: a new ask is a new variant, a new field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum AdminAsk {
    /// The cluster at a glance.
    Cluster,
    /// Changes settings of the cluster.
    Settings(ClusterSettings),
    /// Computes anew where replicas and leaders should be.
    Rebalance,
    /// Starts partitions again that lost their quorum for ever, from what the node holds.
    Recover {
        /// Which; all that have lost it if `None`.
        groups: Option<Vec<u16>>,
        /// Why.
        reason: String,
        /// Whether it was understood what may be lost.
        sure: bool,
    },
    /// Moves leaders off a node.
    Drain {
        /// The node.
        member: NodeId,
        /// For how long to wait for that, in milliseconds.
        within_ms: u64,
    },
    /// Ends a drain, or takes a leave back.
    Resume {
        /// The node.
        member: NodeId,
    },
    /// Moves everything off a node, for good.
    Leave {
        /// The node.
        member: NodeId,
        /// Also if partitions then have fewer replicas.
        force: bool,
        /// Also if a partition has no majority, or would have none.
        #[serde(default)]
        without_majority: bool,
    },
    /// Gives a dead node up.
    Remove {
        /// The node.
        member: NodeId,
        /// Also if a partition then has no majority.
        #[serde(default)]
        without_majority: bool,
    },
    /// Says where a node stands.
    Zone {
        /// The node.
        member: NodeId,
        /// The zone's name.
        zone: String,
    },
    /// Says in which zone a tenant is best served.
    Place {
        /// The tenant.
        tenant: TenantId,
        /// The zone's name; anywhere, without one.
        zone: Option<String>,
    },
    /// What one node sees of all partitions.
    Partitions {
        /// Whether with a hash over all rows.
        digest: bool,
    },
    /// What every node sees of one partition.
    Partition {
        /// Which.
        partition: u16,
        /// Whether with a hash over all rows.
        digest: bool,
    },
    /// Moves a replica.
    Move {
        /// Of which partition.
        partition: u16,
        /// From where.
        from: NodeId,
        /// To where.
        to: NodeId,
    },
    /// Moves the leadership.
    Transfer {
        /// Of which partition.
        partition: u16,
        /// To whom.
        to: NodeId,
    },
    /// Writes everything applied into the state file and says its hash.
    Snapshot {
        /// Of which partition.
        partition: u16,
    },
    /// The other nodes as this one reaches them.
    Peers,
    /// The node: version, uptime, what is going on.
    Node,
    /// The stores: sizes, batches, fsyncs, per partition.
    Stores,
    /// The configuration in effect, secrets blanked.
    Config,
    /// The log filter, and what it is after setting it if `set` is given.
    LogLevel {
        /// The new filter.
        set: Option<String>,
    },
    /// The most recently used active entities of a kind (all kinds if `None`).
    Actors {
        /// The kind.
        kind: Option<String>,
        /// How many at most.
        limit: usize,
    },
    /// What is busy: entities, tenants, waits.
    Top {
        /// How many entities and tenants at most.
        limit: usize,
    },
    /// One entity: sequence, state without personal values, timers, whether it is active.
    ActorShow(Actor),
    /// What happened to an entity, newest first.
    ActorTrace {
        /// Which.
        #[serde(flatten)]
        actor: Actor,
        /// How many events at most.
        limit: usize,
    },
    /// Takes an entity out of memory.
    ActorPassivate(Actor),
    /// Keeps an entity out of service for a while.
    ActorQuarantine {
        /// Which.
        #[serde(flatten)]
        actor: Actor,
        /// Why.
        reason: String,
        /// For how long.
        seconds: u64,
    },
    /// Lets a crashed entity, or one in quarantine, serve again.
    ActorRelease(Actor),
    /// Durable timers, the next first.
    Timers(Rows),
    /// Effects that are not done yet, with attempts and the last error.
    Outbox(Rows),
    /// Tries an effect now.
    OutboxRetry {
        /// The key of its row in hexadecimal, as the list has it.
        id: String,
    },
    /// Forgets an effect.
    OutboxDrop {
        /// The key of its row in hexadecimal, as the list has it.
        id: String,
    },
    /// Commands that killed their entity too often.
    DeadLetters(Rows),
    /// Sends such a command once more.
    DeadLetterReplay {
        /// The key of its row in hexadecimal, as the list has it.
        id: String,
    },
    /// Forgets such a command.
    DeadLetterDrop {
        /// The key of its row in hexadecimal, as the list has it.
        id: String,
    },
    /// All tenants that were ever onboarded.
    Tenants {
        /// Only those after this one.
        after: Option<TenantId>,
        /// How many at most.
        limit: usize,
    },
    /// What operators did, newest first.
    Audit {
        /// How many at most.
        limit: usize,
    },
    /// Takes a backup.
    Backup {
        /// Where to and how.
        order: Value,
    },
    /// Backups at a place.
    Backups {
        /// Where, if not at the configured place.
        order: Value,
    },
    /// How far the log is shipped.
    Shipping,
    /// Reads a backup and holds it against its checksums.
    BackupVerify {
        /// Which.
        order: Value,
    },
    /// Fills an empty cluster from a backup.
    Restore {
        /// From where and up to when.
        order: Value,
    },
    /// Writes everything of a tenant into an archive.
    TenantExport {
        /// Which.
        tenant: TenantId,
        /// Where to and how.
        order: Value,
    },
    /// Brings a tenant in from an archive.
    TenantImport {
        /// Which.
        tenant: TenantId,
        /// From where and how.
        order: Value,
    },
}

/// One entity in an operator's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Its tenant.
    pub tenant: TenantId,
    /// The name of its kind.
    pub kind: String,
    /// Its id with the prefix of its kind.
    pub id: String,
}

/// A part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
    /// How many at most.
    pub limit: usize,
}

impl AdminAsk {
    /// Whether it changes anything: such an ask is put on record.
    #[must_use]
    pub fn is_act(&self) -> bool {
        match self {
            Self::Settings(_)
            | Self::Rebalance
            | Self::Recover { .. }
            | Self::Drain { .. }
            | Self::Resume { .. }
            | Self::Leave { .. }
            | Self::Remove { .. }
            | Self::Zone { .. }
            | Self::Place { .. }
            | Self::Move { .. }
            | Self::Transfer { .. }
            | Self::Snapshot { .. }
            | Self::LogLevel { set: Some(_) }
            | Self::ActorPassivate(_)
            | Self::ActorQuarantine { .. }
            | Self::ActorRelease(_)
            | Self::OutboxRetry { .. }
            | Self::OutboxDrop { .. }
            | Self::DeadLetterReplay { .. }
            | Self::DeadLetterDrop { .. }
            | Self::Backup { .. }
            | Self::BackupVerify { .. }
            | Self::Restore { .. }
            | Self::TenantExport { .. }
            | Self::TenantImport { .. } => true,
            Self::Cluster
            | Self::Partitions { .. }
            | Self::Partition { .. }
            | Self::Peers
            | Self::Node
            | Self::Stores
            | Self::Config
            | Self::LogLevel { set: None }
            | Self::Actors { .. }
            | Self::Top { .. }
            | Self::ActorShow(_)
            | Self::ActorTrace { .. }
            | Self::Timers(_)
            | Self::Outbox(_)
            | Self::DeadLetters(_)
            | Self::Tenants { .. }
            | Self::Audit { .. }
            | Self::Backups { .. }
            | Self::Shipping => false,
        }
    }
}
