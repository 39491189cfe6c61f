use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use impresario_ids::NodeId;
use impresario_journal::{Leadership, Role};
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;

use crate::consensus::{Consensus, Inner};
use crate::group::Group;
use crate::traffic::SnapshotProgress;

/// Figures of one group on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetrics {
    /// The group.
    pub group: u16,
    /// Term and role of this node.
    pub leadership: Leadership,
    /// How often this node began to lead it, since it started.
    pub reigns: u64,
    /// The last entry of the log here.
    pub last: Option<u64>,
    /// The last entry known here to be committed.
    pub committed: Option<u64>,
    /// The last entry applied here.
    pub applied: Option<u64>,
    /// The last entry that the state database holds.
    pub durable: Option<u64>,
    /// The last entry that is no longer in the log.
    pub purged: Option<u64>,
    /// Proposals of this node under way.
    pub in_flight: usize,
    /// On the leader: its followers.
    pub followers: Vec<FollowerMetrics>,
    /// Snapshots that are being sent.
    pub sending: Vec<SnapshotProgress>,
    /// The snapshot that is being received.
    pub receiving: Option<SnapshotProgress>,
}

/// A follower as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerMetrics {
    /// Who.
    pub node: NodeId,
    /// Whether it votes.
    pub voter: bool,
    /// The last entry that it is known to have.
    pub matching: Option<u64>,
    /// How many entries it lacks.
    pub lag: u64,
    /// How long ago the last request that it answered was sent, in milliseconds.
    pub answered_ms: Option<u64>,
    /// Whether it came back without what it had acknowledged: it has an old copy of its data, and
    /// must be replaced.
    pub stale: bool,
}

impl GroupMetrics {
    /// How many committed entries are not applied here.
    #[must_use]
    pub fn apply_lag(&self) -> u64 {
        behind(self.committed, self.applied)
    }
}

/// How many entries are after `has` up to `end`.
fn behind(end: Option<u64>, has: Option<u64>) -> u64 {
    let next = |index: Option<u64>| index.map_or(0, |index| index + 1);
    next(end).saturating_sub(next(has))
}

impl Consensus {
    /// Figures of a group; none if there is no replica of it here.
    #[must_use]
    pub fn metrics(&self, group: u16) -> Option<GroupMetrics> {
        self.0.group(group).ok().map(|group| figures(&group))
    }

    /// Why the store of this node writes nothing any more, if it has failed. Then its groups have
    /// ended too, and only a new start of the node helps.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.store.failure()
    }

    /// Sets the gauges of the consensus. Done by itself every other second.
    pub fn record_metrics(&self) {
        record(&self.0);
    }
}

fn figures(group: &Arc<Group>) -> GroupMetrics {
    let raft = group.raft.metrics();
    let raft = raft.borrow_watched();
    let followers = raft.replication.iter().flatten().filter_map(|(member, matching)| {
        let node = NodeId::from(*member);
        let matching = matching.as_ref().map(openraft::LogId::index);
        let heard = raft.heartbeat.as_ref().and_then(|heard| heard.get(member).copied().flatten());
        (node != group.node).then(|| FollowerMetrics {
            node,
            voter: raft.membership_config.voter_ids().any(|voter| voter == *member),
            matching,
            lag: behind(raft.last_log_index, matching),
            answered_ms: heard
                .map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)),
            stale: group.acknowledged.is_stale(*member),
        })
    });
    let durable = group.store.durable(group.id).ok().flatten();
    GroupMetrics {
        group: group.id,
        leadership: group.office.leadership(),
        reigns: group.office.reigns(),
        last: raft.last_log_index,
        committed: raft.cluster_committed.as_ref().map(openraft::LogId::index),
        applied: group.reached.place().last.as_ref().map(openraft::LogId::index),
        durable: durable.map(|mark| mark.index),
        purged: raft.purged.as_ref().map(openraft::LogId::index),
        in_flight: group.office.in_flight(),
        followers: followers.collect(),
        sending: group.traffic.sending(),
        receiving: group.traffic.receiving(),
    }
}

impl GroupMetrics {
    /// How many entries of the log here are not known to be committed.
    #[must_use]
    pub fn commit_lag(&self) -> u64 {
        behind(self.last, self.committed)
    }

    /// Leader 3, follower of a known leader 2, of none 1, not in the group 0.
    fn rank(&self) -> u8 {
        match self.leadership.role {
            Role::Leader => 3,
            Role::Follower { leader: Some(_) } => 2,
            Role::Follower { leader: None } => 1,
            Role::Absent => 0,
        }
    }
}

/// Figures of one group. Groups are as many as the cluster has partitions, and one more.
fn record_group(group: &Group, figures: &GroupMetrics) {
    let label = group.id.to_string();
    let gauge = |name: &'static str, value: f64| {
        metrics::gauge!(name, "group" => label.clone()).set(value);
    };
    gauge("impresario_raft_group_role", f64::from(figures.rank()));
    gauge("impresario_raft_group_term", figures.leadership.term.0 as f64);
    gauge("impresario_raft_group_commit_lag_entries", figures.commit_lag() as f64);
    gauge("impresario_raft_group_apply_lag_entries", figures.apply_lag() as f64);
    gauge("impresario_raft_group_log_entries", behind(figures.last, figures.purged) as f64);
    gauge("impresario_raft_group_in_flight", figures.in_flight as f64);
    let lag = figures.followers.iter().map(|follower| follower.lag).max().unwrap_or(0);
    gauge("impresario_raft_group_replication_lag_entries", lag as f64);
    let pieces = figures.sending.iter().chain(&figures.receiving).map(|one| one.pieces).max();
    gauge("impresario_raft_group_snapshot_pieces", pieces.unwrap_or(0) as f64);
    let counter = |name: &'static str, value: u64| {
        metrics::counter!(name, "group" => label.clone()).absolute(value);
    };
    counter("impresario_raft_group_reigns_total", figures.reigns);
    let load = |bytes: &std::sync::atomic::AtomicU64| bytes.load(Ordering::Relaxed);
    let traffic = &group.traffic;
    counter("impresario_raft_group_snapshot_sent_bytes_total", load(&traffic.sent_bytes));
    counter("impresario_raft_group_snapshot_received_bytes_total", load(&traffic.received_bytes));
}

fn record_store(inner: &Inner) {
    let stats = inner.store.stats();
    for group in &stats.groups {
        let (label, bytes) = (group.group.to_string(), group.state_bytes as f64);
        metrics::gauge!("impresario_raft_group_state_bytes", "group" => label).set(bytes);
    }
    metrics::gauge!("impresario_raft_log_bytes").set(stats.log_bytes as f64);
    let failed = if inner.store.failure().is_some() { 1.0 } else { 0.0 };
    metrics::gauge!("impresario_raft_store_failed").set(failed);
}

/// Figures of each group, and sums over them for those who want few series.
pub(crate) fn record(inner: &Inner) {
    record_store(inner);
    let mut roles = [("absent", 0u32), ("orphan", 0), ("follower", 0), ("leader", 0)];
    let (mut apply_lag, mut log_entries, mut reigns) = (0, 0, 0);
    let (mut sent, mut received, mut under_way) = (0, 0, 0);
    let mut lags: BTreeMap<NodeId, u64> = BTreeMap::new();
    for group in inner.all() {
        let figures = figures(&group);
        record_group(&group, &figures);
        roles[usize::from(figures.rank())].1 += 1;
        apply_lag = figures.apply_lag().max(apply_lag);
        log_entries += behind(figures.last, figures.purged);
        reigns += figures.reigns;
        under_way += figures.sending.len() + usize::from(figures.receiving.is_some());
        sent += group.traffic.sent_bytes.load(Ordering::Relaxed);
        received += group.traffic.received_bytes.load(Ordering::Relaxed);
        for follower in figures.followers {
            let lag = lags.entry(follower.node).or_default();
            *lag = follower.lag.max(*lag);
        }
    }
    for (role, count) in roles {
        metrics::gauge!("impresario_raft_groups", "role" => role).set(f64::from(count));
    }
    metrics::gauge!("impresario_raft_apply_lag_entries").set(apply_lag as f64);
    metrics::gauge!("impresario_raft_log_entries").set(log_entries as f64);
    metrics::gauge!("impresario_raft_snapshots_under_way").set(under_way as f64);
    metrics::counter!("impresario_raft_reigns_total").absolute(reigns);
    metrics::counter!("impresario_raft_snapshot_sent_bytes_total").absolute(sent);
    metrics::counter!("impresario_raft_snapshot_received_bytes_total").absolute(received);
    for (node, lag) in lags {
        let node = node.to_string();
        metrics::gauge!("impresario_raft_replication_lag_entries", "node" => node).set(lag as f64);
    }
}
