use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use form_urlencoded::Serializer;
use impresario_calls::{Call, CallError, Http, Method};
use impresario_messages::{
    Channel, Outgoing, Rendered, SendClass, SendError, Sent, Window, plan, text_for,
};
use serde_json::Value;

use crate::content::{form, shape};
use crate::{Settings, Shape, classify};

/// The most pages of content templates that are looked through for ours.
const CONTENT_PAGES_MAX: usize = 10;

/// What sending depends on beside the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
    /// Until when the person can be written to freely.
    pub window: Window,
    /// How many of the messages that it becomes went out before.
    pub from: usize,
}

/// Calls Twilio for one sender.
#[derive(Debug)]
pub struct Client {
    pub(crate) http: Http,
    pub(crate) settings: Settings,
    templates: Mutex<HashMap<Shape, String>>,
}

impl Client {
    /// A client of a connection.
    #[must_use]
    pub fn new(http: Http, settings: Settings) -> Self {
        Self { http, settings, templates: Mutex::default() }
    }

    /// Sends a message, as the messages that it becomes, in order.
    ///
    /// # Errors
    /// What to do next; what went out before is in it. After [`SendClass::Unknown`] ask
    /// [`Client::reconcile`] or wait for the status report with our id.
    pub async fn send(&self, outgoing: &Outgoing, how: Dispatch) -> Result<Sent, SendError> {
        let whatsapp = outgoing.address.user.starts_with("whatsapp:");
        if whatsapp && !how.window.allows(Channel::Twilio, &outgoing.content, how.now_ms) {
            return Err(SendError::new(SendClass::WindowClosed, "the window is closed"));
        }
        let mut sent = Vec::new();
        let parts = plan(&outgoing.content, Channel::Twilio);
        for (part, rendered) in parts.iter().enumerate().skip(how.from) {
            match self.send_one(outgoing, part, rendered).await {
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
    ) -> Result<String, SendError> {
        let content_sid = match shape(rendered) {
            Some((shape, _)) => Some(self.content_sid(&shape).await?),
            None => None,
        };
        let fields = self.fields(outgoing, part, rendered, content_sid.as_deref());
        let call = self
            .authorised(Call::new(Method::POST, self.messages_url()))
            .body("application/x-www-form-urlencoded", fields);
        let json = self.done(call).await?;
        let sid = json["sid"].as_str().map(str::to_owned);
        sid.ok_or_else(|| SendError::new(SendClass::Unknown, "accepted without a sid"))
    }

    /// The form of a message. Not within an `async fn`: its writer cannot cross threads.
    fn fields(
        &self,
        outgoing: &Outgoing,
        part: usize,
        rendered: &Rendered,
        content_sid: Option<&str>,
    ) -> String {
        let mut fields = Serializer::new(String::new());
        fields.append_pair("To", &outgoing.address.user);
        match &self.settings.messaging_service_sid {
            Some(service) => fields.append_pair("MessagingServiceSid", service),
            None => fields.append_pair("From", &self.settings.from),
        };
        if let Some(url) = &self.settings.status_callback {
            fields.append_pair("StatusCallback", &callback(url, &outgoing.id, part));
        }
        for (name, value) in form(rendered, content_sid) {
            fields.append_pair(name, &value);
        }
        fields.finish()
    }

    /// The template of a shape: remembered, or found by its name, or made.
    async fn content_sid(&self, shape: &Shape) -> Result<String, SendError> {
        if let Some(sid) = self.templates().get(shape) {
            return Ok(sid.clone());
        }
        let sid = match self.find_content(&shape.name()).await.map_err(not_sent)? {
            Some(sid) => sid,
            None => self.make_content(shape).await.map_err(not_sent)?,
        };
        self.templates().insert(shape.clone(), sid.clone());
        Ok(sid)
    }

    async fn find_content(&self, name: &str) -> Result<Option<String>, SendError> {
        let base = &self.settings.content_base_url;
        let mut url = format!("{base}/v1/Content?PageSize=100");
        for _page in 0..CONTENT_PAGES_MAX {
            let json = self.done(self.authorised(Call::new(Method::GET, url))).await?;
            let all = json["contents"].as_array().map(Vec::as_slice).unwrap_or_default();
            let found = all.iter().find(|content| content["friendly_name"] == name);
            if let Some(sid) = found.and_then(|content| content["sid"].as_str()) {
                return Ok(Some(sid.to_owned()));
            }
            match json["meta"]["next_page_url"].as_str() {
                // The token goes to our base only.
                Some(next) if next.starts_with(base) => url = next.to_owned(),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn make_content(&self, shape: &Shape) -> Result<String, SendError> {
        let url = format!("{}/v1/Content", self.settings.content_base_url);
        let body = shape.template(&self.settings.language).to_string();
        let call = self.authorised(Call::new(Method::POST, url)).body("application/json", body);
        let json = self.done(call).await?;
        let sid = json["sid"].as_str().map(str::to_owned);
        sid.ok_or_else(|| SendError::new(SendClass::Unknown, "no sid for the template"))
    }

    /// Looks up whether a part of a message with an unknown outcome is at Twilio: its `sid`, if a
    /// message with these words went to the person since `since_ms` (milliseconds since 1970) and is
    /// none of `known`. Words are compared because Twilio keeps nothing else of ours; a message
    /// without words is never found.
    ///
    /// # Errors
    /// If the list cannot be had.
    pub async fn reconcile(
        &self,
        outgoing: &Outgoing,
        part: usize,
        since_ms: i64,
        known: &[String],
    ) -> Result<Option<String>, SendError> {
        let parts = plan(&outgoing.content, Channel::Twilio);
        let Some(words) = parts.get(part).and_then(words) else { return Ok(None) };
        let to: String =
            form_urlencoded::byte_serialize(outgoing.address.user.as_bytes()).collect();
        let url = format!("{}?To={to}&PageSize=50", self.messages_url());
        let json = self.done(self.authorised(Call::new(Method::GET, url))).await?;
        let all = json["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let since_s = since_ms.div_euclid(1_000);
        // The newest first, so the last that fits is the oldest since then.
        let found = all.iter().rev().find(|message| {
            let made = message["date_created"].as_str().unwrap_or_default();
            let made_s = jiff::fmt::rfc2822::parse(made).map(|time| time.timestamp().as_second());
            let sid = message["sid"].as_str().unwrap_or_default();
            message["body"].as_str().map(str::trim) == Some(words.trim())
                && made_s.is_ok_and(|made_s| made_s >= since_s)
                && message["direction"].as_str().is_some_and(|way| way.starts_with("outbound"))
                && !known.iter().any(|id| id == sid)
        });
        Ok(found.and_then(|message| message["sid"].as_str()).map(str::to_owned))
    }

    fn messages_url(&self) -> String {
        let Settings { base_url, account_sid, .. } = &self.settings;
        format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json")
    }

    pub(crate) fn authorised(&self, call: Call) -> Call {
        match (&self.settings.api_key, &self.settings.api_secret) {
            (Some(key), Some(secret)) => call.basic(key, secret),
            _ => call.basic(&self.settings.account_sid, &self.settings.auth_token),
        }
    }

    /// Calls and expects JSON of a success.
    async fn done(&self, call: Call) -> Result<Value, SendError> {
        let answer = self.http.call(call).await.map_err(unsent)?;
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.is_success() {
            return Ok(json);
        }
        let code = json["code"].as_i64().unwrap_or(-1);
        let class = classify(code, answer.status, answer.retry_after_ms());
        let detail = json["message"].as_str().map_or_else(|| answer.excerpt(), str::to_owned);
        Err(SendError::new(class, detail))
    }

    fn templates(&self) -> std::sync::MutexGuard<'_, HashMap<Shape, String>> {
        // A map of finished look-ups is whole whatever panicked elsewhere.
        self.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The status callback with our id and the part.
fn callback(url: &str, id: &str, part: usize) -> String {
    let between = if url.contains('?') { '&' } else { '?' };
    let mut query = Serializer::new(String::new());
    query.append_pair("outgoing", id).append_pair("part", &part.to_string());
    format!("{url}{between}{}", query.finish())
}

/// The words that Twilio's list shows of a message.
fn words(rendered: &Rendered) -> Option<String> {
    let words = match rendered {
        Rendered::Text { text } => text,
        Rendered::Media(media) => media.caption.as_ref()?,
        Rendered::Buttons(buttons) => &buttons.body,
        Rendered::List(list) => &list.body,
        Rendered::Location(place) => place.name.as_ref()?,
        Rendered::Template(_)
        | Rendered::Contact(_)
        | Rendered::Reaction { .. }
        | Rendered::Product(_) => return None,
    };
    Some(text_for(words, Channel::Twilio))
}

/// The template's call is not the message's: whatever became of it, no message went out.
fn not_sent(error: SendError) -> SendError {
    match error.class {
        SendClass::Unknown => SendError { class: SendClass::Retry { after_ms: None }, ..error },
        SendClass::Retry { .. }
        | SendClass::Refused { .. }
        | SendClass::WindowClosed
        | SendClass::OptedOut => error,
    }
}

pub(crate) fn unsent(error: CallError) -> SendError {
    let class =
        if error.arrived { SendClass::Unknown } else { SendClass::Retry { after_ms: None } };
    SendError::new(class, error.detail)
}
