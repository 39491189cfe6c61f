use impresario_ids::{ApiKeyId, EndpointId, MessageId, SegmentId};
use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};

use crate::keys::Pepper;
use crate::{Collection, EndpointPatch, NewEndpoint, NewKey, Overrides, Patch, Plan};

/// What happened to a tenant. Stored for ever: append only, never renumber (see `golden/`).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Event {
    /// It began.
    #[n(0)]
    Onboarded {
        /// As in the command.
        #[n(0)]
        name: String,
        /// As in the command.
        #[n(1)]
        domain: String,
        /// As in the command.
        #[n(2)]
        plan: Plan,
        /// As in the command.
        #[n(3)]
        pepper: Pepper,
        /// When.
        #[n(4)]
        at: Timestamp,
    },
    /// Its settings changed.
    #[n(1)]
    Updated {
        /// The validated changes.
        #[n(0)]
        patch: Patch,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// It moved to another plan.
    #[n(2)]
    PlanChanged {
        /// The new plan.
        #[n(0)]
        plan: Plan,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The operator changed single limits.
    #[n(3)]
    LimitsOverridden {
        /// All overrides.
        #[n(0)]
        overrides: Overrides,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// An API key was added.
    #[n(4)]
    KeyCreated {
        /// The key without its secret.
        #[n(0)]
        key: NewKey,
        /// The key that it replaces, if it came from a rotation.
        #[n(1)]
        replaces: Option<ApiKeyId>,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// An API key was given an end.
    #[n(5)]
    KeyExpirySet {
        /// Which key.
        #[n(0)]
        id: ApiKeyId,
        /// When it stops working.
        #[n(1)]
        expires_at: Timestamp,
    },
    /// An API key was ended.
    #[n(6)]
    KeyRevoked {
        /// Which key.
        #[n(0)]
        id: ApiKeyId,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// It is no longer served.
    #[n(7)]
    Suspended {
        /// Why.
        #[n(0)]
        reason: String,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// It is served again.
    #[n(8)]
    Resumed {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// A complete export was handed out.
    #[n(9)]
    Exported {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// It ended.
    #[n(10)]
    Deleted {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// A segment went live, or a new version of it did.
    #[n(11)]
    SegmentPublished {
        /// Which segment.
        #[n(0)]
        segment: SegmentId,
        /// Its version.
        #[n(1)]
        version: u32,
        /// What people call it.
        #[n(2)]
        name: String,
        /// The rule as JSON text.
        #[n(3)]
        rule: String,
        /// When.
        #[n(4)]
        at: Timestamp,
    },
    /// A segment is no longer live.
    #[n(12)]
    SegmentWithdrawn {
        /// Which segment.
        #[n(0)]
        segment: SegmentId,
        /// When.
        #[n(1)]
        at: Timestamp,
        /// For good.
        #[cbor(n(2), skip_if = "crate::command::is_unset")]
        archived: bool,
    },
    /// A computed trait was added or replaced.
    #[n(13)]
    ComputedDefined {
        /// Its name.
        #[n(0)]
        name: String,
        /// Its definition as JSON text.
        #[n(1)]
        spec: String,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// A computed trait was removed.
    #[n(14)]
    ComputedRemoved {
        /// Its name.
        #[n(0)]
        name: String,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A webhook endpoint was added.
    #[n(15)]
    EndpointAdded {
        /// The endpoint.
        #[n(0)]
        endpoint: NewEndpoint,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A webhook endpoint changed.
    #[n(16)]
    EndpointUpdated {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
        /// The validated changes.
        #[n(1)]
        patch: EndpointPatch,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// A webhook endpoint was removed.
    #[n(17)]
    EndpointRemoved {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A webhook endpoint was disabled by the sender.
    #[n(18)]
    EndpointDisabled {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
        /// A short code.
        #[n(1)]
        reason: String,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// A webhook endpoint signs with a new secret.
    #[n(19)]
    EndpointSecretRotated {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
        /// The new secret.
        #[n(1)]
        secret: Personal<String>,
        /// Until when the old secret signs as well.
        #[n(2)]
        previous_until: Timestamp,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
    /// A past webhook message was asked for once more.
    #[n(20)]
    DeliveryReplayed {
        /// Where to.
        #[n(0)]
        endpoint: EndpointId,
        /// Which message.
        #[n(1)]
        message: MessageId,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
    /// The assistant was configured anew.
    #[n(21)]
    AssistantConfigured {
        /// As in the command.
        #[n(0)]
        config: String,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// A connection was added or replaced.
    #[n(22)]
    ConnectionPut {
        /// As in the command.
        #[n(0)]
        name: String,
        /// As in the command.
        #[n(1)]
        kind: String,
        /// As in the command.
        #[n(2)]
        settings: Personal<String>,
        /// When.
        #[n(3)]
        at: Timestamp,
    },
    /// A connection was removed.
    #[n(23)]
    ConnectionRemoved {
        /// Its name.
        #[n(0)]
        name: String,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// The collections were configured anew.
    #[n(24)]
    CollectionsConfigured {
        /// All of them.
        #[n(0)]
        collections: Vec<Collection>,
        /// When.
        #[n(1)]
        at: Timestamp,
    },
    /// Webhook endpoints were told of something that changed nothing about the tenant.
    #[n(25)]
    Announced {
        /// The message's id.
        #[n(0)]
        message: MessageId,
        /// One of [`crate::webhook::EVENT_TYPES`].
        #[n(1)]
        kind: String,
        /// When.
        #[n(2)]
        at: Timestamp,
    },
}
