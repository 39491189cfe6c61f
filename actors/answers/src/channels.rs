//! Chat platforms, one connection of a tenant each: what comes from them, and what goes to them.

use std::borrow::Cow;

use impresario_calls::Http;
use impresario_discord as discord;
use impresario_messages::{
    Address, Channel as Kind, Content, Event, Inbound, Outgoing, Problem, SendClass, SendError,
    Sent, StatusUpdate, Window, as_template, plan,
};
use impresario_slack as slack;
use impresario_twilio as twilio;
use impresario_whatsapp as whatsapp;

/// A connection to a platform.
#[derive(Debug)]
pub(crate) enum Channel {
    WhatsApp { client: whatsapp::Client, settings: whatsapp::Settings },
    Twilio { client: twilio::Client, settings: twilio::Settings },
    Slack { client: slack::Client, settings: slack::Settings },
    Discord { client: discord::Client, settings: discord::Settings },
}

/// What one attempt to send depends on.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) now_ms: i64,
    /// When it was decided.
    pub(crate) since_ms: i64,
    /// When the customer wrote last.
    pub(crate) heard_ms: i64,
    pub(crate) window: Window,
    /// What the platform told with the customer's last message.
    pub(crate) extra: &'a [(String, String)],
    /// Ids of the parts that are known to have left.
    pub(crate) sent: Vec<String>,
    /// A try before this one has no known outcome.
    pub(crate) in_doubt: bool,
}

/// How a message is tried again whose sending has no known outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// How long (ms) the platform's reports are waited for before.
    pub(crate) wait_ms: i64,
    /// How many such tries there may be.
    pub(crate) tries_max: u8,
}

/// A request of a platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) is_get: bool,
    pub(crate) query: &'a str,
    pub(crate) raw: &'a [u8],
    pub(crate) now_ms: i64,
    pub(crate) headers: &'a dyn Headers,
}

/// The headers of a request.
pub(crate) trait Headers: std::fmt::Debug + Sync {
    fn get(&self, name: &str) -> Option<&str>;
}

/// What is answered at once, and what came.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) events: Vec<Event>,
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untaken {
    /// Its signature is not right.
    Refused,
    /// It cannot be read.
    Unreadable,
}

/// What is wrong with the settings of a connection.
pub(crate) fn problems(kind: &str, settings: &str) -> Vec<Problem> {
    fn read<T: for<'a> serde::Deserialize<'a>>(
        settings: &str,
        validate: impl FnOnce(&T) -> Vec<Problem>,
    ) -> Vec<Problem> {
        match serde_json::from_str::<T>(settings) {
            Ok(settings) => validate(&settings),
            Err(error) => vec![Problem {
                pointer: String::new(),
                code: "setting_invalid",
                message: error.to_string(),
            }],
        }
    }
    match kind {
        "whatsapp" => read(settings, whatsapp::Settings::validate),
        "twilio" => read(settings, twilio::Settings::validate),
        "slack" => read(settings, slack::Settings::validate),
        "discord" => read(settings, discord::Settings::validate),
        _ => Vec::new(),
    }
}

impl Channel {
    /// The connection, if it is one to a platform.
    pub(crate) fn of(http: &Http, kind: &str, settings: &str) -> Result<Option<Self>, String> {
        let http = http.clone();
        let unreadable = |error: serde_json::Error| error.to_string();
        Ok(Some(match kind {
            "whatsapp" => {
                let settings: whatsapp::Settings =
                    serde_json::from_str(settings).map_err(unreadable)?;
                let client = whatsapp::Client::new(http, settings.clone());
                Self::WhatsApp { client, settings }
            }
            "twilio" => {
                let settings: twilio::Settings =
                    serde_json::from_str(settings).map_err(unreadable)?;
                Self::Twilio { client: twilio::Client::new(http, settings.clone()), settings }
            }
            "slack" => {
                let settings: slack::Settings =
                    serde_json::from_str(settings).map_err(unreadable)?;
                Self::Slack { client: slack::Client::new(http, settings.clone()), settings }
            }
            "discord" => {
                let settings: discord::Settings =
                    serde_json::from_str(settings).map_err(unreadable)?;
                Self::Discord { client: discord::Client::new(http, settings.clone()), settings }
            }
            _ => return Ok(None),
        }))
    }

    /// Which platform it is.
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::WhatsApp { .. } => Kind::WhatsApp,
            Self::Twilio { .. } => Kind::Twilio,
            Self::Slack { .. } => Kind::Slack,
            Self::Discord { .. } => Kind::Discord,
        }
    }

    /// How many messages of the platform a message becomes.
    pub(crate) fn parts(&self, outgoing: &Outgoing) -> usize {
        plan(&outgoing.content, self.kind()).len()
    }

    /// A message as it may be sent now: where the window is closed, its words in the template that the
    /// tenant has for that.
    pub(crate) fn fit<'a>(
        &self,
        outgoing: &'a Outgoing,
        window: Window,
        now_ms: i64,
    ) -> Cow<'a, Outgoing> {
        let template = match self {
            Self::WhatsApp { settings, .. } => settings.window_template.as_ref(),
            Self::Twilio { settings, .. } => settings.window_template.as_ref(),
            Self::Slack { .. } | Self::Discord { .. } => None,
        };
        let Some(template) = template else { return Cow::Borrowed(outgoing) };
        // By SMS there is no window.
        let user = &outgoing.address.user;
        let is_sms = self.kind() == Kind::Twilio && !user.starts_with("whatsapp:");
        if is_sms || window.allows(self.kind(), &outgoing.content, now_ms) {
            return Cow::Borrowed(outgoing);
        }
        match as_template(&outgoing.content, template, self.kind()) {
            Some(template) => {
                let content = vec![Content::Template(template)];
                Cow::Owned(Outgoing { content, ..outgoing.clone() })
            }
            None => Cow::Borrowed(outgoing),
        }
    }

    /// How a message is tried again whose sending has no known outcome.
    pub(crate) const fn bound(&self, report_wait_ms: i64) -> Bound {
        match self {
            // Nobody can be asked, so a second message is risked once, after its reports should be here.
            Self::WhatsApp { .. } => Bound { wait_ms: report_wait_ms, tries_max: 2 },
            // Their lists tell what arrived, a moment later; what has no words is not found in Twilio's.
            Self::Twilio { .. } | Self::Slack { .. } => Bound { wait_ms: 2_000, tries_max: 4 },
            // For a few minutes a repeated message is the same one, but for those after the first in
            // answer to an interaction.
            Self::Discord { .. } => Bound { wait_ms: 0, tries_max: 3 },
        }
    }

    /// Sends a message: the parts that are not known to have left. Where the platform can tell, parts
    /// of a try without a known outcome are looked up first.
    pub(crate) async fn send(
        &self,
        outgoing: &Outgoing,
        attempt: Attempt<'_>,
    ) -> Result<Sent, SendError> {
        let mut sent = attempt.sent.clone();
        if attempt.in_doubt
            && let Err(mut error) = self.look_up(outgoing, attempt.since_ms, &mut sent).await
        {
            if error.class == SendClass::Unknown {
                // Looking sends nothing.
                error.class = SendClass::Retry { after_ms: None };
            }
            return Err(SendError { sent, ..error });
        }
        let mut outcome = self.give(outgoing, &attempt, sent.len()).await;
        let is_closed = matches!(&outcome, Err(error) if error.class == SendClass::WindowClosed);
        if is_closed
            && sent.is_empty()
            && let Cow::Owned(fitting) = self.fit(outgoing, Window::default(), attempt.now_ms)
        {
            // The platform's clock counts.
            outcome = self.give(&fitting, &attempt, 0).await;
        }
        match outcome {
            Ok(more) => {
                sent.extend(more.platform_ids);
                Ok(Sent { platform_ids: sent })
            }
            Err(mut error) => {
                sent.append(&mut error.sent);
                error.sent = sent;
                Err(error)
            }
        }
    }

    /// Gives the platform the parts of a message from this one on.
    async fn give(
        &self,
        outgoing: &Outgoing,
        attempt: &Attempt<'_>,
        from: usize,
    ) -> Result<Sent, SendError> {
        let Attempt { now_ms, heard_ms, window, extra, .. } = *attempt;
        match self {
            Self::WhatsApp { client, .. } => {
                client.send(outgoing, whatsapp::Dispatch { now_ms, window, from }).await
            }
            Self::Twilio { client, .. } => {
                client.send(outgoing, twilio::Dispatch { now_ms, window, from }).await
            }
            Self::Slack { client, .. } => client.send(outgoing, from, now_ms).await,
            Self::Discord { client, .. } => {
                let answered = extra.iter().any(|(name, _)| name == "interaction.answered");
                let interaction = interaction(extra, heard_ms);
                let places = extra.iter().filter(|(name, _)| name == "interaction.earlier");
                let earlier = places.map(|(_, token)| token.clone()).collect();
                let how = discord::Dispatch { now_ms, from, interaction, earlier, answered };
                client.send(outgoing, &how).await
            }
        }
    }

    /// Adds the parts that the platform has and we do not know of.
    async fn look_up(
        &self,
        outgoing: &Outgoing,
        since_ms: i64,
        sent: &mut Vec<String>,
    ) -> Result<(), SendError> {
        match self {
            Self::Slack { client, .. } => {
                for (part, id) in client.reconcile(outgoing, since_ms).await? {
                    if part == sent.len() {
                        sent.push(id);
                    }
                }
            }
            Self::Twilio { client, .. } => {
                let parts = plan(&outgoing.content, Kind::Twilio).len();
                while sent.len() < parts {
                    let found = client.reconcile(outgoing, sent.len(), since_ms, sent).await?;
                    let Some(id) = found else { break };
                    sent.push(id);
                }
            }
            // A repeated part is the same message there.
            Self::Discord { .. }
            // Nobody can be asked; the status reports name what arrived.
            | Self::WhatsApp { .. } => {}
        }
        Ok(())
    }

    /// Shows that an answer is being written. Nobody minds if that fails.
    pub(crate) async fn typing(&self, address: &Address, message: Option<&str>) {
        let shown = match self {
            Self::WhatsApp { client, .. } => match message {
                // Of several cards in one message only the first has the message's own id.
                Some(message) => {
                    client.read(message.split('#').next().unwrap_or(message), true).await
                }
                None => Ok(()),
            },
            Self::Twilio { .. } => Ok(()),
            Self::Slack { client, .. } => client.status(&address.thread, "is typing…").await,
            Self::Discord { client, .. } => client.typing(&address.thread).await,
        };
        if let Err(error) = shown {
            tracing::debug!(class = error.class.code(), "typing not shown");
        }
    }

    /// Fetches a file that a person sent, with its media type; `None` where the platform gives files
    /// public addresses.
    pub(crate) async fn fetch(&self, place: &str) -> Option<Result<(String, Vec<u8>), SendError>> {
        Some(match self {
            Self::WhatsApp { client, .. } => {
                client.download(place).await.map(|file| (file.mime, file.bytes))
            }
            Self::Twilio { client, .. } => {
                client.download(place).await.map(|file| (file.mime, file.bytes))
            }
            Self::Slack { client, .. } => {
                client.download(place).await.map(|file| (file.mime, file.bytes))
            }
            Self::Discord { .. } => return None,
        })
    }

    /// Gives the platform a file to send by an id; `None` where files are sent by their address only.
    pub(crate) async fn deposit(
        &self,
        name: &str,
        mime: String,
        bytes: Vec<u8>,
    ) -> Option<Result<String, SendError>> {
        match self {
            Self::WhatsApp { client, .. } => {
                Some(client.upload(name, &whatsapp::File { mime, bytes }).await)
            }
            Self::Twilio { .. } | Self::Slack { .. } | Self::Discord { .. } => None,
        }
    }

    /// Verifies a request of the platform and reads it.
    pub(crate) fn take(&self, connection: &str, request: Request<'_>) -> Result<Taken, Untaken> {
        let Request { raw, now_ms, headers, .. } = request;
        let plain =
            |events| Taken { status: 200, content_type: "text/plain", body: Vec::new(), events };
        match self {
            Self::WhatsApp { settings, .. } => {
                if request.is_get {
                    let answer = whatsapp::handshake(&settings.verify_token, request.query)
                        .map_err(|_| Untaken::Refused)?;
                    return Ok(Taken { body: answer.body.into_bytes(), ..plain(Vec::new()) });
                }
                let signature = headers.get("x-hub-signature-256");
                whatsapp::verify(&settings.app_secret, signature, raw)
                    .map_err(|_| Untaken::Refused)?;
                let events = whatsapp::parse(connection, &settings.phone_number_id, raw);
                Ok(plain(events.map_err(|_| Untaken::Unreadable)?))
            }
            Self::Twilio { settings, .. } => {
                let signature = headers.get("x-twilio-signature");
                let callback = settings.status_callback.as_deref();
                let is_signed = |url: &str| {
                    let url = signed_url(url, request.query);
                    twilio::verify(&settings.auth_token, &url, signature, raw).is_ok()
                };
                if !is_signed(&settings.webhook_url) && !callback.is_some_and(is_signed) {
                    return Err(Untaken::Refused);
                }
                let events = twilio::parse(connection, request.query, raw, now_ms)
                    .map_err(|_| Untaken::Unreadable)?;
                let body = twilio::EMPTY_ANSWER.as_bytes().to_vec();
                Ok(Taken { content_type: "text/xml", body, ..plain(events) })
            }
            Self::Slack { settings, .. } => {
                let delivery = slack::Delivery {
                    signature: headers.get("x-slack-signature"),
                    timestamp: headers.get("x-slack-request-timestamp"),
                    retry: headers.get("x-slack-retry-num").and_then(|text| text.parse().ok()),
                };
                slack::verify(&settings.signing_secret, delivery, raw, now_ms)
                    .map_err(|_| Untaken::Refused)?;
                let kind = headers.get("content-type").unwrap_or_default();
                let events = slack::parse(connection, settings, kind, raw, now_ms)
                    .map_err(|_| Untaken::Unreadable)?;
                Ok(handshaken(plain(events)))
            }
            Self::Discord { settings, .. } => {
                let signature = headers.get("x-signature-ed25519");
                let timestamp = headers.get("x-signature-timestamp");
                discord::verify(&settings.public_key, signature, timestamp, raw)
                    .map_err(|_| Untaken::Refused)?;
                let parsed = discord::parse(connection, raw).map_err(|_| Untaken::Unreadable)?;
                let body = parsed.answer.into_bytes();
                Ok(Taken { content_type: "application/json", body, ..plain(parsed.events) })
            }
        }
    }
}

/// Whether a report says that the person wants no more messages: then it is a wish, not only a failure.
pub(crate) fn is_stop(update: &StatusUpdate) -> bool {
    let code = update.error.as_ref().and_then(|error| error.code.parse::<i64>().ok());
    let class = code.and_then(|code| match update.address.channel {
        Kind::WhatsApp => Some(whatsapp::classify(code, 0, None)),
        Kind::Twilio => Some(twilio::classify(code, 0, None)),
        Kind::Web | Kind::Slack | Kind::Discord | Kind::OpenAi | Kind::Api => None,
    });
    class == Some(SendClass::OptedOut)
}

/// Whether a message can be the first of a conversation: not if it only is an emoji on another one, or
/// was said in a thread of people who may talk among themselves.
pub(crate) fn begins(inbound: &Inbound) -> bool {
    let is_reaction = matches!(inbound.content, Content::Reaction { .. });
    !is_reaction && inbound.extra(slack::UNADDRESSED).is_none()
}

/// What a platform asks to be told is the answer.
fn handshaken(mut taken: Taken) -> Taken {
    let asked = taken.events.iter().find_map(|event| match event {
        Event::Handshake(answer) => Some((answer.content_type, answer.body.clone())),
        Event::Message(_)
        | Event::Status(_)
        | Event::Consent { .. }
        | Event::Moved { .. }
        | Event::Ignored { .. } => None,
    });
    if let Some((content_type, body)) = asked {
        taken.content_type = content_type;
        taken.body = body.into_bytes();
    }
    taken
}

/// The address as the platform called and signed it: what it was given, with the query that came; to
/// that of a status callback our id was added.
fn signed_url(given: &str, query: &str) -> String {
    let place = given.split_once('?').map_or(given, |(place, _)| place);
    if query.is_empty() { place.to_owned() } else { format!("{place}?{query}") }
}

/// The interaction that the customer's last message was, and when.
fn interaction(extra: &[(String, String)], heard_ms: i64) -> Option<(String, i64)> {
    let token = extra.iter().find(|(name, _)| name == "interaction.token");
    token.map(|(_, token)| (token.clone(), heard_ms))
}
