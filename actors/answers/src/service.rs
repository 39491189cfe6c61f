//! What others ask of this crate: the edge, the shell, evaluations.

mod asked;
mod files;
mod moved;
mod seen;
mod translate;

use std::sync::Arc;

use impresario_conversation::{
    self as conversation, Answer, Command, Conversation, Query, TurnAnswer,
};
use impresario_ids::{CallId, DocumentId, ProfileId, TenantId, TraceId};
use impresario_kernel::{Coded as _, EntityKey};
use impresario_messages::{Address, Channel as Kind, Event, Inbound, Person};
use impresario_outbox::Errands;
use impresario_retrieval::{Filter, Step, Techniques};
use impresario_router::{AskError, Failure, IdempotencyKey};
use tokio::sync::mpsc::Sender;

pub use translate::{Translated, TranslatedText, Untranslated};

use crate::channels::{Headers, Request, Untaken};
use crate::connections::{self, ConnectionProblem};
use crate::errands::Carrier;
use crate::house::{House, Parts};
use crate::library::{Found, ShelfStatus, Wanted};
use crate::purse::Cause;
use crate::think::{Thought, think_aloud};
use crate::traces::{CallRow, CallTrace};

pub use files::{ChatFile, FileRefusal};

/// Everything here, behind one door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Answers {
    house: Arc<House>,
}

/// A question to a tenant's library.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The question.
    pub text: String,
    /// How many passages at most.
    pub count: usize,
    /// What is done with it.
    pub techniques: Techniques,
    /// What counts.
    pub filter: Filter,
    /// ISO 639-1; empty: not known.
    pub language: String,
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Cited {
    /// Its document.
    pub document: DocumentId,
    /// What names it within the document.
    pub chunk: String,
    /// The document's title.
    pub title: String,
    /// The document's collection.
    pub collection: String,
    /// The headings above it.
    pub heading: String,
    /// Where the document can be read.
    pub url: Option<String>,
    /// The tenant's own id for the document.
    pub external_id: Option<String>,
    /// What it is ranked by.
    pub score: f32,
    /// Its share of the best possible score by words.
    pub lexical: f32,
    /// Its cosine with the question, if there are vectors.
    pub cosine: Option<f32>,
    /// Its text.
    pub text: String,
    /// The sentences that matter, as bytes of the text.
    pub relevant: Vec<(usize, usize)>,
    /// The text with what stands around it.
    pub context: String,
}

/// What a search gave.
#[derive(Clone, Debug)]
pub struct Searched {
    /// The passages, best first.
    pub passages: Vec<Cited>,
    /// What each technique contributed.
    pub steps: Vec<Step>,
    /// Whether vectors were searched; otherwise words alone.
    pub dense: bool,
}

/// A sentence of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Positions in the passages that it is taken from.
    pub passages: Vec<usize>,
    /// How well the passage supports it, from 0 to 1.
    pub support: f32,
}

/// What is known about a question.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The sentences.
    pub sentences: Vec<Sentence>,
    /// How likely it is that they answer the question.
    pub confidence: f32,
    /// Whether it is better not to say them.
    pub abstained: bool,
    /// The model that wrote them; otherwise they are taken from the passages word for word.
    pub model: Option<String>,
    /// The last call that was made or answered from before.
    pub call: Option<CallId>,
    /// What the calls cost, in millionths, also where nothing of them may be said.
    pub cost_micros: i64,
    /// The passages.
    pub searched: Searched,
}

/// A request of a chat platform.
#[derive(Debug)]
pub struct HookRequest<'a> {
    /// Whether it is a `GET`.
    pub is_get: bool,
    /// The query, without the question mark.
    pub query: &'a str,
    /// Name and value of each header; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub raw: &'a [u8],
    /// Of the request.
    pub trace: TraceId,
}

/// What a chat platform is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookTaken {
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a request of a chat platform was not taken.
#[derive(Clone, Debug, PartialEq)]
pub enum HookRefusal {
    /// The tenant has no such connection.
    Unknown,
    /// The signature is not right.
    Refused,
    /// It cannot be read.
    Unreadable,
    /// The system failed; the platform sends it again.
    Failed(Failure),
}

/// Something said by a program that waits for the answer.
#[derive(Clone, Debug)]
pub struct Said {
    /// What the user wrote last.
    pub text: String,
    /// What was said before, oldest first: whether the assistant said it, and what.
    pub history: Vec<(bool, String)>,
    /// Who is asking, as the program calls them.
    pub user: String,
}

#[derive(Debug)]
struct Pairs<'a>(&'a [(String, String)]);

impl Headers for Pairs<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Answers {
    /// Puts everything together. Begins nothing by itself.
    ///
    /// # Errors
    /// If the clients for outside calls cannot be made.
    pub fn new(parts: Parts) -> Result<Self, String> {
        Ok(Self { house: House::new(parts)? })
    }

    pub(crate) fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// What carries out the effects.
    #[must_use]
    pub fn errands(&self) -> Arc<dyn Errands> {
        Arc::new(Carrier(Arc::clone(&self.house)))
    }

    /// A document of the tenant changed on this node.
    pub fn document_changed(&self, tenant: TenantId) {
        self.house.library.touch(tenant);
    }

    /// The tenant is gone. Blocks for the disk.
    pub fn forget(&self, tenant: TenantId) {
        self.house.library.forget(tenant);
        self.house.desks.forget(tenant);
        self.house.traces.forget(tenant);
        self.house.gateways.release(|other| other == tenant);
        self.house.parts.cache.erase(tenant);
    }

    /// Writes down what makes the next start quicker and lets the folders go. What is asked afterwards
    /// finds nothing in the caches. Blocks for the disk.
    pub fn close(&self) {
        self.house.library.save();
        self.house.parts.cache.close();
    }

    /// How many tokens a text has for the embedding model.
    #[must_use]
    pub fn tokens(&self, text: &str) -> usize {
        match self.house.embedder.local() {
            Some(model) => model.tokens(text),
            None => impresario_text::tokens::count(text, impresario_text::tokens::Family::O200k),
        }
    }

    /// What is wrong with the settings of a connection.
    #[must_use]
    pub fn check_connection(&self, kind: &str, settings: &str) -> Vec<ConnectionProblem> {
        let options = &self.house.parts.options;
        connections::check(kind, settings, &options.models(), options.platforms_anywhere)
    }

    /// The passages that fit a question best.
    ///
    /// # Errors
    /// If the library cannot be read.
    pub async fn search(&self, tenant: TenantId, question: Question) -> Result<Searched, Failure> {
        let desk = self.house.desk(tenant).await?;
        let found = self.house.find(&desk, wanted(question)).await?;
        Ok(searched(&found))
    }

    /// Answers a program as the tenant's assistant, without a conversation. Into `aloud` goes what is
    /// sure before the answer is whole, which begins with it, unless a model failed on the way.
    ///
    /// # Errors
    /// If the library cannot be read.
    pub async fn reply(
        &self,
        tenant: TenantId,
        said: Said,
        trace: TraceId,
        aloud: Option<Sender<String>>,
    ) -> Result<TurnAnswer, Failure> {
        let desk = self.house.desk(tenant).await?;
        let now = self.house.now();
        let address = Address {
            channel: Kind::OpenAi,
            connection: String::new(),
            user: said.user.clone(),
            thread: String::new(),
        };
        let work = asked::work(tenant, address, said, now);
        let cause = Cause::Request(trace);
        match think_aloud(&self.house, &desk, &work, cause, trace, aloud).await? {
            Thought::Answer(answer) => Ok(*answer),
            Thought::Unwanted => Err(Failure::Unavailable("the answer was called off".to_owned())),
        }
    }

    /// Texts as vectors, with the model that made them; `None` where there is no model.
    ///
    /// # Errors
    /// If the provider failed.
    pub async fn embed(
        &self,
        tenant: TenantId,
        texts: Vec<String>,
    ) -> Result<Option<(String, Vec<Vec<f32>>)>, Failure> {
        let desk = self.house.desk(tenant).await?;
        let Some(source) = &desk.source else { return Ok(None) };
        match self.house.embedder.embed(tenant, source, texts).await {
            Ok(vectors) => Ok(Some((source.id().to_owned(), vectors))),
            Err(error) => Err(Failure::Unavailable(error.to_string())),
        }
    }

    /// How the tenant's library stands on this node.
    ///
    /// # Errors
    /// If the documents cannot be read.
    pub async fn status(&self, tenant: TenantId) -> Result<ShelfStatus, Failure> {
        let desk = self.house.desk(tenant).await?;
        let model = desk.source.as_ref().map(|source| source.id().to_owned());
        Ok(self.house.library.shelf(tenant, model.as_deref()).await?.status())
    }

    /// The model that questions are embedded with; `None`: search is by words alone.
    ///
    /// # Errors
    /// If the tenant cannot be read.
    pub async fn model(&self, tenant: TenantId) -> Result<Option<String>, Failure> {
        let desk = self.house.desk(tenant).await?;
        Ok(desk.source.as_ref().map(|source| source.id().to_owned()))
    }

    /// The newest calls to models that this node made.
    #[must_use]
    pub fn calls(
        &self,
        tenant: TenantId,
        conversation: Option<&str>,
        after: Option<(i64, &str)>,
        limit: usize,
    ) -> Vec<CallRow> {
        self.house.traces.list(tenant, conversation, after, limit)
    }

    /// One of them. Blocks for the disk.
    #[must_use]
    pub fn call(&self, tenant: TenantId, call: CallId) -> Option<CallTrace> {
        self.house.traces.get(tenant, call, self.house.now().as_ms())
    }

    /// Takes what a chat platform sent: everything that it brings is durable when this returns.
    ///
    /// # Errors
    /// [`HookRefusal`].
    pub async fn hook(
        &self,
        tenant: TenantId,
        connection: &str,
        request: HookRequest<'_>,
    ) -> Result<HookTaken, HookRefusal> {
        let desk = self.house.desk(tenant).await.map_err(HookRefusal::Failed)?;
        let channel = desk.channels.get(connection).ok_or(HookRefusal::Unknown)?;
        let headers = Pairs(&request.headers);
        let asked = Request {
            is_get: request.is_get,
            query: request.query,
            raw: request.raw,
            now_ms: self.house.now().as_ms(),
            headers: &headers,
        };
        let taken = channel.take(connection, asked).map_err(|untaken| match untaken {
            Untaken::Refused => HookRefusal::Refused,
            Untaken::Unreadable => HookRefusal::Unreadable,
        })?;
        for event in taken.events {
            self.came(tenant, event, request.trace).await.map_err(HookRefusal::Failed)?;
        }
        Ok(HookTaken { status: taken.status, content_type: taken.content_type, body: taken.body })
    }

    /// Hands what came from a platform to its conversation.
    pub(crate) async fn came(
        &self,
        tenant: TenantId,
        event: Event,
        trace: TraceId,
    ) -> Result<(), Failure> {
        match event {
            Event::Message(inbound) => {
                let begins = crate::channels::begins(&inbound);
                if begins || self.is_begun(tenant, &inbound.address, trace).await? {
                    return self.receive(tenant, *inbound, trace).await;
                }
                tracing::debug!(tenant.id = %tenant, "nothing was said to the assistant");
                Ok(())
            }
            Event::Status(update) => {
                let to = conversation::key(tenant, &update.address);
                let has_stopped = crate::channels::is_stop(&update);
                let command = Command::RecordStatus { update: Box::new(update) };
                self.tell(to, command, trace).await?;
                if has_stopped {
                    self.tell(to, Command::RecordConsent { stopped: true }, trace).await?;
                }
                Ok(())
            }
            Event::Consent { address, stopped, at_ms: _ } => {
                let to = conversation::key(tenant, &address);
                self.tell(to, Command::RecordConsent { stopped }, trace).await
            }
            Event::Moved { from, to, at_ms: _ } => self.moved(tenant, &from, &to, trace).await,
            Event::Handshake(_) | Event::Ignored { .. } => Ok(()),
        }
    }

    /// Whether there is a conversation at this address.
    async fn is_begun(
        &self,
        tenant: TenantId,
        address: &Address,
        trace: TraceId,
    ) -> Result<bool, Failure> {
        let query = Query::Show { before: None, limit: 1 };
        let of = conversation::key(tenant, address);
        let answer = self.house.query::<Conversation>(of, query, trace).await?;
        Ok(matches!(answer, Answer::Conversation(Some(_))))
    }

    /// Hands a message to its conversation, which knows it again if it comes twice.
    ///
    /// # Errors
    /// If it could not be made durable; it should be sent again then.
    pub async fn receive(
        &self,
        tenant: TenantId,
        inbound: Inbound,
        trace: TraceId,
    ) -> Result<(), Failure> {
        let to = conversation::key(tenant, &inbound.address);
        let profile = Some(profile_of(tenant, &inbound.address, &inbound.person));
        let command = Command::Receive { inbound: Box::new(inbound), profile };
        self.tell(to, command, trace).await
    }

    async fn tell(&self, to: EntityKey, command: Command, trace: TraceId) -> Result<(), Failure> {
        match self.house.ask::<Conversation>(to, command, None::<IdempotencyKey>, trace).await {
            Ok(_) => Ok(()),
            Err(AskError::Rejected(conversation::Rejection::Busy)) => {
                Err(Failure::Overloaded { queue: "burst", retry_after_ms: 5_000 })
            }
            Err(AskError::Rejected(rejection)) => {
                tracing::debug!(entity.key = %to, code = rejection.code(), "nothing for a conversation");
                Ok(())
            }
            Err(AskError::Failed(failure)) => Err(failure),
        }
    }
}

/// The profile of whoever writes: the person that the application knows, if it said so, otherwise
/// somebody who is known by the address.
#[must_use]
pub(crate) fn profile_of(tenant: TenantId, address: &Address, person: &Person) -> ProfileId {
    let known = person.external.iter().find(|(kind, _)| kind == "user_id");
    match known.filter(|_| person.verified) {
        Some((_, user)) => impresario_profile::id_of_user(tenant, user),
        None => {
            let name = format!("{}:{}", address.channel.as_str(), address.user);
            impresario_profile::id_of_anonymous(tenant, &name)
        }
    }
}

fn wanted(question: Question) -> Wanted {
    Wanted {
        question: question.text,
        count: question.count,
        techniques: question.techniques,
        filter: question.filter,
        language: question.language,
    }
}

fn searched(found: &Found) -> Searched {
    let passages = found.retrieved.passages.iter().map(|passage| {
        let document = DocumentId::from_bytes(passage.document);
        let known = found.books.get(&document);
        Cited {
            document,
            chunk: format!("{:016x}", passage.key),
            title: passage.title.clone(),
            collection: known.map(|known| known.collection.clone()).unwrap_or_default(),
            heading: passage.heading.clone(),
            url: known.and_then(|known| known.url.clone()),
            external_id: known.and_then(|known| known.external_id.clone()),
            score: passage.score,
            lexical: passage.lexical,
            cosine: passage.cosine,
            text: passage.text.clone(),
            relevant: passage.relevant.iter().map(|range| (range.start, range.end)).collect(),
            context: passage.context.clone(),
        }
    });
    Searched {
        passages: passages.collect(),
        steps: found.retrieved.trace.steps.clone(),
        dense: found.dense,
    }
}
