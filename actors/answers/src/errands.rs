//! Carrying out what conversations, documents and budgets want done.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use impresario_budget as budget;
use impresario_conversation::{self as conversation, Command, Conversation, Effect, TurnWork};
use impresario_ids::{MessageId, ProfileId, TenantId};
use impresario_kernel::{CodecError, EntityKey, Personal, Timestamp, decode};
use impresario_knowledge::{self as knowledge, Document};
use impresario_outbox::{Errand, Errands, Order, Ran, Running};
use impresario_profile::{self as profile, Call, Message, Profile};
use impresario_router::{AskError, Failure, IdempotencyKey};
use impresario_tenant::{self as tenant, Tenant};

use crate::desk::Desk;
use crate::embedder::EmbedError;
use crate::house::House;
use crate::purse::Cause;
use crate::think::{Thought, think};

/// Discord shows for ten seconds that somebody writes, WhatsApp for 25.
const TYPING_AGAIN: Duration = Duration::from_secs(8);
/// Vectors in one command.
const VECTORS_MAX: usize = 64;

/// What was decided, read.
enum Work {
    Conversation(Effect),
    Document(knowledge::Effect),
    Budget(budget::Effect),
}

fn read(source: &EntityKey, effect: &[u8]) -> Result<Option<Work>, CodecError> {
    Ok(match source.kind {
        code if code == conversation::KIND.code => Some(Work::Conversation(decode(effect)?)),
        code if code == knowledge::KIND.code => match decode(effect)? {
            // Webhooks are the outbox's own.
            knowledge::Effect::Webhook { .. } => None,
            effect @ knowledge::Effect::Embed { .. } => Some(Work::Document(effect)),
        },
        code if code == budget::KIND.code => Some(Work::Budget(decode(effect)?)),
        _ => None,
    })
}

/// [`Errands`] of a node.
#[derive(Clone, Debug)]
pub(crate) struct Carrier(pub(crate) Arc<House>);

impl Errands for Carrier {
    fn order(&self, source: &EntityKey, effect: &[u8]) -> Result<Option<Order>, CodecError> {
        Ok(read(source, effect)?.map(|work| match work {
            // What is said to a customer arrives in the order in which it was said.
            Work::Conversation(Effect::Send { .. }) => Order::InOrder,
            Work::Conversation(_) | Work::Document(_) | Work::Budget(_) => Order::Free,
        }))
    }

    fn run(&self, errand: Errand) -> Running {
        let house = Arc::clone(&self.0);
        Box::pin(async move {
            let work = match read(&errand.source, &errand.effect) {
                Ok(Some(work)) => work,
                Ok(None) => return Ran::Done,
                // It was readable when it was taken in.
                Err(_) => return Ran::Again { wait_ms: None, code: "unreadable" },
            };
            let ran = match work {
                Work::Conversation(effect) => house.converse(&errand, effect).await,
                Work::Document(effect) => house.embed(&errand, &effect).await,
                Work::Budget(effect) => house.budget_reached(&errand, &effect).await,
            };
            ran.unwrap_or_else(|failure| again(&failure))
        })
    }
}

fn again(failure: &Failure) -> Ran {
    let wait_ms = failure.retry_after_ms().and_then(|ms| i64::try_from(ms).ok());
    if matches!(failure, Failure::UnknownTenant) {
        // Erased meanwhile.
        return Ran::Done;
    }
    Ran::Again { wait_ms, code: failure.code() }
}

impl House {
    async fn converse(self: &Arc<Self>, errand: &Errand, effect: Effect) -> Result<Ran, Failure> {
        match effect {
            Effect::Think { turn, work } => self.answer_turn(errand, turn, &work).await,
            Effect::Cancel { turn } => {
                self.turns.cancel(&errand.source, turn);
                Ok(Ran::Done)
            }
            Effect::Send { outgoing, extra, last_inbound_at } => {
                self.send(errand, &outgoing, &extra.0, last_inbound_at.as_ms()).await
            }
            Effect::Typing { address, message } => {
                let desk = self.desk(errand.source.tenant).await?;
                if let Some(channel) = desk.channels.get(&address.connection) {
                    channel.typing(&address, message.as_deref()).await;
                }
                Ok(Ran::Done)
            }
            Effect::Track { profile, message, name, at, properties } => {
                let message = tracked(message.to_string(), name, at, properties);
                self.track(errand, profile, message).await
            }
            Effect::Notify { message, kind, at, data } => {
                let command = tenant::Command::Announce { message, kind, at, data };
                self.tell_tenant(errand, command).await
            }
        }
    }

    /// Answers a turn, unless it is called off.
    async fn answer_turn(
        self: &Arc<Self>,
        errand: &Errand,
        turn: u32,
        work: &TurnWork,
    ) -> Result<Ran, Failure> {
        let entity = errand.source;
        let conversation = entity.typed_id();
        let called_off = self.turns.begin(&entity, turn);
        let desk = self.desk(entity.tenant).await?;
        let cause = Cause::Turn { conversation, turn, attempt: work.attempt };
        let thinking = think(self, &desk, work, cause, errand.trace);
        let thought = tokio::select! {
            thought = thinking => thought,
            () = called_off.wait() => Ok(Thought::Unwanted),
            never = keep_typing(&desk, work) => match never {},
        };
        let command = match thought {
            Ok(Thought::Answer(answer)) => Command::RecordAnswer { turn, answer },
            Ok(Thought::Unwanted) => return Ok(Ran::Done),
            Err(failure) if failure.retry_after_ms().is_some() => return Ok(again(&failure)),
            Err(failure) => Command::FailTurn {
                turn,
                reason: failure.code().to_owned(),
                attempt: work.attempt,
                retry: true,
            },
        };
        self.tell_conversation(errand, command, b"answer/").await
    }

    pub(crate) async fn tell_conversation(
        &self,
        errand: &Errand,
        command: Command,
        word: &[u8],
    ) -> Result<Ran, Failure> {
        let key = IdempotencyKey::of(&[word, &errand.key.as_bytes()[..]].concat());
        let told = self.ask::<Conversation>(errand.source, command, Some(key), errand.trace).await;
        done(told, "conversation")
    }

    async fn tell_tenant(&self, errand: &Errand, command: tenant::Command) -> Result<Ran, Failure> {
        let to = tenant::key(errand.source.tenant);
        done(self.ask::<Tenant>(to, command, Some(errand.key), errand.trace).await, "tenant")
    }

    async fn track(
        &self,
        errand: &Errand,
        profile: ProfileId,
        message: Message,
    ) -> Result<Ran, Failure> {
        let to = EntityKey::new(errand.source.tenant, profile::KIND, profile);
        let key = IdempotencyKey::of(message.message_id.as_bytes());
        let command = profile::Command::Ingest(Box::new(message));
        done(self.ask::<Profile>(to, command, Some(key), errand.trace).await, "profile")
    }

    async fn budget_reached(
        &self,
        errand: &Errand,
        effect: &budget::Effect,
    ) -> Result<Ran, Failure> {
        let budget::Effect::Notify { scope, period, percent, limit_micros, committed_micros, at } =
            effect;
        let data = serde_json::json!({
            "scope": scope,
            "period": period,
            "percent": percent,
            "limit_micros": limit_micros,
            "committed_micros": committed_micros,
        });
        let command = tenant::Command::Announce {
            message: MessageId::derived(&[errand.key.as_bytes()]),
            kind: "budget.threshold".to_owned(),
            at: *at,
            data: Personal(data.to_string()),
        };
        self.tell_tenant(errand, command).await
    }

    /// Makes the vectors that a document lacks.
    async fn embed(
        self: &Arc<Self>,
        errand: &Errand,
        effect: &knowledge::Effect,
    ) -> Result<Ran, Failure> {
        let knowledge::Effect::Embed { model, .. } = effect else { return Ok(Ran::Done) };
        let tenant = errand.source.tenant;
        let desk = self.desk(tenant).await?;
        let Some(source) = desk.source.clone() else { return Ok(Ran::Done) };
        if model.as_deref().is_some_and(|wanted| wanted != source.id()) {
            // Nobody here makes those; whoever can is asked when the tenant is connected to it.
            tracing::info!(tenant.id = %tenant, "vectors of a model that is not connected are not made");
            return Ok(Ran::Done);
        }
        let state = self.document(tenant, errand.source).await?;
        let texts = missing(&state, source.id());
        for part in texts.chunks(VECTORS_MAX) {
            let vectors = self
                .embedder
                .embed(tenant, &source, part.iter().map(|(_, text)| text.clone()).collect())
                .await;
            let vectors = match vectors {
                Ok(vectors) => vectors,
                Err(EmbedError::Provider(_)) => {
                    return Ok(Ran::Again { wait_ms: None, code: "embedding_provider" });
                }
                Err(EmbedError::Stopping) => {
                    return Ok(Ran::Again { wait_ms: None, code: "stopping" });
                }
            };
            let command = recorded(source.id(), part, &vectors);
            let told = self.ask::<Document>(errand.source, command, None, errand.trace).await;
            if let Ran::Again { wait_ms, code } = done(told, "document")? {
                return Ok(Ran::Again { wait_ms, code });
            }
        }
        Ok(Ran::Done)
    }

    async fn document(
        &self,
        tenant: TenantId,
        entity: EntityKey,
    ) -> Result<knowledge::State, Failure> {
        let views = self.parts.views.clone();
        let loaded = tokio::task::spawn_blocking(move || views.document(tenant, entity.typed_id()));
        match loaded.await {
            Ok(Ok(loaded)) => Ok(loaded.state),
            Ok(Err(error)) => Err(Failure::Unavailable(error.to_string())),
            Err(_) => Err(Failure::Crashed),
        }
    }
}

/// Shows again and again that an answer is being written: platforms show it for some seconds.
async fn keep_typing(desk: &Desk, work: &TurnWork) -> Infallible {
    let Some(channel) = desk.channels.get(&work.address.connection) else {
        return std::future::pending().await;
    };
    let message = work.messages.last().map(|message| message.id.as_str());
    loop {
        tokio::time::sleep(TYPING_AGAIN).await;
        channel.typing(&work.address, message).await;
    }
}

/// The chunks without a vector, and what is to be embedded of each.
fn missing(state: &knowledge::State, model: &str) -> Vec<(knowledge::ChunkHash, String)> {
    let wanted = state.missing(model);
    let mut texts: Vec<(knowledge::ChunkHash, String)> = Vec::with_capacity(wanted.len());
    for passage in state.passages().filter(|passage| wanted.contains(&passage.hash)) {
        if texts.iter().any(|(hash, _)| *hash == passage.hash) {
            continue;
        }
        let text = if passage.path.is_empty() {
            passage.text.to_owned()
        } else {
            format!("{}\n{}", passage.path.join(" > "), passage.text)
        };
        texts.push((passage.hash, text));
    }
    texts
}

fn recorded(
    model: &str,
    texts: &[(knowledge::ChunkHash, String)],
    vectors: &[Vec<f32>],
) -> knowledge::Command {
    let items = texts.iter().zip(vectors).map(|((hash, _), vector)| {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        knowledge::VectorItem { hash: *hash, bytes: bytes.into() }
    });
    knowledge::Command::RecordVectors {
        model: model.to_owned(),
        dim: vectors.first().map_or(0, |vector| u32::try_from(vector.len()).unwrap_or(u32::MAX)),
        encoding: knowledge::Encoding::F32,
        items: items.collect(),
    }
}

/// A refusal is an outcome: there is nobody else to tell.
fn done<T, R: impresario_kernel::Coded>(
    told: Result<T, AskError<R>>,
    whom: &'static str,
) -> Result<Ran, Failure> {
    match told {
        Ok(_) => Ok(Ran::Done),
        Err(AskError::Rejected(rejection)) => {
            tracing::warn!(whom, code = rejection.code(), "what was done could not be told");
            Ok(Ran::Done)
        }
        Err(AskError::Failed(failure)) => Err(failure),
    }
}

/// An event of a conversation as the profile takes events.
fn tracked(id: String, name: String, at: Timestamp, properties: Personal<String>) -> Message {
    Message {
        message_id: id,
        call: Call::Track,
        user_id: None,
        anonymous_id: None,
        previous_id: None,
        name: Some(name),
        properties: Some(properties),
        traits: None,
        context: None,
        group_id: None,
        at,
        received_at: at,
        via: Vec::new(),
        person_is_known: false,
    }
}

/// A conversation's turns that are being answered here, so that they can be called off.
pub(crate) mod turns {
    use dashmap::DashMap;
    use impresario_kernel::EntityKey;
    use std::sync::Arc;
    use tokio::sync::watch;

    /// Turns under way.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Turns(Arc<DashMap<EntityKey, (u32, watch::Sender<bool>)>>);

    /// Waits for a turn to be called off; forgets it when dropped.
    #[derive(Debug)]
    pub(crate) struct CalledOff {
        turns: Turns,
        entity: EntityKey,
        turn: u32,
        told: watch::Receiver<bool>,
    }

    impl Turns {
        /// A turn is being answered from now on.
        pub(crate) fn begin(&self, entity: &EntityKey, turn: u32) -> CalledOff {
            let (tell, told) = watch::channel(false);
            self.0.insert(*entity, (turn, tell));
            CalledOff { turns: self.clone(), entity: *entity, turn, told }
        }

        /// Nobody wants this turn, or one before it, any more.
        pub(crate) fn cancel(&self, entity: &EntityKey, turn: u32) {
            if let Some(under_way) = self.0.get(entity)
                && under_way.0 <= turn
            {
                // Whoever answers it may be done.
                let _ = under_way.1.send(true);
            }
        }
    }

    impl CalledOff {
        pub(crate) async fn wait(&self) {
            let mut told = self.told.clone();
            if told.wait_for(|told| *told).await.is_err() {
                // Another turn of the same conversation began here: this one is not wanted.
                tracing::debug!(turn = self.turn, "a newer turn is being answered");
            }
        }
    }

    impl Drop for CalledOff {
        fn drop(&mut self) {
            self.turns.0.remove_if(&self.entity, |_, (turn, _)| *turn == self.turn);
        }
    }
}
