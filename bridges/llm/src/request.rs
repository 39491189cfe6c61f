use std::fmt;

use impresario_ids::{CallId, ConversationId};
use serde_json::Value;

/// What a model is asked. `Debug` says nothing of the contents.
#[derive(Clone)]
pub struct Request {
    /// The call; sent along as `x-client-request-id`, so that providers and logs can name it.
    pub call: CallId,
    /// What the provider calls the model.
    pub model: String,
    /// What the model is told before everything else; may be empty.
    pub system: String,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may, must or must not.
    pub tool_choice: ToolChoice,
    /// The answer must be JSON of this schema.
    pub schema: Option<Schema>,
    /// The most tokens of output.
    pub output_tokens_max: u64,
    /// 0 to 2; many newer models take none.
    pub temperature: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// For the same answer again, where a provider offers that.
    pub seed: Option<u64>,
    /// How long to think, where a provider offers that.
    pub effort: Option<Effort>,
    /// Search the web while answering.
    pub live_search: bool,
    /// For the span only.
    pub conversation: Option<ConversationId>,
}

impl Request {
    /// A request without tools, schema or wishes.
    #[must_use]
    pub fn new(call: CallId, model: &str, output_tokens_max: u64) -> Self {
        Self {
            call,
            model: model.to_owned(),
            system: String::new(),
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            schema: None,
            output_tokens_max,
            temperature: None,
            stop: Vec::new(),
            seed: None,
            effort: None,
            live_search: false,
            conversation: None,
        }
    }

    /// With these words before everything else.
    #[must_use]
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.system = text.into();
        self
    }

    /// With one more message of the user.
    #[must_use]
    pub fn user(mut self, text: impl Into<String>) -> Self {
        self.messages.push(Message::text(Role::User, text));
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("call", &self.call)
            .field("model", &self.model)
            .field("messages", &self.messages.len())
            .field("tools", &self.tools.len())
            .finish_non_exhaustive()
    }
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One turn. `Debug` says nothing of the contents.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// Who.
    pub role: Role,
    /// What.
    pub parts: Vec<Part>,
}

impl Message {
    /// A message of one text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())] }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A piece of a message.
#[derive(Clone, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture (of the user).
    Image(Image),
    /// The model called a tool.
    ToolCall {
        /// The provider's id of the call.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments.
        arguments: Value,
    },
    /// What a tool answered (a message of the user).
    ToolResult {
        /// The id of the call.
        id: String,
        /// The tool.
        name: String,
        /// The answer.
        text: String,
    },
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Image(_) => "Image(..)",
            Self::ToolCall { .. } => "ToolCall(..)",
            Self::ToolResult { .. } => "ToolResult(..)",
        })
    }
}

/// A picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// For example `image/png`.
    pub mime: String,
    /// The bytes in base 64.
    pub base64: String,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("mime", &self.mime).finish_non_exhaustive()
    }
}

/// Something the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON schema of its arguments.
    pub parameters: Value,
}

/// Whether the model may call tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must not.
    None,
    /// It must call one.
    Required,
    /// It must call this one.
    Named(String),
}

/// The form of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// A JSON schema.
    pub schema: Value,
}

/// How long to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A little.
    Low,
    /// As usual.
    Medium,
    /// Long.
    High,
}

impl Effort {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Texts to turn into vectors. `Debug` says nothing of them.
#[derive(Clone)]
pub struct EmbedRequest {
    /// The call.
    pub call: CallId,
    /// What the provider calls the model.
    pub model: String,
    /// The texts.
    pub texts: Vec<String>,
    /// The length of a vector, where a provider lets it be chosen.
    pub dimensions: Option<u32>,
}

impl fmt::Debug for EmbedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedRequest")
            .field("call", &self.call)
            .field("model", &self.model)
            .field("texts", &self.texts.len())
            .finish_non_exhaustive()
    }
}

/// Documents to order by a query. `Debug` says nothing of them.
#[derive(Clone)]
pub struct RerankRequest {
    /// The call.
    pub call: CallId,
    /// What the provider calls the model.
    pub model: String,
    /// What is looked for.
    pub query: String,
    /// The documents.
    pub documents: Vec<String>,
    /// How many to return at most.
    pub most: usize,
}

impl fmt::Debug for RerankRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RerankRequest")
            .field("call", &self.call)
            .field("model", &self.model)
            .field("documents", &self.documents.len())
            .finish_non_exhaustive()
    }
}
