//! Why a step is taken, for the log and the shell.

use std::collections::BTreeSet;

use impresario_ids::NodeId;
use impresario_placement::{ClusterState, Observations, Status, Step};

/// The word for logs and metrics.
pub(crate) fn kind(step: &Step) -> &'static str {
    match step {
        Step::AddLearner { .. } => "add_learner",
        Step::ChangeVoters { .. } => "change_voters",
        Step::RemoveReplica { .. } => "remove_replica",
        Step::TransferLeader { .. } => "transfer_leader",
        Step::DeleteReplica { .. } => "delete_replica",
        Step::Activate { .. } => "activate",
        Step::FinishLeave { .. } => "finish_leave",
        Step::MarkDead { .. } => "mark_dead",
        Step::Revive { .. } => "revive",
    }
}

/// The step for people.
pub(crate) fn named(step: &Step) -> String {
    match step {
        Step::AddLearner { group, node } => format!("{group} to {node}"),
        Step::ChangeVoters { group, from, to } => {
            format!("{group} from {} to {}", list(from), list(to))
        }
        Step::RemoveReplica { group, node } | Step::DeleteReplica { group, node } => {
            format!("{group} from {node}")
        }
        Step::TransferLeader { group, from, to } => format!("{group} from {from} to {to}"),
        Step::Activate { node }
        | Step::FinishLeave { node }
        | Step::MarkDead { node }
        | Step::Revive { node } => node.to_string(),
    }
}

pub(crate) fn reason(step: &Step, state: &ClusterState, seen: &Observations) -> String {
    match step {
        Step::AddLearner { group, node } => {
            let voter = state.assignment(*group).is_some_and(|want| want.voters.contains(node));
            let what = if voter { "should vote" } else { "should listen" };
            format!("{node} {what} and holds no replica")
        }
        Step::ChangeVoters { from, to, .. } => {
            let (come, go) = (difference(to, from), difference(from, to));
            format!("{} caught up, {} should vote no more{}", come, go, dead(from, to, state))
        }
        Step::RemoveReplica { node, .. } => format!("{node} should hold no replica"),
        Step::TransferLeader { from, to, .. } => match status(state, *from) {
            Some(Status::Active) => format!("{to} should lead"),
            Some(status) => format!("{from} is {status}"),
            None => format!("{from} is no member"),
        },
        Step::DeleteReplica { node, .. } => format!("{node} is no replica any more"),
        Step::Activate { node } => format!("{node} follows the system group"),
        Step::FinishLeave { node } => format!("{node} holds nothing any more"),
        Step::MarkDead { node } => {
            let silent = seen.nodes.get(node).map_or(0, |view| view.silent_ms);
            format!("{node} has been silent for {silent} ms")
        }
        Step::Revive { node } => format!("{node} answers again"),
    }
}

fn status(state: &ClusterState, node: NodeId) -> Option<Status> {
    state.member(node).map(|member| member.status)
}

fn dead(from: &BTreeSet<NodeId>, to: &BTreeSet<NodeId>, state: &ClusterState) -> &'static str {
    let lost = |node: &&NodeId| {
        matches!(status(state, **node), None | Some(Status::Dead | Status::Removed))
    };
    if from.difference(to).any(|node| lost(&node)) { ", one of them is lost" } else { "" }
}

fn difference(of: &BTreeSet<NodeId>, without: &BTreeSet<NodeId>) -> String {
    list(&of.difference(without).copied().collect())
}

fn list(nodes: &BTreeSet<NodeId>) -> String {
    if nodes.is_empty() {
        return "nobody".to_owned();
    }
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
