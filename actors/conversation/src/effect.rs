use impresario_ids::{MessageId, ProfileId};
use impresario_kernel::{Personal, Timestamp};
use impresario_messages::{Address, Outgoing};
use minicbor::{Decode, Encode};

use crate::TurnWork;

/// What a conversation wants done elsewhere.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Effect {
    /// Answer this turn: [`crate::Command::RecordAnswer`] or [`crate::Command::FailTurn`] is expected.
    #[n(0)]
    Think {
        /// Which turn.
        #[n(0)]
        turn: u32,
        /// All that is needed.
        #[n(1)]
        work: Box<TurnWork>,
    },
    /// This turn is not answered any more: cancel what is in flight.
    #[n(1)]
    Cancel {
        /// Which turn.
        #[n(0)]
        turn: u32,
    },
    /// Send this to the customer, once: [`crate::Command::RecordSent`] or `RecordUnsent` is expected.
    #[n(2)]
    Send {
        /// The message; its id is the idempotency key.
        #[n(0)]
        outgoing: Box<Outgoing>,
        /// What the platform told with the last message of the customer.
        #[n(1)]
        extra: Personal<Vec<(String, String)>>,
        /// When the customer wrote last, by the platform's clock: the 24-hour window.
        #[n(2)]
        last_inbound_at: Timestamp,
    },
    /// Show that an answer is being written.
    #[n(3)]
    Typing {
        /// To whom.
        #[n(0)]
        address: Address,
        /// The platform's id of the customer's last message.
        #[n(1)]
        message: Option<String>,
    },
    /// Record an event in the person's profile.
    #[n(4)]
    Track {
        /// Whose.
        #[n(0)]
        profile: ProfileId,
        /// The event's message id, the same over all attempts.
        #[n(1)]
        message: MessageId,
        /// For example `Conversation Started`.
        #[n(2)]
        name: String,
        /// When.
        #[n(3)]
        at: Timestamp,
        /// The text of a JSON object.
        #[n(4)]
        properties: Personal<String>,
    },
    /// Tell the tenant's webhook endpoints that listen to this type.
    #[n(5)]
    Notify {
        /// The message's id, the same over all attempts.
        #[n(0)]
        message: MessageId,
        /// `conversation.started`, `conversation.handoff`, `conversation.assigned`,
        /// `conversation.resolved`, `conversation.reopened`, `conversation.sla_missed`,
        /// `conversation.rated`, `conversation.lead_qualified`, `conversation.undelivered`.
        #[n(1)]
        kind: String,
        /// When.
        #[n(2)]
        at: Timestamp,
        /// The text of a JSON object: the webhook body's `data`.
        #[n(3)]
        data: Personal<String>,
    },
}
