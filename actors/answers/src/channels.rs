//! Chat platforms, one connection of a tenant each: what comes from them, and what goes to them.

use impresario_calls::Http;
use impresario_discord as discord;
use impresario_messages::{
    Address, Channel as Kind, Event, Outgoing, Problem, SendError, Sent, Window, plan,
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
    /// A process that is gone may have sent some of it.
    pub(crate) perhaps_tried: bool,
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

    /// Sends a message: the parts that are not known to have left. Where the platform can tell, parts
    /// that a process sent which is gone now are looked up first.
    pub(crate) async fn send(
        &self,
        outgoing: &Outgoing,
        attempt: Attempt<'_>,
    ) -> Result<Sent, SendError> {
        let Attempt { now_ms, since_ms, heard_ms, window, extra, mut sent, perhaps_tried } =
            attempt;
        if perhaps_tried {
            self.look_up(outgoing, since_ms, &mut sent).await?;
        }
        let from = sent.len();
        let outcome = match self {
            Self::WhatsApp { client, .. } => {
                client.send(outgoing, whatsapp::Dispatch { now_ms, window, from }).await
            }
            Self::Twilio { client, .. } => {
                client.send(outgoing, twilio::Dispatch { now_ms, window, from }).await
            }
            Self::Slack { client, .. } => client.send(outgoing, from, now_ms).await,
            Self::Discord { client, .. } => {
                let how =
                    discord::Dispatch { now_ms, from, interaction: interaction(extra, heard_ms) };
                client.send(outgoing, &how).await
            }
        };
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
                Some(message) => client.read(message, true).await,
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
                let url = signed_url(&settings.webhook_url, request.query);
                let signature = headers.get("x-twilio-signature");
                twilio::verify(&settings.auth_token, &url, signature, raw)
                    .map_err(|_| Untaken::Refused)?;
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

/// The address as the platform signed it.
fn signed_url(webhook_url: &str, query: &str) -> String {
    if query.is_empty() || webhook_url.contains('?') {
        webhook_url.to_owned()
    } else {
        format!("{webhook_url}?{query}")
    }
}

/// The interaction that the customer's last message was, and when.
fn interaction(extra: &[(String, String)], heard_ms: i64) -> Option<(String, i64)> {
    let token = extra.iter().find(|(name, _)| name == "interaction.token");
    token.map(|(_, token)| (token.clone(), heard_ms))
}
