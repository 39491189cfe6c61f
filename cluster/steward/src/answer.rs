//! What this node does when another asks.

use std::sync::Arc;
use std::time::Duration;

use impresario_ids::NodeId;
use impresario_placement::{Command, Status, Votes};
use impresario_wire::{Answer, Call, CallHandler, CallKind, Handled};

use crate::ask::{Trouble, answered};
use crate::message::{self, Ask, Process, Told};
use crate::steward::{Inner, Steward};

impl Steward {
    /// Whether a call is for the steward: control calls may be for others too.
    #[must_use]
    pub fn concerns(call: &Call) -> bool {
        let body = call.items.first().map(|item| item.body.as_slice());
        call.kind == CallKind::Control && body.and_then(<[u8]>::first) == Some(&message::MARK)
    }
}

impl CallHandler for Steward {
    fn handle(&self, from: NodeId, call: Call) -> Handled {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.handle(from, &call).await })
    }
}

impl Inner {
    async fn handle(self: &Arc<Self>, from: NodeId, call: &Call) -> Answer {
        let body = call.items.first().map_or(&[][..], |item| item.body.as_slice());
        let ask = match message::decode::<Ask>(body) {
            Ok(ask) => ask,
            Err(why) => return answered(Err(Trouble::Failed(why))),
        };
        let state = self.system.latest();
        if state.member(from).is_some_and(|member| member.status.is_final()) {
            // It may not have heard of it, as nothing is replicated to it any more.
            return answered(Ok(Told::Retired(state.as_ref().clone())));
        }
        if let Ask::Beat(beat) = &ask {
            self.hear(from, beat);
        }
        let within = Duration::from_millis(u64::from(call.within_ms));
        match tokio::time::timeout(within, self.answer(ask)).await {
            Ok(told) => answered(told),
            Err(_) => answered(Err(Trouble::NoAnswer("no answer in time".to_owned()))),
        }
    }

    /// Does what is asked of this node.
    pub(crate) async fn answer(self: &Arc<Self>, ask: Ask) -> Result<Told, Trouble> {
        match ask {
            Ask::Command(command) => self.decide(command).await,
            Ask::Report(confirm) => Ok(Told::Report(self.report(&confirm).await)),
            Ask::Order(order) => self.carry(order).await,
            Ask::Members(group) => self.settled(group).await.map(Told::Members),
            Ask::Beat(_) => Ok(Told::Beat(self.beat())),
            Ask::Who => Ok(Told::Who(Process { store: self.me.store.0, run: self.run })),
        }
    }

    async fn decide(self: &Arc<Self>, mut command: Command) -> Result<Told, Trouble> {
        // Who votes where, and who answers, is for the leader to see.
        if self.system.journal().leadership().is_leader() {
            match &mut command {
                Command::RemoveDead { voters, silent, .. } => {
                    Votes { voters: *voters, silent: *silent } = self.votes().await;
                }
                Command::Leave { votes, .. } => *votes = Some(self.votes().await),
                _ => {}
            }
        }
        if let Command::Leave { node, without_majority: Some(true), .. }
        | Command::RemoveDead { node, forced: true, .. } = &command
        {
            tracing::error!(%node, "a node goes by an operator's wish, whatever majorities it leaves");
        }
        if let Command::RecordRecovery { group, reason, .. } = &command {
            tracing::error!(group = %group, reason = %reason, "a group is started again without its quorum, acknowledged commits may be missing");
        }
        let reply = self.system.command(&command, self.now_ms()).await?;
        if reply.changed {
            self.poke.notify_one();
        }
        Ok(Told::Reply(reply))
    }

    /// Who votes where. Who has not answered just now is silent: it takes a while until a node that
    /// died is known to have.
    async fn votes(self: &Arc<Self>) -> Votes {
        let seen = self.observe(&<_>::default()).await;
        let (nodes, reports) = (seen.view.nodes, seen.reports);
        let answers = |node, alive| alive && reports.contains_key(node);
        let silent = nodes.iter().filter(|(node, view)| !answers(*node, view.alive));
        let silent = silent.map(|(node, _)| *node).collect();
        let groups = seen.view.groups.into_iter();
        Votes { voters: groups.map(|(group, view)| (group, view.voters)).collect(), silent }
    }

    /// Whether the node is at this place of its life.
    pub(crate) fn is(&self, node: NodeId, status: Status) -> bool {
        self.system.latest().member(node).is_some_and(|member| member.status == status)
    }
}
