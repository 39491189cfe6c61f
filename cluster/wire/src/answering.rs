//! The side of Raft's connections that answers, and of guests'.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use impresario_ids::NodeId;
use parking_lot::Mutex;
use tokio::io::{AsyncWriteExt, BufWriter, WriteHalf};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::frames::{Frame, FrameError, Reader, Reason};
use crate::meters::LineMeters;
use crate::porch::Stream;
use crate::{Answered, LaneOptions, Purpose, WireError};

/// Answers waiting to be written on one connection; handlers wait past it.
const ANSWERS_MAX: usize = 64;

/// What answers the requests of one connection.
pub(crate) type Responder = Arc<dyn Fn(u16, Bytes) -> Answered + Send + Sync>;

/// How much of a peer's is handled at a time, over all its connections of one purpose.
#[derive(Debug)]
pub(crate) struct Load {
    calls: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// The loads of all peers.
#[derive(Debug)]
pub(crate) struct Loads {
    limits: LaneOptions,
    of: Mutex<HashMap<(NodeId, Purpose), Arc<Load>>>,
}

impl Loads {
    pub(crate) fn new(limits: LaneOptions) -> Self {
        Self { limits, of: Mutex::default() }
    }

    pub(crate) fn of(&self, node: NodeId, purpose: Purpose) -> Arc<Load> {
        let load = || Load {
            calls: Arc::new(Semaphore::new(self.limits.handlers_max)),
            bytes: Arc::new(Semaphore::new(self.limits.handlers_bytes_max)),
        };
        Arc::clone(self.of.lock().entry((node, purpose)).or_insert_with(|| Arc::new(load())))
    }

    pub(crate) fn limits(&self) -> &LaneOptions {
        &self.limits
    }

    pub(crate) fn forget(&self, node: NodeId) {
        self.of.lock().retain(|(of, _), _| *of != node);
    }
}

/// Answers one connection until the other side closes it and every answer is written, or until
/// `stop`.
pub(crate) async fn answer(
    stream: Stream,
    responder: Responder,
    load: Arc<Load>,
    limits: LaneOptions,
    meters: LineMeters,
    stop: CancellationToken,
) -> Result<(), FrameError> {
    let (read, write) = tokio::io::split(stream);
    let mut reader = Reader::new(read, limits.frame_bytes_max);
    let (answers, to_write) = mpsc::channel(ANSWERS_MAX);
    let writing = tokio::spawn(write_answers(write, to_write, meters.clone(), stop.clone()));
    let ended = loop {
        let frame = tokio::select! {
            frame = reader.next() => frame,
            () = stop.cancelled() => break Ok(()),
        };
        let frame = match frame {
            Ok(frame) => {
                meters.received.increment(frame.bytes() as u64);
                frame
            }
            Err(FrameError::Closed) => break Ok(()),
            Err(error) => {
                stop.cancel();
                break Err(error);
            }
        };
        if let Some(reply) = begin(frame, &responder, &load, &limits, &answers)
            && answers.send(reply).await.is_err()
        {
            break Ok(());
        }
    };
    drop(answers);
    // Handlers that still run hold the way to the writer; it ends with the last of them.
    let _ = writing.await;
    ended
}

/// Starts what a frame asks for; what can be answered at once is returned.
fn begin(
    frame: Frame,
    responder: &Responder,
    load: &Load,
    limits: &LaneOptions,
    answers: &mpsc::Sender<Frame>,
) -> Option<Frame> {
    let (id, group, body) = match frame {
        Frame::Request { id, group, body } => (id, group, body),
        Frame::Ping => return Some(Frame::Echo),
        Frame::Answer { .. } | Frame::Refused { .. } | Frame::Echo => return None,
    };
    let weight = u32::try_from(body.len().min(limits.handlers_bytes_max)).unwrap_or(u32::MAX);
    let (Ok(call), Ok(bytes)) = (
        Arc::clone(&load.calls).try_acquire_owned(),
        Arc::clone(&load.bytes).try_acquire_many_owned(weight),
    ) else {
        return Some(Frame::Refused { id, reason: Reason::Busy, why: "too many calls".into() });
    };
    let (answer, answers, max) = (responder(group, body), answers.clone(), limits.frame_bytes_max);
    tokio::spawn(async move {
        let reply = match answer.await {
            Ok(body) if body.len() > max => {
                let why = format!("an answer of {} bytes, the limit is {max}", body.len());
                Frame::Refused { id, reason: Reason::TooLarge, why }
            }
            Ok(body) => Frame::Answer { id, body },
            Err(WireError::Busy(_)) => {
                Frame::Refused { id, reason: Reason::Busy, why: String::new() }
            }
            Err(WireError::Refused { why, .. }) => {
                Frame::Refused { id, reason: Reason::Refused, why }
            }
            Err(error) => Frame::Refused { id, reason: Reason::Refused, why: error.to_string() },
        };
        drop((call, bytes));
        // Nobody waits any more when the connection is gone.
        let _ = answers.send(reply).await;
    });
    None
}

async fn write_answers(
    write: WriteHalf<Stream>,
    mut answers: mpsc::Receiver<Frame>,
    meters: LineMeters,
    stop: CancellationToken,
) {
    let mut write = BufWriter::with_capacity(32 << 10, write);
    let writing = async {
        while let Some(first) = answers.recv().await {
            let mut next = Some(first);
            while let Some(frame) = next {
                let (head, body) = frame.head();
                write.write_all(&head).await?;
                write.write_all(body.map_or(&[][..], |body| &body[..])).await?;
                meters.sent.increment(frame.bytes() as u64);
                next = answers.try_recv().ok();
            }
            write.flush().await?;
        }
        write.shutdown().await
    };
    let failed = tokio::select! {
        written = writing => written.is_err(),
        () = stop.cancelled() => true,
    };
    if failed {
        stop.cancel();
    }
}
