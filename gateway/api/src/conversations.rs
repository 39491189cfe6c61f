//! Conversations: messages in, replies of people, who holds them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A message of a customer who writes through your own program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user": "u-17", "text": "Where is my order?", "message_id": "m-1"}))]
pub struct SendMessage {
    /// The user id under which you know the customer: 1 to 200 bytes.
    pub user: String,
    /// Keeps several conversations of one customer apart: at most 200 bytes.
    #[serde(default)]
    pub thread: String,
    /// What the customer writes: at most 8 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Or what the customer chose of what was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<MessageChoice>,
    /// Your id of the message: the same one again is absorbed. Made by the server if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The customer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The customer's email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The customer's telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// Something that was offered and chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "product:TS-7", "title": "Trail shoe"}))]
pub struct MessageChoice {
    /// Its id.
    pub id: String,
    /// What the customer saw.
    #[serde(default)]
    pub title: String,
}

/// What became of a message or of an act on a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "conversation": "cnv_01jd5x2k3m4n5p6q7r8s9t0v1w", "outcome": "done", "status": "bot",
    "turn": 3, "outgoing": null
}))]
pub struct ConversationReply {
    /// The conversation.
    pub conversation: String,
    /// `done`, `unchanged`, `duplicate` (it had come before), `held` (it waits for a person) or
    /// `handed_off`.
    pub outcome: String,
    /// Who holds the conversation now.
    pub status: String,
    /// The turn that answers the message; 0: none yet.
    pub turn: u32,
    /// The message that is sent because of it.
    pub outgoing: Option<String>,
}

/// A file that a platform has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "1037543291543636"}))]
pub struct StoredFile {
    /// Its id there: what `id_or_url` of a message's media is to say. Good for 30 days.
    pub id: String,
}

/// What a person answers to a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"by": "ada", "text": "I have sent it again."}))]
pub struct HumanReply {
    /// Who: 1 to 100 characters.
    pub by: String,
    /// Words, as Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Or contents of any kind (see the guide to messages).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub content: Vec<Value>,
}

/// Who takes a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"assignee": "ada", "only_if_free": true}))]
pub struct Assignment {
    /// A person or a team: 1 to 100 characters.
    pub assignee: String,
    /// Refuse if somebody else has it.
    #[serde(default)]
    pub only_if_free: bool,
}

/// A note that the customer does not see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"by": "ada", "text": "Called the carrier."}))]
pub struct NewNote {
    /// Who: 1 to 100 characters.
    pub by: String,
    /// 1 to 4 000 characters.
    pub text: String,
}

/// How a conversation goes back to the assistant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"answer": true}))]
pub struct GiveBack {
    /// Whether the assistant answers what no person has replied to.
    pub answer: bool,
}

/// Why a person should take over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"detail": "A journalist asks."}))]
pub struct HandoffRequest {
    /// In words, for the person.
    pub detail: String,
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationMessage {
    /// Counted from 1 by arrival.
    pub seq: u64,
    /// The platform's id, or ours of what we sent.
    pub id: String,
    /// `customer`, `assistant`, `human`, or `note` (not shown to the customer).
    pub from: String,
    /// Which person of yours.
    pub by: Option<String>,
    /// When it was said.
    pub at: String,
    /// When it was taken in.
    pub received: String,
    /// What was said (see the guide to messages).
    #[schema(value_type = Vec<Object>)]
    pub content: Vec<Value>,
    /// What was chosen.
    pub choice: Option<MessageChoice>,
    /// The turn that it belongs to.
    pub turn: Option<u32>,
    /// What it rests on: documents and chunks.
    #[schema(value_type = Vec<Object>)]
    pub citations: Vec<Value>,
    /// The id of the message that it answers.
    pub reply_to: Option<String>,
}

/// A conversation with a page of what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// `bot`, `waiting_human`, `human` or `resolved`.
    pub status: String,
    /// Channel, connection, user and thread.
    #[schema(value_type = Object)]
    pub address: Value,
    /// What is known of the customer.
    #[schema(value_type = Object)]
    pub person: Value,
    /// The customer's profile.
    pub profile: Option<String>,
    /// When it began.
    pub created_at: String,
    /// When something last happened.
    pub updated_at: String,
    /// The current turn; 0: none yet.
    pub turn: u32,
    /// Whether an answer is being worked on.
    pub thinking: bool,
    /// Messages that wait for the end of their burst.
    pub collecting: u32,
    /// The customer's language.
    pub language: Option<String>,
    /// A page of what was said, oldest first.
    pub messages: Vec<ConversationMessage>,
    /// Whether there are remembered messages before the page.
    pub more: bool,
    /// Summary, key facts, topic, last product and service.
    #[schema(value_type = Object)]
    pub memory: Value,
    /// When all of that but the key facts is put aside.
    pub memory_expires_at: Option<String>,
    /// Why a person has, or should have, it; who; since when.
    #[schema(value_type = Option<Object>)]
    pub handoff: Option<Value>,
    /// Numbers of the messages that wait for a person.
    pub waiting: Vec<u64>,
    /// Questions that were put off or overlooked.
    #[schema(value_type = Vec<Object>)]
    pub unanswered: Vec<Value>,
    /// Details that the customer gave.
    #[schema(value_type = Vec<Object>)]
    pub collected: Vec<Value>,
    /// The customer's rating, 1 to 5.
    pub rating: Option<u8>,
    /// Whether the customer wants nothing that was not asked for.
    pub opted_out: bool,
    /// What became of the last messages that were sent.
    #[schema(value_type = Vec<Object>)]
    pub deliveries: Vec<Value>,
    /// How often things happened.
    #[schema(value_type = Object)]
    pub counters: Value,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "cnv_01jd5x2k3m4n5p6q7r8s9t0v1w", "status": "waiting_human", "channel": "whatsapp",
    "updated_at": "2026-11-20T12:00:00.000Z", "created_at": "2026-11-20T11:50:00.000Z", "turn": 3,
    "waiting": 1, "reason": "wish", "due_at": "2026-11-20T12:15:00.000Z", "missed": false,
    "language": "en", "path": "new", "rating": null, "profile": null
}))]
pub struct ConversationRow {
    /// Its id.
    pub id: String,
    /// `bot`, `waiting_human`, `human` or `resolved`.
    pub status: String,
    /// The channel.
    pub channel: String,
    /// When something last happened.
    pub updated_at: String,
    /// When it began.
    pub created_at: String,
    /// The current turn.
    pub turn: u32,
    /// Messages that wait for a person.
    pub waiting: u32,
    /// Why a person has, or should have, it.
    pub reason: Option<String>,
    /// When a person should have replied.
    pub due_at: Option<String>,
    /// Whether nobody did in time.
    pub missed: bool,
    /// The customer's language.
    pub language: Option<String>,
    /// `new` or `old`: inside or outside the rollout.
    pub path: String,
    /// The customer's rating.
    pub rating: Option<u8>,
    /// The customer's profile.
    pub profile: Option<String>,
}

/// What is to be in another language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"language": "en", "limit": 10}))]
pub struct Translate {
    /// Into which language: an ISO 639-1 code. For a `text` of yours: the customer's if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// A text of yours instead of what was said: at most 8 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only messages before this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many messages at most: 1 to 200; 20 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Words in another language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "text": "Where is my tent?", "from": "de", "same": false, "doubtful": false
}))]
pub struct TranslatedWords {
    /// The words.
    pub text: String,
    /// The language that they were in, as far as it could be told.
    pub from: Option<String>,
    /// Whether they were in the wanted language already.
    pub same: bool,
    /// Whether numbers, links or addresses are not those of the original.
    pub doubtful: bool,
}

/// A message in another language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "seq": 3, "text": "Where is my tent?", "from": "de", "same": false, "doubtful": false
}))]
pub struct TranslatedMessage {
    /// The message's number.
    pub seq: u64,
    /// Its words.
    #[serde(flatten)]
    pub translated: TranslatedWords,
}

/// A conversation, or a text, in another language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "language": "en", "messages": [], "text": null, "model": "openai/gpt-5-mini",
    "call": "cal_01jd5x2k3m4n5p6q7r8s9t0v1w", "cost_micros": 310
}))]
pub struct Translation {
    /// The language.
    pub language: String,
    /// The messages, oldest first; those without words are left out.
    pub messages: Vec<TranslatedMessage>,
    /// The text, if one was given.
    pub text: Option<TranslatedWords>,
    /// The model; null where nothing had to be translated.
    pub model: Option<String>,
    /// Its call, for `/api/v1/llm/traces`.
    pub call: Option<String>,
    /// What it cost, in millionths.
    pub cost_micros: i64,
}
