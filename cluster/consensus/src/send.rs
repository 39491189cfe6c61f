use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use impresario_redb::{Mark, ReplicaError, SnapshotReader};
use impresario_wire::{Lane, WireError};
use tokio::time::Instant;

use crate::machine::blocking;
use crate::message::{Piece, Request, Taken};
use crate::network::Peer;
use crate::traffic::Traffic;
use crate::types::Vote;

/// The first wait after a piece that did not arrive; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A snapshot on its way to one follower: one piece at a time, so that the follower's disk sets
/// the pace. After a broken connection it goes on with the piece that the follower wants.
pub(crate) struct Sending {
    pub(crate) timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) target: NodeId,
    pub(crate) vote: Vote,
}

/// Why a snapshot was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the snapshot cannot be read: {0}")]
    Read(String),
    #[error("the snapshot was not taken: {0}")]
    Wire(#[from] WireError),
}

impl Sending {
    /// The follower's vote, once the snapshot is in place there.
    pub(crate) async fn run(
        self,
        peer: &Peer,
        reader: Box<SnapshotReader>,
    ) -> Result<Vote, SendError> {
        let sent = self.pieces(peer, reader).await;
        self.traffic.ended(self.target);
        sent
    }

    async fn pieces(
        &self,
        peer: &Peer,
        mut reader: Box<SnapshotReader>,
    ) -> Result<Vote, SendError> {
        let Some(mark) = reader.mark().cloned() else {
            return Err(SendError::Read("there is nothing in it".to_owned()));
        };
        tracing::info!(node = %self.target, index = mark.index, "sending a snapshot");
        let mut chunk = None;
        loop {
            let taken = self.piece(peer, &mark, chunk.clone()).await?;
            let wanted = match taken {
                Taken::Installed(vote) | Taken::Higher(vote) => return Ok(vote),
                Taken::Next(wanted) => wanted,
            };
            let length = chunk.as_ref().map_or(0, Bytes::len);
            self.traffic.sent(self.target, mark.index, wanted, length);
            let (kept, read) = read(reader, wanted).await?;
            reader = kept;
            chunk = Some(read);
        }
    }

    /// Sends one piece until it is answered.
    async fn piece(
        &self,
        peer: &Peer,
        mark: &Mark,
        bytes: Option<Bytes>,
    ) -> Result<Taken, SendError> {
        let request = Request::Piece(Piece { vote: self.vote, mark: mark.clone(), bytes });
        let began = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let error = match peer.call(Lane::Snapshot, &request, self.timeout).await {
                Ok(answer) => match Taken::decode(&answer) {
                    Ok(taken) => return Ok(taken),
                    Err(why) => WireError::Refused { node: self.target, why: why.to_string() },
                },
                Err(error) => error,
            };
            if began.elapsed() > self.patience {
                return Err(error.into());
            }
            tracing::debug!(node = %self.target, %error, "a piece of a snapshot was not taken");
            tokio::time::sleep(wait).await;
            wait = LONGEST_WAIT.min(wait * 2);
        }
    }
}

async fn read(
    mut reader: Box<SnapshotReader>,
    wanted: u64,
) -> Result<(Box<SnapshotReader>, Bytes), SendError> {
    let read = blocking(move || {
        let behind = || ReplicaError::Chunk(format!("there is no piece {wanted}"));
        let chunk = reader.chunk(wanted)?.ok_or_else(behind)?;
        Ok((reader, Bytes::from(chunk)))
    });
    read.await.map_err(|error| SendError::Read(error.to_string()))
}
