use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use impresario_wire::{Lane, RaftTransport, WireError};
use openraft::errors::{
    NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable,
};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};

use crate::codec::Damaged;
use crate::machine::Rows;
use crate::message::{self, Request};
use crate::reversion::{Acknowledged, Asked};
use crate::send::Sending;
use crate::traffic::Traffic;
use crate::types::{Member, Snapshot, Types, Vote};

/// Makes openraft's clients for one group.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) transport: Arc<dyn RaftTransport>,
    pub(crate) node: NodeId,
    pub(crate) group: u16,
    pub(crate) append_timeout: Duration,
    pub(crate) snapshot_timeout: Duration,
    pub(crate) snapshot_patience: Duration,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) acknowledged: Arc<Acknowledged>,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: Member, (): &()) -> Peer {
        Peer { network: self.clone(), target }
    }
}

/// The way to one other replica of the group.
pub(crate) struct Peer {
    network: Network,
    target: Member,
}

impl Peer {
    pub(crate) async fn call(
        &self,
        lane: Lane,
        request: &Request,
        within: Duration,
    ) -> Result<Bytes, WireError> {
        let (to, group) = (NodeId::from(self.target), self.network.group);
        self.network.transport.call(to, lane, group, request.encode(), within).await
    }

    /// What openraft makes of it: it waits before it tries an unreachable node again, and tries
    /// others at once.
    fn failed(&self, action: RPCTypes, error: WireError, within: Duration) -> RPCError<Types> {
        match error {
            WireError::Timeout(_) => RPCError::Timeout(Timeout {
                action,
                id: self.network.node.into(),
                target: self.target,
                timeout: within,
            }),
            WireError::UnknownNode(_)
            | WireError::Unreachable { .. }
            | WireError::Refused { .. }
            | WireError::TooLarge { .. } => RPCError::Unreachable(Unreachable::new(&error)),
            // Busy, broken, and whatever comes later.
            _ => RPCError::Network(NetworkError::new(&error)),
        }
    }

    async fn ask<T>(
        &self,
        action: RPCTypes,
        (lane, within): (Lane, Duration),
        request: Request,
        decode: impl FnOnce(&[u8]) -> Result<T, Damaged>,
    ) -> Result<T, RPCError<Types>> {
        let answer = self.call(lane, &request, within).await;
        let answer = answer.map_err(|error| self.failed(action, error, within))?;
        decode(&answer).map_err(|error| RPCError::Network(NetworkError::new(&error)))
    }
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = Rows;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        // What carries nothing must not wait behind what does.
        let way = if request.entries.is_empty() {
            (Lane::Pulse, option.hard_ttl())
        } else {
            (Lane::Append, self.network.append_timeout)
        };
        let asked = Asked::of(&request);
        let decode = message::decode_append_answer;
        let answer =
            self.ask(RPCTypes::AppendEntries, way, Request::Append(request), decode).await?;
        let checked =
            self.network.acknowledged.check(self.network.group, self.target, asked, &answer);
        checked.map_err(|stale| RPCError::Unreachable(Unreachable::new(&stale)))?;
        Ok(answer)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let way = (Lane::Pulse, option.hard_ttl());
        self.ask(RPCTypes::Vote, way, Request::Vote(request), message::decode_vote_answer).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let way = (Lane::Pulse, option.hard_ttl());
        self.ask(RPCTypes::Vote, way, Request::PreVote(request), message::decode_vote_answer).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + openraft::OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let Rows::Source(reader) = snapshot.snapshot else {
            let why = NetworkError::from_string("the snapshot is not one to be sent");
            return Err(StreamingError::Network(why));
        };
        let sending = Sending {
            timeout: self.network.snapshot_timeout,
            patience: self.network.snapshot_patience,
            traffic: Arc::clone(&self.network.traffic),
            target: self.target.into(),
            vote,
        };
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = sending.run(self, reader) => match sent {
                Ok(vote) => Ok(SnapshotResponse::new(vote)),
                Err(error) => Err(StreamingError::Unreachable(Unreachable::new(&error))),
            },
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let way = (Lane::Pulse, option.hard_ttl());
        let decode = message::decode_transfer_answer;
        self.ask(RPCTypes::TransferLeader, way, Request::Transfer(request), decode).await
    }
}
