//! What arrives from the peer.

use bytes::Bytes;
use tokio::time::Instant;

use super::{Arriving, Event, Link};
use crate::WireError;
use crate::parcel::{Nack, OVERHEAD_BYTES, Say, Side, read};

impl Link {
    /// Takes a parcel in. An error ends the conversation: the peer does not keep to the protocol.
    pub(crate) fn receive(&mut self, rest: &[u8], now: Instant) -> Result<Event, String> {
        self.heard = now;
        let (say, credits) = read(rest).map_err(|error| error.to_string())?;
        self.window.short =
            (self.window.short + credits.short as usize).min(self.limits.window_bytes);
        self.window.bulk =
            (self.window.bulk + credits.bulk as usize).min(self.limits.bulk_window_bytes);
        match say {
            None | Some(Say::Credits) => Ok(Event::Nothing),
            Some(Say::Whole { id, side, body }) => {
                self.owed.short += body.len() + OVERHEAD_BYTES;
                Ok(self.arrived(id, side, body, now))
            }
            Some(Say::First { id, side, total, body }) => {
                self.owed.bulk += body.len() + OVERHEAD_BYTES;
                Ok(self.first_piece(id, side, total as usize, body, now))
            }
            Some(Say::Next { id, side, body }) => {
                self.owed.bulk += body.len() + OVERHEAD_BYTES;
                self.next_piece_of(id, side, &body)
            }
            Some(Say::Nack { id, reason, why }) => {
                self.nacked(id, reason, why);
                Ok(Event::Nothing)
            }
            Some(Say::Cancel { id }) => {
                self.cancelled(id);
                Ok(Event::Nothing)
            }
            Some(Say::Ping { nonce }) => {
                self.control.push_back(Say::Pong { nonce });
                Ok(Event::Nothing)
            }
            Some(Say::Pong { nonce }) => {
                self.ponged = self.ponged.max(nonce);
                Ok(match self.pinged {
                    Some((of, at)) if of <= nonce => {
                        self.pinged = None;
                        Event::Beat(now.duration_since(at))
                    }
                    Some(_) | None => Event::Nothing,
                })
            }
            Some(Say::Leave) => Ok(Event::Leave),
            Some(Say::Left) => Ok(Event::Left),
        }
    }

    fn arrived(&mut self, id: u64, side: Side, body: Vec<u8>, since: Instant) -> Event {
        match side {
            Side::Answer => {
                self.settle(id, Ok(body.into()));
                Event::Nothing
            }
            Side::Call if self.handling.len() >= self.limits.handlers_max => {
                let why = "too many calls are handled".into();
                self.control.push_back(Say::Nack { id, reason: Nack::Overloaded, why });
                Event::Nothing
            }
            Side::Call => {
                self.handling.insert(id, None);
                Event::Call { id, body, since }
            }
        }
    }

    fn first_piece(
        &mut self,
        id: u64,
        side: Side,
        total: usize,
        body: Vec<u8>,
        now: Instant,
    ) -> Event {
        let limits = &self.limits;
        let refused = match side {
            // Nobody waits for it.
            Side::Answer if !self.asked.contains_key(&id) => return Event::Nothing,
            _ if total > limits.body_bytes_max || body.len() >= total => Some(Nack::TooLarge),
            Side::Call if self.arriving_bytes + total > limits.handlers_bytes_max => {
                Some(Nack::Overloaded)
            }
            Side::Call | Side::Answer => None,
        };
        match (refused, side) {
            (None, _) => {
                self.arriving_bytes += total;
                self.arriving.insert((side, id), Arriving { since: now, total, body });
            }
            (Some(reason), Side::Call) => {
                let why = format!("a call of {total} bytes");
                self.control.push_back(Say::Nack { id, reason, why });
            }
            (Some(_), Side::Answer) => {
                // Not that it was not handled: only the call itself can be too large to be sent.
                let why =
                    format!("its answer has {total} bytes, {} are taken", limits.body_bytes_max);
                let node = self.peer;
                self.settle(id, Err(WireError::Refused { node, why }));
            }
        }
        Event::Nothing
    }

    fn next_piece_of(&mut self, id: u64, side: Side, piece: &[u8]) -> Result<Event, String> {
        // The rest of what was refused or given up still comes.
        let Some(arriving) = self.arriving.get_mut(&(side, id)) else { return Ok(Event::Nothing) };
        arriving.body.extend_from_slice(piece);
        if arriving.body.len() > arriving.total || piece.is_empty() {
            return Err(format!("a body of {} bytes is longer than it said", arriving.total));
        }
        if arriving.body.len() < arriving.total {
            return Ok(Event::Nothing);
        }
        match self.drop_arriving(side, id) {
            Some(Arriving { since, body, .. }) => Ok(self.arrived(id, side, body, since)),
            None => Ok(Event::Nothing),
        }
    }

    pub(super) fn drop_arriving(&mut self, side: Side, id: u64) -> Option<Arriving> {
        let arriving = self.arriving.remove(&(side, id))?;
        self.arriving_bytes -= arriving.total;
        Some(arriving)
    }

    pub(super) fn settle(&mut self, id: u64, answer: Result<Bytes, WireError>) {
        if let Some(asked) = self.asked.remove(&id) {
            self.asked_bytes -= asked.bytes;
            let _ = asked.waiter.send(answer);
        }
    }

    fn nacked(&mut self, id: u64, reason: Nack, why: String) {
        let node = self.peer;
        self.drop_arriving(Side::Answer, id);
        self.unpost(Side::Call, id);
        let error = match reason {
            Nack::Overloaded => WireError::Busy(node),
            Nack::NotUnderstood | Nack::TooLarge => WireError::Refused { node, why },
            Nack::Lost => WireError::Broken { node, why },
        };
        self.settle(id, Err(error));
    }

    fn cancelled(&mut self, id: u64) {
        self.drop_arriving(Side::Call, id);
        self.unpost(Side::Answer, id);
        if let Some(Some(task)) = self.handling.remove(&id) {
            task.abort();
        }
    }
}
