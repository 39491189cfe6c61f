use impresario_assistant::{HandoffReason, RolloutPath};
use impresario_ids::{CallId, ProfileId, TraceId};
use impresario_kernel::{Personal, Timestamp};
use impresario_messages::{Address, Delivery, Fault, Person};
use minicbor::{Decode, Encode};

use crate::{
    AnswerPath, Citation, Collected, Correction, IntentFound, MemoryUpdate, Message, Suggestion,
};

/// What happened in a conversation. Append-only; the numbers are the format.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Event {
    /// The first message is here.
    #[n(0)]
    Started {
        /// Where.
        #[n(0)]
        address: Box<Address>,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The person's profile from now on.
    #[n(1)]
    Linked {
        /// Which.
        #[n(0)]
        profile: ProfileId,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A message came in.
    #[n(2)]
    Received {
        /// The message.
        #[n(0)]
        message: Box<Message>,
        /// What is known of the person now.
        #[n(1)]
        person: Box<Person>,
        /// What the platform told with it.
        #[n(2)]
        extra: Personal<Vec<(String, String)>>,
        /// What becomes of it.
        #[n(3)]
        standing: Standing,
        /// The hash of the platform's id, for finding further deliveries.
        #[n(4)]
        digest: u64,
    },
    /// A turn begins: its messages in the order of writing.
    #[n(3)]
    TurnBegun {
        /// One more than the last one.
        #[n(0)]
        turn: u32,
        /// Numbers of the burst's messages.
        #[n(1)]
        messages: Vec<u64>,
        /// Inside or outside the rollout.
        #[n(2)]
        path: RolloutPath,
        /// The turn of the overlooked question that is asked for again.
        #[n(3)]
        forgotten: Option<u32>,
        /// When.
        #[n(4)]
        at: Timestamp,
    },
    /// A paid call may begin.
    #[n(4)]
    CallBegun {
        /// For which turn.
        #[n(0)]
        turn: u32,
        /// Which call.
        #[n(1)]
        call: CallId,
        /// Which model.
        #[n(2)]
        model: String,
        /// What it may cost.
        #[n(3)]
        micros: i64,
        /// When.
        #[n(4)]
        at: Timestamp,
    },
    /// A newer message, or a human, made the turn's answer unwanted.
    #[n(5)]
    TurnSuperseded {
        /// Which turn.
        #[n(0)]
        turn: u32,
        /// Whether its messages wait for a human now, instead of joining the next burst.
        #[n(1)]
        held: bool,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// An attempt failed; there will be another one.
    #[n(6)]
    AttemptFailed {
        /// Which turn.
        #[n(0)]
        turn: u32,
        /// A stable code.
        #[n(1)]
        reason: String,
        /// When the next one begins.
        #[n(2)]
        retry_at: Timestamp,
        /// Whether it was reported; otherwise nobody had said anything for too long.
        #[n(3)]
        reported: bool,
    },
    /// The next attempt begins.
    #[n(7)]
    AttemptBegun {
        /// Which turn.
        #[n(0)]
        turn: u32,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A turn was answered: the interaction record (CNV-31).
    #[n(8)]
    Answered {
        /// All about it.
        #[n(0)]
        interaction: Box<Interaction>,
        /// What to remember.
        #[n(1)]
        memory: Box<MemoryUpdate>,
        /// The reply.
        #[n(2)]
        message: Box<Message>,
    },
    /// The conversation said something by itself: a confirmation, a question for a rating.
    #[n(9)]
    Said {
        /// What.
        #[n(0)]
        message: Box<Message>,
    },
    /// A human takes over.
    #[n(10)]
    HandedOff {
        /// The category.
        #[n(0)]
        reason: HandoffReason,
        /// In words, for the human.
        #[n(1)]
        detail: Personal<String>,
        /// When a human should have replied.
        #[n(2)]
        due: Option<Timestamp>,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
    /// A human has the conversation.
    #[n(11)]
    Assigned {
        /// Who.
        #[n(0)]
        assignee: Personal<String>,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A human replied.
    #[n(12)]
    HumanReplied {
        /// What.
        #[n(0)]
        message: Box<Message>,
    },
    /// A human noted something.
    #[n(13)]
    Noted {
        /// What.
        #[n(0)]
        message: Box<Message>,
    },
    /// The assistant goes on.
    #[n(14)]
    HandedBack {
        /// What it answers of what no human has replied to.
        #[n(0)]
        messages: Vec<u64>,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The matter is done.
    #[n(15)]
    Resolved {
        /// Whether a human had it.
        #[n(0)]
        by_human: bool,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// It is not.
    #[n(16)]
    Reopened {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// A message left.
    #[n(17)]
    Sent {
        /// Our id.
        #[n(0)]
        outgoing: String,
        /// The platform's ids.
        #[n(1)]
        platform_ids: Vec<String>,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// A message came further, or failed.
    #[n(18)]
    Delivered {
        /// Our id.
        #[n(0)]
        outgoing: String,
        /// How far.
        #[n(1)]
        status: Delivery,
        /// Why it failed.
        #[n(2)]
        error: Option<Fault>,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
    /// After a long silence, all but the key facts was put aside (CNV-26).
    #[n(19)]
    MemoryExpired {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// A returning customer chose (CNV-27).
    #[n(20)]
    Returned {
        /// Whether they start afresh instead of going on.
        #[n(0)]
        fresh: bool,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The customer rated the conversation.
    #[n(21)]
    Rated {
        /// 1 to 5.
        #[n(0)]
        score: u8,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The person stopped, or allows again, what they did not ask for.
    #[n(22)]
    ConsentChanged {
        /// Whether they stopped it.
        #[n(0)]
        stopped: bool,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// All details of a lead are there (CNV-14).
    #[n(23)]
    LeadQualified {
        /// For which intent.
        #[n(0)]
        intent: String,
        /// The details.
        #[n(1)]
        details: Vec<Collected>,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// No human replied in time.
    #[n(24)]
    SlaMissed {
        /// When it was due.
        #[n(0)]
        due: Timestamp,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The customer took up a suggestion (CNV-25).
    #[n(25)]
    SuggestionAccepted {
        /// The product's SKU.
        #[n(0)]
        sku: String,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The customer said whether a corrected word was meant (CNV-23).
    #[n(26)]
    CorrectionJudged {
        /// Whether it was.
        #[n(0)]
        right: bool,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// Everything personal went out of the state.
    #[n(27)]
    Forgotten {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
    /// It is part of the burst that will be answered at the latest then.
    #[n(0)]
    Collected {
        /// When the burst ends.
        #[n(0)]
        deadline: Timestamp,
    },
    /// It waits until the turn in progress is answered.
    #[n(1)]
    Queued {
        /// When its burst ends at the earliest.
        #[n(0)]
        deadline: Timestamp,
    },
    /// It waits for a human.
    #[n(2)]
    Held,
    /// It was dealt with at once: a rating, a word that stops messages.
    #[n(3)]
    Settled,
}

/// One turn, for the record (CNV-31).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Interaction {
    /// Which turn.
    #[n(0)]
    pub turn: u32,
    /// The customer's messages.
    #[n(1)]
    pub messages: Vec<u64>,
    /// What they said.
    #[n(2)]
    pub asked: Personal<String>,
    /// What was wanted.
    #[n(3)]
    pub intents: Vec<IntentFound>,
    /// What was answered and what was put off, in the order of the reply.
    #[n(4)]
    pub parts: Vec<Dealt>,
    /// How it came about.
    #[n(5)]
    pub path: AnswerPath,
    /// Inside or outside the rollout.
    #[n(6)]
    pub rollout: RolloutPath,
    /// Which model.
    #[n(7)]
    pub model: Option<String>,
    /// 0 to 1.
    #[n(8)]
    pub confidence: f64,
    /// -1 to 1.
    #[n(9)]
    pub sentiment: f64,
    /// The language.
    #[n(10)]
    pub language: Option<String>,
    /// Tokens read.
    #[n(11)]
    pub tokens_in: u64,
    /// Tokens written.
    #[n(12)]
    pub tokens_out: u64,
    /// What it cost.
    #[n(13)]
    pub cost_micros: i64,
    /// The calls behind it.
    #[n(14)]
    pub calls: Vec<CallId>,
    /// Passages that were cited.
    #[n(15)]
    pub knowledge_hits: u32,
    /// Passages that were found.
    #[n(16)]
    pub retrieved: u32,
    /// Whether and why a human takes over.
    #[n(17)]
    pub handoff: Option<HandoffReason>,
    /// From the end of the burst to the answer.
    #[n(18)]
    pub latency_ms: u64,
    /// Where it can be looked up.
    #[n(19)]
    pub trace: Option<TraceId>,
    /// Spelling that was corrected.
    #[n(20)]
    pub corrections: Vec<Correction>,
    /// What was suggested.
    #[n(21)]
    pub suggestions: Vec<Suggestion>,
    /// The overlooked question that was asked for again, by its turn, and whether it is answered now.
    #[n(22)]
    pub recovered: Option<Recovered>,
    /// Details of a lead that were given.
    #[n(23)]
    pub collected: Vec<Collected>,
    /// The intent whose details are asked for next, if any.
    #[n(24)]
    pub collecting: Option<String>,
    /// Whether the answer counts as uncertain.
    #[n(25)]
    pub uncertain: bool,
}

/// What was done about one intent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Dealt {
    /// The intent's name; empty: none of the tenant's.
    #[n(0)]
    pub intent: String,
    /// What was asked.
    #[n(1)]
    pub request: Personal<String>,
    /// Why it is not answered yet, if it is not.
    #[n(2)]
    pub deferred: Option<String>,
    /// What the answer rests on.
    #[n(3)]
    pub citations: Vec<Citation>,
}

/// The fate of an overlooked question (CNV-28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recovered {
    /// The turn it was asked in.
    #[n(0)]
    pub turn: u32,
    /// Whether it is answered now.
    #[n(1)]
    pub answered: bool,
}
