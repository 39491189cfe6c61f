use impresario_calls::{Answer, Call, CallError, Http, Method, parse_retry_after};
use impresario_messages::{Channel, Outgoing, Rendered, SendClass, SendError, Sent, plan};
use serde_json::{Map, Value, json};

use crate::{Settings, classify, message, nonce};

/// How long an interaction's token can be used, in milliseconds: 15 minutes, less one for the way.
pub const INTERACTION_MS: i64 = 14 * 60 * 1_000;

/// What sending depends on beside the message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Dispatch {
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
    /// How many of the messages that it becomes went out before.
    pub from: usize,
    /// The token of the interaction that is answered, and when it came, in milliseconds since 1970.
    pub interaction: Option<(String, i64)>,
    /// Tokens of interactions before it, which this message answers, too: their "is thinking" goes.
    pub earlier: Vec<String>,
    /// Whether "is thinking" was replaced by another message before: this one comes after it.
    pub answered: bool,
}

impl std::fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatch")
            .field("now_ms", &self.now_ms)
            .field("from", &self.from)
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

/// Where an answer to an interaction goes.
#[derive(Clone, Copy)]
struct Place<'a> {
    token: &'a str,
    /// Instead of "is thinking".
    first: bool,
}

/// Calls the REST API for one application.
#[derive(Debug)]
pub struct Client {
    http: Http,
    settings: Settings,
}

impl Client {
    /// A client of a connection.
    #[must_use]
    pub const fn new(http: Http, settings: Settings) -> Self {
        Self { http, settings }
    }

    /// Sends a message, as the messages that it becomes, in order: the first instead of "is
    /// thinking" and the others after it while the interaction's token lives, otherwise by the bot
    /// in the channel.
    ///
    /// # Errors
    /// What to do next; what went out before is in it. After [`SendClass::Unknown`] the same send
    /// can be repeated within a few minutes: the first part of an interaction is put in the same
    /// place, and a message of the bot has its nonce. Only a further part of an interaction has
    /// neither.
    pub async fn send(&self, outgoing: &Outgoing, how: &Dispatch) -> Result<Sent, SendError> {
        let token = how
            .interaction
            .as_ref()
            .filter(|(_, at_ms)| how.now_ms.saturating_sub(*at_ms) < INTERACTION_MS);
        let token = token.map(|(token, _)| token.as_str());
        let mut sent = Vec::new();
        let parts = plan(&outgoing.content, Channel::Discord);
        for (part, rendered) in parts.iter().enumerate().skip(how.from) {
            let token = token.map(|token| Place { token, first: part == 0 && !how.answered });
            match self.send_one(outgoing, part, rendered, token).await {
                Ok(id) => sent.push(id),
                Err(error) => return Err(SendError { sent, ..error }),
            }
        }
        if !how.answered {
            self.hush(&how.earlier).await;
        }
        Ok(Sent { platform_ids: sent })
    }

    /// Takes "is thinking" away where nothing follows. Nothing depends on it: after 15 minutes Discord
    /// says itself that nothing came.
    async fn hush(&self, tokens: &[String]) {
        let Settings { base_url, application_id, .. } = &self.settings;
        for token in tokens {
            let place = format!("{base_url}/webhooks/{application_id}/{token}/messages/@original");
            if let Err(error) = self.done(Call::new(Method::DELETE, place)).await {
                tracing::debug!(class = error.class.code(), "it still says that it is thinking");
            }
        }
    }

    async fn send_one(
        &self,
        outgoing: &Outgoing,
        part: usize,
        rendered: &Rendered,
        place: Option<Place<'_>>,
    ) -> Result<String, SendError> {
        if let Rendered::Reaction { message_id, emoji } = rendered {
            return self.react(&outgoing.address.thread, message_id, emoji.as_deref()).await;
        }
        let Some(fields) = message(rendered) else {
            let class = SendClass::Refused { code: "not_shown".to_owned() };
            return Err(SendError::new(class, "Discord has nothing for this"));
        };
        let answer = match place {
            Some(place) => self.answer(place, fields.clone()).await,
            None => self.write(outgoing, part, fields.clone()).await,
        };
        match answer {
            // 10015 and 50027: the token does not live any more, whatever our clock says.
            Err(SendError { class: SendClass::Refused { code }, .. })
                if place.is_some() && (code == "10015" || code == "50027") =>
            {
                self.write(outgoing, part, fields).await
            }
            answer => answer,
        }
    }

    /// In place of "is thinking", or after it.
    async fn answer(
        &self,
        Place { token, first }: Place<'_>,
        fields: Map<String, Value>,
    ) -> Result<String, SendError> {
        let place = format!("webhooks/{}/{token}", self.settings.application_id);
        let (method, place) = if first {
            (Method::PATCH, format!("{place}/messages/@original"))
        } else {
            (Method::POST, format!("{place}?wait=true"))
        };
        // The token in the path is all the authority that is needed.
        let call = Call::new(method, format!("{}/{place}", self.settings.base_url));
        id(&self.done(call.body("application/json", Value::Object(fields).to_string())).await?)
    }

    /// By the bot, in the channel.
    async fn write(
        &self,
        outgoing: &Outgoing,
        part: usize,
        mut fields: Map<String, Value>,
    ) -> Result<String, SendError> {
        fields.insert("nonce".into(), json!(nonce(&outgoing.id, part)));
        fields.insert("enforce_nonce".into(), json!(true));
        // A reaction has no id of its own that could be named.
        let is_id = |id: &&str| id.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(id) = outgoing.in_reply_to.as_deref().filter(|_| part == 0).filter(is_id) {
            // If it was deleted meanwhile, the answer stands alone.
            let reference = json!({ "message_id": id, "fail_if_not_exists": false });
            fields.insert("message_reference".into(), reference);
        }
        let place = format!("channels/{}/messages", path(&outgoing.address.thread));
        let call = self.bot(Method::POST, &place);
        id(&self.done(call.body("application/json", Value::Object(fields).to_string())).await?)
    }

    async fn react(
        &self,
        channel: &str,
        message_id: &str,
        emoji: Option<&str>,
    ) -> Result<String, SendError> {
        let (method, what) = match emoji {
            Some(emoji) => (Method::PUT, format!("{}/@me", path(emoji))),
            None => (Method::DELETE, String::new()),
        };
        let (channel, message) = (path(channel), path(message_id));
        let place = format!("channels/{channel}/messages/{message}/reactions/{what}");
        self.done(self.bot(method, place.trim_end_matches('/'))).await?;
        Ok(message_id.to_owned())
    }

    /// Shows for ten seconds, or until a message, that the bot is writing.
    ///
    /// # Errors
    /// If it failed; nothing depends on it.
    pub async fn typing(&self, channel: &str) -> Result<(), SendError> {
        let place = format!("channels/{}/typing", path(channel));
        self.done(self.bot(Method::POST, &place)).await.map(|_json| ())
    }

    /// Where the gateway is: for [`crate::gateway::run`].
    ///
    /// # Errors
    /// If Discord does not say.
    pub async fn gateway_url(&self) -> Result<String, SendError> {
        let json = self.done(self.bot(Method::GET, "gateway/bot")).await?;
        let url = json["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| SendError::new(SendClass::Retry { after_ms: None }, "no gateway"))
    }

    fn bot(&self, method: Method, place: &str) -> Call {
        Call::new(method, format!("{}/{place}", self.settings.base_url))
            .token("Bot", &self.settings.bot_token)
    }

    /// Calls and expects a success, with JSON or without a body.
    async fn done(&self, call: Call) -> Result<Value, SendError> {
        let answer = self.http.call(call).await.map_err(unsent)?;
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.is_success() {
            return Ok(json);
        }
        let code = json["code"].as_i64().unwrap_or(0);
        let class = classify(code, answer.status, wait_ms(&answer, &json));
        let detail = json["message"].as_str().map_or_else(|| answer.excerpt(), str::to_owned);
        Err(SendError::new(class, detail))
    }
}

/// How long to wait: in the body, and in two headers.
fn wait_ms(answer: &Answer, json: &Value) -> Option<i64> {
    let body = match &json["retry_after"] {
        Value::Number(seconds) => parse_retry_after(&seconds.to_string()),
        _ => None,
    };
    let reset = || answer.header("x-ratelimit-reset-after").and_then(parse_retry_after);
    body.or_else(|| answer.retry_after_ms()).or_else(reset)
}

fn id(json: &Value) -> Result<String, SendError> {
    let id = json["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| SendError::new(SendClass::Unknown, "accepted without an id"))
}

/// A text as one step of a path.
fn path(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn unsent(error: CallError) -> SendError {
    let class =
        if error.arrived { SendClass::Unknown } else { SendClass::Retry { after_ms: None } };
    SendError::new(class, error.detail)
}
