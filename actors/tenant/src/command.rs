use std::borrow::Borrow;

use impresario_ids::{ApiKeyId, EndpointId, MessageId, SegmentId};
use impresario_kernel::{Personal, Timestamp};
use minicbor::{Decode, Encode};

use crate::keys::{KeyHash, Pepper};
use crate::{
    Assistant, Branding, Collection, ConnectionView, EndpointView, KeyKind, KeyView, Overrides,
    Plan, Scope, View,
};

/// What a tenant can be asked to do. The numbers are stored: append only.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Command {
    /// Begin. Asking again with the same name, domain and plan changes nothing.
    #[n(0)]
    Onboard {
        /// What people call the company.
        #[n(0)]
        name: String,
        /// Its own host name, for white-label pages; empty for none.
        #[n(1)]
        domain: String,
        /// The plan it starts on.
        #[n(2)]
        plan: Plan,
        /// 32 random bytes under which its key secrets are hashed.
        #[n(3)]
        pepper: Pepper,
    },
    /// Change settings; only the fields that are given.
    #[n(1)]
    Update {
        /// The changes.
        #[n(0)]
        patch: Patch,
    },
    /// Move to another plan. Overrides stay.
    #[n(2)]
    ChangePlan {
        /// The new plan.
        #[n(0)]
        plan: Plan,
    },
    /// Replace the operator's overrides of the plan's limits.
    #[n(3)]
    OverrideLimits {
        /// All overrides; `None` fields follow the plan.
        #[n(0)]
        overrides: Overrides,
    },
    /// Add an API key whose secret the edge has made and shows once.
    #[n(4)]
    CreateKey {
        /// The key without its secret.
        #[n(0)]
        key: NewKey,
    },
    /// Replace a key by a new one with the same kind, name and scopes; the old one works on for
    /// `grace_ms`.
    #[n(5)]
    RotateKey {
        /// The key to replace.
        #[n(0)]
        old: ApiKeyId,
        /// The new key.
        #[n(1)]
        new: RotatedKey,
        /// Milliseconds for which the old key still works: 0 to 30 days.
        #[n(2)]
        grace_ms: i64,
    },
    /// End a key at once.
    #[n(6)]
    RevokeKey {
        /// Which key.
        #[n(0)]
        id: ApiKeyId,
    },
    /// Stop serving the tenant; its data stays.
    #[n(7)]
    Suspend {
        /// Why, shown to the tenant.
        #[n(0)]
        reason: String,
    },
    /// Serve it again.
    #[n(8)]
    Resume,
    /// A complete export was handed out.
    #[n(9)]
    MarkExported,
    /// The end: every key dies, endpoints and policy are dropped. The server then destroys the data.
    #[n(10)]
    Delete,
    /// From the segment: this version is live.
    #[n(11)]
    PublishSegment {
        /// Which segment.
        #[n(0)]
        segment: SegmentId,
        /// Grows with each change of the rule; the same version again is only a new name.
        #[n(1)]
        version: u32,
        /// What people call it.
        #[n(2)]
        name: String,
        /// The rule as canonical JSON text (`impresario_rules::Rule::to_json`).
        #[n(3)]
        rule: String,
    },
    /// From the segment: it is no longer live. Must come after the publication that it takes back.
    #[n(12)]
    WithdrawSegment {
        /// Which segment.
        #[n(0)]
        segment: SegmentId,
        /// For good: its members leave, and nothing is published under this id any more. One that
        /// is only paused keeps its members.
        #[cbor(n(1), skip_if = "is_unset")]
        archived: bool,
    },
    /// Add or replace a computed trait.
    #[n(13)]
    DefineComputed {
        /// A `impresario_rules::ComputedSpec` as JSON text.
        #[n(0)]
        spec: String,
    },
    /// Remove a computed trait.
    #[n(14)]
    RemoveComputed {
        /// Its name.
        #[n(0)]
        name: String,
    },
    /// Add a webhook endpoint.
    #[n(15)]
    AddEndpoint {
        /// The endpoint.
        #[n(0)]
        endpoint: NewEndpoint,
    },
    /// Change a webhook endpoint; enabling clears the reason for which it was disabled.
    #[n(16)]
    UpdateEndpoint {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
        /// The changes.
        #[n(1)]
        patch: EndpointPatch,
    },
    /// Remove a webhook endpoint.
    #[n(17)]
    RemoveEndpoint {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
    },
    /// From the outbox: deliveries to this endpoint are pointless.
    #[n(18)]
    DisableEndpoint {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
        /// A short code, for example `gone_410` or `failing`.
        #[n(1)]
        reason: String,
    },
    /// Sign with a new secret; for `grace_ms` deliveries carry the old signature too.
    #[n(19)]
    RotateEndpointSecret {
        /// Which endpoint.
        #[n(0)]
        id: EndpointId,
        /// `whsec_` and base 64 of 24 to 64 bytes.
        #[n(1)]
        secret: Personal<String>,
        /// Milliseconds for which the old secret signs as well: 0 to 30 days.
        #[n(2)]
        grace_ms: i64,
    },
    /// Send a past webhook message once more, under the same message id.
    #[n(20)]
    ReplayDelivery {
        /// Where to.
        #[n(0)]
        endpoint: EndpointId,
        /// The message's id.
        #[n(1)]
        message: MessageId,
        /// The event type.
        #[n(2)]
        kind: String,
        /// The body as it was sent.
        #[n(3)]
        body: Personal<String>,
    },
    /// Configure the assistant anew. What the text means is validated by whoever sends it.
    #[n(21)]
    ConfigureAssistant {
        /// A JSON object as text, at most 64 KiB.
        #[n(0)]
        config: String,
    },
    /// Add or replace a connection.
    #[n(22)]
    PutConnection {
        /// 1 to 40 of `a-z`, `0-9` and `-`.
        #[n(0)]
        name: String,
        /// Which bridge it belongs to, written like a name.
        #[n(1)]
        kind: String,
        /// A JSON object as text, at most 16 KiB, secrets included.
        #[n(2)]
        settings: Personal<String>,
    },
    /// Remove a connection.
    #[n(23)]
    RemoveConnection {
        /// Its name.
        #[n(0)]
        name: String,
    },
    /// Replace the list of collections beside the built-in ones. Documents of a collection that is
    /// taken away stay as they are.
    #[n(24)]
    ConfigureCollections {
        /// At most 50, each name once.
        #[n(0)]
        collections: Vec<Collection>,
    },
    /// Tell every webhook endpoint that wants this type. Nothing about the tenant changes.
    #[n(25)]
    Announce {
        /// The message's id, the same over all attempts and endpoints.
        #[n(0)]
        message: MessageId,
        /// One of [`crate::webhook::EVENT_TYPES`].
        #[n(1)]
        kind: String,
        /// When it happened.
        #[n(2)]
        at: Timestamp,
        /// The text of a JSON object: the body's `data`.
        #[n(3)]
        data: Personal<String>,
    },
}

/// Changes to the settings. A missing field stays as it is; an empty text takes a value away.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Patch {
    /// 1 to 200 characters.
    #[n(0)]
    pub name: Option<String>,
    /// A host name, or empty.
    #[n(1)]
    pub domain: Option<String>,
    /// Replaces the branding as a whole.
    #[n(2)]
    pub branding: Option<Branding>,
    /// Replaces the list: `https://shop.example`, `http://localhost:3000` or `*.shop.example`.
    #[n(3)]
    pub allowed_origins: Option<Vec<String>>,
    /// 1 to 1 440.
    #[n(4)]
    pub session_idle_minutes: Option<u32>,
    // Number 5 is used up, as in the settings.
    /// An IANA name, for example `Europe/Berlin`.
    #[n(6)]
    pub time_zone: Option<String>,
}

/// An API key as the edge makes it: everything but the secret.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct NewKey {
    /// Fresh.
    #[n(0)]
    pub id: ApiKeyId,
    /// Write or secret.
    #[n(1)]
    pub kind: KeyKind,
    /// 1 to 100 characters.
    #[n(2)]
    pub name: String,
    /// What it may do. For a write key: nothing, or `events:write` alone.
    #[n(3)]
    pub scopes: Vec<Scope>,
    /// [`crate::keys::hash`] of the secret.
    #[n(4)]
    pub hash: KeyHash,
    /// The last four characters of the key's text, so that people can tell keys apart.
    #[n(5)]
    pub last4: String,
    /// When it stops working, if ever.
    #[n(6)]
    pub expires_at: Option<Timestamp>,
}

/// The new half of a rotation: kind, name and scopes come from the old key.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct RotatedKey {
    /// Fresh.
    #[n(0)]
    pub id: ApiKeyId,
    /// [`crate::keys::hash`] of the new secret.
    #[n(1)]
    pub hash: KeyHash,
    /// The last four characters of the new key's text.
    #[n(2)]
    pub last4: String,
    /// When the new key stops working, if ever.
    #[n(3)]
    pub expires_at: Option<Timestamp>,
}

/// A webhook endpoint to add.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct NewEndpoint {
    /// Fresh.
    #[n(0)]
    pub id: EndpointId,
    /// `https://…` or `http://…`, at most 2 048 bytes, without user info or fragment.
    #[n(1)]
    pub url: String,
    /// At most 200 characters.
    #[n(2)]
    pub description: String,
    /// Event types (`segment.entered`), families (`segment.*`) or `*`; empty means all.
    #[n(3)]
    pub events: Vec<String>,
    /// `whsec_` and base 64 of 24 to 64 bytes.
    #[n(4)]
    pub secret: Personal<String>,
}

/// Changes to a webhook endpoint; a missing field stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct EndpointPatch {
    /// As in [`NewEndpoint::url`].
    #[n(0)]
    pub url: Option<String>,
    /// As in [`NewEndpoint::description`].
    #[n(1)]
    pub description: Option<String>,
    /// As in [`NewEndpoint::events`].
    #[n(2)]
    pub events: Option<Vec<String>>,
    /// Whether deliveries are made.
    #[n(3)]
    pub enabled: Option<bool>,
}

/// The answer to every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reply {
    /// The tenant's version after the command.
    #[n(0)]
    pub version: u64,
    /// Whether the command changed anything.
    #[n(1)]
    pub changed: bool,
}

/// What a tenant can be asked to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Query {
    /// The tenant without secrets.
    #[n(0)]
    Get,
    /// Its API keys, oldest first, the dead ones too.
    #[n(1)]
    Keys,
    /// Its webhook endpoints, oldest first.
    #[n(2)]
    Endpoints,
    /// Its assistant.
    #[n(3)]
    Assistant,
    /// Its connections, by name.
    #[n(4)]
    Connections,
    /// Its collections beside the built-in ones.
    #[n(5)]
    Collections,
}

/// The answers to the queries, in their order.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[expect(clippy::large_enum_variant, reason = "an answer is made once and taken apart at once")]
pub enum Answer {
    /// `None` if there is no such tenant.
    #[n(0)]
    Tenant(#[n(0)] Option<View>),
    /// To [`Query::Keys`].
    #[n(1)]
    Keys(#[n(0)] Vec<KeyView>),
    /// To [`Query::Endpoints`].
    #[n(2)]
    Endpoints(#[n(0)] Vec<EndpointView>),
    /// To [`Query::Assistant`]: `None` if it was never configured.
    #[n(3)]
    Assistant(#[n(0)] Option<Assistant>),
    /// To [`Query::Connections`].
    #[n(4)]
    Connections(#[n(0)] Vec<ConnectionView>),
    /// To [`Query::Collections`].
    #[n(5)]
    Collections(#[n(0)] Vec<Collection>),
}

/// A flag that was added later is written only if it is set, so that what was stored before it
/// reads, and reads back, as it was.
pub(crate) fn is_unset(flag: &impl Borrow<bool>) -> bool {
    !*flag.borrow()
}
