use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::{ClusterId, NodeId};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::frames::{Frame, Reader};
use crate::wire::open_porch;
use crate::{Hello, KnockError, Me, Options, Purpose, Register, StoreId};

/// Asks a node of a cluster one question as a guest: what a node does that wants to join.
///
/// `me` may lack what is not known yet ([`Me::guest`]). Whose cluster it is stands in the answered
/// hello; with TLS the own certificate must be of the same cluster.
///
/// # Errors
/// If the node cannot be reached, refuses, or does not answer in time.
pub async fn knock(
    options: &Options,
    me: Me,
    addr: &str,
    question: Bytes,
    within: Duration,
) -> Result<(Hello, Bytes), KnockError> {
    let porch = open_porch(me, options.clone(), Arc::new(Register::new(true)))?;
    let asking = async {
        let opened = porch.dial(addr, None, Purpose::Guest).await?;
        let (read, mut write) = tokio::io::split(opened.stream);
        let lost = |error: std::io::Error| KnockError::Answer(error.to_string());
        let frame = Frame::Request { id: 1, group: 0, body: question };
        let (head, body) = frame.head();
        write.write_all(&head).await.map_err(lost)?;
        write.write_all(body.map_or(&[][..], |body| &body[..])).await.map_err(lost)?;
        write.flush().await.map_err(lost)?;
        let mut reader = Reader::new(read, options.lanes.frame_bytes_max);
        loop {
            match reader.next().await.map_err(|error| KnockError::Answer(error.to_string()))? {
                Frame::Answer { body, .. } => return Ok((opened.peer, body)),
                Frame::Refused { why, .. } => return Err(KnockError::Answer(why)),
                Frame::Request { .. } | Frame::Ping | Frame::Echo => {}
            }
        }
    };
    timeout(within, asking).await.unwrap_or(Err(KnockError::Timeout))
}

impl Me {
    /// A node that has no cluster yet, only a data folder.
    #[must_use]
    pub fn guest(store: StoreId) -> Self {
        Self { cluster: ClusterId::NIL, node: NodeId(0), store, partitions: 0 }
    }
}
