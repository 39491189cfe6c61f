use std::pin::Pin;

use futures_util::stream::Stream;
use impresario_conversation::TurnAnswer;
use impresario_ids::{ConversationId, TenantId, TraceId};

use tokio::sync::mpsc::Sender;

use super::PortTyped;

/// Something happened in a conversation that whoever watches it should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatSign {
    /// Something was committed: a message, the beginning or the end of a turn, who holds it, a
    /// delivery. What exactly is read from the conversation.
    Changed,
    /// Somebody writes, or has stopped.
    Typing {
        /// Whether.
        on: bool,
    },
}

/// Signs that keep coming until the receiver goes.
pub type ChatSigns = Pin<Box<dyn Stream<Item = ChatSign> + Send>>;

/// Something said by a program that waits for the answer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// What the user wrote last.
    pub text: String,
    /// What was said before, oldest first: whether the assistant said it, and what.
    pub history: Vec<(bool, String)>,
    /// Who is asking, as the program calls them; may be empty.
    pub user: String,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Said").field("history", &self.history.len()).finish_non_exhaustive()
    }
}

/// Texts as vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// The model that made them.
    pub model: String,
    /// One per text, in the same order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read.
    pub tokens: u64,
}

/// What the widget and the endpoints for programs need beside commands and queries. The server
/// implements it over its brain and over what is committed.
pub trait Chat: Send + Sync + 'static {
    /// Signs from a conversation, wherever in the cluster it lives, from the moment this returns.
    /// Several changes may become one sign, and one may be lost on its way from another node: the
    /// edge looks again by itself, only later. The conversation need not exist yet.
    fn signs(&self, tenant: TenantId, conversation: ConversationId) -> PortTyped<'_, ChatSigns>;
    /// Answers as the tenant's assistant, without a conversation. May take as long as models do. Into
    /// `aloud` goes what is sure before the answer is whole; that begins with it, unless a model failed
    /// on the way.
    fn reply(
        &self,
        tenant: TenantId,
        said: Said,
        trace: TraceId,
        aloud: Option<Sender<String>>,
    ) -> PortTyped<'_, Box<TurnAnswer>>;
    /// Texts as vectors of the model that the tenant's knowledge is searched with; an empty model
    /// name where there is none. At most 2 048 texts.
    fn embed(&self, tenant: TenantId, texts: Vec<String>) -> PortTyped<'_, Embedded>;
}
