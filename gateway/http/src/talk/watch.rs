//! Telling a visitor's browser what happens in its conversation, over WebSocket or server-sent
//! events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use axum::response::sse::Event;
use futures_util::StreamExt;
use futures_util::stream::{self, Stream};
use impresario_ids::{ConversationId, TenantId, TraceId};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::transcript::{self, Mood, Shown};
use crate::edge::Shared;
use crate::fault::Fault;
use crate::port::{ChatSign, ChatSigns};

/// A sign may be lost on its way from another node: the conversation is looked at this often anyway.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Somebody who watches a conversation.
pub(crate) struct Watch {
    edge: Arc<Shared>,
    tenant: TenantId,
    conversation: ConversationId,
    trace: TraceId,
    signs: ChatSigns,
    /// Nothing comes from `signs` any more.
    silent: bool,
    after: Option<u64>,
    /// As the conversation says.
    mood: Mood,
    /// A person writes, by their own sign.
    typing: bool,
    told: Option<Mood>,
    waiting: VecDeque<News>,
    /// The conversation must be looked at. It stays so if a look is broken off.
    due: bool,
    stopping: watch::Receiver<bool>,
    _place: Place,
}

/// A place among the tenant's open connections.
struct Place {
    edge: Arc<Shared>,
    tenant: TenantId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.edge.guard.leave(self.tenant);
    }
}

enum Heard {
    Sign(Option<ChatSign>),
    Nothing,
    End,
}

/// What the browser is told.
pub(crate) enum News {
    Said(Box<Shown>),
    Mood(Mood),
}

impl News {
    fn name(&self) -> &'static str {
        match self {
            Self::Said(_) => "message",
            Self::Mood(_) => "state",
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Said(message) => json!(message),
            Self::Mood(mood) => json!(mood),
        }
    }
}

impl Watch {
    /// Begins to watch, from the message after this number on.
    pub(crate) async fn begin(
        edge: &Arc<Shared>,
        tenant: TenantId,
        conversation: ConversationId,
        after: Option<u64>,
        trace: TraceId,
    ) -> Result<Self, Fault> {
        edge.guard.enter(tenant, edge.options.subscribers_max)?;
        let place = Place { edge: Arc::clone(edge), tenant };
        let signs = edge.chat.signs(tenant, conversation).await?;
        Ok(Self {
            edge: Arc::clone(edge),
            tenant,
            conversation,
            trace,
            signs,
            silent: false,
            after,
            mood: Mood { typing: false, status: impresario_conversation::Status::Bot },
            typing: false,
            told: None,
            waiting: VecDeque::new(),
            due: true,
            stopping: edge.stopping.subscribe(),
            _place: place,
        })
    }

    /// The next news; `None` when the server stops.
    pub(crate) async fn next(&mut self) -> Option<News> {
        loop {
            if let Some(news) = self.waiting.pop_front() {
                return Some(news);
            }
            if !self.due {
                let heard = tokio::select! {
                    sign = self.signs.next(), if !self.silent => Heard::Sign(sign),
                    () = tokio::time::sleep(LOOK_EVERY) => Heard::Nothing,
                    _ = self.stopping.wait_for(|stopping| *stopping) => Heard::End,
                };
                match heard {
                    Heard::Sign(sign) => self.heed(sign),
                    Heard::Nothing => self.due = true,
                    Heard::End => return None,
                }
            }
            if self.due {
                self.look().await;
                self.due = false;
            }
        }
    }

    fn heed(&mut self, sign: Option<ChatSign>) {
        match sign {
            Some(ChatSign::Changed) => self.due = true,
            Some(ChatSign::Typing { on }) => {
                self.typing = on;
                self.feel();
            }
            None => self.silent = true,
        }
    }

    fn feel(&mut self) {
        let felt = Mood { typing: self.mood.typing || self.typing, ..self.mood };
        if self.told.replace(felt) != Some(felt) {
            self.waiting.push_back(News::Mood(felt));
        }
    }

    async fn look(&mut self) {
        let entity = (self.tenant, self.conversation);
        match transcript::after(&self.edge, entity, self.after, self.trace).await {
            Ok(transcript) => {
                for message in transcript.messages {
                    self.after = Some(message.seq);
                    // Who has answered does not write any more.
                    self.typing = false;
                    self.waiting.push_back(News::Said(Box::new(message)));
                }
                self.mood = transcript.mood;
                self.feel();
            }
            // The next look may succeed.
            Err(fault) => {
                tracing::debug!(code = fault.code(), "a conversation could not be looked at");
            }
        }
    }
}

/// The news as server-sent events.
pub(crate) fn events(watch: Watch) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watch, |mut watch| async move {
        let news = watch.next().await?;
        let mut event = Event::default().event(news.name()).data(news.value().to_string());
        if let News::Said(message) = &news {
            event = event.id(message.seq.to_string());
        }
        Some((Ok(event), watch))
    })
}

/// Passes the news on until either side goes. A peer that answers no ping is gone.
pub(crate) async fn converse(socket: &mut WebSocket, mut watch: Watch, every: Duration) {
    let mut pings = tokio::time::interval(every);
    let mut unanswered = 0_u8;
    loop {
        let out = tokio::select! {
            news = watch.next() => match news {
                Some(news) => {
                    let mut value = news.value();
                    if let Value::Object(members) = &mut value {
                        members.insert("type".to_owned(), Value::from(news.name()));
                    }
                    Message::Text(value.to_string().into())
                }
                None => break,
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
