use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use form_urlencoded::Serializer;
use impresario_calls::{Bucket, Call, CallError, Http, Method};
use impresario_messages::{Channel, Outgoing, Rendered, SendClass, SendError, Sent, plan};
use serde_json::{Value, json};

use crate::{Settings, classify, message};

/// The type of the metadata by which our messages are found again.
pub const METADATA_TYPE: &str = "impresario_message";

/// The most rooms whose pace is remembered.
const ROOMS_MAX: usize = 10_000;

/// How many messages a room may get at once, and how long the next takes to be allowed, in
/// microseconds: one a second, with short bursts.
const PACE: Bucket = Bucket::new(5, 1_000_000);

/// The most pages that are looked through for a message with an unknown outcome.
const PAGES_MAX: usize = 5;

/// Calls the Web API for one workspace.
#[derive(Debug)]
pub struct Client {
    pub(crate) http: Http,
    pub(crate) settings: Settings,
    rooms: Mutex<HashMap<String, Bucket>>,
}

/// A room's channel and thread.
pub(crate) fn place(thread: &str) -> (&str, Option<&str>) {
    match thread.split_once(':') {
        Some((channel, thread)) => (channel, Some(thread)),
        None => (thread, None),
    }
}

impl Client {
    /// A client of a connection.
    #[must_use]
    pub fn new(http: Http, settings: Settings) -> Self {
        Self { http, settings, rooms: Mutex::default() }
    }

    /// Sends a message, as the messages that it becomes, in order, from part `from` on (counted from
    /// 0). The ids are `channel:ts`.
    ///
    /// # Errors
    /// What to do next; what went out before is in it. After [`SendClass::Unknown`] ask
    /// [`Client::reconcile`].
    pub async fn send(
        &self,
        outgoing: &Outgoing,
        from: usize,
        now_ms: i64,
    ) -> Result<Sent, SendError> {
        let mut sent = Vec::new();
        let parts = plan(&outgoing.content, Channel::Slack);
        for (part, rendered) in parts.iter().enumerate().skip(from) {
            match self.send_one(outgoing, part, rendered, now_ms).await {
                Ok(id) => sent.push(id),
                Err(error) => return Err(SendError { sent, ..error }),
            }
        }
        Ok(Sent { platform_ids: sent })
    }

    async fn send_one(
        &self,
        outgoing: &Outgoing,
        part: usize,
        rendered: &Rendered,
        now_ms: i64,
    ) -> Result<String, SendError> {
        let (channel, thread) = place(&outgoing.address.thread);
        if let Rendered::Reaction { message_id, emoji } = rendered {
            return self.react(message_id, emoji.as_deref()).await;
        }
        let Some(mut fields) = message(rendered) else {
            let class = SendClass::Refused { code: "not_shown".to_owned() };
            return Err(SendError::new(class, "Slack has nothing for this"));
        };
        if let Err(wait_ms) = self.take(channel, now_ms) {
            let class = SendClass::Retry { after_ms: Some(wait_ms) };
            return Err(SendError::new(class, "the pace of this channel"));
        }
        fields.insert("channel".into(), json!(channel));
        if let Some(thread) = thread {
            fields.insert("thread_ts".into(), json!(thread));
        }
        fields.insert("unfurl_links".into(), json!(false));
        let payload = json!({ "id": outgoing.id, "part": part });
        let metadata = json!({ "event_type": METADATA_TYPE, "event_payload": payload });
        fields.insert("metadata".into(), metadata);
        let answer = self.post("chat.postMessage", &Value::Object(fields)).await;
        if let Err(SendError { class: SendClass::Retry { after_ms: Some(wait_ms) }, .. }) = &answer
        {
            self.hold(channel, now_ms.saturating_add(*wait_ms));
        }
        let json = answer?;
        match json["ts"].as_str() {
            Some(stamp) => {
                let channel = json["channel"].as_str().unwrap_or(channel);
                Ok(format!("{channel}:{stamp}"))
            }
            None => Err(SendError::new(SendClass::Unknown, "accepted without a time")),
        }
    }

    /// A reaction can be repeated: the second time Slack says that it is there.
    async fn react(&self, message_id: &str, emoji: Option<&str>) -> Result<String, SendError> {
        let (channel, stamp) = place(message_id);
        let name = emoji.unwrap_or_default().trim_matches(':');
        let body = json!({ "channel": channel, "timestamp": stamp, "name": name });
        let method = if emoji.is_some() { "reactions.add" } else { "reactions.remove" };
        match self.post(method, &body).await {
            Ok(_json) => Ok(message_id.to_owned()),
            Err(SendError { class: SendClass::Refused { code }, .. })
                if code == "already_reacted" || code == "no_reaction" =>
            {
                Ok(message_id.to_owned())
            }
            Err(error) => Err(error),
        }
    }

    /// Looks up the parts of a message that are in the room since `since_ms` (milliseconds since
    /// 1970), by our metadata: (part, id) in order. What is missing can be sent again.
    ///
    /// # Errors
    /// If the room cannot be read.
    pub async fn reconcile(
        &self,
        outgoing: &Outgoing,
        since_ms: i64,
    ) -> Result<Vec<(usize, String)>, SendError> {
        let (channel, thread) = place(&outgoing.address.thread);
        let oldest = format!("{}.000000", since_ms.div_euclid(1_000));
        let mut found = Vec::new();
        let mut cursor = String::new();
        for _page in 0..PAGES_MAX {
            let place = history(channel, thread, &oldest, &cursor);
            let json = self.get(&place).await?;
            let all = json["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
            found.extend(all.iter().filter_map(|message| ours(message, channel, &outgoing.id)));
            cursor = json["response_metadata"]["next_cursor"].as_str().unwrap_or("").to_owned();
            if cursor.is_empty() {
                break;
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|(part, _)| *part);
        Ok(found)
    }

    /// Shows under the thread that an answer is being made; an empty text takes it away.
    ///
    /// # Errors
    /// If it failed; nothing depends on it.
    pub async fn status(&self, thread: &str, text: &str) -> Result<(), SendError> {
        let (channel, Some(thread)) = place(thread) else { return Ok(()) };
        let body = json!({ "channel_id": channel, "thread_ts": thread, "status": text });
        self.post("assistant.threads.setStatus", &body).await.map(|_json| ())
    }

    /// Calls a method with JSON and expects `ok:true`.
    pub(crate) async fn post(&self, method: &str, body: &Value) -> Result<Value, SendError> {
        let call = Call::new(Method::POST, format!("{}/{method}", self.settings.base_url))
            .body("application/json; charset=utf-8", body.to_string());
        self.done(call).await
    }

    async fn get(&self, method: &str) -> Result<Value, SendError> {
        self.done(Call::new(Method::GET, format!("{}/{method}", self.settings.base_url))).await
    }

    async fn done(&self, call: Call) -> Result<Value, SendError> {
        let call = call.token("Bearer", &self.settings.bot_token);
        let answer = self.http.call(call).await.map_err(unsent)?;
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        if answer.is_success() && json.as_ref().is_some_and(|json| json["ok"] == true) {
            return Ok(json.unwrap_or_default());
        }
        let Some(json) = json.filter(|json| json["ok"] == false) else {
            // A success that cannot be read may be one.
            let class = match answer.status {
                200..300 => SendClass::Unknown,
                status => classify("", status, answer.retry_after_ms()),
            };
            return Err(SendError::new(class, answer.excerpt()));
        };
        let word = json["error"].as_str().unwrap_or_default();
        let class = classify(word, answer.status, answer.retry_after_ms());
        let more = json["response_metadata"]["messages"].as_array();
        let more = more.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
        Err(SendError::new(class, [word, &more.join(" ")].join(" ").trim()))
    }

    fn take(&self, channel: &str, now_ms: i64) -> Result<(), i64> {
        let mut rooms = self.rooms();
        if rooms.len() >= ROOMS_MAX {
            rooms.retain(|_, bucket| !bucket.is_full(now_ms));
        }
        rooms.entry(channel.to_owned()).or_insert(PACE).take(now_ms)
    }

    fn hold(&self, channel: &str, until_ms: i64) {
        self.rooms().entry(channel.to_owned()).or_insert(PACE).hold_until(until_ms);
    }

    fn rooms(&self) -> std::sync::MutexGuard<'_, HashMap<String, Bucket>> {
        // The buckets are whole after every step, so a panic elsewhere leaves them usable.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part and the id of a message, if it is one of this outgoing.
fn ours(message: &Value, channel: &str, id: &str) -> Option<(usize, String)> {
    let metadata = &message["metadata"];
    let payload = &metadata["event_payload"];
    if metadata["event_type"] != METADATA_TYPE || payload["id"] != id {
        return None;
    }
    let part = usize::try_from(payload["part"].as_u64()?).ok()?;
    Some((part, format!("{channel}:{}", message["ts"].as_str()?)))
}

pub(crate) fn unsent(error: CallError) -> SendError {
    let class =
        if error.arrived { SendClass::Unknown } else { SendClass::Retry { after_ms: None } };
    SendError::new(class, error.detail)
}

/// The method and the query for a page of what was said. Not within an `async fn`: the writer of a query
/// cannot cross threads.
fn history(channel: &str, thread: Option<&str>, oldest: &str, cursor: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("channel", channel).append_pair("oldest", oldest);
    query.append_pair("include_all_metadata", "true").append_pair("limit", "200");
    if let Some(thread) = thread {
        query.append_pair("ts", thread);
    }
    if !cursor.is_empty() {
        query.append_pair("cursor", cursor);
    }
    let method = if thread.is_some() { "conversations.replies" } else { "conversations.history" };
    format!("{method}?{}", query.finish())
}
