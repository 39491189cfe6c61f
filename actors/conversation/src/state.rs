use impresario_assistant::{HandoffReason, RolloutPath};
use impresario_ids::{CallId, ProfileId};
use impresario_kernel::{Personal, Timestamp};
use impresario_messages::{Address, Choice, Delivery, Fault, Person};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{Collected, Memory, Message, Unanswered};

mod apply;

/// Who holds a conversation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Status {
    /// The assistant.
    #[default]
    #[n(0)]
    Bot,
    /// Nobody: a human should take it.
    #[n(1)]
    WaitingHuman,
    /// A human.
    #[n(2)]
    Human,
    /// Nobody needs to.
    #[n(3)]
    Resolved,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bot, Self::WaitingHuman, Self::Human, Self::Resolved];

    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::WaitingHuman => "waiting_human",
            Self::Human => "human",
            Self::Resolved => "resolved",
        }
    }

    /// The stored number, for index terms.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Bot => 0,
            Self::WaitingHuman => 1,
            Self::Human => 2,
            Self::Resolved => 3,
        }
    }

    /// Whether the assistant must be silent.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Self::WaitingHuman | Self::Human)
    }
}

/// Messages that belong together and wait for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Burst {
    /// When the first was taken in.
    #[n(0)]
    pub first_at: Timestamp,
    /// When the last was taken in.
    #[n(1)]
    pub last_at: Timestamp,
    /// When it ends.
    #[n(2)]
    pub deadline: Timestamp,
    /// Their numbers, by arrival.
    #[n(3)]
    pub messages: Vec<u64>,
    /// How often an answer to it was thrown away for a newer message.
    #[n(4)]
    pub restarts: u8,
}

/// A turn that is being answered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Thinking {
    /// Which.
    #[n(0)]
    pub turn: u32,
    /// Since when.
    #[n(1)]
    pub since: Timestamp,
    /// When its first message was taken in.
    #[n(2)]
    pub first_at: Timestamp,
    /// Its messages, in the order of writing.
    #[n(3)]
    pub messages: Vec<u64>,
    /// How often its messages were answered in vain before.
    #[n(4)]
    pub restarts: u8,
    /// Failures that were reported.
    #[n(5)]
    pub attempt: u8,
    /// Attempts that nobody reported about.
    #[n(6)]
    pub silences: u8,
    /// When the attempt under way began.
    #[n(7)]
    pub attempt_at: Timestamp,
    /// When the next attempt begins, if none is under way.
    #[n(8)]
    pub retry_at: Option<Timestamp>,
    /// Paid calls that were granted, in all attempts.
    #[n(9)]
    pub calls: Vec<BegunCall>,
    /// Inside or outside the rollout.
    #[n(10)]
    pub path: RolloutPath,
    /// The turn of the overlooked question that is asked for again.
    #[n(11)]
    pub forgotten: Option<u32>,
}

/// A paid call that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BegunCall {
    /// Which.
    #[n(0)]
    pub call: CallId,
    /// Which model.
    #[n(1)]
    pub model: String,
    /// What it may cost, in millionths.
    #[n(2)]
    pub micros: i64,
    /// When.
    #[n(3)]
    pub at: Timestamp,
}

/// That a human has, or should have, the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Handoff {
    /// Why.
    #[n(0)]
    pub reason: HandoffReason,
    /// In words.
    #[n(1)]
    #[serde(serialize_with = "crate::json::open")]
    pub detail: Personal<String>,
    /// Since when.
    #[n(2)]
    #[serde(serialize_with = "crate::json::time")]
    pub since: Timestamp,
    /// When a human should have replied; `None`: no limit, or one did.
    #[n(3)]
    #[serde(serialize_with = "crate::json::time_or_null")]
    pub due: Option<Timestamp>,
    /// Whether nobody did.
    #[n(4)]
    pub missed: bool,
    /// Who has it.
    #[n(5)]
    #[serde(serialize_with = "crate::json::open_or_null")]
    pub assignee: Option<Personal<String>>,
}

/// The fate of a message that we sent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct SentMessage {
    /// Our id.
    #[n(0)]
    pub outgoing: String,
    /// The platform's ids.
    #[n(1)]
    pub platform_ids: Vec<String>,
    /// How far it has come; `None`: not sent yet, as far as is known.
    #[n(2)]
    pub status: Option<Delivery>,
    /// Why it failed.
    #[n(3)]
    pub error: Option<Fault>,
    /// When that was.
    #[n(4)]
    #[serde(serialize_with = "crate::json::time")]
    pub at: Timestamp,
    /// While it is not known whether all of it left: how that stands.
    #[n(5)]
    pub sending: Option<Box<Sending>>,
}

/// How it stands with a message that is being given to its platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Sending {
    /// Tries without a known outcome, with the last one.
    #[n(0)]
    pub tries: u8,
    /// When the last one began.
    #[n(1)]
    #[serde(serialize_with = "crate::json::time")]
    pub at: Timestamp,
    /// Whether the last one has no known outcome (yet).
    #[n(2)]
    pub unknown: bool,
    /// How many messages of the platform it becomes.
    #[n(3)]
    pub of: u32,
    /// Those that are known to have left.
    #[n(4)]
    pub parts: Vec<SentPart>,
}

/// One of the platform's messages that a message became.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct SentPart {
    /// Which, counted from 0.
    #[n(0)]
    pub part: u32,
    /// The platform's id.
    #[n(1)]
    pub id: String,
}

impl Sending {
    /// The parts go out one after the other, so those before one that left have left too.
    #[must_use]
    pub fn next_part(&self) -> u32 {
        self.parts.iter().map(|known| known.part.saturating_add(1)).max().unwrap_or(0)
    }

    /// The platform's ids from the first part on; empty where one is not known.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let id = |part| self.parts.iter().find(|known| known.part == part);
        let known = |part| id(part).map_or_else(String::new, |known| known.id.clone());
        (0..self.next_part()).map(known).collect()
    }

    pub(crate) fn add(&mut self, part: &SentPart) {
        let is_new = !self.parts.iter().any(|known| known.part == part.part);
        if is_new && self.parts.len() < crate::PARTS_KEPT {
            self.parts.push(part.clone());
        }
    }
}

/// A delivery that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SeenMessage {
    /// The hash of the platform's id.
    #[n(0)]
    pub digest: u64,
    /// When.
    #[n(1)]
    pub at: Timestamp,
}

/// How often things happened, ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Counters {
    /// Messages of the customer.
    #[n(0)]
    pub received: u64,
    /// Messages of the assistant.
    #[n(1)]
    pub replies: u64,
    /// Messages of humans.
    #[n(2)]
    pub human_replies: u64,
    /// Answers that were thrown away for a newer message.
    #[n(3)]
    pub superseded: u64,
    /// Turns that failed.
    #[n(4)]
    pub failed: u64,
    /// Handoffs.
    #[n(5)]
    pub handoffs: u64,
    /// Overlooked questions that were answered when asked for again.
    #[n(6)]
    pub recovered: u64,
    /// Suggestions that were taken up.
    #[n(7)]
    pub accepted: u64,
    /// What it cost, in millionths.
    #[n(8)]
    pub cost_micros: i64,
    /// Tokens read and written.
    #[n(9)]
    pub tokens: u64,
}

/// What a conversation knows.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct State {
    /// `None`: nothing was received yet, or everything is forgotten.
    #[n(0)]
    pub(crate) address: Option<Address>,
    #[n(1)]
    pub(crate) person: Person,
    #[n(2)]
    pub(crate) profile: Option<ProfileId>,
    #[n(3)]
    pub(crate) status: Status,
    #[n(4)]
    pub(crate) created: Timestamp,
    /// When something was last said, or somebody took or gave it.
    #[n(5)]
    pub(crate) updated: Timestamp,
    /// Oldest first.
    #[n(6)]
    pub(crate) messages: Vec<Message>,
    /// The number of the last message.
    #[n(7)]
    pub(crate) last_seq: u64,
    /// While a turn is being answered: what waits for the next one.
    #[n(8)]
    pub(crate) burst: Option<Burst>,
    #[n(9)]
    pub(crate) turn: u32,
    #[n(10)]
    pub(crate) thinking: Option<Thinking>,
    #[n(11)]
    pub(crate) memory: Memory,
    #[n(12)]
    pub(crate) unanswered: Vec<Unanswered>,
    /// What the customer can choose from.
    #[n(13)]
    pub(crate) offered: Vec<Choice>,
    #[n(14)]
    pub(crate) sent: Vec<SentMessage>,
    #[n(15)]
    pub(crate) seen: Vec<SeenMessage>,
    #[n(16)]
    pub(crate) handoff: Option<Handoff>,
    #[n(17)]
    pub(crate) rating: Option<u8>,
    #[n(18)]
    pub(crate) language: Option<String>,
    /// Uncertain answers in a row.
    #[n(19)]
    pub(crate) uncertain_turns: u8,
    #[n(20)]
    pub(crate) counters: Counters,
    /// The intent whose details are being collected.
    #[n(21)]
    pub(crate) collecting: Option<String>,
    #[n(22)]
    pub(crate) collected: Vec<Collected>,
    /// SKUs that were suggested and not yet taken up.
    #[n(23)]
    pub(crate) suggested: Vec<String>,
    /// Whether the customer was asked about a corrected word.
    #[n(24)]
    pub(crate) correction_asked: bool,
    #[n(25)]
    pub(crate) opted_out: bool,
    /// What the platform told with the last message.
    #[n(26)]
    pub(crate) extra: Personal<Vec<(String, String)>>,
    /// The platform's id of the customer's last message.
    #[n(27)]
    pub(crate) last_inbound: Option<String>,
    /// When the customer wrote last.
    #[n(28)]
    pub(crate) last_inbound_at: Timestamp,
    /// Whether the assistant said that it is a machine.
    #[n(29)]
    pub(crate) disclosed: bool,
    /// Whether a rating was asked for.
    #[n(30)]
    pub(crate) rating_asked: bool,
    /// Messages up to this one are not part of the present matter.
    #[n(31)]
    pub(crate) history_after: u64,
    /// The last message that the summary covers.
    #[n(32)]
    pub(crate) summarised: u64,
    /// Messages that a human has to answer.
    #[n(33)]
    pub(crate) held: Vec<u64>,
    /// The last turn that was answered outside or inside the rollout.
    #[n(34)]
    pub(crate) path: RolloutPath,
}

impl State {
    /// Who holds the conversation.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The current turn (0: none yet).
    #[must_use]
    pub fn turn(&self) -> u32 {
        self.turn
    }

    /// The turn that is being answered, if one is.
    #[must_use]
    pub fn thinking(&self) -> Option<&Thinking> {
        self.thinking.as_ref()
    }

    /// What waits for an answer that nobody works on yet.
    #[must_use]
    pub fn burst(&self) -> Option<&Burst> {
        self.burst.as_ref()
    }

    /// The remembered messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// What is remembered.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// How often things happened.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn message(&self, seq: u64) -> Option<&Message> {
        self.messages.iter().find(|message| message.seq == seq)
    }

    /// Messages that must not be let go of: somebody has to answer them.
    fn awaited(&self) -> impl Iterator<Item = u64> {
        let burst = self.burst.iter().flat_map(|burst| burst.messages.iter());
        let thinking = self.thinking.iter().flat_map(|thinking| thinking.messages.iter());
        burst.chain(thinking).copied()
    }
}
