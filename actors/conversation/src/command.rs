use impresario_assistant::{AssistantConfig, HandoffReason};
use impresario_ids::{CallId, ProfileId};
use impresario_kernel::{Coded, Personal};
use impresario_messages::{Content, Inbound, StatusUpdate};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{SentMessage, Status, TurnAnswer, TurnWork, View};

/// What a conversation can be asked to do.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Command {
    /// A message came in. The first one begins the conversation.
    #[n(0)]
    Receive {
        /// The message. Its id is what deliveries are deduplicated by.
        #[n(0)]
        inbound: Box<Inbound>,
        /// The person's profile, if the edge knows it.
        #[n(1)]
        profile: Option<ProfileId>,
    },
    /// Time has passed. Everything that is due is done.
    #[n(1)]
    Tick,
    /// A paid call is about to begin. Only [`Outcome::Granted`] allows it; each call id is granted
    /// once, ever. Send it **without** an idempotency key: a remembered answer would grant again.
    #[n(2)]
    BeginCall {
        /// For which turn.
        #[n(0)]
        turn: u32,
        /// [`crate::call_id`].
        #[n(1)]
        call: CallId,
        /// Which model.
        #[n(2)]
        model: String,
        /// What it may cost, in millionths.
        #[n(3)]
        micros: i64,
    },
    /// The answer to a turn. Ignored ([`Outcome::Stale`]) unless it is the current one.
    #[n(3)]
    RecordAnswer {
        /// Which turn.
        #[n(0)]
        turn: u32,
        /// The answer.
        #[n(1)]
        answer: Box<TurnAnswer>,
    },
    /// A turn could not be answered. Tried again a few times, then the customer gets an apology and
    /// a human.
    #[n(4)]
    FailTurn {
        /// Which turn.
        #[n(0)]
        turn: u32,
        /// A stable code.
        #[n(1)]
        reason: String,
        /// The attempt that failed ([`TurnWork::attempt`]); a report about another is old.
        #[n(2)]
        attempt: u8,
        /// Whether trying again may help.
        #[n(3)]
        retry: bool,
    },
    /// A message left.
    #[n(5)]
    RecordSent {
        /// Our id ([`impresario_messages::Outgoing::id`]).
        #[n(0)]
        outgoing: String,
        /// The platform's ids of what became of it.
        #[n(1)]
        platform_ids: Vec<String>,
    },
    /// A message could not be sent, for good.
    #[n(6)]
    RecordUnsent {
        /// Our id.
        #[n(0)]
        outgoing: String,
        /// A stable code.
        #[n(1)]
        code: String,
    },
    /// What became of a message at the platform.
    #[n(7)]
    RecordStatus {
        /// As reported.
        #[n(0)]
        update: Box<StatusUpdate>,
    },
    /// A human takes the conversation, or is given it.
    #[n(8)]
    Assign {
        /// Who: the tenant's id of a person or a team, 1 to 100 characters.
        #[n(0)]
        assignee: Personal<String>,
        /// Refuse if somebody else has it.
        #[n(1)]
        only_if_free: bool,
    },
    /// A human says something to the customer.
    #[n(9)]
    ReplyAsHuman {
        /// Who.
        #[n(0)]
        by: Personal<String>,
        /// What.
        #[n(1)]
        content: Vec<Content>,
    },
    /// A human notes something that the customer does not see.
    #[n(10)]
    Note {
        /// Who.
        #[n(0)]
        by: Personal<String>,
        /// 1 to 4 000 characters.
        #[n(1)]
        text: Personal<String>,
    },
    /// The assistant goes on.
    #[n(11)]
    HandBack {
        /// Whether it answers what no human has replied to.
        #[n(0)]
        answer: bool,
    },
    /// The matter is done.
    #[n(12)]
    Resolve,
    /// It is not.
    #[n(13)]
    Reopen,
    /// A human should take over.
    #[n(14)]
    RequestHandoff {
        /// The category.
        #[n(0)]
        reason: HandoffReason,
        /// In words, for the human.
        #[n(1)]
        detail: Personal<String>,
    },
    /// The person's profile is known, or another one now.
    #[n(15)]
    LinkProfile {
        /// Which.
        #[n(0)]
        profile: ProfileId,
    },
    /// The person stopped, or allows again, what they did not ask for.
    #[n(16)]
    RecordConsent {
        /// Whether they stopped it.
        #[n(0)]
        stopped: bool,
    },
    /// Everything personal goes out of the state.
    #[n(17)]
    Forget,
    /// A message is about to be given to its platform. Only [`Outcome::Granted`] and
    /// [`Outcome::GrantedAgain`] allow it. [`Outcome::AlreadyBegun`]: a try before this one has no known
    /// outcome, and the platform's reports are waited for; [`Outcome::Unchanged`]: it is settled. Send
    /// it **without** an idempotency key: a remembered answer would grant again.
    #[n(18)]
    BeginSend {
        /// Our id ([`impresario_messages::Outgoing::id`]).
        #[n(0)]
        outgoing: String,
        /// How many messages of the platform it becomes.
        #[n(1)]
        parts: u32,
        /// How long (ms) the reports about a try without a known outcome are waited for.
        #[n(2)]
        wait_ms: i64,
        /// How many tries there may be, counting only those without a known outcome and the last one.
        #[n(3)]
        tries_max: u8,
    },
    /// A try to give a message to its platform ended before its end.
    #[n(19)]
    PauseSend {
        /// Our id.
        #[n(0)]
        outgoing: String,
        /// The platform's ids of the parts that left, from the first one on.
        #[n(1)]
        sent: Vec<String>,
        /// Whether the next part may have left too.
        #[n(2)]
        unknown: bool,
    },
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Outcome {
    /// It happened.
    #[n(0)]
    Done,
    /// There was nothing to do.
    #[n(1)]
    Unchanged,
    /// This message had come before.
    #[n(2)]
    Duplicate,
    /// The message waits for a human.
    #[n(3)]
    Held,
    /// It is about a turn that is not the current one (any more).
    #[n(4)]
    Stale,
    /// The call may begin.
    #[n(5)]
    Granted,
    /// The call was begun before: do not pay again.
    #[n(6)]
    AlreadyBegun,
    /// The turn has begun too many calls.
    #[n(7)]
    TooManyCalls,
    /// A human takes over.
    #[n(8)]
    HandedOff,
    /// The message may be given to its platform; a try before this one did not end well
    /// ([`Query::Sending`] tells).
    #[n(9)]
    GrantedAgain,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Reply {
    /// What became of it.
    #[n(0)]
    pub outcome: Outcome,
    /// Who holds the conversation now.
    #[n(1)]
    pub status: Status,
    /// The current turn (0: none yet).
    #[n(2)]
    pub turn: u32,
    /// The message that is sent because of it: our id.
    #[n(3)]
    pub outgoing: Option<String>,
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Encode, Decode)]
pub enum Rejection {
    /// Nothing was ever received here.
    #[error("there is no such conversation")]
    #[n(0)]
    NotFound,
    /// The message belongs to another conversation.
    #[error("the message belongs to another conversation")]
    #[n(1)]
    AddressWrong,
    /// More came in than is waiting room for.
    #[error("{} messages wait for an answer here; deliver this one later", crate::BURST_MAX)]
    #[n(2)]
    Busy,
    /// Somebody else has it.
    #[error("somebody else has taken the conversation")]
    #[n(3)]
    HeldByAnother,
    /// Nobody can be called that.
    #[error("a person is named by 1 to {} characters", crate::ASSIGNEE_CHARS_MAX)]
    #[n(4)]
    AssigneeInvalid,
    /// There is nothing to say, or too much.
    #[error(
        "a reply has 1 to {} contents of at most {} bytes",
        crate::CONTENTS_MAX,
        crate::TEXT_BYTES_MAX
    )]
    #[n(5)]
    ContentInvalid,
    /// The note is empty or too long.
    #[error("a note has 1 to {} characters", crate::NOTE_CHARS_MAX)]
    #[n(6)]
    NoteInvalid,
}

impl Coded for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "conversation_not_found",
            Self::AddressWrong => "conversation_address_wrong",
            Self::Busy => "conversation_busy",
            Self::HeldByAnother => "conversation_held_by_another",
            Self::AssigneeInvalid => "conversation_assignee_invalid",
            Self::ContentInvalid => "conversation_content_invalid",
            Self::NoteInvalid => "conversation_note_invalid",
        }
    }
}

/// What a conversation can be asked to tell.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Query {
    /// Everything about it, and a page of what was said.
    #[n(0)]
    Show {
        /// Only messages before this number; `None`: the newest.
        #[n(0)]
        before: Option<u64>,
        /// At most so many.
        #[n(1)]
        limit: u32,
    },
    /// The work of a turn, if it is the current one.
    #[n(1)]
    Work {
        /// Which.
        #[n(0)]
        turn: u32,
    },
    /// What is known of a message that is being sent.
    #[n(2)]
    Sending {
        /// Our id.
        #[n(0)]
        outgoing: String,
    },
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Answer {
    /// To [`Query::Show`]; `None` if nothing was ever received.
    #[n(0)]
    Conversation(#[n(0)] Option<Box<View>>),
    /// To [`Query::Work`]; `None` if the turn is not being answered (any more): stop working on it.
    #[n(1)]
    Work(#[n(0)] Option<Box<TurnWork>>),
    /// To [`Query::Sending`]; `None` if it is not followed (any more).
    #[n(2)]
    Sending(#[n(0)] Option<Box<SentMessage>>),
}

/// The tenant's settings that decisions depend on.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// How the assistant behaves.
    pub config: std::sync::Arc<AssistantConfig>,
}
