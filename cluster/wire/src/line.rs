//! One lane to one peer: what waits to be sent, and the connection that carries it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use parking_lot::Mutex;
use tokio::io::{AsyncWriteExt, BufWriter, ReadHalf, WriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::book::Book;
use crate::frames::{Frame, FrameError, Reader, Reason};
use crate::meters::LineMeters;
use crate::porch::{Opened, Outdated, Porch, Stream, complain};
use crate::{Lane, LaneOptions, Purpose, WireError};

/// Who waits for an answer.
type Waiter = oneshot::Sender<Result<Bytes, WireError>>;

/// A handle to the task that keeps one connection.
#[derive(Clone)]
pub(crate) struct Line {
    node: NodeId,
    limits: LaneOptions,
    queue: mpsc::Sender<Order>,
    calls: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// A call had no answer in time: is anyone there?
    doubt: Arc<Notify>,
    meters: LineMeters,
}

struct Order {
    group: u16,
    body: Bytes,
    waiter: Waiter,
    _bytes: OwnedSemaphorePermit,
}

/// What the task of a line needs.
struct Keeper {
    node: NodeId,
    lane: Lane,
    porch: Arc<Porch>,
    book: Arc<Book>,
    doubt: Arc<Notify>,
    meters: LineMeters,
    stop: CancellationToken,
}

/// What the two halves of a connection share.
struct Shared {
    node: NodeId,
    waiting: Mutex<HashMap<u64, Waiter>>,
    next: AtomicU64,
    ping: Notify,
    /// Ends the connection.
    broken: CancellationToken,
}

enum Ended {
    Broken(String),
    Outdated,
    Stopped,
}

impl Line {
    pub(crate) fn start(
        node: NodeId,
        lane: Lane,
        porch: &Arc<Porch>,
        book: &Arc<Book>,
        stop: CancellationToken,
    ) -> Self {
        let limits = porch.options.lanes.clone();
        let (queue, orders) = mpsc::channel(limits.in_flight_max);
        let (doubt, meters) = (Arc::<Notify>::default(), LineMeters::new(node, lane.name()));
        let (porch, book) = (Arc::clone(porch), Arc::clone(book));
        let keeper = Keeper {
            node,
            lane,
            porch,
            book,
            doubt: Arc::clone(&doubt),
            meters: meters.clone(),
            stop,
        };
        tokio::spawn(keeper.keep(orders));
        let calls = Arc::new(Semaphore::new(limits.in_flight_max));
        let bytes = Arc::new(Semaphore::new(limits.in_flight_bytes_max));
        Self { node, limits, queue, calls, bytes, doubt, meters }
    }

    pub(crate) async fn call(
        self,
        group: u16,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, WireError> {
        let (node, limit) = (self.node, self.limits.frame_bytes_max);
        if body.len() > limit {
            return Err(WireError::TooLarge { bytes: body.len(), limit });
        }
        let busy = || {
            self.meters.busy.increment(1);
            WireError::Busy(node)
        };
        let _call = Arc::clone(&self.calls).try_acquire_owned().map_err(|_| busy())?;
        let weight =
            u32::try_from(body.len().min(self.limits.in_flight_bytes_max)).unwrap_or(u32::MAX);
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(weight).map_err(|_| busy())?;
        let (waiter, answer) = oneshot::channel();
        let order = Order { group, body, waiter, _bytes: bytes };
        self.queue.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => stopped(node),
        })?;
        let _in_flight = self.meters.enter();
        match timeout(within, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                let why = "its connections were closed".into();
                Err(WireError::Broken { node, why })
            }
            Err(_) => {
                self.doubt.notify_one();
                Err(WireError::Timeout(node))
            }
        }
    }
}

fn stopped(node: NodeId) -> WireError {
    WireError::Unreachable { node, why: "its connections were closed".into() }
}

impl Keeper {
    async fn keep(self, mut orders: mpsc::Receiver<Order>) {
        let mut backoff = Backoff::new(&self.porch.options);
        let (mut dials, mut held) = (0_u64, None);
        while let Some(order) = self.next(held.take(), &mut orders).await {
            let Some(addr) = self.book.get(self.node) else {
                let _ = order.waiter.send(Err(WireError::UnknownNode(self.node)));
                continue;
            };
            self.meters.redials.increment(u64::from(dials > 0));
            dials += 1;
            let dial = self.porch.dial(&addr, Some(self.node), Purpose::Raft(self.lane));
            let dialled = tokio::select! {
                dialled = dial => dialled,
                () = self.stop.cancelled() => return,
            };
            match dialled {
                Ok(opened) => {
                    backoff.reset();
                    held = Some(order);
                    match self.carry(opened, &mut held, &mut orders).await {
                        Ended::Stopped => return,
                        Ended::Outdated => {}
                        Ended::Broken(why) => {
                            tracing::info!(peer = %self.node, lane = self.lane.name(), why, "connection to a peer ended");
                        }
                    }
                }
                Err(refusal) => {
                    if backoff.is_news() {
                        complain(self.node, &addr, Purpose::Raft(self.lane), &refusal);
                    }
                    let error =
                        WireError::Unreachable { node: self.node, why: refusal.to_string() };
                    let _ = order.waiter.send(Err(error.clone()));
                    self.pause(backoff.pause(), &error, &mut orders).await;
                }
            }
        }
    }

    async fn next(
        &self,
        mut held: Option<Order>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Option<Order> {
        loop {
            let order = match held.take() {
                Some(order) => order,
                None => tokio::select! {
                    order = orders.recv() => order?,
                    () = self.stop.cancelled() => return None,
                },
            };
            if !order.waiter.is_closed() {
                return Some(order);
            }
        }
    }

    /// Refuses what comes until the pause is over or the address changes.
    async fn pause(&self, pause: Duration, error: &WireError, orders: &mut mpsc::Receiver<Order>) {
        let until = Instant::now() + pause;
        let before = self.book.get(self.node);
        loop {
            tokio::select! {
                () = sleep_until(until) => return,
                () = self.stop.cancelled() => return,
                () = self.book.moved(self.node, before.as_deref()) => return,
                order = orders.recv() => match order {
                    Some(order) => drop(order.waiter.send(Err(error.clone()))),
                    None => return,
                },
            }
        }
    }

    /// Sends over one connection until it ends; what was not sent then is left in `held`. The
    /// reading half outlives this if the connection is only outdated: it waits for the answers
    /// that are still to come.
    async fn carry(
        &self,
        mut opened: Opened,
        held: &mut Option<Order>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Ended {
        let (read, write) = tokio::io::split(opened.stream);
        let shared = Arc::new(Shared {
            node: self.node,
            waiting: Mutex::default(),
            next: AtomicU64::new(1),
            ping: Notify::new(),
            broken: self.stop.child_token(),
        });
        let limits = &self.porch.options.lanes;
        let reader = Reader::new(read, limits.frame_bytes_max);
        let silence = Duration::from_millis(limits.silence_ms);
        tokio::spawn(listen(
            Arc::clone(&shared),
            reader,
            silence,
            Arc::clone(&self.doubt),
            self.meters.clone(),
        ));
        let mut write = BufWriter::with_capacity(32 << 10, write);
        let ended = tokio::select! {
            ended = self.write_all(&shared, &mut write, &mut opened.outdated, held, orders) => ended,
            () = shared.broken.cancelled() => Ended::Broken("the other side is gone".into()),
        };
        match ended {
            _ if self.stop.is_cancelled() => return Ended::Stopped,
            Ended::Outdated => {
                // What was asked is still answered on the old connection, which ends then.
                if write.shutdown().await.is_err() {
                    shared.broken.cancel();
                }
            }
            Ended::Broken(_) | Ended::Stopped => shared.broken.cancel(),
        }
        ended
    }

    async fn write_all(
        &self,
        shared: &Shared,
        write: &mut BufWriter<WriteHalf<Stream>>,
        outdated: &mut Outdated,
        held: &mut Option<Order>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Ended {
        while !outdated.is_past() {
            let written = match held.take() {
                Some(order) => self.write_order(shared, write, order).await,
                None => tokio::select! {
                    order = orders.recv() => match order {
                        Some(order) => self.write_order(shared, write, order).await,
                        None => return Ended::Stopped,
                    },
                    () = shared.ping.notified() => self.write_frame(write, &Frame::Ping).await,
                    () = outdated.passed() => Ok(()),
                },
            };
            // Bytes leave once nothing else is there to leave with them.
            *held = orders.try_recv().ok();
            let flushed = match written {
                Ok(()) if held.is_none() => write.flush().await,
                written => written,
            };
            if let Err(error) = flushed {
                return Ended::Broken(error.to_string());
            }
        }
        Ended::Outdated
    }

    async fn write_order(
        &self,
        shared: &Shared,
        write: &mut BufWriter<WriteHalf<Stream>>,
        order: Order,
    ) -> std::io::Result<()> {
        if order.waiter.is_closed() {
            return Ok(());
        }
        let id = shared.next.fetch_add(1, Ordering::Relaxed);
        let frame = Frame::Request { id, group: order.group, body: order.body };
        shared.enter(id, order.waiter, self.porch.options.lanes.in_flight_max);
        self.write_frame(write, &frame).await
    }

    async fn write_frame(
        &self,
        write: &mut BufWriter<WriteHalf<Stream>>,
        frame: &Frame,
    ) -> std::io::Result<()> {
        let (head, body) = frame.head();
        write.write_all(&head).await?;
        let body = body.map_or(&[][..], |body| &body[..]);
        write.write_all(body).await?;
        self.meters.sent.increment((head.len() + body.len()) as u64);
        Ok(())
    }
}

impl Shared {
    fn enter(&self, id: u64, waiter: Waiter, max: usize) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= max {
            // Those who gave up still have their place; now it is needed.
            waiting.retain(|_, waiter| !waiter.is_closed());
        }
        waiting.insert(id, waiter);
    }

    fn settle(&self, id: u64, answer: Result<Bytes, WireError>) {
        if let Some(waiter) = self.waiting.lock().remove(&id) {
            let _ = waiter.send(answer);
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.lock().values().all(Waiter::is_closed)
    }

    fn fail_all(&self, why: &str) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        for waiter in waiting.into_values() {
            let _ = waiter.send(Err(WireError::Broken { node: self.node, why: why.to_owned() }));
        }
    }
}

/// Takes answers until the connection ends.
async fn listen(
    shared: Arc<Shared>,
    mut reader: Reader<ReadHalf<Stream>>,
    silence: Duration,
    doubt: Arc<Notify>,
    meters: LineMeters,
) {
    let mut patience: Option<Instant> = None;
    let why = loop {
        let tired = async {
            match patience {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            frame = reader.next() => match frame {
                Ok(frame) => {
                    patience = None;
                    meters.received.increment(frame.bytes() as u64);
                    take(&shared, frame);
                }
                Err(FrameError::Closed) if shared.is_idle() => break "closed".to_owned(),
                Err(error) => break error.to_string(),
            },
            () = doubt.notified(), if patience.is_none() => {
                patience = Some(Instant::now() + silence);
                shared.ping.notify_one();
            }
            () = tired => break "no sign of life".into(),
            () = shared.broken.cancelled() => break "the connection was closed".into(),
        }
    };
    shared.broken.cancel();
    shared.fail_all(&why);
}

fn take(shared: &Shared, frame: Frame) {
    let node = shared.node;
    match frame {
        Frame::Answer { id, body } => shared.settle(id, Ok(body)),
        Frame::Refused { id, reason, why } => {
            let error = match reason {
                Reason::Busy => WireError::Busy(node),
                Reason::Refused | Reason::TooLarge => WireError::Refused { node, why },
            };
            shared.settle(id, Err(error));
        }
        Frame::Request { .. } | Frame::Ping | Frame::Echo => {}
    }
}
