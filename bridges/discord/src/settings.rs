use impresario_calls::{Secret, check_base_url, from_hex, missing};
use impresario_messages::Problem;
use serde::Deserialize;

/// One application of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The application's id.
    pub application_id: String,
    /// The application's public key, in hexadecimal: Discord signs with its other half.
    pub public_key: String,
    /// The bot's token.
    pub bot_token: Secret,
    /// Answer in channels without being mentioned (direct messages always are).
    #[serde(default)]
    pub answer_all: bool,
    /// Keep a gateway connection, for free text.
    #[serde(default)]
    pub gateway: bool,
    /// Where the API is. Only the operator may set it, never a tenant.
    #[serde(default = "base_url")]
    pub base_url: String,
}

fn base_url() -> String {
    "https://discord.com/api/v10".to_owned()
}

impl Settings {
    /// What is wrong with them.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        missing("/bot_token", self.bot_token.expose(), &mut problems);
        check_base_url("/base_url", &self.base_url, &mut problems);
        let mut add = |pointer: &str, message: &str| {
            let (pointer, message) = (pointer.to_owned(), message.to_owned());
            problems.push(Problem { pointer, code: "setting_invalid", message });
        };
        if from_hex(&self.public_key).is_none_or(|key| key.len() != 32) {
            add("/public_key", "a public key is 64 hexadecimal digits");
        }
        let id = &self.application_id;
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            add("/application_id", "an application's id is digits");
        }
        problems
    }
}
