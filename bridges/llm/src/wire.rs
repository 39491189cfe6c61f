//! The wires: how a request is written, and how an answer is read, whole or in pieces.

pub(crate) mod chat;
pub(crate) mod frames;
pub(crate) mod messages;
pub(crate) mod native;
pub(crate) mod responses;

use impresario_routing::{Class, Usage};
use serde_json::Value;

use crate::error::Error;
use crate::request::Request;
use crate::settings::Provider;
use crate::stream::Delta;

/// One of the wires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Chat(Provider),
    Responses,
    Messages,
    Native,
}

impl Wire {
    /// Below the base URL.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Chat(Provider::Ollama) => "/v1/chat/completions",
            Self::Chat(_) => "/chat/completions",
            Self::Responses => "/responses",
            Self::Messages => "/messages",
            Self::Native => "/api/chat",
        }
    }

    pub(crate) fn write(self, request: &Request, stream: bool) -> Result<Value, Error> {
        if request.live_search && matches!(self, Self::Chat(_) | Self::Native) {
            return Err(Error::new(Class::Invalid, "live_search_unsupported", ""));
        }
        Ok(match self {
            Self::Chat(provider) => chat::write(request, provider, stream),
            Self::Responses => responses::write(request, stream),
            Self::Messages => messages::write(request, stream),
            Self::Native => native::write(request, stream),
        })
    }

    /// Reads a whole answer.
    pub(crate) fn read(self, body: &Value) -> Result<Parts, Error> {
        match self {
            Self::Chat(_) => chat::read(body),
            Self::Responses => responses::read(body),
            Self::Messages => messages::read(body),
            Self::Native => native::read(body),
        }
    }

    pub(crate) fn assembler(self) -> Assembler {
        match self {
            Self::Chat(_) => Assembler::Chat(chat::Assembler::default()),
            Self::Responses => Assembler::Responses(responses::Assembler::default()),
            Self::Messages => Assembler::Messages(messages::Assembler::default()),
            Self::Native => Assembler::Native(native::Assembler::default()),
        }
    }

    /// Whether pieces are lines of JSON and not server-sent events.
    pub(crate) const fn is_lines(self) -> bool {
        matches!(self, Self::Native)
    }
}

/// Puts the pieces of an answer together.
#[derive(Debug)]
pub(crate) enum Assembler {
    Chat(chat::Assembler),
    Responses(responses::Assembler),
    Messages(messages::Assembler),
    Native(native::Assembler),
}

impl Assembler {
    /// Takes the next event.
    pub(crate) fn feed(&mut self, name: &str, data: &str) -> Result<Vec<Delta>, Error> {
        if data == "[DONE]" {
            if let Self::Chat(chat) = self {
                chat.done();
            }
            return Ok(Vec::new());
        }
        let json = serde_json::from_str::<Value>(data)
            .map_err(|_| Error::new(Class::Malformed, "event_not_json", ""))?;
        if name == "error" || is_failure(&json) {
            return Err(failure(None, &json));
        }
        match self {
            Self::Chat(assembler) => Ok(assembler.feed(&json)),
            Self::Responses(assembler) => assembler.feed(&json),
            Self::Messages(assembler) => Ok(assembler.feed(&json)),
            Self::Native(assembler) => Ok(assembler.feed(&json)),
        }
    }

    /// Everything so far, and whether the provider said that it was everything.
    pub(crate) fn parts(&mut self) -> (Parts, bool) {
        match self {
            Self::Chat(assembler) => assembler.parts(),
            Self::Responses(assembler) => assembler.parts(),
            Self::Messages(assembler) => assembler.parts(),
            Self::Native(assembler) => assembler.parts(),
        }
    }

    /// Whether nothing more is to come, also if the connection stays open.
    pub(crate) const fn is_done(&self) -> bool {
        match self {
            Self::Chat(assembler) => assembler.is_done(),
            Self::Responses(assembler) => assembler.is_done(),
            Self::Messages(assembler) => assembler.is_done(),
            Self::Native(assembler) => assembler.is_done(),
        }
    }
}

/// An answer before its tool calls are read.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) text: String,
    pub(crate) calls: Vec<RawCall>,
    pub(crate) finish: RawFinish,
    pub(crate) usage: Option<Usage>,
    pub(crate) model: String,
    pub(crate) id: String,
}

#[derive(Clone, Default)]
pub(crate) struct RawCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text.
    pub(crate) arguments: String,
}

// By hand, because contents must not print.
impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("finish", &self.finish).finish_non_exhaustive()
    }
}
impl std::fmt::Debug for RawCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawCall").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RawFinish {
    #[default]
    Stop,
    Length,
    ToolCalls,
    Filter,
}

/// A text at a place, or nothing.
pub(crate) fn text<'a>(json: &'a Value, pointer: &str) -> &'a str {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number at a place, or 0.
pub(crate) fn number(json: &Value, pointer: &str) -> u64 {
    json.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// Whether JSON that came with a status of success (or inside a stream) is an error nevertheless.
pub(crate) fn is_failure(json: &Value) -> bool {
    json.get("error").is_some_and(|error| !error.is_null())
        || json.get("type").is_some_and(|kind| kind == "error")
        || (json.as_object().is_some_and(|fields| fields.len() <= 2)
            && json.get("message").is_some_and(Value::is_string))
}

/// What a provider's error means.
pub(crate) fn failure(status: Option<u16>, json: &Value) -> Error {
    let error = json.get("error").filter(|error| !error.is_null()).unwrap_or(json);
    let field = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let detail = match error {
        Value::String(text) => text.as_str(),
        _ => field("message"),
    };
    let kind =
        if error.get("type").is_some_and(|kind| kind == "error") { "" } else { field("type") };
    let code = if field("code").is_empty() { kind } else { field("code") };
    let class = classify(status, kind, code, &detail.to_lowercase());
    // A code is a word; anything longer is free text that may quote the prompt.
    let is_word = |code: &&str| {
        !code.is_empty()
            && code.len() <= 64
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let code = Some(code).filter(is_word).unwrap_or(class.as_str());
    Error { status, ..Error::new(class, code, detail) }
}

fn classify(status: Option<u16>, kind: &str, code: &str, detail: &str) -> Class {
    let is = |names: &[&str]| names.contains(&kind) || names.contains(&code);
    let says = |parts: &[&str]| parts.iter().any(|part| detail.contains(part));
    if is(&["insufficient_quota", "billing_hard_limit_reached", "billing_error", "credit_limit"])
        || says(&["credit balance", "exceeded your current quota", "used all available credits"])
    {
        return Class::QuotaExhausted;
    }
    if is(&["context_length_exceeded", "model_context_window_exceeded", "string_above_max_length"])
        || says(&["prompt is too long", "context length", "context window", "too many tokens"])
    {
        return Class::ContextTooLong;
    }
    if is(&["content_filter", "content_policy_violation", "content_moderation"]) {
        return Class::ContentFilter;
    }
    if is(&["model_not_found", "model_not_available"]) || says(&["model not found"]) {
        return Class::ModelMissing;
    }
    if is(&["overloaded_error", "server_overloaded", "engine_overloaded"]) {
        return Class::Overloaded;
    }
    if is(&["rate_limit_error", "rate_limit_exceeded", "rate_limit"]) {
        return Class::RateLimited;
    }
    match status {
        Some(401 | 403) => Class::Auth,
        Some(402) => Class::QuotaExhausted,
        Some(404) => Class::ModelMissing,
        Some(408 | 504) => Class::Timeout,
        Some(413) => Class::ContextTooLong,
        Some(429) => Class::RateLimited,
        Some(503 | 529) => Class::Overloaded,
        Some(500..) | None => Class::Server,
        Some(_) => Class::Invalid,
    }
}
