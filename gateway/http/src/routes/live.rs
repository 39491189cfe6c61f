//! Live changes over WebSocket and server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use impresario_api::codes;
use impresario_ids::TenantId;
use impresario_tenant::Scope;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::auth::Access;
use crate::call::Call;
use crate::edge::Shared;
use crate::fault::Fault;
use crate::live::{Told, Topics};
use crate::route::{Param, Route};

const READ: Access = Access::Scope(Scope::ProfilesRead);
const TOPICS: &[Param] = &[
    Param::text(
        "topics",
        "`profiles`, `segments` or both, separated by a comma; both if not given.",
    ),
    Param::text("access_token", "A user token, for browsers, which cannot set headers here."),
];
const ABOUT: &str = "Each change of a profile or a segment the moment it is durable, as JSON with \
`type`, `profile`, `segment`, `at`, `data`. A connection that falls behind is told \
`{\"type\":\"lagged\",\"lost\":n}` and goes on with the newest; `lost` is 0 if changes may have been lost on \
their way from another node and it is not known how many.";

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/live", READ, |call| Box::pin(sse(call)))
        .doc("Live", "Live changes as server-sent events", ABOUT)
        .media("text/event-stream")
        .query(TOPICS)
        .codes(&[&codes::TOO_MANY_SUBSCRIBERS]),
    Route::get("/ws/realtime", READ, |call| Box::pin(websocket(call)))
        .doc("Live", "Live changes over a WebSocket", ABOUT)
        .status(101)
        .query(TOPICS)
        .codes(&[&codes::TOO_MANY_SUBSCRIBERS, &codes::UPGRADE_REQUIRED]),
];

#[derive(Deserialize)]
struct TopicsQuery {
    topics: Option<String>,
}

/// A subscriber: what it listens to and when it ends.
struct Feed {
    topics: Topics,
    changes: Receiver<Told>,
    stopping: watch::Receiver<bool>,
    /// After `changes`: fields are dropped in their order.
    _tidy: Tidy,
}

/// Forgets the tenant's channel when its last subscriber has gone.
struct Tidy {
    edge: Arc<Shared>,
    tenant: TenantId,
}

impl Drop for Tidy {
    fn drop(&mut self) {
        self.edge.live.tidy(self.tenant);
    }
}

/// What a subscriber is told next.
enum Next {
    Change(String),
    Lagged(u64),
    End,
}

impl Feed {
    fn of(call: &Call) -> Result<Self, Fault> {
        let TopicsQuery { topics } = call.query()?;
        let topics =
            topics.map_or(Some(Topics::ALL), |text| Topics::parse(&text)).ok_or_else(|| {
                Fault::new(&codes::PARAMETER_INVALID).detail("topics are profiles and segments")
            })?;
        let tenant = call.tenant()?;
        let changes = call
            .edge
            .live
            .subscribe(tenant)
            .ok_or_else(|| Fault::new(&codes::TOO_MANY_SUBSCRIBERS))?;
        let stopping = call.edge.stopping.subscribe();
        let tidy = Tidy { edge: Arc::clone(&call.edge), tenant };
        Ok(Self { topics, changes, stopping, _tidy: tidy })
    }

    async fn next(&mut self) -> Next {
        loop {
            let change = tokio::select! {
                change = self.changes.recv() => change,
                _ = self.stopping.wait_for(|stopping| *stopping) => return Next::End,
            };
            match change {
                Ok(Told::Change(change)) if !self.topics.wants(&change) => {}
                Ok(Told::Change(change)) => match serde_json::to_string(&*change) {
                    Ok(text) => return Next::Change(text),
                    Err(error) => tracing::error!(%error, "a live change could not be written"),
                },
                Ok(Told::Lost(lost)) | Err(RecvError::Lagged(lost)) => return Next::Lagged(lost),
                Err(RecvError::Closed) => return Next::End,
            }
        }
    }
}

fn lagged(lost: u64) -> String {
    json!({ "type": "lagged", "lost": lost }).to_string()
}

async fn sse(call: &mut Call) -> Result<Response, Fault> {
    let feed = Feed::of(call)?;
    let every = Duration::from_secs(call.edge.options.live_ping_s);
    let keep_alive = KeepAlive::new().interval(every).text("ping");
    Ok(Sse::new(events(feed)).keep_alive(keep_alive).into_response())
}

fn events(feed: Feed) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(feed, |mut feed| async move {
        let event = match feed.next().await {
            Next::Change(text) => Event::default().event("change").data(text),
            Next::Lagged(lost) => Event::default().event("lagged").data(lagged(lost)),
            Next::End => return None,
        };
        Some((Ok(event), feed))
    })
}

async fn websocket(call: &mut Call) -> Result<Response, Fault> {
    let upgrade = WebSocketUpgrade::from_request_parts(&mut call.parts, &())
        .await
        .map_err(|error| Fault::new(&codes::UPGRADE_REQUIRED).detail(error.to_string()))?;
    let feed = Feed::of(call)?;
    let every = Duration::from_secs(call.edge.options.live_ping_s);
    // A subscriber has nothing to say.
    let upgrade = upgrade.max_message_size(1_024).max_frame_size(1_024);
    Ok(upgrade.on_upgrade(move |socket| converse(socket, feed, every)))
}

/// Passes changes on until either side goes. A peer that answers no ping is gone.
async fn converse(mut socket: WebSocket, mut feed: Feed, every: Duration) {
    let mut pings = tokio::time::interval(every);
    let mut unanswered = 0_u8;
    loop {
        let out = tokio::select! {
            next = feed.next() => match next {
                Next::Change(text) => Message::Text(text.into()),
                Next::Lagged(lost) => Message::Text(lagged(lost).into()),
                Next::End => break,
            },
            heard = socket.recv() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    unanswered = 0;
                    continue;
                }
            },
            _ = pings.tick() => {
                if unanswered == 2 {
                    return;
                }
                unanswered += 1;
                Message::Ping(bytes::Bytes::new())
            }
        };
        // A peer that takes nothing for this long is gone, too.
        match tokio::time::timeout(every, socket.send(out)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    // The server stops; a peer that is already gone needs no farewell.
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(Message::Close(None))).await;
}
