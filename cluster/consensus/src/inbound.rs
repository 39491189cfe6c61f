use std::sync::Arc;

use bytes::Bytes;
use impresario_ids::NodeId;
use impresario_wire::{Answered, Lane, RaftHandler, WireError};

use crate::consensus::{Consensus, Inner};
use crate::group::Group;
use crate::message::{self, Request};
use crate::receive;

impl RaftHandler for Consensus {
    fn handle(&self, from: NodeId, _: Lane, group: u16, body: Bytes) -> Answered {
        let inner = Arc::clone(&self.0);
        let node = inner.node;
        let refused = move |why: String| WireError::Refused { node, why };
        Box::pin(async move {
            let request = Request::decode(&body).map_err(|error| refused(error.to_string()))?;
            let group = replica(&inner, from, group).await.map_err(refused)?;
            answer(&inner, group, from, request).await.map_err(refused)
        })
    }
}

async fn replica(inner: &Arc<Inner>, from: NodeId, group: u16) -> Result<Arc<Group>, String> {
    if let Ok(group) = inner.group(group) {
        return Ok(group);
    }
    if !(inner.allowed)(group, from) {
        return Err(format!("no replica of group {group} is wanted here"));
    }
    let this = Arc::clone(inner);
    let ensured = inner.runtime.spawn(async move { this.ensure(group).await }).await;
    ensured.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

async fn answer(
    inner: &Inner,
    group: Arc<Group>,
    from: NodeId,
    request: Request,
) -> Result<Bytes, String> {
    match request {
        Request::Vote(request) => {
            may_vote(&group)?;
            let answer = group.raft.vote(request).await.map_err(|error| error.to_string())?;
            Ok(message::encode_vote_answer(&answer))
        }
        Request::PreVote(request) => {
            may_vote(&group)?;
            let answer = group.raft.pre_vote(request).await.map_err(|error| error.to_string())?;
            Ok(message::encode_vote_answer(&answer))
        }
        Request::Append(request) => {
            // A follower whose disk is behind slows the leader down, but hears its heartbeats.
            if !request.entries.is_empty() && !group.store.has_room() {
                group.store.room().await;
            }
            let answer = group.raft.append_entries(request).await;
            Ok(message::encode_append_answer(&answer.map_err(|error| error.to_string())?))
        }
        Request::Transfer(request) => {
            if *request.to_node_id() == group.node.into() {
                may_vote(&group)?;
            }
            let answer = group.raft.handle_transfer_leader(request).await;
            Ok(message::encode_transfer_answer(&answer.map_err(|error| error.to_string())?))
        }
        Request::Piece(piece) => {
            // A task of its own: the sender may hang up in the middle of it.
            let taking = async move { receive::take(&group, from, piece).await };
            let taken = inner.runtime.spawn(taking).await.map_err(|error| error.to_string())?;
            Ok(taken.map_err(|error| error.to_string())?.encode())
        }
    }
}

/// A replica that knows nothing yet, or less than it once knew, elects nobody.
fn may_vote(group: &Group) -> Result<(), String> {
    let knows_something = group.log.last().map_err(|error| error.to_string())?.is_some();
    if knows_something && group.log.may_vote() {
        Ok(())
    } else {
        Err("this replica is still being filled".to_owned())
    }
}
