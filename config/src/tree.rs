use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The process itself.
    pub node: Node,
    /// The embedded store.
    pub store: Store,
    /// The replicas of the partitions.
    pub consensus: impresario_consensus::Options,
    /// The node's place among others.
    pub cluster: Cluster,
    /// The entities.
    pub host: impresario_host::Options,
    /// The bounds in front of the entities.
    pub router: impresario_router::Options,
    /// Effects and timers.
    pub outbox: impresario_outbox::Options,
    /// Outbound webhooks.
    pub webhooks: impresario_webhooks::Options,
    /// The HTTP edge.
    pub http: impresario_http::Options,
    /// Answers: knowledge, models, chat platforms.
    pub answers: impresario_answers::Options,
    /// Backups.
    pub backup: impresario_backup::Options,
    /// Logs.
    pub log: Log,
}

/// The process itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// The folder that holds everything durable.
    pub data: PathBuf,
    /// How many partitions; fixed when the data folder is made.
    pub partitions: u16,
    /// The file of the master key; made, readable by its owner only, if it is not there. Empty:
    /// `master-key` in the data folder. The environment variable `IMPRESARIO_MASTER_KEY` wins.
    pub master_key_file: PathBuf,
    /// Threads that run actors and requests; 0 means one per core.
    pub worker_threads: usize,
}

/// The node's place among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// Where other nodes reach this one, as `address:port`. Empty: the node is alone and opens no
    /// such port.
    pub listen: String,
    /// The `host:port` that other nodes are told for that. Empty: `listen`.
    pub advertise: String,
    /// The `host:port` that is shown for the edge. Empty: `http.listen`.
    pub http_advertise: String,
    /// `host:port` of nodes of the cluster to join, separated by commas. Empty at the first start:
    /// this node founds a cluster. Later starts need none.
    pub join: String,
    /// Where the node is: replicas of a partition are spread over zones.
    pub zone: String,
    /// Replicas of each partition, once there are as many nodes: 1, 3 or 5. Counts when the cluster
    /// is founded; the shell changes it later.
    pub replicas: u8,
    /// How long a node that is told to stop may take to hand over what it leads, in milliseconds.
    pub handover_ms: u64,
    /// The certificates of mutual TLS. Without them the node speaks only to loopback addresses.
    pub tls: impresario_wire::TlsOptions,
    /// Bounds of the connections of Raft.
    pub lanes: impresario_wire::LaneOptions,
    /// Bounds of calls to entities of other nodes.
    pub calls: impresario_wire::CallOptions,
    /// How the life of the cluster keeps time.
    pub steward: impresario_steward::Options,
}

/// The embedded store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Memory for pages of all state databases together, in bytes.
    pub state_cache_bytes: usize,
    /// Memory for pages of the log database, in bytes.
    pub log_cache_bytes: usize,
    /// Rows reach the state databases at most this long after their commit, in milliseconds.
    pub checkpoint_age_ms: u64,
    /// Above this many bytes of rows in memory the fullest partition is written at once.
    pub dirty_soft_bytes: usize,
    /// Above this many bytes of rows in memory commits wait.
    pub dirty_hard_bytes: usize,
    /// Memory for the newest entries of all logs together, in bytes: what is being replicated is
    /// not read back from the disk.
    pub recent_bytes: usize,
    /// The most bytes of entries that wait to be written; more are taken when there is room.
    pub queue_bytes: usize,
    /// The most bytes that one durable write of the log takes together.
    pub drain_bytes: usize,
    /// While several partitions are busy, a durable write waits at most this many microseconds for
    /// as many of them as the last one had; 0: never.
    pub gather_us: u64,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `json` for machines, `pretty` for people.
    pub format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`; changeable at run time in the shell.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text.
    Pretty,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            data: "data".into(),
            partitions: 16,
            master_key_file: PathBuf::new(),
            worker_threads: 0,
        }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            listen: String::new(),
            advertise: String::new(),
            http_advertise: String::new(),
            join: String::new(),
            zone: String::new(),
            replicas: 3,
            handover_ms: 10_000,
            tls: impresario_wire::TlsOptions::default(),
            lanes: impresario_wire::LaneOptions::default(),
            calls: impresario_wire::CallOptions::default(),
            steward: impresario_steward::Options::default(),
        }
    }
}

impl Cluster {
    /// Whether the node has a port for others.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.listen.is_empty()
    }

    /// The nodes to join.
    #[must_use]
    pub fn seeds(&self) -> Vec<String> {
        let seeds = self.join.split(',').map(str::trim).filter(|seed| !seed.is_empty());
        seeds.map(str::to_owned).collect()
    }

    /// How the node speaks to others; `None` if it is alone.
    ///
    /// # Errors
    /// What is wrong with the options.
    pub fn wire(&self) -> Result<Option<impresario_wire::Options>, String> {
        if !self.is_open() {
            return Ok(None);
        }
        let listen = self.listen.parse();
        let listen = listen.map_err(|_| {
            format!("cluster.listen must be address:port, as in 10.0.0.1:7400, not {}", self.listen)
        })?;
        let plain = self.tls.authority == Path::new("");
        let options = impresario_wire::Options {
            listen,
            plain,
            tls: (!plain).then(|| self.tls.clone()),
            lanes: self.lanes.clone(),
            calls: self.calls.clone(),
            ..impresario_wire::Options::default()
        };
        options.check().map_err(|error| format!("cluster: {error}"))?;
        Ok(Some(options))
    }
}

impl Default for Store {
    fn default() -> Self {
        let defaults = impresario_redb::Options::new("", 1);
        let replicas = impresario_redb::ReplicaOptions::new("", 1);
        Self {
            state_cache_bytes: defaults.state_cache_bytes,
            log_cache_bytes: defaults.log_cache_bytes,
            checkpoint_age_ms: u64::try_from(defaults.checkpoint_age.as_millis())
                .unwrap_or(u64::MAX),
            dirty_soft_bytes: defaults.dirty_soft_bytes,
            dirty_hard_bytes: defaults.dirty_hard_bytes,
            recent_bytes: replicas.recent_bytes,
            queue_bytes: replicas.queue_bytes,
            drain_bytes: defaults.drain_bytes,
            gather_us: u64::try_from(defaults.gather.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Pretty, filter: "info,openraft=error".to_owned() }
    }
}

impl Config {
    /// The store's own options.
    #[must_use]
    pub fn store_options(&self) -> impresario_redb::Options {
        impresario_redb::Options {
            state_cache_bytes: self.store.state_cache_bytes,
            log_cache_bytes: self.store.log_cache_bytes,
            checkpoint_age: Duration::from_millis(self.store.checkpoint_age_ms),
            dirty_soft_bytes: self.store.dirty_soft_bytes,
            dirty_hard_bytes: self.store.dirty_hard_bytes,
            drain_bytes: self.store.drain_bytes,
            gather: Duration::from_micros(self.store.gather_us),
            ..impresario_redb::Options::new(self.store_dir(), self.node.partitions)
        }
    }

    /// The folder of the databases.
    #[must_use]
    pub fn store_dir(&self) -> PathBuf {
        self.node.data.join("store")
    }

    /// The file of the master key.
    #[must_use]
    pub fn master_key_file(&self) -> PathBuf {
        if self.node.master_key_file == Path::new("") {
            self.node.data.join("master-key")
        } else {
            self.node.master_key_file.clone()
        }
    }

    /// The keys whose values cannot be meant, each with what is wrong.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |is_fine: bool, problem: &str| {
            if !is_fine {
                problems.push(problem.to_owned());
            }
        };
        check(
            (1..=4_096).contains(&self.node.partitions),
            "node.partitions must be from 1 to 4096",
        );
        check(self.node.worker_threads <= 1_024, "node.worker_threads must be at most 1024");
        check(self.store.checkpoint_age_ms >= 10, "store.checkpoint_age_ms must be at least 10");
        check(
            self.store.dirty_soft_bytes >= 1 << 20,
            "store.dirty_soft_bytes must be at least 1048576",
        );
        check(
            self.store.dirty_hard_bytes >= self.store.dirty_soft_bytes,
            "store.dirty_hard_bytes must be at least store.dirty_soft_bytes",
        );
        check(self.store.drain_bytes >= 1 << 16, "store.drain_bytes must be at least 65536");
        check(self.host.snapshot_events >= 1, "host.snapshot_events must be at least 1");
        check(self.host.seen_days >= 1, "host.seen_days must be at least 1");
        check(self.host.kills_max >= 1, "host.kills_max must be at least 1");
        check(self.host.sweep_ms >= 1, "host.sweep_ms must be at least 1");
        check(self.router.node_permits >= 1, "router.node_permits must be at least 1");
        check(self.router.tenant_permits >= 1, "router.tenant_permits must be at least 1");
        check(self.router.partition_permits >= 1, "router.partition_permits must be at least 1");
        check(matches!(self.cluster.replicas, 1 | 3 | 5), "cluster.replicas must be 1, 3 or 5");
        check(
            self.cluster.is_open() || self.cluster.join.is_empty(),
            "cluster.join needs cluster.listen: where the others reach this node",
        );
        if let Err(error) = self.backup.check() {
            problems.push(error.to_string());
        }
        if let Err(error) = self.cluster.wire() {
            problems.push(error);
        }
        if let Err(error) = self.http.validate() {
            problems.push(format!("http: {error}"));
        }
        problems
    }
}
