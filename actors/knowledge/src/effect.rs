use impresario_ids::{EndpointId, MessageId};
use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};

/// What a document wants done elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Effect {
    /// Some chunks have no vector. Make them of what the state says then
    /// ([`crate::State::missing`]) and send [`crate::Command::RecordVectors`]; without any model,
    /// nothing.
    #[n(0)]
    Embed {
        /// The version that asked. A later one asks again.
        #[n(0)]
        version: u32,
        /// The model that is wanted; `None`: the tenant's.
        #[n(1)]
        model: Option<String>,
    },
    /// Tell a webhook endpoint.
    #[n(1)]
    Webhook {
        /// Whom.
        #[n(0)]
        endpoint: EndpointId,
        /// The message's id, the same over all attempts.
        #[n(1)]
        message: MessageId,
        /// The type: `knowledge.review_due`, `knowledge.expired`, `knowledge.failed`.
        #[n(2)]
        kind: String,
        /// When it happened.
        #[n(3)]
        at: Timestamp,
        /// The text of a JSON object: the webhook body's `data`.
        #[n(4)]
        data: Personal<String>,
    },
}
