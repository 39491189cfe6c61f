//! Nodes that want to be let in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use impresario_placement::{Command, Member};
use impresario_wire::{Answered, GuestHandler, Hello, StoreId};

use crate::command::CommandError;
use crate::message::{self, Ask, JoinAnswer, JoinRequest, Process, Told};
use crate::steward::{Inner, Steward};

/// The code of [`impresario_placement::Rejection::AddressTaken`].
const ADDRESS_TAKEN: &str = "node_address_taken";

impl GuestHandler for Steward {
    fn handle(&self, guest: Hello, body: Bytes) -> Answered {
        let steward = self.clone();
        Box::pin(async move { Ok(steward.receive(guest.who.store, body).await) })
    }
}

impl Steward {
    /// Answers the question of a guest with this data folder: whether it may join.
    pub async fn receive(&self, store: StoreId, question: Bytes) -> Bytes {
        let answer = match message::decode::<JoinRequest>(&question) {
            Ok(request) if request.intro.store.0 != store.0 => JoinAnswer::Refused {
                code: "node_introduction_invalid".to_owned(),
                message: "the node says to have another store than it has".to_owned(),
            },
            Ok(request) => self.inner.let_in(request).await,
            Err(why) => JoinAnswer::Later(why),
        };
        Bytes::from(message::encode(&answer))
    }
}

impl Inner {
    async fn let_in(self: &Arc<Self>, request: JoinRequest) -> JoinAnswer {
        let (store, addr) = (request.intro.store, request.intro.addr.clone());
        let answered_elsewhere = self.answers_elsewhere(&request).await;
        let command = Command::Join {
            cluster: request.cluster.unwrap_or(self.me.cluster),
            partitions: request.partitions,
            node: request.node,
            intro: request.intro,
            answered_elsewhere,
        };
        let reply = match self.execute(command).await {
            Ok(reply) => reply,
            Err(CommandError::Rejected { code, .. })
                if code == ADDRESS_TAKEN && self.is_deserted(&addr).await =>
            {
                return JoinAnswer::Later(format!(
                    "a member that does not answer has the address {addr}; once it is declared dead \
                     (`node remove`, if it was replaced) this node is let in"
                ));
            }
            Err(CommandError::Rejected { code, message }) => {
                tracing::warn!(store = %store, code = %code, why = %message, "a node is not let in");
                return JoinAnswer::Refused { code, message };
            }
            Err(error) => return JoinAnswer::Later(error.to_string()),
        };
        let Some(node) = reply.node else {
            return JoinAnswer::Later("a join without a number".to_owned());
        };
        // Who is let in should know of itself.
        let mut states = self.system.watch();
        let there = states.wait_for(|state| state.version() >= reply.version);
        match tokio::time::timeout(Duration::from_millis(self.options.command_ms), there).await {
            Ok(Ok(state)) => {
                tracing::info!(peer = %node, store = %store, "a node is let in");
                JoinAnswer::Welcome {
                    cluster: self.me.cluster,
                    node,
                    partitions: self.me.partitions,
                    state: state.as_ref().clone(),
                }
            }
            Ok(Err(_)) | Err(_) => JoinAnswer::Later("this node is behind".to_owned()),
        }
    }

    /// Whether no member answers that has this address: a machine that was replaced keeps its address.
    async fn is_deserted(self: &Arc<Self>, addr: &str) -> bool {
        let state = self.system.latest();
        let here = |member: &&Member| member.status.is_present() && member.intro.addr == addr;
        let Some(member) = state.members().find(here) else { return true };
        self.process_of(member.node).await.is_none()
    }

    /// Whether another process answers that runs on the same store.
    async fn answers_elsewhere(self: &Arc<Self>, request: &JoinRequest) -> bool {
        let store = request.intro.store;
        let Some(node) = self.system.latest().node_of_store(store) else { return false };
        let Some(process) = self.process_of(node).await else { return false };
        process.store == store.0 && process.run != request.run
    }

    pub(crate) async fn process_of(self: &Arc<Self>, node: NodeId) -> Option<Process> {
        match self.ask(node, Ask::Who, self.options.call()).await {
            Ok(Told::Who(process)) => Some(process),
            Ok(_) | Err(_) => None,
        }
    }
}
