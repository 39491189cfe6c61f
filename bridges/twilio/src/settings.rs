use impresario_calls::{Secret, check_base_url, host_of, missing};
use impresario_messages::{Problem, Template};
use serde::Deserialize;

/// One sender of a tenant at Twilio.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account (`AC…`).
    pub account_sid: String,
    /// The account's token: webhooks are signed with it.
    pub auth_token: Secret,
    /// An API key (`SK…`) to call with, instead of the account's token.
    #[serde(default)]
    pub api_key: Option<String>,
    /// The key's secret.
    #[serde(default)]
    pub api_secret: Option<Secret>,
    /// The sender: `whatsapp:+…` (or `+…` for SMS).
    pub from: String,
    /// A messaging service (`MG…`) that chooses the sender.
    #[serde(default)]
    pub messaging_service_sid: Option<String>,
    /// The public URL of our webhook, exactly as it was given to Twilio: it is signed.
    pub webhook_url: String,
    /// Where Twilio reports how far a message has come; usually the webhook's URL.
    #[serde(default)]
    pub status_callback: Option<String>,
    /// The language that the content templates are made in.
    #[serde(default = "language")]
    pub language: String,
    /// An approved template (its name is the `ContentSid`) into whose last variable words are put when
    /// the window is closed. Without one they are not sent then.
    #[serde(default)]
    pub window_template: Option<Template>,
    /// Where the Messaging API is. Only the operator may set it, never a tenant.
    #[serde(default = "base_url")]
    pub base_url: String,
    /// Where the Content API is. Only the operator may set it, never a tenant.
    #[serde(default = "content_base_url")]
    pub content_base_url: String,
}

fn language() -> String {
    "en".to_owned()
}

fn base_url() -> String {
    "https://api.twilio.com".to_owned()
}

fn content_base_url() -> String {
    "https://content.twilio.com".to_owned()
}

impl Settings {
    /// What is wrong with them.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        missing("/auth_token", self.auth_token.expose(), &mut problems);
        check_base_url("/base_url", &self.base_url, &mut problems);
        check_base_url("/content_base_url", &self.content_base_url, &mut problems);
        if let Some(template) = &self.window_template {
            missing("/window_template/name", &template.name, &mut problems);
        }
        let mut add = |pointer: &str, message: &str| {
            let (pointer, message) = (pointer.to_owned(), message.to_owned());
            problems.push(Problem { pointer, code: "setting_invalid", message });
        };
        let is_sid = |sid: &str, kind: &str| {
            sid.strip_prefix(kind).is_some_and(|rest| {
                rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        };
        if !is_sid(&self.account_sid, "AC") {
            add("/account_sid", "an account is AC and 32 hexadecimal digits");
        }
        if self.api_key.as_deref().is_some_and(|key| !is_sid(key, "SK")) {
            add("/api_key", "a key is SK and 32 hexadecimal digits");
        }
        if self.api_key.is_some() != self.api_secret.is_some() {
            add("/api_secret", "give a key and its secret, or neither");
        }
        if self.messaging_service_sid.as_deref().is_some_and(|sid| !is_sid(sid, "MG")) {
            add("/messaging_service_sid", "a service is MG and 32 hexadecimal digits");
        }
        let number = self.from.strip_prefix("whatsapp:").unwrap_or(&self.from);
        let digits = number.strip_prefix('+').unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            add("/from", "write the sender like whatsapp:+14155238886");
        }
        if host_of(&self.webhook_url).is_none_or(str::is_empty) {
            add("/webhook_url", "write the URL as it was given to Twilio");
        }
        if self.status_callback.as_deref().is_some_and(|url| host_of(url).is_none()) {
            add("/status_callback", "write an http(s) URL");
        }
        problems
    }
}
