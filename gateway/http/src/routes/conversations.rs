//! Conversations: messages of customers, replies of people, who holds them, what happened.

mod analytics;
mod files;
mod translation;

use axum::response::Response;
use http::StatusCode;
use impresario_api::codes;
use impresario_api::{
    Assignment, Conversation as ApiConversation, ConversationReply, ConversationRow, FieldProblem,
    GiveBack, HandoffRequest, HumanReply, NewNote, Page, SendMessage,
};
use impresario_assistant::HandoffReason;
use impresario_conversation::{Answer, Command, Conversation, KIND, Query, Reply, Status, id_of};
use impresario_ids::{ConversationId, ProfileId};
use impresario_kernel::{EntityKey, Personal};
use impresario_messages::{Address, Channel, Choice, Content, Inbound, Person};
use impresario_router::Envelope;
use impresario_tenant::Scope;
use serde::Deserialize;

use crate::auth::Access;
use crate::call::{self, Call, ListQuery};
use crate::fault::Fault;
use crate::route::{CURSOR, LIMIT, Param, ParamKind, Route};

pub(crate) const ANALYTICS: &[Route] = analytics::ROUTES;
pub(crate) const FILES: &[Route] = files::ROUTES;

const READ: Access = Access::Scope(Scope::ConversationsRead);
const WRITE: Access = Access::Scope(Scope::ConversationsWrite);
const TAG: &str = "Conversations";
/// The connection of conversations that come by this API.
const API_CONNECTION: &str = "api";
const NAME_BYTES_MAX: usize = 200;
const TEXT_CHARS_MAX: usize = 8_000;
/// Messages of one page of a transcript.
const MESSAGES_MAX: u32 = 200;

const CODES: &[&codes::Code] = &[&codes::CONVERSATION_NOT_FOUND, &codes::ID_INVALID];

pub(crate) const ROUTES: &[Route] = &[
    Route::get("/api/v1/conversations", READ, |call| Box::pin(list(call)))
        .doc(TAG, "List conversations", "By who holds them; the latest change first.")
        .gives::<Page<ConversationRow>>()
        .query(&[
            Param::text(
                "status",
                "`bot`, `waiting_human`, `human`, `resolved`, or several with commas; all if not given.",
            ),
            Param::text("assignee", "Instead of a status: only those that this person has."),
            Param::text("profile", "Instead of a status: only those of this profile."),
            LIMIT,
            CURSOR,
        ])
        .codes(&[&codes::ID_INVALID]),
    Route::post("/api/v1/conversations/messages", WRITE, |call| Box::pin(send(call)))
        .doc(
            TAG,
            "Pass a customer's message on",
            "For channels that you serve yourself. It is taken in durably; the answer follows and \
             is read with the conversation, or comes by webhook. The same `message_id` again is \
             absorbed.",
        )
        .takes::<SendMessage>()
        .gives::<ConversationReply>()
        .status(202)
        .codes(&[&codes::CONVERSATION_BUSY]),
    Route::get("/api/v1/conversations/{id}", READ, |call| Box::pin(show(call)))
        .doc(TAG, "Get a conversation", "With the newest messages, or those before a number.")
        .gives::<ApiConversation>()
        .query(&[
            Param {
                name: "before",
                about: "Only messages before this number.",
                kind: ParamKind::Number { min: 1, max: i64::MAX },
                required: false,
            },
            Param {
                name: "limit",
                about: "How many messages at most; 50 if not given.",
                kind: ParamKind::Number { min: 1, max: 200 },
                required: false,
            },
        ])
        .codes(CODES),
    Route::post("/api/v1/conversations/{id}/reply", WRITE, |call| Box::pin(reply(call)))
        .doc(
            TAG,
            "Reply as a person",
            "Through the customer's own channel. The assistant is silent until the conversation is \
             handed back.",
        )
        .takes::<HumanReply>()
        .gives::<ConversationReply>()
        .status(202)
        .codes(&[
            &codes::CONVERSATION_NOT_FOUND,
            &codes::CONVERSATION_CONTENT_INVALID,
            &codes::CONVERSATION_ASSIGNEE_INVALID,
            &codes::ID_INVALID,
        ]),
    Route::post("/api/v1/conversations/{id}/assign", WRITE, |call| Box::pin(assign(call)))
        .doc(TAG, "Give a conversation to a person", "")
        .takes::<Assignment>()
        .gives::<ConversationReply>()
        .codes(&[
            &codes::CONVERSATION_NOT_FOUND,
            &codes::CONVERSATION_HELD_BY_ANOTHER,
            &codes::CONVERSATION_ASSIGNEE_INVALID,
            &codes::ID_INVALID,
        ]),
    Route::post("/api/v1/conversations/{id}/notes", WRITE, |call| Box::pin(note(call)))
        .doc(TAG, "Note something that the customer does not see", "")
        .takes::<NewNote>()
        .gives::<ConversationReply>()
        .codes(&[
            &codes::CONVERSATION_NOT_FOUND,
            &codes::CONVERSATION_NOTE_INVALID,
            &codes::CONVERSATION_ASSIGNEE_INVALID,
            &codes::ID_INVALID,
        ]),
    translation::ROUTE,
    Route::post("/api/v1/conversations/{id}/handoff", WRITE, |call| Box::pin(handoff(call)))
        .doc(TAG, "Ask for a person", "The assistant is silent from then on.")
        .takes::<HandoffRequest>()
        .gives::<ConversationReply>()
        .codes(CODES),
    Route::post("/api/v1/conversations/{id}/hand-back", WRITE, |call| Box::pin(give_back(call)))
        .doc(TAG, "Hand a conversation back to the assistant", "")
        .takes::<GiveBack>()
        .gives::<ConversationReply>()
        .codes(CODES),
    Route::act("/api/v1/conversations/{id}/resolve", WRITE, |call| {
        Box::pin(act(call, Command::Resolve))
    })
    .doc(TAG, "Resolve a conversation", "A new message of the customer opens it again.")
    .gives::<ConversationReply>()
    .codes(CODES),
    Route::act("/api/v1/conversations/{id}/reopen", WRITE, |call| {
        Box::pin(act(call, Command::Reopen))
    })
    .doc(TAG, "Open a resolved conversation again", "")
    .gives::<ConversationReply>()
    .codes(CODES),
    Route::delete("/api/v1/conversations/{id}", WRITE, |call| Box::pin(act(call, Command::Forget)))
        .doc(TAG, "Forget what was said", "Everything personal goes out of the conversation.")
        .gives::<ConversationReply>()
        .codes(CODES),
];

#[derive(Deserialize)]
struct InboxQuery {
    status: Option<String>,
    assignee: Option<String>,
    profile: Option<String>,
}

async fn list(call: &mut Call) -> Result<Response, Fault> {
    let list: ListQuery = call.query()?;
    let InboxQuery { status, assignee, profile } = call.query()?;
    let (tenant, limit, cursor) = (call.tenant()?, list.limit()?, list.cursor()?);
    let page = match (status, assignee, profile) {
        (status, None, None) => {
            let held_by = statuses(status.as_deref())?;
            call.view(move |views| views.inbox(tenant, &held_by, cursor.as_ref(), limit)).await?
        }
        (None, Some(assignee), None) => {
            call.view(move |views| views.assigned(tenant, &assignee, cursor.as_ref(), limit))
                .await?
        }
        (None, None, Some(profile)) => {
            let profile: ProfileId = profile.parse()?;
            call.view(move |views| views.conversations_of(tenant, profile, cursor.as_ref(), limit))
                .await?
        }
        _ => {
            return Err(Fault::new(&codes::PARAMETER_INVALID)
                .detail("give one of status, assignee and profile"));
        }
    };
    call::ok(&call::page(page, |item| item))
}

/// Those who hold the conversations that are wanted; empty for all.
fn statuses(text: Option<&str>) -> Result<Vec<Status>, Fault> {
    let named = |name: &str| {
        Status::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| {
            Fault::new(&codes::PARAMETER_INVALID)
                .detail("status is bot, waiting_human, human or resolved")
        })
    };
    text.map_or(Ok(Vec::new()), |text| text.split(',').map(|name| named(name.trim())).collect())
}

async fn ask(
    call: &Call,
    id: ConversationId,
    command: Command,
    envelope: Envelope,
) -> Result<Reply, Fault> {
    let entity = EntityKey::new(call.tenant()?, KIND, id);
    Ok(call.edge.router.ask::<Conversation>(entity, command, envelope).await?)
}

fn told(status: StatusCode, id: ConversationId, reply: Reply) -> Result<Response, Fault> {
    let outcome = serde_json::to_value(reply.outcome).unwrap_or_default();
    call::json(
        status,
        &ConversationReply {
            conversation: id.to_string(),
            outcome: outcome.as_str().unwrap_or_default().to_owned(),
            status: reply.status.as_str().to_owned(),
            turn: reply.turn,
            outgoing: reply.outgoing,
        },
    )
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Fault {
    Fault::new(&codes::INVALID_REQUEST).detail(detail).pointer(pointer)
}

/// What was said: words or a choice.
fn said(text: Option<String>, choice: Option<Choice>) -> Result<Content, Fault> {
    match (text, choice) {
        (Some(text), None) if text.trim().is_empty() => {
            Err(invalid("/text", "a message has at least one character"))
        }
        (Some(text), None) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(invalid("/text", format!("a message has at most {TEXT_CHARS_MAX} characters")))
        }
        (Some(text), None) => Ok(Content::Text { text }),
        (None, Some(choice)) => Ok(Content::Choice(choice)),
        (None, None) | (Some(_), Some(_)) => Err(invalid("", "give either text or choice")),
    }
}

async fn send(call: &mut Call) -> Result<Response, Fault> {
    let SendMessage { user, thread, text, choice, message_id, name, email, phone } = call.json()?;
    if user.is_empty() {
        return Err(invalid("/user", "a customer has an id"));
    }
    let lengths = [
        ("/user", Some(&user)),
        ("/thread", Some(&thread)),
        ("/message_id", message_id.as_ref()),
        ("/name", name.as_ref()),
        ("/email", email.as_ref()),
        ("/phone", phone.as_ref()),
        ("/choice/id", choice.as_ref().map(|choice| &choice.id)),
        ("/choice/title", choice.as_ref().map(|choice| &choice.title)),
    ];
    for (pointer, text) in lengths {
        if text.is_some_and(|text| text.len() > NAME_BYTES_MAX || text.contains('\0')) {
            return Err(invalid(pointer, format!("at most {NAME_BYTES_MAX} bytes, no NUL")));
        }
    }
    let content = said(text, choice.map(|choice| Choice { id: choice.id, title: choice.title }))?;
    let tenant = call.tenant()?;
    let profile = impresario_profile::id_of_user(tenant, &user);
    let address =
        Address { channel: Channel::Api, connection: API_CONNECTION.to_owned(), user, thread };
    let id = match message_id {
        Some(id) if id.is_empty() => return Err(invalid("/message_id", "an id is not empty")),
        Some(id) => id,
        None => call.fresh_id::<impresario_ids::MessageKind>()?.to_string(),
    };
    let conversation = id_of(tenant, &address);
    let inbound = Inbound {
        id,
        address,
        // The tenant's own program says who it is.
        person: Person { name, phone, email, external: Vec::new(), verified: true },
        at_ms: call.received.as_ms(),
        content,
        reply_to: None,
        extra: Vec::new(),
    };
    let command = Command::Receive { inbound: Box::new(inbound), profile: Some(profile) };
    let reply = ask(call, conversation, command, call.envelope()?).await?;
    told(StatusCode::ACCEPTED, conversation, reply)
}

#[derive(Deserialize)]
struct PageQuery {
    before: Option<u64>,
    limit: Option<u32>,
}

async fn show(call: &mut Call) -> Result<Response, Fault> {
    let PageQuery { before, limit } = call.query()?;
    let limit = match limit.unwrap_or(50) {
        limit @ 1..=MESSAGES_MAX => limit,
        _ => {
            return Err(Fault::new(&codes::PARAMETER_INVALID)
                .detail(format!("limit is 1 to {MESSAGES_MAX}")));
        }
    };
    let id: ConversationId = call.path_id("id").await?;
    let entity = EntityKey::new(call.tenant()?, KIND, id);
    let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
    let query = Query::Show { before, limit };
    match call.edge.router.query::<Conversation>(entity, query, envelope).await? {
        Answer::Conversation(Some(view)) => call::ok(&view),
        Answer::Conversation(None) | Answer::Work(_) | Answer::Sending(_) => {
            Err(Fault::new(&codes::CONVERSATION_NOT_FOUND))
        }
    }
}

/// What a person says: words, or contents that can be sent.
fn contents(given: HumanReply) -> Result<Vec<Content>, Fault> {
    let wrong = |pointer: String, code: &str, detail: String| FieldProblem {
        pointer,
        code: code.to_owned(),
        detail,
    };
    let mut errors = Vec::new();
    let mut contents: Vec<Content> =
        given.text.into_iter().map(|text| Content::Text { text }).collect();
    for (place, value) in given.content.into_iter().enumerate() {
        match serde_json::from_value(value) {
            Ok(content) => contents.push(content),
            Err(error) => {
                errors.push(wrong(format!("/content/{place}"), "wrong_shape", error.to_string()));
            }
        }
    }
    errors.extend(
        impresario_messages::check(&contents)
            .into_iter()
            .map(|problem| wrong(problem.pointer, problem.code, problem.message)),
    );
    if errors.is_empty() {
        Ok(contents)
    } else {
        Err(Fault::new(&codes::CONVERSATION_CONTENT_INVALID).errors(errors))
    }
}

async fn reply(call: &mut Call) -> Result<Response, Fault> {
    let given: HumanReply = call.json()?;
    if given.text.is_some() != given.content.is_empty() {
        return Err(invalid("", "give either text or content"));
    }
    let by = Personal(given.by.clone());
    let command = Command::ReplyAsHuman { by, content: contents(given)? };
    let id: ConversationId = call.path_id("id").await?;
    let reply = ask(call, id, command, call.envelope()?).await?;
    told(StatusCode::ACCEPTED, id, reply)
}

async fn act(call: &mut Call, command: Command) -> Result<Response, Fault> {
    let id: ConversationId = call.path_id("id").await?;
    let reply = ask(call, id, command, call.envelope()?).await?;
    told(StatusCode::OK, id, reply)
}

async fn assign(call: &mut Call) -> Result<Response, Fault> {
    let Assignment { assignee, only_if_free } = call.json()?;
    act(call, Command::Assign { assignee: Personal(assignee), only_if_free }).await
}

async fn note(call: &mut Call) -> Result<Response, Fault> {
    let NewNote { by, text } = call.json()?;
    act(call, Command::Note { by: Personal(by), text: Personal(text) }).await
}

async fn give_back(call: &mut Call) -> Result<Response, Fault> {
    let GiveBack { answer } = if call.body.is_empty() { GiveBack::default() } else { call.json()? };
    act(call, Command::HandBack { answer }).await
}

async fn handoff(call: &mut Call) -> Result<Response, Fault> {
    let HandoffRequest { detail } =
        if call.body.is_empty() { HandoffRequest::default() } else { call.json()? };
    if detail.chars().count() > 500 {
        return Err(invalid("/detail", "at most 500 characters"));
    }
    let reason = HandoffReason::Manual;
    act(call, Command::RequestHandoff { reason, detail: Personal(detail) }).await
}
