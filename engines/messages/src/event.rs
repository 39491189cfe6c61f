use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{Address, Content, Person};

/// One message that came in.
#[derive(Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Inbound {
    /// The platform's id of the message: what deliveries are deduplicated by, per connection.
    #[n(0)]
    pub id: String,
    /// Who says it, and where.
    #[n(1)]
    pub address: Address,
    /// What is known of them.
    #[n(2)]
    pub person: Person,
    /// When it was said, by the platform's clock, in milliseconds since 1970.
    #[n(3)]
    pub at_ms: i64,
    /// What was said.
    #[n(4)]
    pub content: Content,
    /// The platform's id of the message that this one answers.
    #[n(5)]
    pub reply_to: Option<String>,
    /// What else the platform tells, as (name, value): `referral.source_id`, `interaction.token`, …
    #[n(6)]
    #[cbor(default)]
    #[serde(default)]
    pub extra: Vec<(String, String)>,
}

impl Inbound {
    /// The value of an entry of `extra`.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.extra.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// One message to send.
#[derive(Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Outgoing {
    /// Our id: the idempotency key over all attempts.
    #[n(0)]
    pub id: String,
    /// To whom, and where.
    #[n(1)]
    pub address: Address,
    /// What to say, in order.
    #[n(2)]
    pub content: Vec<Content>,
    /// The platform's id of the message that this one answers.
    #[n(3)]
    pub in_reply_to: Option<String>,
}

/// How far a sent message has come. It only goes forward.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The platform has it.
    #[n(0)]
    Sent,
    /// The platform could not deliver it.
    #[n(1)]
    Failed,
    /// The person's device has it.
    #[n(2)]
    Delivered,
    /// The person saw it.
    #[n(3)]
    Read,
}

impl Delivery {
    /// The state after a report, whatever was reported before: reports arrive in any order, and
    /// what was once delivered did not fail.
    #[must_use]
    pub fn advance(self, report: Self) -> Self {
        self.max(report)
    }

    /// A stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// What a platform says went wrong.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Fault {
    /// The platform's code, such as `131047`.
    #[n(0)]
    pub code: String,
    /// The platform's words.
    #[n(1)]
    pub detail: String,
}

/// A report on a message that was sent.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct StatusUpdate {
    /// The platform's id of the message.
    #[n(0)]
    pub platform_id: String,
    /// To whom it was sent.
    #[n(1)]
    pub address: Address,
    /// How far it has come.
    #[n(2)]
    pub status: Delivery,
    /// Since when, in milliseconds since 1970.
    #[n(3)]
    pub at_ms: i64,
    /// Why it failed.
    #[n(4)]
    pub error: Option<Fault>,
    /// Our id of the message ([`Outgoing::id`]), where the platform gives it back.
    #[n(5)]
    #[serde(default)]
    pub outgoing_id: Option<String>,
    /// Which of the messages that it became, counted from 0, where the platform gives it back.
    #[n(6)]
    #[serde(default)]
    pub part: Option<u32>,
    /// What else the platform tells, as (name, value): `pricing.category`, …
    #[n(7)]
    #[cbor(default)]
    #[serde(default)]
    pub extra: Vec<(String, String)>,
}

/// One thing that a platform told us. A webhook can hold many.
#[derive(Clone, PartialEq)]
pub enum Event {
    /// Somebody said something.
    Message(Box<Inbound>),
    /// A sent message came further.
    Status(StatusUpdate),
    /// Somebody stopped, or allows again, what was not asked for (marketing).
    Consent {
        /// Who.
        address: Address,
        /// Whether they stopped it.
        stopped: bool,
        /// Since when, in milliseconds since 1970.
        at_ms: i64,
    },
    /// The platform gave a person another id.
    Moved {
        /// The address until now.
        from: Address,
        /// The address from now on.
        to: Address,
        /// Since when, in milliseconds since 1970.
        at_ms: i64,
    },
    /// The platform asks whether we are who it thinks: answer this, nothing else.
    Handshake(HandshakeAnswer),
    /// Nothing for us.
    Ignored {
        /// A stable word why.
        reason: &'static str,
    },
}

/// The body that answers a platform's handshake, with status 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeAnswer {
    /// The `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}
