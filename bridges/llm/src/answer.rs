use std::fmt;

use impresario_routing::Usage;
use serde_json::Value;

/// What a model answered. `Debug` says nothing of the contents.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// The words; may be empty if tools are called.
    pub text: String,
    /// The calls it asks for, in its order.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended.
    pub finish: Finish,
    /// What it used.
    pub usage: Usage,
    /// Whether the provider said so; otherwise `usage` is zero, and the caller has to count.
    pub usage_known: bool,
    /// The model that answered, in the provider's words.
    pub model: String,
    /// The provider's id of the answer; may be empty.
    pub response_id: String,
    /// The provider's id of the request, for its support; may be empty.
    pub request_id: String,
    /// From sending to the end, in milliseconds.
    pub latency_ms: u64,
    /// From sending to the first piece of the answer, in milliseconds.
    pub first_chunk_ms: u64,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("finish", &self.finish)
            .field("usage", &self.usage)
            .field("model", &self.model)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// A tool that the model wants called.
#[derive(Clone, PartialEq)]
pub struct ToolCall {
    /// The provider's id, or one made of the place where it has none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments; not checked against the tool's schema.
    pub arguments: Value,
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why an answer ended. Refusals of the provider are errors ([`crate::Class::ContentFilter`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was complete.
    Stop,
    /// The limit of tokens was reached; the text is cut.
    Length,
    /// Tools are to be called.
    ToolCalls,
}

impl Finish {
    /// The word for `gen_ai.response.finish_reasons`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// A model that a provider offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// What to ask for.
    pub name: String,
    /// For people; the name where there is none.
    pub title: String,
}
