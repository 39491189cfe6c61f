use std::sync::Weak;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::consensus::Inner;
use crate::group::Group;
use crate::report;

/// How often the gauges are set: with hundreds of groups that is not for nothing.
const RECORD_EVERY: Duration = Duration::from_secs(2);

/// Looks after the groups of a node, until it is closed.
pub(crate) async fn watch(node: Weak<Inner>) {
    let Some((every, lost)) = node.upgrade().map(|inner| {
        let heartbeat = Duration::from_millis(inner.options.heartbeat_ms);
        // By then another node may lead, however late it began to stand.
        (heartbeat, Duration::from_millis(3 * inner.options.election_max_ms))
    }) else {
        return;
    };
    let mut rounds = interval(every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut recorded: Option<Instant> = None;
    loop {
        rounds.tick().await;
        let Some(inner) = node.upgrade() else { return };
        if inner.is_closed() {
            return;
        }
        if let Some(why) = inner.store.failure() {
            give_up(&inner, &why).await;
            report::record(&inner);
            return;
        }
        for group in inner.all() {
            look_after(&group, lost).await;
        }
        if recorded.is_none_or(|at| at.elapsed() >= RECORD_EVERY) {
            recorded = Some(Instant::now());
            report::record(&inner);
        }
    }
}

/// Nothing can be written any more: all groups end, so that others lead them, also those that have
/// nothing to write.
async fn give_up(inner: &Inner, why: &str) {
    tracing::error!(node = %inner.node, why, "the store has failed, this node leads and follows nothing any more");
    for group in inner.all() {
        group.office.stop(why);
        // An error says that it had stopped already.
        let _ = group.raft.shutdown().await;
    }
}

async fn look_after(group: &Group, lost: Duration) {
    if group.log.is_below_floor() {
        group.raft.runtime_config().elect(group.log.may_vote());
    }
    let Some((term, silence)) = group.silence() else { return };
    if silence > lost {
        tracing::warn!(
            group = group.id,
            term = term.0,
            "no majority could be reached, the leadership is given up"
        );
        group.office.abandon(term);
    } else if group.office.doubted().is_some_and(|doubted| doubted >= term) {
        // The majority is back and still follows, but what was decided under this term has been
        // thrown away: a new term is needed.
        let to = successor(group);
        if let Some(to) = to
            && group.raft.trigger().transfer_leader(to).await.is_err()
        {
            tracing::debug!(group = group.id, "the group has stopped");
        }
    }
}

/// The voter with the longest log, other than this node.
fn successor(group: &Group) -> Option<crate::types::Member> {
    let metrics = group.raft.metrics();
    let metrics = metrics.borrow_watched();
    let replication = metrics.replication.as_ref()?;
    let others = metrics
        .membership_config
        .voter_ids()
        .filter(|member| *member != group.node.into())
        .map(|member| (replication.get(&member).copied().flatten(), member));
    others.max().map(|(_, member)| member)
}
