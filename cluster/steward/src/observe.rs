//! What all nodes say of their groups, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::join_all;
use impresario_ids::NodeId;
use impresario_placement::{GroupId, GroupView, NodeView, Observations, Status};

use crate::message::{Ask, Report, Told};
use crate::steward::Inner;

/// The cluster, as the planner sees it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) view: Observations,
    /// The groups that were asked to be confirmed, and were.
    pub(crate) confirmed: BTreeSet<GroupId>,
    pub(crate) reports: BTreeMap<NodeId, Report>,
}

type Seeing = Pin<Box<dyn Future<Output = Seen> + Send>>;

impl Inner {
    /// Asks all nodes what they hold. The groups that are named must be confirmed by whoever leads
    /// them, or are not seen.
    pub(crate) fn observe(self: &Arc<Self>, confirm: &BTreeSet<GroupId>) -> Seeing {
        let (this, confirm) = (Arc::clone(self), confirm.clone());
        Box::pin(async move {
            let reports = this.reports(&confirm).await;
            this.put_together(reports, &confirm)
        })
    }

    /// What each node that answers says.
    async fn reports(self: &Arc<Self>, confirm: &BTreeSet<GroupId>) -> BTreeMap<NodeId, Report> {
        let asked = self.others().into_iter().chain([self.me.node]).map(|node| async move {
            let ask = Ask::Report(confirm.clone());
            match self.ask(node, ask, self.options.call()).await {
                Ok(Told::Report(report)) => Some((node, report)),
                Ok(_) => None,
                Err(trouble) => {
                    tracing::debug!(peer = %node, why = %trouble, "a node did not report");
                    None
                }
            }
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    fn put_together(&self, reports: BTreeMap<NodeId, Report>, confirm: &BTreeSet<GroupId>) -> Seen {
        let mut best: BTreeMap<GroupId, (u64, GroupView)> = BTreeMap::new();
        let mut confirmed = BTreeSet::new();
        for (node, report) in &reports {
            for replica in &report.groups {
                let Some(lead) = &replica.lead else { continue };
                let group = replica.group;
                let wanted = confirm.contains(&group);
                let older = best.get(&group).is_some_and(|(term, _)| *term >= replica.term);
                if older || (wanted && !lead.confirmed) {
                    continue;
                }
                if wanted {
                    confirmed.insert(group);
                }
                let view = GroupView {
                    voters: lead.members.voters.clone(),
                    learners: lead.members.learners.clone(),
                    leader: Some(*node),
                    changing: lead.members.changing,
                    lag: lead.lag.clone(),
                };
                best.insert(group, (replica.term, view));
            }
        }
        let groups = best.into_iter().map(|(group, (_, view))| (group, view)).collect();
        let nodes = self.nodes(&reports);
        Seen { view: Observations { groups, nodes }, confirmed, reports }
    }

    fn nodes(&self, reports: &BTreeMap<NodeId, Report>) -> BTreeMap<NodeId, NodeView> {
        let since = self.reign.lock().map_or(self.began, |(_, since)| since);
        let view = |node: NodeId| {
            // A dead node must answer now: that it did shortly before it was declared dead does not
            // bring it back.
            let answers = reports.contains_key(&node);
            let dead = self.is(node, Status::Dead);
            let alive = if dead { answers } else { self.is_alive(node) };
            // Before this node planned, others may have heard what it did not.
            let last = self.heard_at(node).map_or(since, |heard| heard.max(since));
            let silent = u64::try_from(last.elapsed().as_millis()).unwrap_or(u64::MAX);
            let replicas = reports.get(&node).into_iter().flat_map(|report| &report.groups);
            NodeView {
                alive,
                silent_ms: if alive { 0 } else { silent },
                replicas: replicas.map(|replica| replica.group).collect(),
            }
        };
        let all = self.others().into_iter().chain([self.me.node]);
        all.map(|node| (node, view(node))).collect()
    }
}
