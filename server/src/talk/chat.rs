//! Whoever watches a conversation, and programs that talk to the assistant.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use futures_util::stream;
use impresario_answers::{Answers, Said};
use impresario_conversation::{Conversation, TurnAnswer};
use impresario_host::{Committed, Observer};
use impresario_http::{Chat, ChatSign, ChatSigns, Embedded, PortTyped};
use impresario_ids::{ConversationId, TenantId, TraceId};
use tokio::sync::mpsc::Sender;
use tokio::sync::{broadcast, watch};

use super::failed;

/// Signs that a slow watcher may fall behind by; they all say the same.
const BEHIND_MAX: usize = 16;
/// Conversations that are watched at once; past it watchers look again by themselves.
const WATCHED_MAX: usize = 100_000;

/// One tenant's conversation.
pub(crate) type Talk = (TenantId, ConversationId);

/// Told of every conversation in which something was committed on this node. Must not wait.
pub(crate) type Passing = Box<dyn Fn(Talk) + Send + Sync>;

/// Pokes whoever watches a conversation that something was committed, on this node or on another.
#[derive(Default)]
pub(crate) struct Pokes {
    watched: DashMap<Talk, broadcast::Sender<ChatSign>>,
    /// Where it is passed on to other nodes.
    passing: OnceLock<Passing>,
    /// A count that grows when somebody begins to watch.
    begun: watch::Sender<u64>,
}

impl fmt::Debug for Pokes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pokes").field("watched", &self.watched.len()).finish_non_exhaustive()
    }
}

impl Pokes {
    /// What the host tells of every commit.
    pub(crate) fn observer(self: &Arc<Self>) -> Observer<Conversation> {
        let pokes = Arc::clone(self);
        Arc::new(move |committed: &Committed<'_, Conversation>| {
            let talk = (committed.key.tenant, committed.key.typed_id());
            pokes.poke(talk);
            if let Some(pass) = pokes.passing.get() {
                pass(talk);
            }
        })
    }

    /// From now on commits are passed on. Only the first call counts.
    pub(crate) fn pass_on(&self, passing: Passing) {
        // A second one would be told the same.
        let _ = self.passing.set(passing);
    }

    /// Something was committed in a conversation, wherever.
    pub(crate) fn poke(&self, talk: Talk) {
        let sent = self.watched.get(&talk).map(|watchers| watchers.send(ChatSign::Changed));
        if sent.is_some_and(|sent| sent.is_err()) {
            self.watched.remove_if(&talk, |_, watchers| watchers.receiver_count() == 0);
        }
    }

    /// Something may have been committed in any of the tenant's conversations.
    pub(crate) fn poke_all(&self, tenant: TenantId) {
        for watchers in self.watched.iter().filter(|watchers| watchers.key().0 == tenant) {
            // An error only says that nobody watches any more.
            let _ = watchers.send(ChatSign::Changed);
        }
    }

    /// The tenants of which a conversation is watched here.
    pub(crate) fn tenants(&self) -> BTreeSet<TenantId> {
        self.watched.retain(|_, watchers| watchers.receiver_count() > 0);
        self.watched.iter().map(|watchers| watchers.key().0).collect()
    }

    /// Tells when somebody has begun to watch.
    pub(crate) fn watch_begun(&self) -> watch::Receiver<u64> {
        self.begun.subscribe()
    }

    fn watch(&self, talk: Talk) -> Option<broadcast::Receiver<ChatSign>> {
        if self.watched.len() >= WATCHED_MAX && !self.watched.contains_key(&talk) {
            return None;
        }
        let watchers = self.watched.entry(talk).or_insert_with(|| broadcast::channel(BEHIND_MAX).0);
        let watcher = watchers.subscribe();
        drop(watchers);
        self.begun.send_modify(|begun| *begun += 1);
        Some(watcher)
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
        aloud: Option<Sender<String>>,
    ) -> PortTyped<'_, Box<TurnAnswer>> {
        Box::pin(async move {
            let impresario_http::Said { text, history, user } = said;
            let said = Said { text, history, user };
            self.answers.reply(tenant, said, trace, aloud).await.map(Box::new).map_err(failed)
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
