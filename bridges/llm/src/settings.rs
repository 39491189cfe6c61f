use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::address::Options;

/// Headers that the client sets itself.
const OWN_HEADERS: [&str; 8] = [
    "authorization",
    "x-api-key",
    "anthropic-version",
    "content-type",
    "content-length",
    "host",
    "connection",
    "transfer-encoding",
];

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// `OpenAI`.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// xAI.
    Xai,
    /// Together AI.
    Together,
    /// Ollama, usually on the same machine.
    Ollama,
    /// Cohere; only reranking.
    Cohere,
    /// Any server that speaks the chat wire of `OpenAI`.
    Compatible,
}

impl Provider {
    /// The word of the JSON form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Xai => "xai",
            Self::Together => "together",
            Self::Ollama => "ollama",
            Self::Cohere => "cohere",
            Self::Compatible => "compatible",
        }
    }

    /// The value of `gen_ai.provider.name`.
    #[must_use]
    pub const fn semantic_name(self) -> &'static str {
        match self {
            Self::Xai => "x_ai",
            Self::OpenAi
            | Self::Anthropic
            | Self::Together
            | Self::Ollama
            | Self::Cohere
            | Self::Compatible => self.as_str(),
        }
    }

    /// Where it is, unless the settings say otherwise.
    #[must_use]
    pub const fn base_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::Xai => Some("https://api.x.ai/v1"),
            Self::Together => Some("https://api.together.xyz/v1"),
            Self::Ollama => Some("http://localhost:11434"),
            Self::Cohere => Some("https://api.cohere.com/v2"),
            Self::Compatible => None,
        }
    }

    const fn needs_key(self) -> bool {
        !matches!(self, Self::Ollama | Self::Compatible)
    }
}

/// Which of a provider's interfaces is used to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `POST /chat/completions`.
    Chat,
    /// `POST /responses` (`OpenAI` and xAI).
    Responses,
    /// `POST /messages` (Anthropic).
    Messages,
    /// `POST /api/chat` (Ollama).
    Native,
}

/// A provider's key. Wiped on drop, never printed, never serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<String>);

impl Key {
    /// A key from its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// How long each part of a call may take, in milliseconds. Connecting has the operator's limit
/// ([`Options::connect_timeout_ms`]), because connections are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// From sending to the answer's head. A model that does not stream thinks in this time.
    pub first_byte_ms: u64,
    /// Between two pieces of the answer.
    pub idle_ms: u64,
    /// The whole call.
    pub total_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { first_byte_ms: 120_000, idle_ms: 30_000, total_ms: 300_000 }
    }
}

/// A tenant's connection to a provider, as it is written in JSON. Serialising leaves the key out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The connection's name; the registry's models name it as their provider. Empty: the provider's.
    #[serde(default)]
    pub id: String,
    /// Who answers.
    pub provider: Provider,
    /// Where, if not at the provider's own address. Without a slash at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The key; local servers usually need none.
    #[serde(default, skip_serializing)]
    pub api_key: Option<Key>,
    /// Which interface, if not the provider's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// The models that may be used; empty: all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Headers sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How long each part of a call may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// The most bytes of an answer.
    #[serde(default = "answer_bytes_max")]
    pub answer_bytes_max: usize,
}

const fn answer_bytes_max() -> usize {
    16 << 20
}

/// What is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where (RFC 6901).
    pub pointer: String,
    /// A stable word.
    pub code: &'static str,
    /// For a person.
    pub message: String,
}

impl Problem {
    fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into() }
    }
}

impl Settings {
    /// The settings of a provider with nothing else said.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self {
            id: String::new(),
            provider,
            base_url: None,
            api_key: None,
            api: None,
            models: Vec::new(),
            headers: BTreeMap::new(),
            timeouts: Timeouts::default(),
            answer_bytes_max: answer_bytes_max(),
        }
    }

    /// Reads a tenant's JSON. The error never quotes the text, because a key may be in it.
    ///
    /// # Errors
    /// If it is not of this form.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Problem::new("", "settings_invalid", format!("not a provider's settings at {place}"))
        })
    }

    /// The connection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.id.is_empty() { self.provider.as_str() } else { &self.id }
    }

    /// The interface that generates.
    #[must_use]
    pub const fn api(&self) -> Api {
        match (self.api, self.provider) {
            (Some(api), _) => api,
            (None, Provider::Anthropic) => Api::Messages,
            (None, Provider::Ollama) => Api::Native,
            (
                None,
                Provider::OpenAi
                | Provider::Xai
                | Provider::Together
                | Provider::Cohere
                | Provider::Compatible,
            ) => Api::Chat,
        }
    }

    /// What is wrong with these settings, under the operator's options.
    #[must_use]
    pub fn validate(&self, options: &Options) -> Vec<Problem> {
        let mut problems = Vec::new();
        match self.base_url.as_deref().or(self.provider.base_url()) {
            None => {
                let message = "a compatible server needs a base URL";
                problems.push(Problem::new("/base_url", "base_url_missing", message));
            }
            Some(url) => {
                if let Err(refusal) = options.check(url) {
                    let pointer = "/base_url";
                    problems.push(Problem::new(pointer, refusal.code(), refusal.to_string()));
                }
            }
        }
        match &self.api_key {
            None if self.provider.needs_key() => {
                let message = format!("{} needs a key", self.provider.as_str());
                problems.push(Problem::new("/api_key", "api_key_missing", message));
            }
            Some(key) if !is_header(key.reveal()) || key.reveal().is_empty() => {
                let message = "a key is printable ASCII without spaces at its ends";
                problems.push(Problem::new("/api_key", "api_key_invalid", message));
            }
            Some(_) | None => {}
        }
        if !self.api_fits() {
            let message = format!("{} has no such interface", self.provider.as_str());
            problems.push(Problem::new("/api", "api_unknown", message));
        }
        for (name, value) in &self.headers {
            let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            let lower = name.to_ascii_lowercase();
            if OWN_HEADERS.contains(&lower.as_str()) {
                let message = "this header is set by the client";
                problems.push(Problem::new(pointer, "header_reserved", message));
            } else if reqwest::header::HeaderName::try_from(name.as_str()).is_err()
                || !is_header(value)
            {
                let message = "not a header that can be sent";
                problems.push(Problem::new(pointer, "header_invalid", message));
            }
        }
        self.check_limits(&mut problems);
        problems
    }

    const fn api_fits(&self) -> bool {
        match (self.api, self.provider) {
            (None, _)
            | (Some(Api::Messages), Provider::Anthropic)
            | (Some(Api::Native), Provider::Ollama)
            | (Some(Api::Responses), Provider::OpenAi | Provider::Xai | Provider::Compatible) => {
                true
            }
            (Some(Api::Chat), provider) => {
                !matches!(provider, Provider::Anthropic | Provider::Cohere)
            }
            (Some(Api::Messages | Api::Native | Api::Responses), _) => false,
        }
    }

    fn check_limits(&self, problems: &mut Vec<Problem>) {
        let Timeouts { first_byte_ms, idle_ms, total_ms } = self.timeouts;
        if [first_byte_ms, idle_ms, total_ms].into_iter().any(|ms| !(1..=3_600_000).contains(&ms)) {
            let message = "each timeout is between 1 ms and one hour";
            problems.push(Problem::new("/timeouts", "timeout_invalid", message));
        }
        if !(1_024..=256 << 20).contains(&self.answer_bytes_max) {
            let message = "an answer has between 1 KiB and 256 MiB";
            problems.push(Problem::new("/answer_bytes_max", "answer_bytes_max", message));
        }
    }
}

fn is_header(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
