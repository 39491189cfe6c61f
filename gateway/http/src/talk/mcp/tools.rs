//! The tools. Each is open to keys with one of its scopes; the others do not see it.

use http::StatusCode;
use impresario_api::codes;
use impresario_api::{AskKnowledge, SearchKnowledge};
use impresario_conversation::Status;
use impresario_ids::ConversationId;
use impresario_kernel::EntityKey;
use impresario_profile::{Answer, Profile, Query};
use impresario_router::Envelope;
use impresario_tenant::Scope;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{INVALID_PARAMS, Wrong};
use crate::call::{self, Call};
use crate::fault::Fault;
use crate::routes::profile_json;
use crate::talk::transcript;

const QUESTION_CHARS_MAX: usize = 2_000;
/// Profiles that were merged into another one are followed so far.
const HOPS_MAX: usize = 8;

/// A tool.
struct Tool {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    /// One of them is enough.
    scopes: &'static [Scope],
}

const SEARCH: Tool = Tool {
    name: "search_knowledge",
    title: "Search the knowledge base",
    about: "Finds the passages that fit a question best, by words and by meaning.",
    scopes: &[Scope::IntegrationsManage, Scope::ConversationsWrite],
};
const ANSWER: Tool = Tool {
    name: "answer_question",
    title: "Answer a question",
    about: "Answers a question out of the knowledge base. Every sentence is borne out by what it \
            cites; where nothing is, `abstained` is true.",
    scopes: &[Scope::IntegrationsManage, Scope::ConversationsWrite],
};
const PROFILE: Tool = Tool {
    name: "get_profile",
    title: "Get a customer's profile",
    about: "What is known about a customer: traits, computed traits, counters, segments.",
    scopes: &[Scope::ProfilesRead],
};
const CONVERSATIONS: Tool = Tool {
    name: "list_conversations",
    title: "List conversations",
    about: "Conversations with customers, the latest change first.",
    scopes: &[Scope::ConversationsRead],
};
const CONVERSATION: Tool = Tool {
    name: "get_conversation",
    title: "Get a conversation",
    about: "A conversation with its newest messages, or those before a number.",
    scopes: &[Scope::ConversationsRead],
};
/// In this order they are listed, always.
const ALL: [&Tool; 5] = [&SEARCH, &ANSWER, &PROFILE, &CONVERSATIONS, &CONVERSATION];

impl Tool {
    fn input(&self) -> Value {
        let text = |about: &str| json!({ "type": "string", "description": about });
        let names = json!({ "type": "array", "items": { "type": "string" },
            "description": "Only in these collections; everywhere if not given." });
        let number = |most: u32| json!({ "type": "integer", "minimum": 1, "maximum": most });
        let (properties, required) = match self.name {
            "search_knowledge" => (
                json!({ "query": text("The question, at most 2 000 characters."),
                    "collections": names, "limit": number(50) }),
                json!(["query"]),
            ),
            "answer_question" => (
                json!({ "question": text("At most 2 000 characters."), "collections": names }),
                json!(["question"]),
            ),
            "get_profile" => (
                json!({ "user_id": text("The id under which you know the customer.") }),
                json!(["user_id"]),
            ),
            "list_conversations" => (
                json!({
                    "status": { "type": "string", "enum": Status::ALL.map(Status::as_str) },
                    "cursor": text("Where to go on: `next` of the page before."),
                    "limit": number(100),
                }),
                json!([]),
            ),
            _ => (
                json!({
                    "conversation": text("Its id: cnv_…"),
                    "before": { "type": "integer", "minimum": 1,
                        "description": "Only messages before this number." },
                    "limit": number(200),
                }),
                json!(["conversation"]),
            ),
        };
        json!({ "type": "object", "properties": properties, "required": required,
            "additionalProperties": false })
    }

    fn is_open(&self, call: &Call) -> bool {
        call.caller().is_ok_and(|caller| self.scopes.iter().any(|scope| caller.may(*scope)))
    }
}

/// The tools that the caller may use.
pub(super) fn list(call: &Call) -> Vec<Value> {
    let open = ALL.into_iter().filter(|tool| tool.is_open(call));
    open.map(|tool| {
        json!({
            "name": tool.name,
            "title": tool.title,
            "description": tool.about,
            "inputSchema": tool.input(),
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        })
    })
    .collect()
}

/// Runs a tool. What goes wrong in it is a result, which the model can read.
pub(super) async fn run(call: &mut Call, mut params: Map<String, Value>) -> Result<Value, Wrong> {
    let wrong = |detail: String| Wrong::new(StatusCode::OK, INVALID_PARAMS, detail);
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let tool = ALL.into_iter().find(|tool| tool.name == name);
    let tool = tool.ok_or_else(|| wrong(format!("Unknown tool: {name}")))?;
    let arguments = match params.remove("arguments") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(arguments @ Value::Object(_)) => arguments,
        Some(_) => return Err(wrong("arguments are an object".to_owned())),
    };
    let outcome = if tool.is_open(call) {
        perform(call, tool, arguments).await
    } else {
        let names: Vec<&str> = tool.scopes.iter().map(|scope| scope.as_str()).collect();
        Err(Fault::new(&codes::SCOPE_MISSING)
            .detail(format!("{name} needs the scope {}", names.join(" or "))))
    };
    Ok(match outcome {
        Ok(value) => result(&value, false),
        Err(fault) => {
            if fault.http_status() >= 500 {
                tracing::warn!(tool = tool.name, trace = %call.trace, code = fault.code(), "a tool failed");
            }
            let problem = fault.problem();
            result(
                &json!({
                    "code": problem.code,
                    "detail": problem.detail.as_ref().unwrap_or(&problem.title),
                    "retry": fault.waits_ms().is_some(),
                }),
                true,
            )
        }
    })
}

fn result(value: &Value, is_error: bool) -> Value {
    json!({
        "content": [{ "type": "text", "text": value.to_string() }],
        "structuredContent": value,
        "isError": is_error,
    })
}

fn arguments<T: DeserializeOwned>(given: Value) -> Result<T, Fault> {
    serde_json::from_value(given)
        .map_err(|error| Fault::new(&codes::INVALID_REQUEST).detail(error.to_string()))
}

fn shown<T: serde::Serialize>(value: &T) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|error| {
        tracing::error!(%error, "the result of a tool could not be written as json");
        Fault::new(&codes::INTERNAL)
    })
}

fn question(text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() || text.chars().count() > QUESTION_CHARS_MAX {
        return Err(Fault::new(&codes::INVALID_REQUEST)
            .detail(format!("a question has 1 to {QUESTION_CHARS_MAX} characters")));
    }
    Ok(())
}

async fn perform(call: &mut Call, tool: &Tool, given: Value) -> Result<Value, Fault> {
    match tool.name {
        "search_knowledge" => search(call, given).await,
        "answer_question" => answer(call, given).await,
        "get_profile" => profile(call, given).await,
        "list_conversations" => conversations(call, given).await,
        _ => conversation(call, given).await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    #[serde(default)]
    collections: Vec<String>,
    #[serde(default)]
    limit: Option<u32>,
}

async fn search(call: &mut Call, given: Value) -> Result<Value, Fault> {
    let Search { query, collections, limit } = arguments(given)?;
    question(&query)?;
    let limit = limit.map(|limit| limit.clamp(1, 50));
    let request = SearchKnowledge { query, collections, limit, ..SearchKnowledge::default() };
    shown(&call.edge.talk.search(call.tenant()?, request).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    question: String,
    #[serde(default)]
    collections: Vec<String>,
}

async fn answer(call: &mut Call, given: Value) -> Result<Value, Fault> {
    let Ask { question: text, collections } = arguments(given)?;
    question(&text)?;
    let request = AskKnowledge { question: text, collections, ..AskKnowledge::default() };
    shown(&call.edge.talk.answer(call.tenant()?, request, call.trace).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    user_id: String,
}

async fn profile(call: &mut Call, given: Value) -> Result<Value, Fault> {
    let Whose { user_id } = arguments(given)?;
    let tenant = call.tenant()?;
    let mut id = impresario_profile::id_of_user(tenant, &user_id);
    for _ in 0..HOPS_MAX {
        let entity = EntityKey::new(tenant, impresario_profile::KIND, id);
        let envelope = Envelope { key: None, deadline: call.deadline(), trace: call.trace };
        match call.edge.router.query::<Profile>(entity, Query::Get, envelope).await? {
            Answer::Merged { into } => id = into,
            Answer::Profile(view) => return shown(&profile_json::profile(*view)?),
            _ => return Err(Fault::new(&codes::PROFILE_NOT_FOUND)),
        }
    }
    Err(Fault::new(&codes::MERGE_CIRCLE))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

async fn conversations(call: &mut Call, given: Value) -> Result<Value, Fault> {
    let List { status, cursor, limit } = arguments(given)?;
    let wrong = |detail: String| Fault::new(&codes::PARAMETER_INVALID).detail(detail);
    let mut held_by = Vec::new();
    if let Some(name) = status {
        let known = Status::ALL.into_iter().find(|status| status.as_str() == name);
        held_by.push(known.ok_or_else(|| wrong(format!("there is no status {name}")))?);
    }
    let cursor = cursor.as_deref().map(str::parse::<impresario_views::Cursor>).transpose();
    let cursor = cursor.map_err(|error| wrong(error.to_string()))?;
    let (tenant, limit) = (call.tenant()?, limit.unwrap_or(20).clamp(1, 100));
    let page =
        call.view(move |views| views.inbox(tenant, &held_by, cursor.as_ref(), limit)).await?;
    shown(&call::page(page, |item| item))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    conversation: String,
    #[serde(default)]
    before: Option<u64>,
    #[serde(default)]
    limit: Option<u32>,
}

async fn conversation(call: &mut Call, given: Value) -> Result<Value, Fault> {
    let One { conversation, before, limit } = arguments(given)?;
    let id: ConversationId = conversation.parse()?;
    let entity = (call.tenant()?, id);
    let limit = limit.unwrap_or(50).clamp(1, 200);
    let view = transcript::page(&call.edge, entity, before, limit, call.trace).await?;
    shown(&view.ok_or_else(|| Fault::new(&codes::CONVERSATION_NOT_FOUND))?)
}
