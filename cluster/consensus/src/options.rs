use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy, StepDownPolicy};
use serde::{Deserialize, Serialize};

use crate::error::ConsensusError;
use crate::group::Keep;

/// How a node's groups keep time and how much they send at once. All nodes of a cluster should
/// have the same times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How often a leader tells its followers that it lives, in milliseconds. Less costs an idle
    /// cluster more; it must stay well below `election_min_ms`.
    pub heartbeat_ms: u64,
    /// A follower stands for election after it has heard of no leader for `election_max_ms` (as
    /// long as the old leader's lease may last) and then for a random time between
    /// `election_min_ms` and `election_max_ms`, in milliseconds. So the longest wait is twice
    /// `election_max_ms`, the shortest the sum of both.
    pub election_min_ms: u64,
    /// See `election_min_ms`.
    pub election_max_ms: u64,
    /// How a read makes sure that this node still leads.
    pub reads: Reads,
    /// The most bytes of entries in one request to a follower. A single entry may be larger.
    pub append_bytes: u64,
    /// The most entries in one request to a follower.
    pub append_entries: u64,
    /// How long the answer to such a request may take, in milliseconds.
    pub append_timeout_ms: u64,
    /// How long the answer to one piece of a snapshot may take, in milliseconds. The last piece is
    /// answered when the snapshot is in place.
    pub snapshot_timeout_ms: u64,
    /// After so long without a piece taken, the sending of a snapshot begins anew, in milliseconds.
    pub snapshot_patience_ms: u64,
    /// How many entries stay in the log after they are durable in the state database, for
    /// followers that were away for a moment. A group with one voter keeps none.
    pub keep_entries: u64,
    /// The most bytes of such entries, per group, by the average size of an entry.
    pub keep_bytes: u64,
    /// The most bytes of entries per group, by their average size, that stay in the log until they
    /// are archived ([`crate::Consensus::archived`]). 0: none do.
    pub archive_bytes: u64,
    /// How long after the start of a replica its entries stay as if they were to be archived, in
    /// milliseconds: until whoever archives has found out where it was.
    pub archive_grace_ms: u64,
    /// A learner may become a voter when it lacks at most so many entries.
    pub catch_up_entries: u64,
    /// How long a change of members or leadership may make no progress, in milliseconds.
    pub change_timeout_ms: u64,
}

/// How a read makes sure that this node still leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// A majority confirms it, once for all reads that come together. Depends on no clock.
    #[default]
    Index,
    /// By the lease that followers grant with each answer: no round trip, but it trusts that the
    /// nodes' clocks run at about the same rate, and that nobody transfers the leadership at the
    /// same moment.
    Lease,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heartbeat_ms: 400,
            election_min_ms: 750,
            election_max_ms: 1000,
            reads: Reads::Index,
            append_bytes: 4 << 20,
            append_entries: 512,
            append_timeout_ms: 10_000,
            snapshot_timeout_ms: 30_000,
            snapshot_patience_ms: 60_000,
            keep_entries: 1000,
            keep_bytes: 16 << 20,
            archive_bytes: 64 << 20,
            archive_grace_ms: 30_000,
            catch_up_entries: 64,
            change_timeout_ms: 30_000,
        }
    }
}

impl Options {
    pub(crate) fn change_timeout(&self) -> Duration {
        Duration::from_millis(self.change_timeout_ms)
    }

    pub(crate) fn keep(&self) -> Keep {
        Keep {
            entries: self.keep_entries,
            bytes: self.keep_bytes,
            archive_bytes: self.archive_bytes,
            grace: Duration::from_millis(self.archive_grace_ms),
        }
    }

    /// A follower that has just answered a request needs no heartbeat for so long. With it, a
    /// heartbeat must still come before a follower stands for election.
    fn saved_heartbeat_ms(&self) -> u64 {
        let longest = self.heartbeat_ms + self.heartbeat_ms * 13 / 64 + 2;
        (self.heartbeat_ms / 2).min(self.election_min_ms.saturating_sub(longest))
    }

    /// openraft's form of these.
    pub(crate) fn config(&self) -> Result<Arc<Config>, ConsensusError> {
        let config = Config {
            cluster_name: "impresario".to_owned(),
            heartbeat_interval: self.heartbeat_ms,
            heartbeat_min_interval: Some(self.saved_heartbeat_ms()),
            election_timeout_min: self.election_min_ms,
            election_timeout_max: self.election_max_ms,
            max_payload_entries: self.append_entries,
            // Only a follower whose entries are purged gets a snapshot.
            replication_lag_threshold: u64::MAX,
            // "Built" and purged by `trim`, which knows what is durable.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            // A leader that a majority cannot answer must fall silent, or followers that hear it
            // elect nobody.
            quorum_loss_probe_interval: Some(2 * self.election_max_ms + self.heartbeat_ms),
            removed_leader_step_down: StepDownPolicy::After(self.heartbeat_ms),
            enable_pre_vote: Some(true),
            backoff: "50ms, 100ms, 200ms, ..1s".to_owned(),
            // Each start is a new term, so that nothing decided before a crash can be committed.
            enable_leader_restore: Some(false),
            ..Config::default()
        };
        config.validate().map(Arc::new).map_err(|why| ConsensusError::Options(why.to_string()))
    }
}
