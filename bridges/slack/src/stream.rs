use impresario_messages::{Outgoing, SendClass, SendError};
use serde_json::{Map, Value, json};

use crate::Client;
use crate::client::{METADATA_TYPE, place};

/// The most characters of one streamed message.
const MARKDOWN_CHARS_MAX: usize = 12_000;

/// An answer that is being written where the person can watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    channel: String,
    stamp: String,
    left: usize,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streamed {
    /// It is there.
    Added,
    /// The message is full: end it, and send the rest as a message of its own.
    Full,
}

impl Stream {
    /// The id of the message, as [`Client::send`] gives them.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}:{}", self.channel, self.stamp)
    }
}

impl Client {
    /// Begins an answer in the outgoing's thread. Slack streams in threads only.
    ///
    /// # Errors
    /// If it was not begun; then send the whole answer when it is there.
    pub async fn start_stream(&self, outgoing: &Outgoing) -> Result<Stream, SendError> {
        let (channel, thread) = place(&outgoing.address.thread);
        let Some(thread) = thread.or_else(|| place(outgoing.in_reply_to.as_deref()?).1) else {
            let class = SendClass::Refused { code: "no_thread".to_owned() };
            return Err(SendError::new(class, "an answer is streamed in a thread"));
        };
        let mut body = Map::new();
        body.insert("channel".into(), json!(channel));
        body.insert("thread_ts".into(), json!(thread));
        // Needed in channels, where more than one person reads along.
        if let Some(team) = self.settings.team_id.as_deref().filter(|_| !channel.starts_with('D')) {
            body.insert("recipient_team_id".into(), json!(team));
            body.insert("recipient_user_id".into(), json!(outgoing.address.user));
        }
        let json = self.post("chat.startStream", &Value::Object(body)).await?;
        let Some(stamp) = json["ts"].as_str() else {
            return Err(SendError::new(SendClass::Unknown, "begun without a time"));
        };
        Ok(Stream {
            channel: json["channel"].as_str().unwrap_or(channel).to_owned(),
            stamp: stamp.to_owned(),
            left: MARKDOWN_CHARS_MAX,
        })
    }

    /// Appends Markdown (Slack writes it in its own dialect here).
    ///
    /// # Errors
    /// If it failed: it may be there or not, so end the stream and say nothing twice.
    pub async fn append_stream(
        &self,
        stream: &mut Stream,
        markdown: &str,
    ) -> Result<Streamed, SendError> {
        let length = markdown.encode_utf16().count();
        if length > stream.left {
            return Ok(Streamed::Full);
        }
        let body = json!({
            "channel": stream.channel,
            "ts": stream.stamp,
            "markdown_text": markdown,
        });
        self.post("chat.appendStream", &body).await?;
        stream.left -= length;
        Ok(Streamed::Added)
    }

    /// Ends the answer, and marks the message as ours, so that it can be found again.
    ///
    /// # Errors
    /// If it was not ended; it can be tried again.
    pub async fn stop_stream(&self, stream: Stream, outgoing: &Outgoing) -> Result<(), SendError> {
        let payload = json!({ "id": outgoing.id, "part": 0 });
        let body = json!({
            "channel": stream.channel,
            "ts": stream.stamp,
            "metadata": { "event_type": METADATA_TYPE, "event_payload": payload },
        });
        match self.post("chat.stopStream", &body).await {
            // It was ended by the attempt before.
            Err(SendError { class: SendClass::Refused { code }, .. })
                if code == "message_not_in_streaming_state" =>
            {
                Ok(())
            }
            other => other.map(|_json| ()),
        }
    }
}
