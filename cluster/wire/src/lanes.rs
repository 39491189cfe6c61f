use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::line::Line;
use crate::porch::Porch;
use crate::{Answered, Lane, RaftTransport, WireError};

/// Raft's way to other nodes: one TCP connection per lane and peer, made when it is first used. A
/// handle: cheap to clone.
#[derive(Clone)]
pub struct RaftLanes {
    core: Arc<Core>,
}

struct Core {
    porch: Arc<Porch>,
    book: Arc<Book>,
    stop: CancellationToken,
    peers: Mutex<HashMap<NodeId, Peer>>,
}

struct Peer {
    stop: CancellationToken,
    lines: [Line; 3],
}

impl RaftLanes {
    pub(crate) fn new(porch: Arc<Porch>, book: Arc<Book>, stop: CancellationToken) -> Self {
        Self { core: Arc::new(Core { porch, book, stop, peers: Mutex::default() }) }
    }

    /// Ends the connections to a node.
    pub(crate) fn forget(&self, node: NodeId) {
        if let Some(peer) = self.core.peers.lock().remove(&node) {
            peer.stop.cancel();
        }
    }
}

impl Core {
    fn line(&self, to: NodeId, lane: Lane) -> Result<Line, WireError> {
        let mut peers = self.peers.lock();
        let peer = match peers.entry(to) {
            Entry::Occupied(peer) => peer.into_mut(),
            Entry::Vacant(_) if self.book.get(to).is_none() => {
                return Err(WireError::UnknownNode(to));
            }
            Entry::Vacant(place) => {
                let stop = self.stop.child_token();
                let line =
                    |lane| Line::start(to, lane, &self.porch, &self.book, stop.child_token());
                let lines = Lane::ALL.map(line);
                place.insert(Peer { stop, lines })
            }
        };
        Ok(peer.lines[usize::from(lane as u8)].clone())
    }
}

impl RaftTransport for RaftLanes {
    fn call(&self, to: NodeId, lane: Lane, group: u16, body: Bytes, within: Duration) -> Answered {
        let line = self.core.line(to, lane);
        Box::pin(async move { line?.call(group, body, within).await })
    }
}

impl std::fmt::Debug for RaftLanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftLanes").finish_non_exhaustive()
    }
}
