//! A conversation as its customer may see it: no notes, no names of people, no documents' ids.

use impresario_api::codes;
use impresario_conversation::{Answer, Author, Conversation, KIND, Message, Query, Status, View};
use impresario_ids::{ConversationId, TenantId, TraceId};
use impresario_kernel::EntityKey;
use impresario_router::{Deadline, Envelope};
use serde::Serialize;
use serde_json::{Value, json};

use crate::edge::Shared;
use crate::fault::Fault;
use crate::wire::time;

/// Messages of one page.
pub(crate) const PAGE: u32 = 100;
/// Pages that are read for who was away.
const PAGES_MAX: usize = 3;

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Shown {
    pub(crate) seq: u64,
    pub(crate) id: String,
    pub(crate) from: Author,
    pub(crate) at: String,
    pub(crate) content: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) choice: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<Value>,
}

/// Whether somebody writes, and who holds the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mood {
    pub(crate) typing: bool,
    pub(crate) status: Status,
}

/// What is new.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Transcript {
    /// Oldest first.
    pub(crate) messages: Vec<Shown>,
    /// Whether there are older ones that are not among them.
    pub(crate) more: bool,
    #[serde(flatten)]
    pub(crate) mood: Mood,
}

impl Transcript {
    fn empty() -> Self {
        let mood = Mood { typing: false, status: Status::Bot };
        Self { messages: Vec::new(), more: false, mood }
    }
}

fn shown(message: &Message) -> Option<Shown> {
    if message.from == Author::Note {
        return None;
    }
    let content = message.content.iter().map(|one| {
        let mut value = serde_json::to_value(one).unwrap_or(Value::Null);
        // For a widget that does not know the kind.
        if let (Some(words), Value::Object(members)) = (one.words(), &mut value) {
            members.entry("words").or_insert_with(|| Value::String(words.to_owned()));
        }
        value
    });
    Some(Shown {
        seq: message.seq,
        id: message.id.clone(),
        from: message.from,
        at: time::print(message.received),
        content: content.collect(),
        choice: message.choice.as_ref().and_then(|choice| serde_json::to_value(choice).ok()),
        sources: message
            .citations
            .iter()
            .map(|cited| json!({ "title": cited.title, "url": cited.url }))
            .collect(),
    })
}

fn mood(view: &View) -> Mood {
    let busy = view.thinking || (view.collecting > 0 && view.status == Status::Bot);
    Mood { typing: busy, status: view.status }
}

/// A page of a conversation as it is stored; `None` if it has not begun.
pub(crate) async fn page(
    edge: &Shared,
    entity: (TenantId, ConversationId),
    before: Option<u64>,
    limit: u32,
    trace: TraceId,
) -> Result<Option<Box<View>>, Fault> {
    let (tenant, id) = entity;
    let ms = i64::try_from(edge.options.answer_timeout_ms).unwrap_or(i64::MAX);
    let envelope = Envelope { key: None, deadline: Deadline(edge.now().plus_ms(ms)), trace };
    let query = Query::Show { before, limit };
    let entity = EntityKey::new(tenant, KIND, id);
    match edge.router.query::<Conversation>(entity, query, envelope).await? {
        Answer::Conversation(view) => Ok(view),
        Answer::Work(_) | Answer::Sending(_) => {
            tracing::error!("a conversation answered another question");
            Err(Fault::new(&codes::INTERNAL))
        }
    }
}

/// What was said after a number, or the newest page if there is none.
pub(crate) async fn after(
    edge: &Shared,
    entity: (TenantId, ConversationId),
    after: Option<u64>,
    trace: TraceId,
) -> Result<Transcript, Fault> {
    let Some(view) = page(edge, entity, None, PAGE, trace).await? else {
        return Ok(Transcript::empty());
    };
    let mood = mood(&view);
    let (mut messages, mut more) = (view.messages, view.more);
    for _ in 1..PAGES_MAX {
        let oldest = messages.first().map(|message| message.seq);
        let gap = oldest.zip(after).filter(|(oldest, after)| more && *oldest > after + 1);
        let Some((oldest, _)) = gap else { break };
        let Some(older) = page(edge, entity, Some(oldest), PAGE, trace).await? else { break };
        more = older.more;
        messages.splice(0..0, older.messages);
    }
    more &= after.is_none_or(|after| messages.first().is_some_and(|first| first.seq > after + 1));
    let seen = |message: &&Message| after.is_none_or(|after| message.seq > after);
    Ok(Transcript {
        messages: messages.iter().filter(seen).filter_map(shown).collect(),
        more,
        mood,
    })
}

/// What was said before a number.
pub(crate) async fn before(
    edge: &Shared,
    entity: (TenantId, ConversationId),
    before: u64,
    trace: TraceId,
) -> Result<Transcript, Fault> {
    Ok(match page(edge, entity, Some(before), PAGE, trace).await? {
        Some(view) => Transcript {
            mood: mood(&view),
            messages: view.messages.iter().filter_map(shown).collect(),
            more: view.more,
        },
        None => Transcript::empty(),
    })
}
