//! What an answerer gets and what it gives back.

use impresario_assistant::{HandoffReason, RolloutPath};
use impresario_ids::{CallId, ConversationId, ProfileId, TraceId};
use impresario_kernel::{Personal, Timestamp};
use impresario_messages::{Address, Content, Person};
use minicbor::{Decode, Encode};

use crate::{BegunCall, Memory, Message, Unanswered};

/// Everything of the conversation that answering a turn needs.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct TurnWork {
    /// Which conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Which turn: its answer counts only while it is the current one.
    #[n(1)]
    pub turn: u32,
    /// Failures reported so far in this turn. A part of every call's id ([`crate::call_id`]), so that
    /// work that begins again after a crash cannot pay for the same call twice, and a reported
    /// failure can.
    #[n(2)]
    pub attempt: u8,
    /// Inside or outside the tenant's rollout (CNV-29).
    #[n(3)]
    pub path: RolloutPath,
    /// Where the reply will go.
    #[n(4)]
    pub address: Address,
    /// Who writes.
    #[n(5)]
    pub person: Person,
    /// Their profile, for the history of the person (CNV-02).
    #[n(6)]
    pub profile: Option<ProfileId>,
    /// The burst, in the order of writing.
    #[n(7)]
    pub messages: Vec<Message>,
    /// What was said before, oldest first.
    #[n(8)]
    pub history: Vec<Message>,
    /// What is remembered (CNV-07).
    #[n(9)]
    pub memory: Memory,
    /// The language of the last answer.
    #[n(10)]
    pub language: Option<String>,
    /// The customer says that something was forgotten: this (CNV-28).
    #[n(11)]
    pub forgotten: Option<Unanswered>,
    /// The first turn after a pause (CNV-27). The entity adds the acknowledgement.
    #[n(12)]
    pub returning: bool,
    /// A lead's details are being collected (CNV-14).
    #[n(13)]
    pub collecting: Option<Collecting>,
    /// Whether a fresh summary of the older messages is wanted (CNV-09).
    #[n(14)]
    pub summarise: bool,
    /// Uncertain answers in a row before this turn.
    #[n(15)]
    pub uncertain_turns: u8,
    /// The person wants nothing that was not asked for: no suggestions.
    #[n(16)]
    pub opted_out: bool,
    /// Calls that were begun for this turn already.
    #[n(17)]
    pub begun: Vec<BegunCall>,
    /// When the turn began.
    #[n(18)]
    pub since: Timestamp,
}

/// A lead's details being collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Collecting {
    /// For which intent.
    #[n(0)]
    pub intent: String,
    /// The fields still to come, the one that was asked for first.
    #[n(1)]
    pub missing: Vec<String>,
}

/// The answer to a turn.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct TurnAnswer {
    /// One per intent, or several. They are put in the order of urgency and dependency.
    #[n(0)]
    pub parts: Vec<ReplyPart>,
    /// All intents that the burst has. One without a part is recorded as deferred.
    #[n(1)]
    pub intents: Vec<IntentFound>,
    /// The language of the burst.
    #[n(2)]
    pub language: Option<String>,
    /// The worst sentiment of the burst's messages, -1 to 1.
    #[n(3)]
    pub sentiment: f64,
    /// 0 to 1.
    #[n(4)]
    pub confidence: f64,
    /// Which model wrote it, if one did.
    #[n(5)]
    pub model: Option<String>,
    /// How it came about.
    #[n(6)]
    pub path: AnswerPath,
    /// Tokens read.
    #[n(7)]
    pub tokens_in: u64,
    /// Tokens written.
    #[n(8)]
    pub tokens_out: u64,
    /// What it cost, in millionths of the tenant's currency.
    #[n(9)]
    pub cost_micros: i64,
    /// The calls behind it.
    #[n(10)]
    pub calls: Vec<CallId>,
    /// What to remember.
    #[n(11)]
    pub memory: MemoryUpdate,
    /// Spelling that was corrected (CNV-21).
    #[n(12)]
    pub corrections: Vec<Correction>,
    /// What was suggested (CNV-24); shown in a part.
    #[n(13)]
    pub suggestions: Vec<Suggestion>,
    /// Passages that were cited.
    #[n(14)]
    pub knowledge_hits: u32,
    /// Passages that were found.
    #[n(15)]
    pub retrieved: u32,
    /// A human should take over.
    #[n(16)]
    pub wants_handoff: Option<HandoffReason>,
    /// From the beginning of the turn to this answer.
    #[n(17)]
    pub latency_ms: u64,
    /// Where it can be looked up.
    #[n(18)]
    pub trace: Option<TraceId>,
    /// Details of a lead that the customer gave.
    #[n(19)]
    pub collected: Vec<Collected>,
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum AnswerPath {
    /// Written by a model.
    #[n(0)]
    Generated,
    /// Taken from the knowledge word for word.
    #[default]
    #[n(1)]
    Extractive,
    /// Neither was possible.
    #[n(2)]
    Fallback,
    /// Said by the conversation itself.
    #[n(3)]
    House,
}

impl AnswerPath {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Extractive => "extractive",
            Self::Fallback => "fallback",
            Self::House => "house",
        }
    }
}

/// The reply to one intent.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct ReplyPart {
    /// The intent's name; empty: none of the tenant's.
    #[n(0)]
    pub intent: String,
    /// What the customer asked, in their words.
    #[n(1)]
    pub request: Personal<String>,
    /// What to say; may be empty if deferred.
    #[n(2)]
    pub content: Vec<Content>,
    /// What it rests on.
    #[n(3)]
    pub citations: Vec<Citation>,
    /// Why it is not answered now, if it is not.
    #[n(4)]
    pub deferred: Option<String>,
}

/// What a sentence rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Citation {
    /// The document's id.
    #[n(0)]
    pub document: String,
    /// The chunk within it.
    #[n(1)]
    pub chunk: String,
    /// What to show.
    #[n(2)]
    pub title: String,
    /// Where to read on, if public.
    #[n(3)]
    pub url: Option<String>,
}

/// An intent of the burst.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode, serde::Serialize)]
pub struct IntentFound {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// 0 to 1.
    #[n(1)]
    pub confidence: f64,
}

/// A detail of a lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Collected {
    /// The field's name.
    #[n(0)]
    pub field: String,
    /// What the customer said.
    #[n(1)]
    #[serde(serialize_with = "crate::json::open")]
    pub value: Personal<String>,
}

/// A corrected word.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Correction {
    /// As written.
    #[n(0)]
    pub from: Personal<String>,
    /// As understood.
    #[n(1)]
    pub to: Personal<String>,
    /// 0 to 1.
    #[n(2)]
    pub confidence: f64,
    /// Whether the customer was asked (CNV-22), by choices with the ids [`crate::CORRECTION_YES`] and
    /// [`crate::CORRECTION_NO`].
    #[n(3)]
    pub asked: bool,
}

/// Something suggested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Suggestion {
    /// The product's SKU. A choice `product:<sku>` accepts it.
    #[n(0)]
    pub sku: String,
    /// Its title.
    #[n(1)]
    pub title: String,
    /// Why.
    #[n(2)]
    pub reason: String,
}

/// What to remember. `None` and empty lists leave what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct MemoryUpdate {
    /// A new summary of all that was said.
    #[n(0)]
    pub summary: Option<Personal<String>>,
    /// Further facts that stay true.
    #[n(1)]
    pub key_facts: Vec<Personal<String>>,
    /// Names and values in what was said, by kind.
    #[n(2)]
    pub entities: Vec<Entity>,
    /// What it is about now.
    #[n(3)]
    pub topic: Option<Personal<String>>,
    /// What was promised or asked for; an empty text: nothing any more.
    #[n(4)]
    pub pending_action: Option<Personal<String>>,
    /// The product looked at last (SKU).
    #[n(5)]
    pub last_product: Option<String>,
    /// The service looked at last.
    #[n(6)]
    pub last_service: Option<String>,
}

/// A name or value in what was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, serde::Serialize)]
pub struct Entity {
    /// `order_number`, `date`, ….
    #[n(0)]
    pub kind: String,
    /// As said.
    #[n(1)]
    #[serde(serialize_with = "crate::json::open")]
    pub value: Personal<String>,
}
