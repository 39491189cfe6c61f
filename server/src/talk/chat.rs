//! Whoever watches a conversation, and programs that talk to the assistant.

use std::sync::Arc;

use dashmap::DashMap;
use futures_util::stream;
use impresario_answers::{Answers, Said};
use impresario_conversation::{Conversation, TurnAnswer};
use impresario_host::{Committed, Observer};
use impresario_http::{Chat, ChatSign, ChatSigns, Embedded, PortTyped};
use impresario_ids::{ConversationId, TenantId, TraceId};
use tokio::sync::broadcast;

use super::failed;

/// Signs that a slow watcher may fall behind by; they all say the same.
const BEHIND_MAX: usize = 16;
/// Conversations that are watched at once; past it watchers look again by themselves.
const WATCHED_MAX: usize = 100_000;

/// Pokes whoever watches a conversation that something was committed on this node.
#[derive(Debug, Default)]
pub(crate) struct Pokes(DashMap<(TenantId, ConversationId), broadcast::Sender<ChatSign>>);

impl Pokes {
    /// What the host tells of every commit.
    pub(crate) fn observer(self: &Arc<Self>) -> Observer<Conversation> {
        let pokes = Arc::clone(self);
        Arc::new(move |committed: &Committed<'_, Conversation>| {
            pokes.poke((committed.key.tenant, committed.key.typed_id()), ChatSign::Changed);
        })
    }

    fn poke(&self, key: (TenantId, ConversationId), sign: ChatSign) {
        let is_left = self.0.get(&key).is_some_and(|watchers| watchers.send(sign).is_err());
        if is_left {
            self.0.remove_if(&key, |_, watchers| watchers.receiver_count() == 0);
        }
    }

    fn watch(&self, key: (TenantId, ConversationId)) -> Option<broadcast::Receiver<ChatSign>> {
        if self.0.len() >= WATCHED_MAX && !self.0.contains_key(&key) {
            return None;
        }
        let watchers = self.0.entry(key).or_insert_with(|| broadcast::channel(BEHIND_MAX).0);
        Some(watchers.subscribe())
    }
}

/// [`Chat`] of this node.
#[derive(Debug)]
pub(crate) struct Chats {
    answers: Answers,
    pokes: Arc<Pokes>,
}

impl Chats {
    pub(crate) fn new(answers: Answers, pokes: Arc<Pokes>) -> Arc<Self> {
        Arc::new(Self { answers, pokes })
    }
}

impl Chat for Chats {
    fn signs(&self, tenant: TenantId, conversation: ConversationId) -> PortTyped<'_, ChatSigns> {
        let watcher = self.pokes.watch((tenant, conversation));
        let signs = stream::unfold(watcher, |watcher| async move {
            let mut watcher = watcher?;
            let sign = match watcher.recv().await {
                Ok(sign) => sign,
                Err(broadcast::error::RecvError::Lagged(_)) => ChatSign::Changed,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((sign, Some(watcher)))
        });
        Box::pin(std::future::ready(Ok(Box::pin(signs) as ChatSigns)))
    }

    fn reply(
        &self,
        tenant: TenantId,
        said: impresario_http::Said,
        trace: TraceId,
    ) -> PortTyped<'_, Box<TurnAnswer>> {
        Box::pin(async move {
            let impresario_http::Said { text, history, user } = said;
            let said = Said { text, history, user };
            self.answers.reply(tenant, said, trace).await.map(Box::new).map_err(failed)
        })
    }

    fn embed(&self, tenant: TenantId, texts: Vec<String>) -> PortTyped<'_, Embedded> {
        Box::pin(async move {
            let tokens = texts.iter().map(|text| self.answers.tokens(text) as u64).sum();
            match self.answers.embed(tenant, texts).await.map_err(failed)? {
                Some((model, vectors)) => Ok(Embedded { model, vectors, tokens }),
                None => Ok(Embedded::default()),
            }
        })
    }
}
