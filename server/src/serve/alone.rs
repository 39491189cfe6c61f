//! The network of a node that is alone.

use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use impresario_wire::{Answered, Lane, RaftTransport, WireError};

/// There is nobody to send to.
#[derive(Debug)]
pub(crate) struct Alone;

impl RaftTransport for Alone {
    fn call(&self, to: NodeId, _: Lane, _: u16, _: Bytes, _: Duration) -> Answered {
        Box::pin(std::future::ready(Err(WireError::UnknownNode(to))))
    }
}
