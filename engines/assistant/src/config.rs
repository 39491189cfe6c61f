//! What a tenant sets. Every field has a default, so that `{}` is a working assistant.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// How a tenant's assistant behaves (CNV-04). JSON in and out; an unknown key is a mistake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssistantConfig {
    /// How the assistant calls itself.
    pub name: String,
    /// Who it is, in a few sentences, for the model.
    pub persona: String,
    /// How it speaks: `friendly`, `formal`, or any description.
    pub tone: String,
    /// Which model roles it uses.
    pub models: Models,
    /// What it must not do or say, one rule per item.
    pub restrictions: Vec<String>,
    /// What must be said, word for word.
    pub disclaimers: Vec<Disclaimer>,
    /// From which confidence on it answers and hands over.
    pub thresholds: Thresholds,
    /// What is switched on.
    pub features: Features,
    /// What customers want, as far as the tenant names it.
    pub intents: Vec<Intent>,
    /// When a human takes over.
    pub handoff: HandoffRules,
    /// When humans are there; `None`: always.
    pub business_hours: Option<BusinessHours>,
    /// Which languages it speaks.
    pub languages: Languages,
    /// That it says it is a machine (EU AI Act, Art. 50).
    pub disclosure: Disclosure,
    /// For which share of conversations this configuration generates answers (CNV-29).
    pub rollout: Rollout,
    /// How messages in quick succession become one turn (CNV-16).
    pub burst: Burst,
    /// How long a turn may take and how often it is tried.
    pub turns: Turns,
    /// What is remembered, and for how long (CNV-26).
    pub memory: MemoryRules,
    /// Whether customers are asked how satisfied they were.
    pub rating: Rating,
    /// Names of topics that analytics may count; others are counted together.
    pub topics: Vec<String>,
    /// How the website widget looks.
    pub widget: Widget,
    /// How long texts are kept.
    pub retention: Retention,
    /// Own wording of what the house says by itself, by language (BCP 47 primary tag).
    pub texts: BTreeMap<String, Texts>,
}

/// Model roles, as the tenant's routing binds them to models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// The role asked first.
    pub default: String,
    /// The role asked when the first one fails or the budget is short.
    pub fallback: String,
}

/// A text that must be said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disclaimer {
    /// In the default language.
    pub text: String,
    /// In other languages.
    pub languages: BTreeMap<String, String>,
    /// When.
    pub when: DisclaimerWhen,
    /// With which intents, for [`DisclaimerWhen::Intents`].
    pub intents: Vec<String>,
}

/// When a disclaimer is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisclaimerWhen {
    /// In the first reply of a conversation.
    #[default]
    FirstReply,
    /// In every reply.
    Always,
    /// In every reply to one of the named intents.
    Intents,
}

/// Confidences from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Below this an answer counts as uncertain.
    pub answer: f64,
    /// Below this a human is asked at once.
    pub handoff: f64,
}

/// Switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Product suggestions.
    pub suggestions: bool,
    /// Spelling correction of what customers write.
    pub spelling: bool,
    /// Buttons, lists and cards.
    pub rich: bool,
    /// Memory over turns.
    pub memory: bool,
    /// Answers written by a model; without it they are taken from the knowledge word for word.
    pub generation: bool,
    /// On chat platforms, links to the pages that an answer rests on, below it.
    pub sources: bool,
    /// What a model said to a question is said again to the same question for a day, without another
    /// call. Never where anything of a person went into the prompt.
    pub cached_answers: bool,
}

/// Something that customers want.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intent {
    /// Lower-case letters, digits and underscores; unique.
    pub name: String,
    /// What it means, for the model.
    pub description: String,
    /// What people say who want it.
    pub examples: Vec<String>,
    /// How soon it must be dealt with.
    pub urgency: Urgency,
    /// Intents that must be dealt with before it.
    pub after: Vec<String>,
    /// What is done.
    pub handling: Handling,
}

/// How soon an intent must be dealt with. Ordered: the later, the sooner.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// When there is nothing else.
    Low,
    /// In the order of asking.
    #[default]
    Normal,
    /// Before what is normal.
    High,
    /// First of all.
    Critical,
}

/// What is done about an intent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Handling {
    /// Answered from the knowledge.
    #[default]
    Answer,
    /// Always handed to a human.
    Handoff,
    /// Lead qualification (CNV-14): these fields are asked for, one after the other.
    Collect {
        /// In the order of asking.
        fields: Vec<Field>,
        /// What happens with the lead.
        #[serde(default)]
        then: AfterCollect,
    },
}

/// What happens when all required fields are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterCollect {
    /// A human takes over.
    #[default]
    Route,
    /// The lead is recorded; the assistant goes on.
    Nurture,
}

/// One thing to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Field {
    /// Lower-case letters, digits and underscores; unique within the intent.
    pub name: String,
    /// The question, in the default language.
    pub prompt: String,
    /// The question in other languages.
    pub languages: BTreeMap<String, String>,
    /// What counts as an answer.
    pub kind: FieldKind,
    /// Whether the lead is not qualified without it.
    pub optional: bool,
}

/// What counts as an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Anything.
    #[default]
    Text,
    /// Something with an @ and a dot after it.
    Email,
    /// At least six digits.
    Phone,
    /// A number.
    Number,
}

/// When a human takes over (CNV-11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HandoffRules {
    /// Words or phrases that always lead to a human.
    pub topics: Vec<String>,
    /// So many uncertain answers in a row; 0: never.
    pub low_confidence_turns: u8,
    /// Sentiment (-1 to 1) below which a human is asked (CNV-13).
    pub sentiment_below: f64,
    /// Further phrases by which customers ask for a human, by language.
    pub wishes: BTreeMap<String, Vec<String>>,
    /// Minutes until a human should have replied, within business hours; 0: no limit.
    pub sla_minutes: u32,
}

/// When humans are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessHours {
    /// An IANA time zone, for example `Europe/Berlin`.
    pub zone: String,
    /// Opening times, local.
    pub weekly: Vec<Opening>,
    /// Local dates (`2026-12-25`) on which nobody is there.
    #[serde(default)]
    pub closed: Vec<String>,
}

/// From when to when on which days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// On these days.
    pub days: Vec<Day>,
    /// `09:00`.
    pub from: String,
    /// `17:30`, after `from`; `24:00` is midnight.
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "days are known")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Languages, as primary tags of BCP 47 (`en`, `de`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Languages {
    /// For those whose language is unknown or not supported.
    pub default: String,
    /// Answered in; empty: any.
    pub supported: Vec<String>,
}

/// That the assistant says it is a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disclosure {
    /// Whether it is said at the start of each conversation.
    pub enabled: bool,
    /// Why it is not; must be given then.
    pub reason: Option<String>,
}

/// A gradual introduction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollout {
    /// Of 100 conversations, so many take the new path. Growing it never moves one back.
    pub percent: u8,
    /// Another seed picks other conversations.
    pub seed: String,
    /// What the others get.
    pub otherwise: Otherwise,
}

/// What conversations outside a rollout get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// Answers taken from the knowledge word for word.
    #[default]
    Extractive,
    /// A human.
    Human,
}

/// Which path a conversation takes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum RolloutPath {
    /// Inside the rollout.
    #[default]
    #[n(0)]
    New,
    /// Outside of it.
    #[n(1)]
    Old,
}

/// How messages in quick succession become one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Burst {
    /// Silence (ms) after which the customer is taken to have finished.
    pub quiet_ms: u32,
    /// Longest wait (ms) from the first message.
    pub max_wait_ms: u32,
    /// How often newer messages may throw the answer under way away.
    pub restarts_max: u8,
}

/// How long a turn may take and how often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turns {
    /// Tries before the customer gets an apology and a human.
    pub attempts: u8,
    /// Time (ms) after which a turn that nobody reports about is taken up again.
    pub patience_ms: u32,
}

/// What is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryRules {
    /// Minutes of silence after which all but the key facts is put aside (CNV-26).
    pub expire_minutes: u32,
    /// A summary of the older messages is asked for after so many new ones (CNV-09).
    pub summary_every: u16,
}

/// Whether customers are asked how satisfied they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rating {
    /// Asked when a conversation is resolved.
    pub enabled: bool,
}

/// How the website widget looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Widget {
    /// Its title; empty: the assistant's name.
    pub title: String,
    /// What it says before the customer has written; empty: the house's greeting.
    pub greeting: String,
    /// `#rrggbb`, for the header, the button and the customer's messages.
    pub color: String,
    /// `#rrggbb`, for text on that colour.
    pub text_color: String,
    /// In which corner.
    pub position: Position,
    /// `https` address of a picture, if any.
    pub logo_url: Option<String>,
}

/// A corner of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// At the right.
    #[default]
    BottomRight,
    /// At the left.
    BottomLeft,
}

/// How long texts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days after the last message until a conversation forgets its texts.
    pub transcript_days: u32,
    /// Days until the trace of a model call is removed.
    pub trace_days: u32,
}

/// What the house says by itself. What is missing is said in the built-in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Texts {
    /// Before anything is written.
    pub greeting: Option<String>,
    /// That the assistant is a machine; `{name}` is its name.
    pub disclosure: Option<String>,
    /// That the answer failed.
    pub apology: Option<String>,
    /// That it does not know.
    pub unknown: Option<String>,
    /// That a human will take over.
    pub handoff: Option<String>,
    /// The same when nobody is there now.
    pub outside_hours: Option<String>,
    /// To a returning customer; `{topic}` is what it was about.
    pub welcome_back: Option<String>,
    /// The button that goes on with the topic.
    pub resume: Option<String>,
    /// The button that starts afresh.
    pub afresh: Option<String>,
    /// After the first button; `{topic}` as above.
    pub resumed: Option<String>,
    /// After the second button.
    pub restarted: Option<String>,
    /// That a question was overlooked.
    pub forgot: Option<String>,
    /// How satisfied?
    pub rating: Option<String>,
    /// Thanks for the rating.
    pub rated: Option<String>,
    /// That no more messages will be sent.
    pub opted_out: Option<String>,
    /// That messages will be sent again.
    pub opted_in: Option<String>,
    /// Thanks for the details of a lead.
    pub collected: Option<String>,
}
