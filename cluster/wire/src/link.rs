//! The conversation with one peer, without any socket or clock: what is asked, what arrives, what
//! may be sent. The time is handed in.

mod arriving;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use impresario_ids::NodeId;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::hello::Token;
use crate::parcel::{Credits, Nack, OVERHEAD_BYTES, Say, Side};
use crate::{CallOptions, WireError};

/// After so many short messages in a row a piece has its turn, if there is one.
const SHORT_RUN_MAX: u32 = 16;

type Waiter = oneshot::Sender<Result<Bytes, WireError>>;

/// The state of a conversation.
pub(crate) struct Link {
    peer: NodeId,
    limits: CallOptions,
    /// What the peer wants before every parcel.
    token: Token,
    next_id: u64,
    asked: HashMap<u64, Asked>,
    asked_bytes: usize,
    control: VecDeque<Say>,
    short: VecDeque<Outgoing>,
    bulk: VecDeque<Outgoing>,
    short_run: u32,
    answers_bytes: usize,
    /// Bytes that may still be sent.
    window: Window,
    /// Bytes taken in that the peer does not know of yet.
    owed: Window,
    arriving: HashMap<(Side, u64), Arriving>,
    arriving_bytes: usize,
    handling: HashMap<u64, Option<AbortHandle>>,
    heard: Instant,
    ticked: Instant,
    /// The oldest ping without an echo.
    pinged: Option<(u64, Instant)>,
    last_ping: Option<Instant>,
    ponged: u64,
    nonce: u64,
    leaving: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    short: usize,
    bulk: usize,
}

struct Asked {
    waiter: Waiter,
    bytes: usize,
}

struct Outgoing {
    id: u64,
    side: Side,
    body: Bytes,
    sent: usize,
}

struct Arriving {
    since: Instant,
    total: usize,
    body: Vec<u8>,
}

/// What a parcel led to that the owner of the link must do.
#[derive(Debug)]
pub(crate) enum Event {
    Nothing,
    /// A call came; [`Link::answer`] or [`Link::refuse`] it.
    Call {
        id: u64,
        body: Vec<u8>,
        /// When its first bytes came.
        since: Instant,
    },
    /// A heartbeat came back.
    Beat(Duration),
    /// The peer wants the connection replaced.
    Leave,
    /// The peer's calls are answered, and it sends no more.
    Left,
}

/// Why a call was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Busy,
    /// The connection is being replaced.
    Leaving,
}

impl Link {
    pub(crate) fn new(peer: NodeId, limits: CallOptions, token: Token, now: Instant) -> Self {
        let window = Window { short: limits.window_bytes, bulk: limits.bulk_window_bytes };
        Self {
            peer,
            limits,
            token,
            next_id: 1,
            asked: HashMap::new(),
            asked_bytes: 0,
            control: VecDeque::new(),
            short: VecDeque::new(),
            bulk: VecDeque::new(),
            short_run: 0,
            answers_bytes: 0,
            window,
            owed: Window::default(),
            arriving: HashMap::new(),
            arriving_bytes: 0,
            handling: HashMap::new(),
            heard: now,
            ticked: now,
            pinged: None,
            last_ping: None,
            ponged: 0,
            nonce: 0,
            leaving: false,
        }
    }

    /// Takes a call, to be sent when its turn comes.
    pub(crate) fn ask(
        &mut self,
        body: Bytes,
    ) -> Result<(u64, oneshot::Receiver<Result<Bytes, WireError>>), NotTaken> {
        if self.leaving {
            return Err(NotTaken::Leaving);
        }
        let bytes = body.len() + OVERHEAD_BYTES;
        if self.asked.len() >= self.limits.in_flight_max
            || self.asked_bytes + bytes > self.limits.in_flight_bytes_max && !self.asked.is_empty()
        {
            return Err(NotTaken::Busy);
        }
        let id = self.next_id;
        self.next_id += 1;
        let (waiter, answer) = oneshot::channel();
        self.asked.insert(id, Asked { waiter, bytes });
        self.asked_bytes += bytes;
        self.post(Outgoing { id, side: Side::Call, body, sent: 0 });
        Ok((id, answer))
    }

    /// Nobody waits for the answer to this call any more.
    pub(crate) fn give_up(&mut self, id: u64) {
        let Some(asked) = self.asked.remove(&id) else { return };
        self.asked_bytes -= asked.bytes;
        self.drop_arriving(Side::Answer, id);
        if self.unpost(Side::Call, id) != Some(0) {
            self.control.push_back(Say::Cancel { id });
        }
    }

    /// Whether a call has been answered, refused or cancelled.
    pub(crate) fn is_handling(&self, id: u64) -> bool {
        self.handling.contains_key(&id)
    }

    /// The task that handles a call ends when the call is cancelled.
    pub(crate) fn handled_by(&mut self, id: u64, task: AbortHandle) {
        if let Some(place) = self.handling.get_mut(&id) {
            *place = Some(task);
        }
    }

    pub(crate) fn answer(&mut self, id: u64, body: Bytes) {
        if self.handling.remove(&id).is_none() {
            return;
        }
        let (bytes, limits) = (body.len(), &self.limits);
        let too_much = self.answers_bytes + bytes > limits.handlers_bytes_max;
        if bytes > limits.body_bytes_max {
            let why = format!("an answer of {bytes} bytes, the limit is {}", limits.body_bytes_max);
            self.control.push_back(Say::Nack { id, reason: Nack::TooLarge, why });
        } else if too_much && self.answers_bytes > 0 {
            let why = "too many answers wait to be sent".into();
            self.control.push_back(Say::Nack { id, reason: Nack::Lost, why });
        } else {
            self.answers_bytes += bytes;
            self.post(Outgoing { id, side: Side::Answer, body, sent: 0 });
        }
    }

    pub(crate) fn refuse(&mut self, id: u64, reason: Nack, why: String) {
        if self.handling.remove(&id).is_some() {
            self.control.push_back(Say::Nack { id, reason, why });
        }
    }

    /// A handler ended without an answer because nobody waits any more.
    pub(crate) fn forget(&mut self, id: u64) {
        self.handling.remove(&id);
    }

    /// Takes no more calls of this side's, and tells the peer.
    pub(crate) fn leave(&mut self, say: Say) {
        self.leaving = true;
        self.control.push_back(say);
    }

    /// Sends a ping whose echo proves that all before it arrived; its number.
    pub(crate) fn barrier(&mut self, now: Instant) -> u64 {
        self.nonce += 1;
        self.pinged.get_or_insert((self.nonce, now));
        self.last_ping = Some(now);
        self.control.push_back(Say::Ping { nonce: self.nonce });
        self.nonce
    }

    pub(crate) fn ponged(&self, nonce: u64) -> bool {
        self.ponged >= nonce
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_empty()
            && self.handling.is_empty()
            && self.arriving.is_empty()
            && self.short.is_empty()
            && self.bulk.is_empty()
            && self.control.is_empty()
    }

    /// How long ago the peer was heard.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.duration_since(self.heard)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.asked.len()
    }

    /// Bytes that are kept here for the peer, or of it.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let waiting = self.short.iter().chain(&self.bulk).map(|out| out.body.len() - out.sent);
        waiting.sum::<usize>() + self.arriving_bytes
    }

    /// Whether the peer still lives; lets it hear from this side when it is time.
    /// `bytes_at` is when its bytes last arrived at the socket.
    pub(crate) fn tick(&mut self, now: Instant, bytes_at: Instant) -> bool {
        self.heard = self.heard.max(bytes_at);
        let dead_after = Duration::from_millis(self.limits.dead_after_ms);
        if now.duration_since(self.ticked) > dead_after / 2 {
            // This side slept; it cannot know how long the peer was silent.
            self.heard = now;
        }
        self.ticked = now;
        if now.duration_since(self.heard) >= dead_after {
            return false;
        }
        let heartbeat = Duration::from_millis(self.limits.heartbeat_ms);
        if self.last_ping.is_none_or(|at| now.duration_since(at) >= heartbeat) {
            self.barrier(now);
        }
        true
    }

    /// The next parcel to send, if one may be sent now.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let say = match self.control.pop_front() {
            Some(say) => say,
            None => match self.next_body() {
                Some(say) => say,
                None if self.owes_much() => Say::Credits,
                None => return None,
            },
        };
        let owed = std::mem::take(&mut self.owed);
        let credits = Credits {
            short: u32::try_from(owed.short).unwrap_or(u32::MAX),
            bulk: u32::try_from(owed.bulk).unwrap_or(u32::MAX),
        };
        Some(say.encode(&self.token, credits))
    }

    fn owes_much(&self) -> bool {
        self.owed.short >= self.limits.window_bytes / 4
            || self.owed.bulk >= self.limits.bulk_window_bytes / 4
    }

    fn next_body(&mut self) -> Option<Say> {
        let bulk_first = self.short_run >= SHORT_RUN_MAX;
        if bulk_first && let Some(say) = self.next_piece() {
            return Some(say);
        }
        if let Some(say) = self.next_short() {
            self.short_run += 1;
            return Some(say);
        }
        self.next_piece()
    }

    fn next_short(&mut self) -> Option<Say> {
        let weight = self.short.front()?.body.len() + OVERHEAD_BYTES;
        self.window.short = self.window.short.checked_sub(weight)?;
        let Outgoing { id, side, body, .. } = self.short.pop_front()?;
        self.sent(side, body.len());
        Some(Say::Whole { id, side, body: body.into() })
    }

    fn next_piece(&mut self) -> Option<Say> {
        let front = self.bulk.front()?;
        let length = (front.body.len() - front.sent).min(self.limits.piece_bytes);
        self.window.bulk = self.window.bulk.checked_sub(length + OVERHEAD_BYTES)?;
        self.short_run = 0;
        let mut out = self.bulk.pop_front()?;
        let (id, side, first) = (out.id, out.side, out.sent == 0);
        let body = out.body[out.sent..out.sent + length].to_vec();
        let total = u32::try_from(out.body.len()).unwrap_or(u32::MAX);
        out.sent += length;
        if out.sent < out.body.len() {
            // The others have their turn before its next piece.
            self.bulk.push_back(out);
        } else {
            self.sent(side, out.body.len());
        }
        Some(if first {
            Say::First { id, side, total, body }
        } else {
            Say::Next { id, side, body }
        })
    }

    /// A body left the queues.
    fn sent(&mut self, side: Side, bytes: usize) {
        if side == Side::Answer {
            self.answers_bytes -= bytes;
        }
    }

    fn post(&mut self, out: Outgoing) {
        if out.body.len() > self.limits.piece_bytes {
            self.bulk.push_back(out);
        } else {
            self.short.push_back(out);
        }
    }

    /// Takes back what was not sent yet; how much of it was sent, or `None` if all was.
    fn unpost(&mut self, side: Side, id: u64) -> Option<usize> {
        let of = |out: &Outgoing| out.id == id && out.side == side;
        let out = match self.short.iter().position(of) {
            Some(at) => self.short.remove(at)?,
            None => self.bulk.remove(self.bulk.iter().position(of)?)?,
        };
        self.sent(side, out.body.len());
        Some(out.sent)
    }

    /// Ends the conversation: whoever waits is told, whatever is handled for the peer is stopped.
    pub(crate) fn end(&mut self, why: &str) {
        self.leaving = true;
        let node = self.peer;
        let unsent: Vec<u64> = self
            .short
            .drain(..)
            .chain(self.bulk.drain(..))
            .filter(|out| out.side == Side::Call && out.sent == 0)
            .map(|out| out.id)
            .collect();
        for id in unsent {
            self.settle(id, Err(WireError::Unreachable { node, why: why.to_owned() }));
        }
        for (_, asked) in self.asked.drain() {
            let _ = asked.waiter.send(Err(WireError::Broken { node, why: why.to_owned() }));
        }
        for task in self.handling.drain().filter_map(|(_, task)| task) {
            task.abort();
        }
        (self.asked_bytes, self.arriving_bytes, self.answers_bytes) = (0, 0, 0);
        self.arriving.clear();
        self.control.clear();
    }
}
