use impresario_calls::{Secret, check_base_url, missing};
use impresario_messages::{Problem, Template};
use serde::Deserialize;

/// One number of a tenant at Meta.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// The token of the system user that sends.
    pub access_token: Secret,
    /// The app's secret: webhooks are signed with it.
    pub app_secret: Secret,
    /// What Meta was told to say in the handshake.
    pub verify_token: Secret,
    /// The version of the Graph API.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// Where the Graph API is. Only the operator may set it, never a tenant.
    #[serde(default = "base_url")]
    pub base_url: String,
    /// The most messages per second of this number; Meta raises it to 1 000 on request.
    #[serde(default = "messages_per_s")]
    pub messages_per_s: u32,
    /// One message to the same person per this many milliseconds, when it goes on for long.
    #[serde(default = "pair_interval_ms")]
    pub pair_interval_ms: u32,
    /// How many messages to the same person may go out at once.
    #[serde(default = "pair_burst")]
    pub pair_burst: u32,
    /// An approved template into whose last variable words are put when the window is closed. Without
    /// one they are not sent then.
    #[serde(default)]
    pub window_template: Option<Template>,
}

fn api_version() -> String {
    "v24.0".to_owned()
}

fn base_url() -> String {
    "https://graph.facebook.com".to_owned()
}

const fn messages_per_s() -> u32 {
    80
}

const fn pair_interval_ms() -> u32 {
    6_000
}

const fn pair_burst() -> u32 {
    10
}

impl Settings {
    /// What is wrong with them.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        missing("/phone_number_id", &self.phone_number_id, &mut problems);
        missing("/access_token", self.access_token.expose(), &mut problems);
        missing("/app_secret", self.app_secret.expose(), &mut problems);
        missing("/verify_token", self.verify_token.expose(), &mut problems);
        check_base_url("/base_url", &self.base_url, &mut problems);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(&self.phone_number_id) {
            problems.push(problem("/phone_number_id", "this is Meta's id: digits only"));
        }
        let version = self.api_version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
        if !version.is_some_and(|(major, minor)| {
            digits(major) && digits(minor) && !major.is_empty() && !minor.is_empty()
        }) {
            problems.push(problem("/api_version", "write the version like v24.0"));
        }
        if let Some(template) = &self.window_template {
            missing("/window_template/name", &template.name, &mut problems);
            missing("/window_template/language", &template.language, &mut problems);
        }
        if self.messages_per_s == 0 || self.pair_burst == 0 {
            problems.push(problem("/messages_per_s", "a pace of zero sends nothing"));
        }
        problems
    }
}

fn problem(pointer: &str, message: &str) -> Problem {
    let (pointer, message) = (pointer.to_owned(), message.to_owned());
    Problem { pointer, code: "setting_invalid", message }
}
