use impresario_ids::{EndpointId, MessageId, SegmentId};
use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};

/// What a tenant wants done elsewhere. The numbers are stored: append only.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Effect {
    /// Ask every profile of the tenant to look at this segment again: it is new, changed or archived.
    /// Under the nil id the computed traits changed; no segment waits for the end of that sweep, nor
    /// does an archived one.
    #[n(0)]
    Sweep {
        /// Which segment, or nil.
        #[n(0)]
        segment: SegmentId,
        /// The version that was published; 0 for the computed traits. For an archived segment the
        /// one after the last, so that a profile whose policy still has the segment asks for a newer
        /// policy instead of staying a member.
        #[n(1)]
        version: u32,
    },
    /// Tell a webhook endpoint. Address and secret are read from the tenant's state when it is sent.
    #[n(1)]
    Webhook {
        /// Whom.
        #[n(0)]
        endpoint: EndpointId,
        /// The message's id, the same over all attempts and replays.
        #[n(1)]
        message: MessageId,
        /// The type: one of [`crate::webhook::EVENT_TYPES`].
        #[n(2)]
        kind: String,
        /// When it happened.
        #[n(3)]
        at: Timestamp,
        /// The text of a JSON object: the body's `data`.
        #[n(4)]
        data: Personal<String>,
    },
    /// Send a past webhook message once more, byte for byte.
    #[n(2)]
    Replay {
        /// Whom.
        #[n(0)]
        endpoint: EndpointId,
        /// The message's id.
        #[n(1)]
        message: MessageId,
        /// The type.
        #[n(2)]
        kind: String,
        /// The whole body as it was sent.
        #[n(3)]
        body: Personal<String>,
    },
}
