use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::taken;
use crate::{Ending, Entry, Farm, Fate, Fault};

/// How often a client must beat, in milliseconds.
const BEAT_MS: u64 = 200;

/// The gateway hands out, in order, everything that was posted to `/discord/_dispatch`
/// (`{"t":"MESSAGE_CREATE","d":{…}}`), numbered over all connections. A rule for a path with
/// `discord/gateway` and the fault `{"kind":"named","name":"close","data":{"code":4000,"after":1}}`
/// closes the connection after so many dispatches; `"deaf"` never answers a beat. The log has the
/// client's greeting as the body of the request that a connection began with, and when it has ended how:
/// `cut` by the script, else `abandoned`.
pub(super) fn routes() -> Router<Farm> {
    Router::new()
        .route("/discord/_dispatch", post(async || StatusCode::NO_CONTENT))
        .route("/discord/gateway", get(upgrade))
        .route("/discord/gateway/", get(upgrade))
}

async fn upgrade(
    State(farm): State<Farm>,
    Extension(Fate(fault)): Extension<Fate>,
    socket: WebSocketUpgrade,
) -> Response {
    // The newest: this one.
    let own = |entry: &&Entry| entry.path.starts_with("/discord/gateway");
    let number = farm.log().iter().rev().find(own).map_or(0, |entry| entry.number);
    socket.on_upgrade(move |socket| async move {
        let mut line = Line {
            farm: farm.clone(),
            number,
            fault,
            socket,
            sent: 0,
            here: 0,
            ending: Ending::Abandoned,
        };
        // A client that has gone is the end of a connection, not of the farm.
        let _gone = line.serve().await;
        let ending = line.ending;
        farm.log.update(number, |entry| entry.ending = ending);
    })
}

struct Line {
    farm: Farm,
    /// Of its request in the log.
    number: u64,
    fault: Option<Fault>,
    socket: WebSocket,
    /// The number of the last dispatch that the client has.
    sent: usize,
    /// How many were sent on this connection.
    here: u64,
    ending: Ending,
}

struct Gone;

impl Line {
    async fn serve(&mut self) -> Result<(), Gone> {
        self.say(json!({ "op": 10, "d": { "heartbeat_interval": BEAT_MS } })).await?;
        let mut changes = self.farm.log.watch();
        loop {
            tokio::select! {
                heard = self.socket.recv() => match heard {
                    Some(Ok(Message::Text(text))) => self.hear(&text).await?,
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                },
                changed = changes.changed(), if self.here > 0 => {
                    changed.map_err(|_| Gone)?;
                    self.dispatch().await?;
                }
                // A change that came between two looks is seen by the next.
                () = tokio::time::sleep(Duration::from_millis(50)), if self.here > 0 => {
                    self.dispatch().await?;
                }
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Gone> {
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        if matches!(said["op"].as_u64(), Some(2 | 6)) {
            self.farm.log.update(self.number, |entry| {
                text.clone_into(&mut entry.body);
                // The request is over, the connection is not.
                entry.ending = Ending::Open;
            });
        }
        match said["op"].as_u64() {
            Some(1) if !self.scripted("deaf") => self.say(json!({ "op": 11 })).await,
            Some(2) => {
                self.here = 1;
                let ready = json!({
                    "v": 10,
                    "user": { "id": "999", "bot": true },
                    "session_id": "session-1",
                    "guilds": [],
                });
                self.say(json!({ "op": 0, "t": "READY", "s": 1, "d": ready })).await?;
                self.dispatch().await
            }
            Some(6) => {
                self.here = 1;
                // READY was the first, so the dispatches begin at two.
                let seq = said["d"]["seq"].as_u64().unwrap_or(1).saturating_sub(1);
                self.sent = usize::try_from(seq).unwrap_or_default();
                self.dispatch().await?;
                self.say(json!({ "op": 0, "t": "RESUMED", "s": self.sent + 1, "d": {} })).await
            }
            _ => Ok(()),
        }
    }

    async fn dispatch(&mut self) -> Result<(), Gone> {
        let all = taken(&self.farm, "POST", "/discord/_dispatch");
        for entry in all.iter().skip(self.sent) {
            let said = entry.json();
            self.sent += 1;
            self.here += 1;
            let message = json!({ "op": 0, "t": said["t"], "s": self.sent + 1, "d": said["d"] });
            self.say(message).await?;
            self.close_if_scripted().await?;
        }
        Ok(())
    }

    async fn close_if_scripted(&mut self) -> Result<(), Gone> {
        let Some(Fault::Named { name, data }) = &self.fault else { return Ok(()) };
        let after = data["after"].as_u64().unwrap_or(0);
        if name != "close" || self.here - 1 < after {
            return Ok(());
        }
        let code = data["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(4_000);
        self.ending = Ending::Cut;
        let frame = CloseFrame { code, reason: "".into() };
        let _gone = self.socket.send(Message::Close(Some(frame))).await;
        Err(Gone)
    }

    fn scripted(&self, word: &str) -> bool {
        matches!(&self.fault, Some(Fault::Named { name, .. }) if name == word)
    }

    async fn say(&mut self, value: Value) -> Result<(), Gone> {
        self.socket.send(Message::text(value.to_string())).await.map_err(|_| Gone)
    }
}
