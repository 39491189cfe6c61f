use impresario_ids::{ApiKeyId, EndpointId, TenantId};
use impresario_kernel::Timestamp;
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{
    Endpoint, Key, KeyKind, Limits, Overrides, Plan, Scope, Settings, State, Status, time,
};

/// A tenant as it may be shown: no secrets.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct View {
    /// Its id.
    #[n(0)]
    pub id: TenantId,
    /// `active`, `suspended` or `deleted`.
    #[n(1)]
    pub status: String,
    /// Why it is suspended.
    #[n(2)]
    pub suspended_reason: Option<String>,
    /// Its plan.
    #[n(3)]
    pub plan: Plan,
    /// The limits that hold.
    #[n(4)]
    pub limits: Limits,
    /// Those limits that the operator has set.
    #[n(5)]
    pub overrides: Overrides,
    /// What it has chosen.
    #[n(6)]
    pub settings: Settings,
    /// When it was onboarded.
    #[n(7)]
    #[serde(serialize_with = "time::serialize")]
    pub created_at: Timestamp,
    /// When it was last exported.
    #[n(8)]
    #[serde(serialize_with = "time::serialize_option")]
    pub exported_at: Option<Timestamp>,
    /// How many events made this state.
    #[n(9)]
    pub version: u64,
    /// Webhook endpoints, enabled or not.
    #[n(10)]
    pub endpoints: u64,
    /// Live segments.
    #[n(11)]
    pub segments: u64,
    /// Computed traits.
    #[n(12)]
    pub computed: u64,
}

impl View {
    /// The view of a state.
    #[must_use]
    pub fn of(id: TenantId, state: &State) -> Self {
        let suspended_reason = match state.status() {
            Status::Suspended { reason, .. } => Some(reason.clone()),
            Status::Missing | Status::Active | Status::Deleted { .. } => None,
        };
        Self {
            id,
            status: state.status().as_str().to_owned(),
            suspended_reason,
            plan: state.plan(),
            limits: state.limits(),
            overrides: *state.overrides(),
            settings: state.settings().clone(),
            created_at: state.created_at(),
            exported_at: state.exported_at(),
            version: state.version(),
            endpoints: state.endpoints().count() as u64,
            segments: state.live_segments().count() as u64,
            computed: state.computed().count() as u64,
        }
    }
}

/// An API key as it may be shown: neither secret nor hash.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct KeyView {
    /// Its id.
    #[n(0)]
    pub id: ApiKeyId,
    /// Write or secret.
    #[n(1)]
    pub kind: KeyKind,
    /// What people call it.
    #[n(2)]
    pub name: String,
    /// What it may do.
    #[n(3)]
    pub scopes: Vec<Scope>,
    /// The last four characters of its text.
    #[n(4)]
    pub last4: String,
    /// Whether it works.
    #[n(5)]
    pub live: bool,
    /// When it was made.
    #[n(6)]
    #[serde(serialize_with = "time::serialize")]
    pub created_at: Timestamp,
    /// When it stops working.
    #[n(7)]
    #[serde(serialize_with = "time::serialize_option")]
    pub expires_at: Option<Timestamp>,
    /// When it was ended.
    #[n(8)]
    #[serde(serialize_with = "time::serialize_option")]
    pub revoked_at: Option<Timestamp>,
    /// The key that it replaced.
    #[n(9)]
    pub replaces: Option<ApiKeyId>,
    /// The key that replaced it.
    #[n(10)]
    pub replaced_by: Option<ApiKeyId>,
}

impl KeyView {
    /// The view of a key at `now`.
    #[must_use]
    pub fn of(key: &Key, now: Timestamp) -> Self {
        Self {
            id: key.id,
            kind: key.kind,
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            last4: key.last4.clone(),
            live: key.is_live(now),
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            replaces: key.replaces,
            replaced_by: key.replaced_by,
        }
    }
}

/// A webhook endpoint as it may be shown: no secret.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct EndpointView {
    /// Its id.
    #[n(0)]
    pub id: EndpointId,
    /// The address.
    #[n(1)]
    pub url: String,
    /// What people call it.
    #[n(2)]
    pub description: String,
    /// Event types, families or `*`; empty means all.
    #[n(3)]
    pub events: Vec<String>,
    /// Whether deliveries are made.
    #[n(4)]
    pub enabled: bool,
    /// Why it was disabled by the sender.
    #[n(5)]
    pub disabled_reason: Option<String>,
    /// When it was added.
    #[n(6)]
    #[serde(serialize_with = "time::serialize")]
    pub created_at: Timestamp,
}

impl EndpointView {
    /// The view of an endpoint.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            events: endpoint.events.clone(),
            enabled: endpoint.enabled,
            disabled_reason: endpoint.disabled_reason.clone(),
            created_at: endpoint.created_at,
        }
    }
}
