use impresario_assistant::{HandoffReason, RolloutPath};
use impresario_ids::{CallId, ProfileId};
use impresario_kernel::{Personal, Timestamp};
use impresario_messages::{Address, Delivery, Fault, Person};
use minicbor::{Decode, Encode};

use crate::{Collected, Interaction, MemoryUpdate, Message, SentPart};

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
        /// Which part of it the report is about, while it is not known whether all left.
        #[n(4)]
        part: Option<SentPart>,
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
    /// A message is being given to its platform.
    #[n(28)]
    SendBegun {
        /// Our id.
        #[n(0)]
        outgoing: String,
        /// How many messages of the platform it becomes.
        #[n(1)]
        of: u32,
        /// Which try, of those without a known outcome.
        #[n(2)]
        tries: u8,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
    /// The try ended before its end.
    #[n(29)]
    SendPaused {
        /// Our id.
        #[n(0)]
        outgoing: String,
        /// The parts that left, from the first one on.
        #[n(1)]
        parts: Vec<SentPart>,
        /// Whether more may have left.
        #[n(2)]
        unknown: bool,
        /// When.
        #[n(3)]
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
