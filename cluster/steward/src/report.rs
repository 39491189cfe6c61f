//! What this node holds and leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use impresario_consensus::Members;
use impresario_journal::{Journal, Leadership};
use impresario_placement::GroupId;

use crate::ask::Trouble;
use crate::message::{GroupMembers, GroupReport, Lead, Report};
use crate::steward::Inner;

/// How often it is looked whether what was appended is committed by now, and how many times.
const COMMIT_LOOK: Duration = Duration::from_millis(10);
const COMMIT_LOOKS: usize = 20;

impl Inner {
    /// All replicas of this node; with those that are named confirmed, where this node leads them.
    pub(crate) async fn report(self: &Arc<Self>, confirm: &BTreeSet<GroupId>) -> Report {
        let stats = self.consensus.journal(self.me.partitions).stats();
        let groups = self.consensus.groups().into_iter().map(|id| {
            let bytes = stats.partitions.get(usize::from(id)).map_or(0, |stats| stats.state_bytes);
            self.group_report(GroupId(id), bytes, confirm.contains(&GroupId(id)))
        });
        let groups = join_all(groups).await.into_iter().flatten().collect();
        Report { groups, works: self.works.lock().values().cloned().collect() }
    }

    async fn group_report(
        self: &Arc<Self>,
        group: GroupId,
        bytes: u64,
        confirm: bool,
    ) -> Option<GroupReport> {
        // A group without a quorum must not hold up what is said of the others.
        let patience = self.options.call() / 2;
        let confirmed = if confirm {
            tokio::time::timeout(patience, self.settled(group)).await.ok().and_then(Result::ok)
        } else {
            None
        };
        let figures = self.consensus.metrics(group.0)?;
        let lead = figures.leadership.is_leader().then(|| {
            let matched = figures.followers.iter().filter(|follower| follower.matching.is_some());
            let mut sent_bytes = BTreeMap::new();
            for sending in &figures.sending {
                sent_bytes.insert(sending.peer, sending.bytes);
            }
            Lead {
                confirmed: confirmed.is_some(),
                members: confirmed.or_else(|| self.members(group)).unwrap_or_default(),
                lag: matched.map(|follower| (follower.node, follower.lag)).collect(),
                sent_bytes,
            }
        });
        Some(GroupReport {
            group,
            term: figures.leadership.term.0,
            last: figures.last.unwrap_or(0),
            applied: figures.applied.unwrap_or(0),
            bytes,
            lead,
        })
    }

    fn members(&self, group: GroupId) -> Option<GroupMembers> {
        self.consensus.members(group.0).map(|members| {
            let Members { voters, learners, changing } = members;
            GroupMembers { voters, learners, changing }
        })
    }

    /// Who is in a group, from a membership that is committed, with the leadership of this node
    /// confirmed by a quorum. `changing` if that cannot be said of the present membership.
    pub(crate) async fn settled(&self, group: GroupId) -> Result<GroupMembers, Trouble> {
        let now = self.consensus.leadership(group.0);
        if !now.is_leader() {
            return Err(not_leader(now));
        }
        let none = || Trouble::NotLeader { leader: None, term: now.term.0 };
        let members = self.members(group).ok_or_else(none)?;
        // Read after the membership: the entry of the membership is not behind it.
        let last = self.consensus.metrics(group.0).ok_or_else(none)?.last;
        let confirmed = self.consensus.system(group.0).confirm(now.term).await;
        confirmed.map_err(|error| Trouble::Failed(error.to_string()))?;
        for _ in 0..COMMIT_LOOKS {
            let committed = self.consensus.metrics(group.0).ok_or_else(none)?.committed;
            // Under one leader nothing is taken back, so what was read is committed.
            if self.consensus.leadership(group.0) != now {
                return Err(not_leader(self.consensus.leadership(group.0)));
            }
            if committed >= last {
                let same = self.members(group).as_ref() == Some(&members);
                return Ok(GroupMembers { changing: members.changing || !same, ..members });
            }
            tokio::time::sleep(COMMIT_LOOK).await;
        }
        Ok(GroupMembers { changing: true, ..members })
    }
}

pub(crate) fn not_leader(now: Leadership) -> Trouble {
    Trouble::NotLeader { leader: now.leader(), term: now.term.0 }
}
