use bytes::Bytes;
use http::HeaderMap;
use impresario_api::{
    Answered, AskKnowledge, FieldProblem, KnowledgeStatus, ModelCall, ModelCallRow, Page,
    SearchKnowledge, SearchReply, TranslatedWords,
};
use impresario_ids::{CallId, ConversationId, TenantId, TraceId};
use impresario_kernel::Timestamp;

use super::PortTyped;

/// An image whose words are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its media type, as it was sent.
    pub media: String,
    /// The file.
    pub bytes: Bytes,
}

/// A file of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatFile {
    /// Its media type; nobody has looked whether that is true.
    pub media: String,
    /// The file.
    pub bytes: Bytes,
}

/// Texts in another language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// As many as were given, in their order.
    pub texts: Vec<TranslatedWords>,
    /// The model; `None` where nothing had to be translated.
    pub model: Option<String>,
    /// Its call.
    pub call: Option<CallId>,
    /// What it cost, in millionths.
    pub cost_micros: i64,
}

/// Which model calls to list, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCallFilter {
    /// Only those of this conversation.
    pub conversation: Option<ConversationId>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
    /// How many at most: 1 to 500.
    pub limit: usize,
}

/// What a chat platform sent, exactly as it came: signatures are over these bytes.
#[derive(Clone, Debug)]
pub struct Hook {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query as they were sent.
    pub uri: String,
    /// The query as it was sent, without the question mark; empty if there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, neither decompressed nor read.
    pub raw: Bytes,
    /// When it came.
    pub received: Timestamp,
    /// The trace of the request.
    pub trace: TraceId,
}

/// The answer that a chat platform waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside those of every answer; names and values must be valid.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// What is neither a command to an entity nor a view: retrieval, answers, model calls, and the
/// webhooks of chat platforms. The server implements it over its libraries, brain and bridges; the
/// edge has checked credential, scope, sizes and shapes before.
pub trait Talk: Send + Sync + 'static {
    /// How many tokens a text has, as the embedding model counts. Chunks are cut by it; it is called
    /// on a thread that may block.
    fn tokens(&self, text: &str) -> usize;
    /// What is wrong with the settings of a connection of this kind, by pointers into the settings;
    /// empty if nothing is. The settings are the text of a JSON object, and must not be logged.
    fn check_connection(&self, kind: &str, settings: &str) -> Vec<FieldProblem>;
    /// What is to be seen on an image; `None` where no vision model is configured.
    fn describe(
        &self,
        tenant: TenantId,
        image: Image,
        trace: TraceId,
    ) -> PortTyped<'_, Option<String>>;
    /// The passages that fit a question best, with what each technique contributed.
    fn search(&self, tenant: TenantId, request: SearchKnowledge) -> PortTyped<'_, SearchReply>;
    /// An answer out of the tenant's knowledge, with verified citations, or an abstention. `trace` names
    /// the calls that are made for it.
    fn answer(
        &self,
        tenant: TenantId,
        request: AskKnowledge,
        trace: TraceId,
    ) -> PortTyped<'_, Answered>;
    /// Texts in a language (ISO 639-1), by a connected model; `translation_unavailable` where none can
    /// be asked.
    fn translate(
        &self,
        tenant: TenantId,
        texts: Vec<String>,
        language: String,
        trace: TraceId,
    ) -> PortTyped<'_, Translated>;
    /// How fresh the tenant's index is on this node.
    fn status(&self, tenant: TenantId) -> PortTyped<'_, KnowledgeStatus>;
    /// Model calls, the newest first.
    fn calls(&self, tenant: TenantId, filter: ModelCallFilter)
    -> PortTyped<'_, Page<ModelCallRow>>;
    /// One model call with what was sent and what came, redacted; `None` if there is no such call.
    fn call(&self, tenant: TenantId, id: CallId) -> PortTyped<'_, Option<ModelCall>>;
    /// Verifies and takes what a chat platform sent over a connection. Must answer fast: whatever it
    /// brings is durable, and worked on later. A connection that the tenant does not have is
    /// `connection_unknown`, a wrong signature `hook_refused`.
    fn webhook(
        &self,
        tenant: TenantId,
        connection: String,
        hook: Hook,
    ) -> PortTyped<'_, HookAnswer>;
    /// The file that somebody sent over a connection, by the id or address in their message. What cannot
    /// be had is `chat_file_unavailable`.
    fn fetch(&self, tenant: TenantId, connection: String, place: String)
    -> PortTyped<'_, ChatFile>;
    /// Gives a connection's platform a file, and tells the id to send it by. Where files are sent by
    /// their address only it is `chat_file_unsupported`.
    fn deposit(
        &self,
        tenant: TenantId,
        connection: String,
        name: String,
        file: ChatFile,
    ) -> PortTyped<'_, String>;
}
