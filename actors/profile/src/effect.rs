//! What a profile wants done elsewhere once its events are durable.

use impresario_ids::{EndpointId, MessageId, ProfileId};
use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};

use crate::command::Message;
use crate::event::{Facts, Received};

/// What should be done. All but `Webhook` are commands to another
/// profile of the same tenant.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Effect {
    /// [`crate::Command::MergeInto`]`{ into }` to `from`.
    #[n(0)]
    Merge {
        /// The profile that should merge.
        #[n(0)]
        from: ProfileId,
        /// The profile that stays: the sender.
        #[n(1)]
        into: ProfileId,
    },
    /// [`crate::Command::Absorb`]`{ from, facts, events }` to `into`.
    #[n(1)]
    Absorb {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
        /// The merged profile (not always the sender, if the receiver was merged itself).
        #[n(1)]
        from: ProfileId,
        /// All that it knew.
        #[n(2)]
        facts: Box<Facts>,
        /// Its past messages.
        #[n(3)]
        events: Vec<Received>,
    },
    /// [`crate::Command::Ingest`]`(message)` to `into`, with the message id as idempotency key.
    #[n(2)]
    Forward {
        /// The profile that stays.
        #[n(0)]
        into: ProfileId,
        /// The message, with the sender appended to `via`.
        #[n(1)]
        message: Box<Message>,
    },
    /// [`crate::Command::Restore`]`{ from, events }` to `into`.
    #[n(3)]
    Restore {
        /// The profile that is on its own again.
        #[n(0)]
        into: ProfileId,
        /// The profile that it was merged into: the sender.
        #[n(1)]
        from: ProfileId,
        /// What was passed on in the meantime.
        #[n(2)]
        events: Vec<Received>,
    },
    /// Tell a webhook endpoint.
    #[n(4)]
    Webhook {
        /// Whom.
        #[n(0)]
        endpoint: EndpointId,
        /// The message's id, the same over all attempts and replays.
        #[n(1)]
        message: MessageId,
        /// The type: `segment.entered`, `segment.left`, `profile.merged`, `profile.unmerged`,
        /// `profile.deleted`, `consent.changed`.
        #[n(2)]
        kind: String,
        /// When it happened.
        #[n(3)]
        at: Timestamp,
        /// The text of a JSON object: the webhook body's `data`.
        #[n(4)]
        data: Personal<String>,
    },
    /// [`crate::Command::Delete`] to `profile`, which was merged into the deleted sender.
    #[n(5)]
    Delete {
        /// The merged profile.
        #[n(0)]
        profile: ProfileId,
    },
}
