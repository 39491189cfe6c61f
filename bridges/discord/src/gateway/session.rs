use std::time::Duration;

use impresario_messages::Event;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Heard};
use super::{Ended, Options};
use crate::{Settings, of_gateway};

/// What to do when a connection has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Connect and go on where it stopped.
    Resume,
    /// Connect and begin anew.
    Fresh,
    /// Never again.
    Ended(Ended),
}

/// What is needed to go on where a connection stopped.
#[derive(Clone, Debug)]
struct Place {
    session_id: String,
    url: String,
    seq: u64,
}

/// The state over all connections.
pub(super) struct Session<'a> {
    settings: &'a Settings,
    options: &'a Options,
    sink: &'a Sender<Event>,
    place: Option<Place>,
    own_user: String,
    greetings: u64,
    random: u64,
}

/// The state of one connection.
struct Pulse {
    every: Duration,
    next: Instant,
    answered: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        options: &'a Options,
        sink: &'a Sender<Event>,
    ) -> Self {
        let own_user = settings.application_id.clone();
        // The generator below has one seed that it never leaves: zero.
        let random = options.seed | 1;
        Self { settings, options, sink, place: None, own_user, greetings: 0, random }
    }

    /// How often the gateway has let us in.
    pub(super) const fn greetings(&self) -> u64 {
        self.greetings
    }

    pub(super) fn forget(&mut self) {
        self.place = None;
    }

    /// Between half of a time and all of it.
    pub(super) fn spread(&mut self, ms: u64) -> u64 {
        ms / 2 + self.random() % (ms / 2 + 1)
    }

    fn random(&mut self) -> u64 {
        // xorshift64: enough to keep many nodes from doing the same at once.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// One connection, from its beginning to its end.
    pub(super) async fn once(&mut self) -> Next {
        let base = self.place.as_ref().map_or(&self.options.url, |place| &place.url);
        let url = format!("{}/?v=10&encoding=json", base.trim_end_matches('/'));
        let longest = Duration::from_millis(self.options.connect_timeout_ms);
        let opened = timeout(longest, Connection::open(&url, self.options)).await;
        let mut connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the gateway cannot be reached");
                return Next::Resume;
            }
            Err(_elapsed) => return Next::Resume,
        };
        let every_ms = match timeout(longest, connection.hear()).await {
            Ok(Heard::Said(hello)) if hello["op"] == 10 => {
                hello["d"]["heartbeat_interval"].as_u64().unwrap_or(41_250).max(1)
            }
            Ok(Heard::Closed(code)) => return after_close(code),
            Ok(Heard::Said(_)) | Err(_) => return Next::Resume,
        };
        if !connection.say(&self.greeting()).await {
            return Next::Resume;
        }
        // The first beat comes after a part of the interval, another for each node.
        let first_ms = self.random() % every_ms;
        let mut pulse = Pulse {
            every: Duration::from_millis(every_ms),
            next: Instant::now() + Duration::from_millis(first_ms),
            answered: true,
        };
        self.listen(&mut connection, &mut pulse).await
    }

    fn greeting(&self) -> Value {
        let token = self.settings.bot_token.expose();
        match &self.place {
            Some(place) => json!({
                "op": 6,
                "d": { "token": token, "session_id": place.session_id, "seq": place.seq },
            }),
            None => json!({
                "op": 2,
                "d": {
                    "token": token,
                    "intents": self.options.intents,
                    "properties": { "os": "linux", "browser": "impresario", "device": "impresario" },
                },
            }),
        }
    }

    async fn listen(&mut self, connection: &mut Connection, pulse: &mut Pulse) -> Next {
        let mut waiting: Option<Event> = None;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(pulse.next) => {
                    if !self.beat(connection, pulse).await {
                        return Next::Resume;
                    }
                }
                permit = self.sink.reserve(), if waiting.is_some() => match permit {
                    Ok(permit) => if let Some(event) = waiting.take() {
                        permit.send(event);
                    },
                    Err(_closed) => return Next::Ended(Ended::SinkClosed),
                },
                heard = connection.hear(), if waiting.is_none() => match heard {
                    Heard::Closed(code) => return after_close(code),
                    Heard::Said(value) => match self.said(connection, pulse, &value).await {
                        Ok(event) => waiting = event,
                        Err(next) => return next,
                    },
                },
            }
        }
    }

    /// Beats; false if the beat before was not answered: the connection is dead.
    async fn beat(&self, connection: &mut Connection, pulse: &mut Pulse) -> bool {
        if !pulse.answered {
            connection.close().await;
            return false;
        }
        pulse.answered = false;
        pulse.next = Instant::now() + pulse.every;
        connection.say(&self.pulse_message()).await
    }

    fn pulse_message(&self) -> Value {
        json!({ "op": 1, "d": self.place.as_ref().map(|place| place.seq) })
    }

    async fn said(
        &mut self,
        connection: &mut Connection,
        pulse: &mut Pulse,
        value: &Value,
    ) -> Result<Option<Event>, Next> {
        match value["op"].as_u64() {
            Some(0) => Ok(self.dispatched(value)),
            Some(1) => {
                let said = connection.say(&self.pulse_message()).await;
                if said { Ok(None) } else { Err(Next::Resume) }
            }
            Some(7) => {
                connection.close().await;
                Err(Next::Resume)
            }
            // The session is gone, or (true) only this connection.
            Some(9) if value["d"] == true => Err(Next::Resume),
            Some(9) => Err(Next::Fresh),
            Some(11) => {
                pulse.answered = true;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn dispatched(&mut self, value: &Value) -> Option<Event> {
        let (name, data) = (value["t"].as_str().unwrap_or_default(), &value["d"]);
        if name == "READY" {
            self.greetings += 1;
            if let Some(id) = data["user"]["id"].as_str() {
                id.clone_into(&mut self.own_user);
            }
            let url = data["resume_gateway_url"].as_str().unwrap_or(&self.options.url);
            self.place = Some(Place {
                session_id: data["session_id"].as_str().unwrap_or_default().to_owned(),
                url: url.to_owned(),
                seq: 0,
            });
        }
        if let (Some(place), Some(seq)) = (&mut self.place, value["s"].as_u64()) {
            place.seq = seq;
        }
        if name == "RESUMED" {
            self.greetings += 1;
        }
        let (connection, settings) = (&self.options.connection, self.settings);
        match of_gateway(connection, settings, &self.own_user, name, data) {
            Event::Ignored { .. } => None,
            event @ (Event::Message(_)
            | Event::Status(_)
            | Event::Consent { .. }
            | Event::Moved { .. }
            | Event::Handshake(_)) => Some(event),
        }
    }
}

/// What a close code means.
fn after_close(code: Option<u16>) -> Next {
    match code {
        Some(code @ (4_004 | 4_010..=4_014)) => Next::Ended(Ended::Refused(code)),
        // A wrong place, too many words, a session that has timed out; and a normal end.
        Some(1_000 | 1_001 | 4_003 | 4_007 | 4_009) => Next::Fresh,
        Some(_) | None => Next::Resume,
    }
}
