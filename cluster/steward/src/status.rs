use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use impresario_ids::{ClusterId, NodeId, TenantId};
use impresario_placement::{Assignment, ClusterState, GroupId, Hint, Recovery, Settings, Status};
use serde::Serialize;

use crate::message::{GroupReport, Lead};
use crate::observe::Seen;
use crate::steward::{Inner, Steward};

/// The cluster at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// The cluster, once it is founded.
    pub cluster: Option<ClusterId>,
    /// The version of the state that this was made from.
    pub version: u64,
    /// The node that was asked.
    pub asked: NodeId,
    /// The settings.
    pub settings: Option<Settings>,
    /// All members by number, also those that were.
    pub nodes: Vec<NodeStatus>,
    /// All groups by number, the system group last.
    pub groups: Vec<GroupStatus>,
    /// The steps under way.
    pub works: Vec<Work>,
    /// Groups that are not where they should be.
    pub pending: Vec<Pending>,
    /// Recoveries from a lost quorum, oldest first.
    pub recoveries: Vec<Recovery>,
    /// Tenants that are best served somewhere.
    pub placed: Vec<Placed>,
}

/// A tenant that is best served somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Which.
    pub tenant: TenantId,
    /// The group of its own entity, and the zone.
    #[serde(flatten)]
    pub hint: Hint,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Which.
    pub node: NodeId,
    /// Its zone.
    pub zone: String,
    /// Where it is in its life.
    pub status: Status,
    /// Since when, in milliseconds of the Unix epoch.
    pub since_ms: i64,
    /// Whether it answered just now.
    pub alive: bool,
    /// Its release.
    pub version: String,
    /// Where other nodes reach it.
    pub addr: String,
    /// Where its HTTP listener is.
    pub http: String,
    /// Replicas on it.
    pub replicas: usize,
    /// Groups that it leads.
    pub leads: usize,
    /// Bytes of its replicas' states on the disk.
    pub bytes: u64,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupStatus {
    /// Which.
    pub group: GroupId,
    /// The leader, if one answers.
    pub leader: Option<NodeId>,
    /// Its term.
    pub term: u64,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who only holds a replica.
    pub learners: BTreeSet<NodeId>,
    /// Whether the members are being changed.
    pub changing: bool,
    /// How many entries the others lack, as far as that is known.
    pub lag: BTreeMap<NodeId, u64>,
    /// The last entry of the leader's log.
    pub last: u64,
    /// Bytes of the leader's state on the disk.
    pub bytes: u64,
    /// Where it should be.
    pub wanted: Assignment,
}

/// A step under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Work {
    /// What.
    pub step: String,
    /// The group.
    pub group: Option<GroupId>,
    /// Why.
    pub why: String,
    /// Since when, in milliseconds of the Unix epoch.
    pub since_ms: i64,
}

/// A group that is not where it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Which.
    pub group: GroupId,
    /// Who votes.
    pub from: BTreeSet<NodeId>,
    /// Who should.
    pub to: BTreeSet<NodeId>,
    /// Replicas that are being filled.
    pub copying: Vec<Copying>,
}

/// A replica that is being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Copying {
    /// Where.
    pub node: NodeId,
    /// Entries that it lacks, if that is known.
    pub lag: Option<u64>,
    /// Bytes of a snapshot that it has taken, if it is sent one.
    pub sent_bytes: Option<u64>,
}

impl Steward {
    /// Asks every node, and puts together what they say.
    pub async fn status(&self) -> ClusterStatus {
        self.inner.status().await
    }
}

impl Inner {
    async fn status(self: &Arc<Self>) -> ClusterStatus {
        let seen = self.observe(&BTreeSet::new()).await;
        let state = self.system.latest();
        let groups: Vec<GroupStatus> =
            state.map().map(|(group, want)| group_status(group, want, &seen)).collect();
        let works = seen.reports.values().flat_map(|report| &report.works);
        let pending = groups.iter().filter_map(|group| pending(group, &seen));
        ClusterStatus {
            cluster: state.cluster(),
            version: state.version(),
            asked: self.me.node,
            settings: state.settings().cloned(),
            nodes: node_statuses(&state, &seen),
            works: works
                .map(|work| Work {
                    step: work.step.clone(),
                    group: work.group,
                    why: work.why.clone(),
                    since_ms: work.since_ms,
                })
                .collect(),
            pending: pending.collect(),
            groups,
            recoveries: state.recoveries().to_vec(),
            placed: state
                .hints()
                .map(|(tenant, hint)| Placed { tenant, hint: hint.clone() })
                .collect(),
        }
    }
}

fn node_statuses(state: &ClusterState, seen: &Seen) -> Vec<NodeStatus> {
    let one = |member: &impresario_placement::Member| {
        let node = member.node;
        let replicas = || seen.reports.get(&node).into_iter().flat_map(|report| &report.groups);
        let leads = seen.view.groups.values().filter(|view| view.leader == Some(node)).count();
        NodeStatus {
            node,
            zone: member.intro.zone.name().to_owned(),
            status: member.status,
            since_ms: member.since_ms,
            alive: seen.reports.contains_key(&node),
            version: member.intro.version.clone(),
            addr: member.intro.addr.clone(),
            http: member.intro.http.clone(),
            replicas: replicas().count(),
            leads,
            bytes: replicas().map(|replica| replica.bytes).sum(),
        }
    };
    state.members().map(one).collect()
}

/// The replica of a group at the leader that the planner would believe.
fn lead(group: GroupId, seen: &Seen) -> Option<(NodeId, &GroupReport, &Lead)> {
    let leader = seen.view.groups.get(&group)?.leader?;
    let replicas = &seen.reports.get(&leader)?.groups;
    let replica = replicas.iter().find(|replica| replica.group == group)?;
    Some((leader, replica, replica.lead.as_ref()?))
}

fn group_status(group: GroupId, want: &Assignment, seen: &Seen) -> GroupStatus {
    let led = lead(group, seen);
    let members = led.map(|(_, _, lead)| lead.members.clone()).unwrap_or_default();
    GroupStatus {
        group,
        leader: led.map(|(leader, _, _)| leader),
        term: led.map_or(0, |(_, replica, _)| replica.term),
        voters: members.voters,
        learners: members.learners,
        changing: members.changing,
        lag: led.map(|(_, _, lead)| lead.lag.clone()).unwrap_or_default(),
        last: led.map_or(0, |(_, replica, _)| replica.last),
        bytes: led.map_or(0, |(_, replica, _)| replica.bytes),
        wanted: want.clone(),
    }
}

fn pending(group: &GroupStatus, seen: &Seen) -> Option<Pending> {
    let (_, _, lead) = lead(group.group, seen)?;
    let strangers = group.learners.difference(&group.wanted.learners);
    let copying: Vec<Copying> = strangers
        .map(|node| Copying {
            node: *node,
            lag: lead.lag.get(node).copied(),
            sent_bytes: lead.sent_bytes.get(node).copied(),
        })
        .collect();
    let moved = group.voters == group.wanted.voters && !group.changing && copying.is_empty();
    let (from, to) = (group.voters.clone(), group.wanted.voters.clone());
    (!moved).then_some(Pending { group: group.group, from, to, copying })
}
