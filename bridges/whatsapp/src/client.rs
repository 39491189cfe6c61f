use std::fmt;
use std::sync::{Mutex, PoisonError};

use impresario_calls::{Answer, Call, CallError, Http, Method, host_of, multipart};
use impresario_messages::{Channel, Outgoing, SendClass, SendError, Sent, Window, plan};
use serde_json::{Value, json};

use crate::render::{callback_data, payload};
use crate::{Pacer, Settings, classify};

/// The largest media that is fetched, in bytes: Meta's largest document.
const MEDIA_BYTES_MAX: usize = 100 * 1024 * 1024;

/// The hosts on which Meta keeps media; the token goes nowhere else.
const MEDIA_HOSTS: &[&str] = &[".fbsbx.com", ".facebook.com", ".fbcdn.net", ".whatsapp.net"];

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

/// Media with its type.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// The MIME type.
    pub mime: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {} bytes)", self.mime, self.bytes.len())
    }
}

/// Calls the Graph API for one number.
#[derive(Debug)]
pub struct Client {
    http: Http,
    settings: Settings,
    pacer: Mutex<Pacer>,
}

impl Client {
    /// A client of a connection.
    #[must_use]
    pub fn new(http: Http, settings: Settings) -> Self {
        let pacer = Mutex::new(Pacer::new(&settings));
        Self { http, settings, pacer }
    }

    /// Sends a message, as the messages that WhatsApp can show, in order.
    ///
    /// # Errors
    /// What to do next; what went out before is in it. After [`SendClass::Unknown`] wait for the
    /// status report with our id: there is nothing to look a message up by.
    pub async fn send(&self, outgoing: &Outgoing, how: Dispatch) -> Result<Sent, SendError> {
        if !how.window.allows(Channel::WhatsApp, &outgoing.content, how.now_ms) {
            return Err(SendError::new(SendClass::WindowClosed, "the window is closed"));
        }
        let user = outgoing.address.user.as_str();
        let mut sent = Vec::new();
        let parts = plan(&outgoing.content, Channel::WhatsApp);
        for (part, rendered) in parts.iter().enumerate().skip(how.from) {
            let reply_to = outgoing.in_reply_to.as_deref().filter(|_| part == 0);
            let body = payload(rendered, user, &callback_data(&outgoing.id, part, user), reply_to);
            match self.send_one(user, &body, how.now_ms).await {
                Ok(id) => sent.push(id),
                Err(error) => return Err(SendError { sent, ..error }),
            }
        }
        Ok(Sent { platform_ids: sent })
    }

    async fn send_one(&self, user: &str, body: &Value, now_ms: i64) -> Result<String, SendError> {
        if let Err(wait_ms) = self.pacer().take(user, now_ms) {
            let class = SendClass::Retry { after_ms: Some(wait_ms) };
            return Err(SendError::new(class, "the pace of this number or person"));
        }
        let answer = self.http.call(self.post("messages", body)).await.map_err(unsent)?;
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.is_success() {
            // Accepted without an id would be a message that no report can be matched with.
            return json["messages"][0]["id"]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| SendError::new(SendClass::Unknown, answer.excerpt()));
        }
        Err(self.refused(user, &answer, &json, now_ms))
    }

    fn refused(&self, user: &str, answer: &Answer, json: &Value, now_ms: i64) -> SendError {
        let error = &json["error"];
        let code = error["code"].as_i64().unwrap_or(-1);
        let class = classify(code, answer.status, answer.retry_after_ms());
        if let SendClass::Retry { after_ms: Some(wait_ms) } = class {
            let until_ms = now_ms.saturating_add(wait_ms);
            match code {
                131_056 => self.pacer().hold_pair(user, until_ms),
                4 | 80_007 | 130_429 => self.pacer().hold_number(until_ms),
                _ => {}
            }
        }
        let detail = error["error_data"]["details"].as_str().or_else(|| error["message"].as_str());
        SendError::new(class, detail.map_or_else(|| answer.excerpt(), str::to_owned))
    }

    /// Shows the person that their message was read and, if wanted, that an answer is being written
    /// (for 25 seconds or until the answer).
    ///
    /// # Errors
    /// If it failed; nothing depends on it.
    pub async fn read(&self, message_id: &str, typing: bool) -> Result<(), SendError> {
        let mut body = json!({
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": message_id,
        });
        if typing {
            body["typing_indicator"] = json!({ "type": "text" });
        }
        self.done(self.post("messages", &body)).await.map(|_json| ())
    }

    /// Gives Meta media to send by the id that it answers.
    ///
    /// # Errors
    /// If Meta does not take it. An upload that is repeated only makes a second id.
    pub async fn upload(&self, name: &str, file: &File) -> Result<String, SendError> {
        let fields = [("messaging_product", "whatsapp"), ("type", file.mime.as_str())];
        let (kind, body) = multipart(&fields, ("file", name, &file.mime, &file.bytes));
        let call = Call::new(Method::POST, self.url(&self.settings.phone_number_id, "/media"))
            .token("Bearer", &self.settings.access_token)
            .body(&kind, body);
        let json = self.done(call).await?;
        let id = json["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| SendError::new(SendClass::Unknown, "no id for the media"))
    }

    /// Fetches media that a person sent, by its id.
    ///
    /// # Errors
    /// If it is gone (media live 30 days), too large, or Meta cannot be reached.
    pub async fn download(&self, media_id: &str) -> Result<File, SendError> {
        if media_id.is_empty() || !media_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let class = SendClass::Refused { code: "media_id".to_owned() };
            return Err(SendError::new(class, "this is no id of Meta's"));
        }
        let call = Call::new(Method::GET, self.url(media_id, ""))
            .token("Bearer", &self.settings.access_token);
        let json = self.done(call).await?;
        let url = json["url"].as_str().unwrap_or_default();
        if !self.is_metas(url) {
            let class = SendClass::Refused { code: "media_host".to_owned() };
            return Err(SendError::new(class, "the media is not on a host of Meta's"));
        }
        let call = Call::new(Method::GET, url)
            .token("Bearer", &self.settings.access_token)
            .answer_bytes_max(MEDIA_BYTES_MAX);
        let answer = self.http.call(call).await.map_err(unsent)?;
        if !answer.is_success() {
            let class = classify(-1, answer.status, answer.retry_after_ms());
            return Err(SendError::new(class, answer.excerpt()));
        }
        let mime = json["mime_type"].as_str().or_else(|| answer.header("content-type"));
        let mime = mime.unwrap_or("application/octet-stream").to_owned();
        Ok(File { mime, bytes: answer.body })
    }

    fn is_metas(&self, url: &str) -> bool {
        let Some(host) = host_of(url) else { return false };
        let ours = host_of(&self.settings.base_url) == Some(host);
        ours || (url.starts_with("https://") && MEDIA_HOSTS.iter().any(|end| host.ends_with(end)))
    }

    /// Calls and expects JSON of a success.
    async fn done(&self, call: Call) -> Result<Value, SendError> {
        let answer = self.http.call(call).await.map_err(unsent)?;
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.is_success() {
            return Ok(json);
        }
        let code = json["error"]["code"].as_i64().unwrap_or(-1);
        let class = classify(code, answer.status, answer.retry_after_ms());
        Err(SendError::new(class, answer.excerpt()))
    }

    fn post(&self, what: &str, body: &Value) -> Call {
        let place = format!("/{what}");
        Call::new(Method::POST, self.url(&self.settings.phone_number_id, &place))
            .token("Bearer", &self.settings.access_token)
            .body("application/json", body.to_string())
    }

    fn url(&self, id: &str, rest: &str) -> String {
        let Settings { base_url, api_version, .. } = &self.settings;
        format!("{base_url}/{api_version}/{id}{rest}")
    }

    fn pacer(&self) -> std::sync::MutexGuard<'_, Pacer> {
        // The buckets are whole after every step, so a panic elsewhere leaves them usable.
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unsent(error: CallError) -> SendError {
    let class =
        if error.arrived { SendClass::Unknown } else { SendClass::Retry { after_ms: None } };
    SendError::new(class, error.detail)
}
